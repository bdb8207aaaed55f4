"""Finished runs for the experiment trackers of others: parameters, metrics and training curves, read from the reports."""

import contextlib
import importlib
import json
import shutil
import sys
import warnings
from collections import Counter
from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.artifacts.trained.curves import curves_from_csv
from pipeline.errors import PipelineError
from pipeline.history.revisions import Revision, read_files
from pipeline.yaml12 import parse_yaml

PARAMETERS, METRICS = Path("params.yaml"), Path("reports/metrics.json")
CURVES = {stage: Path(f"reports/curves/{stage}.csv") for stage in ("rank", "calibrate", "pointwise")}

# It asks for an older Pillow than the lock has, so one command would try every release, or replace what the stages read pictures by.
_INSTALL_TRACKIO = (
    "run `pip install --constraint requirements.lock --no-deps {package}`, then the same without --no-deps for "
    "`brotli gradio-client httpx python-multipart starlette uvicorn[standard]`"
)

Parameter = str | int | float | bool


@dataclass(frozen=True)
class FinishedRun:
    """What a tracker is told of a run.

    Attributes:
        name: name of the revision.
        sha: hash of its commit; None for the files on disk.
        parameters: values of params.yaml by keys such as `margin.base`; lists as JSON text.
        metrics: means over seeds by names such as `test/grcf/mae`.
        curves: epoch and value of each measure of a stage by names such as `rank/train_loss`, mean over seeds.
        seeds: the same of each seed.
    """

    name: str
    sha: str | None
    parameters: Mapping[str, Parameter]
    metrics: Mapping[str, float]
    curves: Mapping[str, Sequence[tuple[int, float]]]
    seeds: Mapping[int, Mapping[str, Sequence[tuple[int, float]]]]


def read_finished(revisions: Sequence[Revision]) -> list[FinishedRun]:
    """Read runs that are finished.

    Raises:
        PipelineError: a revision has no results, or a file of it is damaged.
    """
    files = read_files(revisions, [PARAMETERS, METRICS, *CURVES.values()])
    return [_read(revision, found) for revision, found in zip(revisions, files, strict=True)]


def _read(revision: Revision, files: Mapping[Path, bytes | None]) -> FinishedRun:
    texts = {
        path: _text(content, source=f"{path} of {revision.name}")
        for path, content in files.items()
        if content is not None
    }
    missing = next((path for path in (PARAMETERS, METRICS) if path not in texts), None)
    if missing is not None:
        raise PipelineError(
            f"{revision.name} has no {missing}, so there is nothing to log; run `dvc repro` there and commit"
        )
    try:
        measured = json.loads(texts[METRICS])
    except (ValueError, RecursionError) as error:
        raise PipelineError(
            f"{METRICS} of {revision.name} is no JSON ({error}); run `dvc repro evaluate`"
        ) from error
    metrics = dict(_numbers(measured, source=f"{METRICS} of {revision.name}"))
    curves: dict[str, Sequence[tuple[int, float]]] = {}
    seeds: dict[int, dict[str, Sequence[tuple[int, float]]]] = {}
    for stage, path in CURVES.items():
        if path not in texts:
            continue
        found = curves_from_csv(texts[path], source=f"{path} of {revision.name}", remedy=f"dvc repro {stage}")
        for measure, values in found.means.items():
            curves[f"{stage}/{measure}"] = _points(found.epochs, values)
        for measure, by_seed in found.by_seed.items():
            for seed, values in by_seed.items():
                seeds.setdefault(seed, {})[f"{stage}/{measure}"] = _points(found.epochs, values)
    source = f"{PARAMETERS} of {revision.name}"
    parameters = dict(_parameters(parse_yaml(texts[PARAMETERS], source=source), source=source))
    return FinishedRun(revision.name, revision.sha, parameters, metrics, curves, seeds)


def _text(content: bytes, *, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PipelineError(
            f"{source}: not UTF-8 text ({error.reason} at byte {error.start}); mend it, or take it from git again"
        ) from error


def _numbers(measured: Any, *, source: str) -> Iterator[tuple[str, float]]:
    """The mean of every metric of every model on every split; an undefined one has none."""
    for split, models in _entries(measured, "", source):
        for model, metrics in _entries(models, split, source):
            for metric, summary in _entries(metrics, f"{split}/{model}", source):
                name = f"{split}/{model}/{metric}"
                mean = summary
                if isinstance(summary, dict):
                    if "mean" not in summary:
                        raise _not_metrics(source, f"{name} has no mean")
                    mean = summary["mean"]
                if mean is None:
                    continue
                # A truth value is a whole number to Python.
                if isinstance(mean, bool) or not isinstance(mean, int | float):
                    raise _not_metrics(source, f"the mean of {name} is {json.dumps(mean)[:40]}")
                if not abs(mean) <= sys.float_info.max:
                    raise _not_metrics(source, f"the mean of {name} is no finite number")
                yield name, float(mean)


def _entries(values: Any, name: str, source: str) -> ItemsView[str, Any]:
    if not isinstance(values, dict):
        raise _not_metrics(source, f"{name or 'the content'} is {json.dumps(values)[:40]}")
    return values.items()


def _not_metrics(source: str, found: str) -> PipelineError:
    return PipelineError(
        f"{source}: {found}; expected a mean, a finite number or null, by split, model and metric, as the stage writes them: run `dvc repro "
        "evaluate` there"
    )


def _parameters(values: Any, *, source: str) -> Iterator[tuple[str, Parameter]]:
    """Values by section and key; one that stands in no section by its own name."""
    if not isinstance(values, dict):
        raise PipelineError(
            f"{source}: expected sections with keys, found {type(values).__name__}; mend it, or take it from git again"
        )
    for section, content in values.items():
        if isinstance(content, dict):
            yield from ((f"{section}.{key}", _plain(value)) for key, value in content.items())
        else:
            yield str(section), _plain(content)


def _plain(value: Any) -> Parameter:
    """A value as trackers take one: what is no text, number or truth value as JSON, or as Python has it where JSON cannot."""
    if isinstance(value, str | int | float | bool):
        return value
    try:
        return json.dumps(value)
    except TypeError:
        return str(value)


def _points(epochs: np.ndarray, values: np.ndarray) -> list[tuple[int, float]]:
    return [
        (int(epoch), float(value)) for epoch, value in zip(epochs, values, strict=True) if np.isfinite(value)
    ]


def log_tensorboard(runs: Sequence[FinishedRun], folder: Path) -> None:
    """Write event files, a folder for each run and one below it for each seed; what the folder of a run held is replaced.

    Raises:
        PipelineError: the package is not installed, the folder is none, or that of a run holds other files.
    """
    file = next((path for path in (folder, *folder.parents) if path.exists() and not path.is_dir()), None)
    if file is not None:
        raise PipelineError(
            f"{file}: is a file; expected a folder for the event files: choose another with --to"
        )
    alike = Counter(run.name.replace("/", "_") for run in runs)
    twice = sorted(run.name for run in runs if alike[run.name.replace("/", "_")] > 1)
    if twice:
        raise PipelineError(
            f"the runs {' and '.join(twice)} would have one folder, for TensorBoard's folders are named with _ in place of /; log them "
            "one after the other into folders of their own with --to"
        )
    writer_of = _imported("torch.utils.tensorboard", "tensorboard", lambda module: module.SummaryWriter)
    for run in runs:
        target = folder / run.name.replace("/", "_")
        _empty(target)
        with writer_of(str(target)) as writer:
            for name, points in run.curves.items():
                for epoch, value in points:
                    writer.add_scalar(name, value, epoch)
            for name, value in run.metrics.items():
                writer.add_scalar(name, value, 0)
            writer.add_hparams(dict(run.parameters), dict(run.metrics), run_name="parameters")
        for seed, curves in run.seeds.items():
            with writer_of(str(target / f"seed_{seed}")) as writer:
                for name, points in curves.items():
                    for epoch, value in points:
                        writer.add_scalar(name, value, epoch)


def log_mlflow(runs: Sequence[FinishedRun], uri: str | None, *, experiment: str) -> None:
    """Log each run to an MLflow server or store; a run that is logged again stands there twice.

    Args:
        runs: finished runs.
        uri: where to, as MLflow has it; None for `$MLFLOW_TRACKING_URI` or its default.
        experiment: name of the experiment that the runs belong to.

    Raises:
        PipelineError: the package is not installed, or MLflow refuses.
    """
    mlflow = _imported("mlflow", "mlflow-skinny", lambda module: module)
    try:
        if uri is not None:
            mlflow.set_tracking_uri(uri)
        mlflow.set_experiment(experiment)
        for run in runs:
            tags = {"mlflow.source.git.commit": run.sha} if run.sha else {}
            with mlflow.start_run(run_name=run.name, tags=tags):
                mlflow.log_params(dict(run.parameters))
                mlflow.log_metrics({_allowed(name): value for name, value in run.metrics.items()})
                for name, points in run.curves.items():
                    for epoch, value in points:
                        mlflow.log_metric(_allowed(name), value, step=epoch)
    except mlflow.exceptions.MlflowException as error:
        raise PipelineError(f"MLflow refuses: {' '.join(str(error).split())}") from error


def log_trackio(runs: Sequence[FinishedRun], server: str | None, *, project: str) -> None:
    """Log each run to trackio; a run that is logged again stands there twice.

    Args:
        runs: finished runs.
        server: address of a trackio server, with its write token; None for the place that trackio's own variables name, which is a
            folder of this machine where none of them is set.
        project: name of the project that the runs belong to.

    Raises:
        PipelineError: the package is not installed, or trackio refuses or could not deliver everything.
    """
    trackio = _imported("trackio", "trackio", lambda module: module, install=_INSTALL_TRACKIO)
    # trackio prints what it does, and warns of what it could not deliver in place of an error.
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings(record=True) as doubts:
        warnings.simplefilter("always")
        try:
            for run in runs:
                logged = trackio.init(
                    project,
                    name=run.name,
                    server_url=server,
                    config={**run.parameters, "git_commit": run.sha},
                    embed=False,
                    auto_log_gpu=False,
                    auto_log_cpu=False,
                )
                for step, values in _by_epoch(run.curves).items():
                    logged.log(values, step=step)
                logged.log(dict(run.metrics), step=0)
                trackio.finish()
        except (ValueError, OSError) as error:
            raise PipelineError(f"trackio refuses: {' '.join(str(error).split())}") from error
    if doubt := next((doubt for doubt in doubts if issubclass(doubt.category, UserWarning)), None):
        raise PipelineError(f"trackio did not take everything: {' '.join(str(doubt.message).split())}")


def _by_epoch(curves: Mapping[str, Sequence[tuple[int, float]]]) -> dict[int, dict[str, float]]:
    """The values of all curves at each epoch that one of them has."""
    epochs: dict[int, dict[str, float]] = {}
    for name, points in curves.items():
        for epoch, value in points:
            epochs.setdefault(epoch, {})[name] = value
    return dict(sorted(epochs.items()))


def _allowed(name: str) -> str:
    return name.replace("+", "_and_")


def _imported(
    module: str,
    package: str,
    take: Callable[[Any], Any],
    *,
    install: str = "run `pip install --constraint requirements.lock {package}`",
) -> Any:
    """Something of a package that is no dependency of this project."""
    try:
        return take(importlib.import_module(module))
    except ImportError as error:
        raise PipelineError(
            f"the Python package {package} cannot be imported ({error}); {install.format(package=package)}"
        ) from error


def _empty(target: Path) -> None:
    """Remove what an earlier call wrote.

    Raises:
        PipelineError: there is something else.
    """
    if not target.exists():
        return
    strange = [
        path
        for path in target.rglob("*")
        if path.is_file() and not path.name.startswith("events.out.tfevents.")
    ]
    if strange or not target.is_dir():
        raise PipelineError(
            f"{strange[0] if strange else target}: was not written by this command; choose another folder with --to"
        )
    shutil.rmtree(target)

"""What one revision recorded of its run, read and held against each other."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.artifacts.evaluated.predictions import SplitPredictions, predictions_from_csv
from pipeline.artifacts.evaluated.run_record import RunRecord, run_record_from
from pipeline.comparison.parameters import (
    Parameter,
    flattened,
    read_parameters,
    same_value,
)
from pipeline.comparison.stages import Stage, read_stages
from pipeline.errors import PipelineError
from pipeline.history.revisions import Revision, read_files
from pipeline.yaml12 import parse_yaml

PREDICTIONS = Path("reports/predictions.csv")
PARAMETERS = Path("params.yaml")
LOCK = Path("dvc.lock")
LIBRARIES = Path("requirements.lock")
RECORD = Path("reports/run.json")
CURVES = {stage: Path(f"reports/curves/{stage}.csv") for stage in ("rank", "calibrate", "pointwise")}


@dataclass(frozen=True, eq=False)
class Run:
    """A run as its revision recorded it.

    Attributes:
        revision: revision that the run was read from.
        predictions: predictions by split.
        parameters: parameters by dotted key.
        stages: stages by name, in the order in which data flows.
        curves: the CSV of training curves by stage; a stage whose revision has none is absent.
        doubts: sentences about records that contradict each other, such as parameters changed after the run.
        libraries: the pinned versions of the libraries; None where the revision pins none.
        record: what the run was of, and which machines made it; None where the revision is older than such records.
    """

    revision: Revision
    predictions: Mapping[str, SplitPredictions]
    parameters: Mapping[str, Parameter]
    stages: Mapping[str, Stage]
    curves: Mapping[str, str]
    doubts: tuple[str, ...]
    libraries: bytes | None = None
    record: RunRecord | None = None

    @property
    def task(self) -> Mapping[str, Any]:
        """What was learnt and measured, by names of the fields of a `Task`, as far as anything recorded says."""
        if self.record is not None:
            return asdict(self.record.task)
        named = {
            "kind": "task.kind",
            "label_min": "corpus.label_min",
            "label_max": "corpus.label_max",
            "protocol": "evaluate.protocol",
        }
        return {
            field: self.parameters[key].value
            for field, key in named.items()
            if key in self.parameters and self.parameters[key].value is not None
        }


@dataclass(frozen=True)
class LeftOut:
    """A revision that cannot be compared, and why, in a sentence that names it."""

    revision: Revision
    sentence: str

    @classmethod
    def because(cls, revision: Revision, error: PipelineError) -> "LeftOut":
        """What an error says, with the name of the revision where it does not say it."""
        reason, title = str(error), revision.title
        return cls(revision, f"{'' if title in reason else f'{title}: '}{reason}")


def read_run(revision: Revision) -> Run:
    """Read what one revision recorded; see `read_runs`."""
    return read_runs([revision])[0]


def read_runs(revisions: Sequence[Revision]) -> list[Run]:
    """Read the predictions, parameters and lock file of revisions, and their training curves where they have any.

    Raises:
        PipelineError: one of them is missing or not what it should be.
    """
    paths = [PREDICTIONS, PARAMETERS, LOCK, LIBRARIES, RECORD, *CURVES.values()]
    return [
        _run(revision, files) for revision, files in zip(revisions, read_files(revisions, paths), strict=True)
    ]


def read_experiments(revisions: Sequence[Revision]) -> tuple[list[Run], list[LeftOut]]:
    """Read what can be read of many revisions, and what stands against the others; see `read_runs`."""
    runs, left_out = [], []
    for revision in revisions:
        try:
            runs.append(read_run(revision))
        except PipelineError as error:
            left_out.append(LeftOut.because(revision, error))
    return runs, left_out


def _run(revision: Revision, files: Mapping[Path, bytes | None]) -> Run:
    def text(path: Path) -> tuple[str, str]:
        source = f"{path} of {revision.title}"
        return _text(_required(files, path, revision), source=source), source

    predictions, source = text(PREDICTIONS)
    splits = predictions_from_csv(predictions, source=source)
    written, source = text(PARAMETERS)
    parameters = read_parameters(written, source=source)
    lock, source = text(LOCK)
    stages = read_stages(parse_yaml(lock, source=source), source=source)
    return Run(
        revision=revision,
        predictions={split.split: split for split in splits},
        parameters=parameters,
        stages=stages,
        curves={
            stage: _text(content, source=f"{path} of {revision.title}")
            for stage, path in CURVES.items()
            if (content := files[path]) is not None
        },
        doubts=(
            *_doubts_about_parameters(revision, parameters, stages),
            *_doubts_about_predictions(revision, predictions.encode(), stages),
        ),
        libraries=files[LIBRARIES],
        record=_record(files[RECORD], source=f"{RECORD} of {revision.title}"),
    )


def _record(content: bytes | None, *, source: str) -> RunRecord | None:
    if content is None:
        return None
    try:
        value = json.loads(_text(content, source=source))
    except (ValueError, RecursionError) as error:
        raise PipelineError(f"{source}: not JSON ({error}); run `dvc repro` to make it anew") from error
    return run_record_from(value, source=source)


def _doubts_about_parameters(
    revision: Revision, parameters: Mapping[str, Parameter], stages: Mapping[str, Stage]
) -> tuple[str, ...]:
    """params.yaml may have been edited since the run; then its values are not those of the results."""
    outdated = {}
    for stage in stages.values():
        for key, value in flattened(stage.parameters).items():
            now = parameters.get(key)
            if now is None or not same_value(now.value, value):
                outdated[key] = (
                    f"{key} is {'absent' if now is None else now.written}, but the run used {value}"
                )
    if not outdated:
        return ()
    return (
        f"{revision.title}: params.yaml was changed after the run ({'; '.join(outdated[key] for key in sorted(outdated))}), "
        "so the results below do not belong to the parameters below; run dvc repro.",
    )


def _doubts_about_predictions(
    revision: Revision, predictions: bytes, stages: Mapping[str, Stage]
) -> tuple[str, ...]:
    """The digest in dvc.lock says whether this file is the one that the recorded run wrote."""
    for stage in stages.values():
        recorded = stage.outputs.get(PREDICTIONS.as_posix())
        if recorded is not None and recorded != hashlib.md5(predictions, usedforsecurity=False).hexdigest():
            return (
                f"{revision.title}: {PREDICTIONS} is not the file that dvc.lock records, "
                "so the results below may be of another run; run dvc repro and commit both.",
            )
    return ()


def _required(files: Mapping[Path, bytes | None], path: Path, revision: Revision) -> bytes:
    content = files[path]
    if content is None:
        remedy = (
            "run `make demo` or `dvc repro` to make it"
            if revision.sha is None
            else "compare a revision whose run was committed, or run `dvc repro` there and commit reports/ and dvc.lock"
        )
        raise PipelineError(f"{revision.title} has no {path}; {remedy}")
    return content


def _text(content: bytes, *, source: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise PipelineError(f"{source}: not UTF-8 text ({error.reason} at byte {error.start})") from error

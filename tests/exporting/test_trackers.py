"""Finished runs for TensorBoard, MLflow and trackio: what is read, and what stands in their files."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.artifacts.trained.curves import read_curves
from pipeline.errors import PipelineError
from pipeline.exporting.trackers import log_mlflow, log_tensorboard, log_trackio, read_finished
from pipeline.history.revisions import resolve_all

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def run(monkeypatch):
    """The run whose reports are in the repository."""
    monkeypatch.chdir(ROOT)
    (found,) = read_finished(resolve_all(["workspace"]))
    return found


def test_a_run_has_its_parameters_metrics_and_curves(run):
    metrics = json.loads((ROOT / "reports/metrics.json").read_text())
    assert run.metrics["valid/grcf/mae"] == metrics["valid"]["grcf"]["mae"]["mean"]
    assert {name.split("/")[0] for name in run.metrics} == {"valid", "test"}
    assert run.parameters["margin.base"] == 0.2
    assert json.loads(run.parameters["training.seeds"]) == [1, 2, 3, 4, 5]
    curves = read_curves(ROOT / "reports/curves/rank.csv", stage="rank")
    assert run.curves["rank/train_loss"] == list(
        zip(curves.epochs.astype(int).tolist(), curves.means["train_loss"].tolist(), strict=True)
    )
    assert set(run.seeds) == {1, 2, 3, 4, 5}


def test_a_revision_without_results_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    (tmp_path / "params.yaml").write_text("margin:\n  base: 0.2\n")
    with pytest.raises(
        PipelineError, match=r"workspace has no reports/metrics\.json, so there is nothing to log"
    ):
        read_finished(resolve_all(["workspace"]))
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/metrics.json").write_text("{")
    with pytest.raises(PipelineError, match=r"metrics\.json of workspace is no JSON"):
        read_finished(resolve_all(["workspace"]))


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Read a run on disk of these files, as far as they are given."""

    def read(*, metrics=None, parameters="margin:\n  base: 0.2\n", curves=None):
        content = metrics if isinstance(metrics, str) else json.dumps({} if metrics is None else metrics)
        (tmp_path / "reports/curves").mkdir(parents=True, exist_ok=True)
        (tmp_path / "reports/metrics.json").write_text(content)
        (tmp_path / "params.yaml").write_bytes(
            parameters if isinstance(parameters, bytes) else parameters.encode()
        )
        if curves is not None:
            (tmp_path / "reports/curves/rank.csv").write_text(curves)
        (found,) = read_finished(resolve_all(["workspace"]))
        return found

    monkeypatch.chdir(tmp_path)
    return read


def of_mae(summary):
    return {"valid": {"grcf": {"mae": summary}}}


@pytest.mark.parametrize(
    ("metrics", "found"),
    [
        ([], "the content is []"),
        ({"valid": 3}, "valid is 3"),
        ({"valid": {"grcf": ["mae"]}}, 'valid/grcf is ["mae"]'),
        (of_mae({"sd": 0.1}), "valid/grcf/mae has no mean"),
        (of_mae({"mean": "0.5"}), 'the mean of valid/grcf/mae is "0.5"'),
        (of_mae({"mean": True}), "the mean of valid/grcf/mae is true"),
        (of_mae({"mean": [0.5]}), "the mean of valid/grcf/mae is [0.5]"),
        (of_mae({"mean": 10**400}), "the mean of valid/grcf/mae is no finite number"),
        ('{"valid": {"grcf": {"mae": {"mean": NaN}}}}', "the mean of valid/grcf/mae is no finite number"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_metrics_that_were_edited_by_hand_are_a_sentence(read, metrics, found):
    with pytest.raises(PipelineError) as caught:
        read(metrics=metrics)
    assert found in str(caught.value)
    assert str(caught.value).startswith("reports/metrics.json of workspace")
    assert "run `dvc repro evaluate`" in str(caught.value)


def test_an_undefined_metric_is_not_logged(read):
    assert read(metrics=of_mae({"mean": None}) | {"test": {"grcf": {"mae": {"mean": 1}}}}).metrics == {
        "test/grcf/mae": 1.0
    }


@pytest.mark.parametrize("text", ["", "- a\n", "words\n", b"\xff\xfe"])
def test_parameters_that_are_no_sections_are_a_sentence(read, text):
    with pytest.raises(PipelineError, match=r"^params\.yaml of workspace: .*take it from git again"):
        read(parameters=text)


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("a: 1\nb:\n", {"a": 1, "b": "null"}),
        ("a:\n  b: [1, {c: 2}]\n", {"a.b": '[1, {"c": 2}]'}),
        ("a:\n  b: !!timestamp 2001-01-01\n", {"a.b": "2001-01-01"}),
        ("a:\n  b: {!!binary aGk=: 1}\n", {"a.b": "{b'hi': 1}"}),
        ("\N{ZERO WIDTH NO-BREAK SPACE}a: x\n", {"a": "x"}),
    ],
)
def test_any_value_of_a_parameter_is_logged(read, text, parameters):
    assert read(parameters=text).parameters == parameters


@pytest.mark.parametrize("epoch", ["nan", "inf", "0.5"])
def test_a_curve_without_whole_epochs_is_a_sentence(read, epoch):
    with pytest.raises(PipelineError, match=r"rank\.csv of workspace: not a table of training curves"):
        read(curves=f"epoch,train_loss\n{epoch},1\n")


def test_runs_that_would_share_a_folder_are_named(run, tmp_path):
    with pytest.raises(PipelineError, match="the runs fix/lr and fix_lr would have one folder"):
        log_tensorboard([replace(run, name="fix/lr"), replace(run, name="fix_lr")], tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("below", ["runs", "runs/of/today"])
def test_a_file_in_the_place_of_the_folder_is_named(run, tmp_path, below):
    file = tmp_path / "runs"
    file.write_text("")
    with pytest.raises(PipelineError, match=f"{file}: is a file; expected a folder"):
        log_tensorboard([run], tmp_path / below)
    assert file.is_file()


@pytest.mark.parametrize(
    ("log", "missing", "package"),
    [
        (lambda run, folder: log_tensorboard([run], folder), "tensorboard", "tensorboard"),
        (lambda run, folder: log_mlflow([run], None, experiment="x"), "mlflow", "mlflow-skinny"),
        (lambda run, folder: log_trackio([run], None, project="x"), "trackio", "trackio"),
    ],
)
def test_a_package_that_is_not_there_is_named_with_how_to_install_it(
    run, tmp_path, monkeypatch, log, missing, package
):
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    with pytest.raises(
        PipelineError, match=rf"pip install --constraint requirements\.lock (--no-deps )?{package}`"
    ):
        log(run, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_event_files_hold_every_curve_and_a_second_call_replaces_them(run, tmp_path):
    accumulators = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
    )

    def scalars(folder):
        accumulator = accumulators.EventAccumulator(str(folder))
        accumulator.Reload()
        return {
            name: [(event.step, pytest.approx(event.value)) for event in accumulator.Scalars(name)]
            for name in accumulator.Tags()["scalars"]
        }

    for _ in range(2):
        log_tensorboard([run], tmp_path / "runs")
    found = scalars(tmp_path / "runs/workspace")
    assert run.curves["rank/train_loss"] == found["rank/train_loss"]
    assert found["test/grcf/mae"] == [(0, run.metrics["test/grcf/mae"])]
    assert scalars(tmp_path / "runs/workspace/seed_3")["rank/train_loss"] == run.seeds[3]["rank/train_loss"]
    (tmp_path / "runs/workspace/notes.txt").write_text("mine")
    with pytest.raises(PipelineError, match=r"notes\.txt: was not written by this command"):
        log_tensorboard([run], tmp_path / "runs")
    assert (tmp_path / "runs/workspace/notes.txt").read_text() == "mine"


def test_mlflow_holds_parameters_and_metrics(run, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    log_mlflow([run], (tmp_path / "store").as_uri(), experiment="margins")
    (logged,) = mlflow.MlflowClient().search_runs([mlflow.get_experiment_by_name("margins").experiment_id])
    assert logged.info.run_name == "workspace"
    assert logged.data.params["margin.base"] == "0.2"
    assert logged.data.metrics["test/grcf/mae"] == pytest.approx(run.metrics["test/grcf/mae"])
    steps = mlflow.MlflowClient().get_metric_history(logged.info.run_id, "rank/train_loss")
    assert [(point.step, point.value) for point in steps] == run.curves["rank/train_loss"]


_LOG = """
from pipeline.exporting.trackers import log_trackio, read_finished
from pipeline.history.revisions import resolve_all

for _ in range(2):
    log_trackio(read_finished(resolve_all(["workspace"])), None, project="margins")
"""
_READ = """
import json
from trackio.sqlite_storage import SQLiteStorage

runs = SQLiteStorage.get_run_records("margins")
of = [dict(run_id=run["id"], run=run["name"]) for run in runs]
print(json.dumps([[run["name"], SQLiteStorage.get_run_config("margins", **key), SQLiteStorage.get_logs("margins", **key)]
                  for run, key in zip(runs, of)]))
"""


def _with_trackio(program: str, folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """In a process of its own: trackio reads its variables when it is imported, and has threads."""
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "TRACKIO_DIR": str(folder), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_trackio_holds_parameters_metrics_and_curves(run, tmp_path):
    pytest.importorskip("trackio", reason="trackio is not installed")
    logged = _with_trackio(_LOG, tmp_path)
    assert logged.returncode == 0, logged.stderr
    assert logged.stdout == ""
    runs = json.loads(_with_trackio(_READ, tmp_path).stdout)
    assert [name for name, _, _ in runs] == ["workspace", "workspace"]
    _, config, rows = runs[0]
    assert config["margin.base"] == 0.2
    assert json.loads(config["training.seeds"]) == [1, 2, 3, 4, 5]
    curve = [(row["step"], row["rank/train_loss"]) for row in rows if "rank/train_loss" in row]
    assert curve == run.curves["rank/train_loss"]
    assert [row["test/grcf/mae"] for row in rows if "test/grcf/mae" in row] == [run.metrics["test/grcf/mae"]]


def test_a_trackio_server_that_takes_nothing_is_a_sentence(tmp_path):
    pytest.importorskip("trackio", reason="trackio is not installed")
    for server, sentence in (
        ("nowhere", "trackio refuses: "),
        ("http://127.0.0.1:9/?write_token=x", "trackio "),
    ):
        logged = _with_trackio(_LOG, tmp_path, TRACKIO_SERVER_URL=server)
        assert logged.returncode == 1
        assert f"PipelineError: {sentence}" in logged.stderr

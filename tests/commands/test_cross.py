"""`python -m pipeline cross` on experiments that are there; tests/stages/test_pools.py has it run some for real."""

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.__main__ import main
from pipeline.artifacts.evaluated.predictions import predictions_to_csv
from pipeline.artifacts.evaluated.run_record import RunRecord, write_run_record
from pipeline.artifacts.formats.files import write_text
from pipeline.corpus.facts import facts_from, facts_to_yaml
from tests.comparison.repositories import Repository
from tests.crossing.runs import CORPORA, predictions
from tests.tasks import MOSI, write_facts

ROOT = Path(__file__).parents[2]
MOSI_HEADLINE = {"mae", "pearson", "ordered_pair_accuracy"}
LABEL = {"kind": "regression", "min": -3.0, "max": 3.0, "protocol": "mosi"}


def write_pool(folder: Path, parts: tuple[str, ...] = CORPORA) -> None:
    folder.mkdir(parents=True)
    values = {"layout": "pool", "parts": parts, "language": "en", "labels": {"label": LABEL}}
    (folder / "corpus.yaml").write_text(facts_to_yaml(facts_from(values, source="test")))


@pytest.fixture
def pool(repository: Repository) -> Repository:
    """A pool that params.yaml does not name, and a corpus that it does; nothing was run."""
    shutil.copy(ROOT / "params.yaml", repository.root / "params.yaml")
    write_pool(repository.root / "data/raw/both")
    (repository.root / "data/raw/demo").mkdir()
    write_facts(repository.root / "data/raw/demo")
    repository.commit("start")
    return repository


def dry_run(capsys, *arguments: str) -> list[str]:
    assert main(["cross", *arguments, "--dry-run"]) == 0
    return capsys.readouterr().out.splitlines()


def record(repository: Repository, name: str, trained_on: str) -> None:
    """An experiment of this name, as DVC leaves it."""
    head = repository.git("rev-parse", "HEAD")
    reports = repository.root / "reports"
    write_text(reports / "predictions.csv", predictions_to_csv([*predictions(trained_on).values()]))
    write_run_record(reports / "run.json", RunRecord("both", MOSI, ({"device": "cpu"},), "cpu"))
    repository.write_lock(base=0.2, learning_rate=0.001, data=trained_on)
    repository.experiment(name, repository.commit("run"), baseline=head)
    repository.git("reset", "--quiet", "--hard", head)


@pytest.fixture
def crossed(pool, capsys) -> Repository:
    """The same with both experiments."""
    for name, corpus in zip(dry_run(capsys, "both"), CORPORA, strict=True):
        record(pool, name, corpus)
    return pool


def test_there_is_a_run_for_each_part_with_the_pool_in_it(pool, capsys):
    names = dry_run(capsys, "both")
    assert len(set(names)) == 2
    assert all(name.startswith("cross-") for name in names)
    assert dry_run(capsys, "both", "--train", "clips", "films") == names[::-1]
    # The parts of a run are a set; its name does not depend on their order.
    (joined,) = dry_run(capsys, "both", "--train", "clips+films", "films+clips")
    assert joined not in names
    assert set(dry_run(capsys, "both", "-S", "training.epochs=3")).isdisjoint(names)


OWN = """
from pipeline.evaluation.own_metrics import OwnMetric

worst = OwnMetric(
    function=lambda label, prediction: float(abs(label - prediction).max()),
    better="lower", title="Worst error", description="The largest error.", unit="label",
)
seeds_alone = OwnMetric(
    function=lambda label, prediction: 0.0, better="zero", title="Zero", description="Zero.", compared=False,
)
"""


def test_metrics_of_ones_own_have_tables_where_they_are_compared(pool, capsys, monkeypatch, tmp_path):
    (tmp_path / "largest_errors.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    written = pool.root / "params.yaml"
    text = written.read_text()
    changed = text.replace(
        "  metrics: []", "  metrics: ['largest_errors:worst', 'largest_errors:seeds_alone']"
    )
    assert changed != text
    written.write_text(changed)
    pool.commit("metrics of one's own")
    for name, corpus in zip(dry_run(capsys, "both"), CORPORA, strict=True):
        record(pool, name, corpus)
    assert main(["cross", "both", "--json"]) == 0
    cells = json.loads(capsys.readouterr().out)["cells"]
    assert {cell["metric"] for cell in cells} == {*MOSI_HEADLINE, "worst"}
    (cell,) = (
        cell for cell in cells
        if (cell["trained_on"], cell["measured_on"], cell["model"], cell["metric"])
        == (["films"], "films", "grcf", "worst")
    )  # fmt: skip
    part = predictions("films")["valid"].of_corpus("films")
    assert cell["mean"] == pytest.approx(
        np.mean([np.abs(row - part.truth).max() for row in part.models["grcf"]]), abs=1e-6
    )
    assert cell["needs_calibration"] is True
    assert main(["cross", "both"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Worst error" in printed
    assert "Nothing says whether this metric of one's own needs the scale of the labels" in printed


def test_what_is_there_is_shown_and_not_run_again(crossed, capsys):
    assert main(["cross", "both"]) == 0
    printed = capsys.readouterr()
    assert "2 of 2 are there already" in printed.err
    assert printed.out.startswith("Trained on one corpus, measured on another: valid of both\n")
    assert all(line.endswith("(there already)") for line in dry_run(capsys, "both"))


def test_without_test_no_label_of_test_is_looked_at(crossed, capsys):
    assert main(["cross", "both", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["n_segments"] for row in rows} == {"20"}
    assert main(["cross", "both", "--csv", "--test", "--calibrate-with", "8"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["n_segments"] for row in rows} == {"30"}
    assert {row["n_labels"] for row in rows} == {"", "8"}


def test_json_has_the_values_of_the_recorded_predictions(crossed, capsys):
    assert main(["cross", "both", "--test", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    part = predictions("films")["test"].of_corpus("clips")
    (cell,) = [
        cell
        for cell in found["cells"]
        if (cell["trained_on"], cell["measured_on"], cell["model"], cell["metric"])
        == (["films"], "clips", "grcf", "mae")
    ]
    expected = np.abs(part.models["grcf"] - part.truth).mean()
    assert cell["mean"] == pytest.approx(expected, abs=1e-5)
    assert (found["split"], found["calibrated_on"]) == ("test", None)


def test_markdown_has_a_table_for_each_metric(crossed, capsys):
    assert main(["cross", "both", "--test", "--calibrate-with", "8", "--markdown"]) == 0
    assert capsys.readouterr().out.count("| trained on | model | films | clips |") == 4


def test_the_pool_of_params_yaml_needs_no_name(pool, capsys):
    params = pool.root / "params.yaml"
    named = dry_run(capsys, "both")
    params.write_text(params.read_text().replace("name: demo ", "name: both ", 1))
    pool.commit("the pool is chosen")
    assert dry_run(capsys) == dry_run(capsys, "both")
    assert dry_run(capsys) != named


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "data/raw/demo/corpus.yaml: the layout is folder, so this is one corpus; expected a pool"),
        (["bohs"], "data/raw/bohs"),
        (["both", "--train", "flims"], "both has no part 'flims' (did you mean 'films'?)"),
        (["both", "--train", "films+"], "both has no part ''"),
        (["both", "-S", "training.corpora=[films]"], "is what this command chooses itself"),
        (["both", "-S", "corpus.name=demo"], "is what this command chooses itself"),
        (["both", "-S", "evaluate.confidence=0.9"], "the table is measured by params.yaml of the workspace"),
        (["both", "-S", "evaluate.n_resamples=50"], "the table is measured by params.yaml of the workspace"),
        (["both", "-S", "evaluate.metrics=[]"], "the table is measured by params.yaml of the workspace"),
        (["both", "-S", "training.epochs=3,4"], "has several values"),
        (["both", "-S", "training.epochs=3", "-S", "training.epochs=4"], "is given twice"),
        (["both", "-S", "training.epoch=3"], "training.epoch"),
        (
            ["both", "-S", "training.epohcs=3"],
            "training.epohcs=3, corpus.name=both, training.corpora=['films']: params.yaml has no parameter training.epohcs; did you mean training.epochs?",
        ),
        (["both", "-S", "training.epochs"], "is not a parameter with values"),
        (["both", "--calibrate-with", "8"], "is measured on test; add --test"),
    ],
)
def test_what_cannot_be_run_is_one_sentence_before_anything_runs(pool, capsys, arguments, sentence):
    assert main(["cross", *arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert sentence in printed.err
    assert len(printed.err.splitlines()) == 1
    assert not (pool.root / ".cache").exists()


@pytest.mark.parametrize("number", ["1", "0", "-3", "many", ""])
def test_a_calibration_needs_two_labels_at_least(pool, capsys, number):
    with pytest.raises(SystemExit) as ended:
        main(["cross", "both", "--test", f"--calibrate-with={number}"])
    assert ended.value.code == 2
    assert "expected a whole number of at least 2" in capsys.readouterr().err


def test_more_labels_than_a_corpus_has_is_a_sentence(crossed, capsys):
    assert main(["cross", "both", "--test", "--calibrate-with", "21"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "films has 20 segments in valid" in printed.err

"""Runs between which no difference means anything get a sentence instead of a verdict."""

import csv
from dataclasses import replace

import pytest

from pipeline.__main__ import main
from pipeline.artifacts.corpus.task import Task
from pipeline.artifacts.evaluated.run_record import RunRecord, write_run_record
from pipeline.comparison.stages import MACHINE, StageChange, is_the_machine_alone
from pipeline.evaluation.protocols import BINARY
from tests import tasks
from tests.comparison.repositories import Repository

pytestmark = pytest.mark.slow


def record(
    repository: Repository, task: Task, *, device: str = "cpu x86_64 AVX2", corpus: str = "one"
) -> None:
    content = RunRecord(corpus, task, ({"device": device, "torch": "2"},), device)
    write_run_record(repository.root / "reports/run.json", content)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    repository = Repository(tmp_path)
    repository.git("init", "--quiet")
    monkeypatch.chdir(tmp_path)
    repository.write_run()
    record(repository, tasks.MOSI)
    repository.commit()
    return repository


def compare(capsys, *arguments: str) -> tuple[int, str, str]:
    status = main(["compare", "HEAD~1", "HEAD", *arguments])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        (tasks.BINARY, "the kind of the label is regression in the one and binary in the other"),
        (
            replace(tasks.MOSI, label_max=9.0, protocol="regression"),
            "the greatest label is 3 in the one and 9 in the other",
        ),
        (replace(tasks.MOSI, label="arousal"), "the label is label in the one and arousal in the other"),
        (
            replace(tasks.MOSI, protocol="regression"),
            "the protocol is mosi in the one and regression in the other",
        ),
    ],
)
def test_runs_of_different_tasks_get_no_verdict(repository, capsys, task, sentence):
    record(repository, task)
    repository.write_run(noise=0.1)
    repository.commit()
    status, printed, error = compare(capsys)
    assert (status, printed) == (1, "")
    assert sentence in error
    assert error.count("\n") == 1


def test_runs_that_share_no_segment_get_no_verdict(repository, capsys):
    table = repository.root / "reports/predictions.csv"
    table.write_text(table.read_text().replace("test_0", "other_0").replace("valid_0", "strange_0"))
    repository.commit()
    status, printed, error = compare(capsys)
    assert (status, printed) == (1, "")
    assert "they share no segment of valid" in error


def test_runs_of_one_task_on_another_corpus_of_the_same_segments_are_compared(repository, capsys):
    record(repository, tasks.MOSI, corpus="a copy of it")
    repository.write_run(noise=0.1)
    repository.commit()
    status, printed, _ = compare(capsys)
    assert status == 0
    assert "Verdict: " in printed


def relabel(repository: Repository, rare: int) -> None:
    """Give every fifth segment the label 0 and all others 1."""
    table = repository.root / "reports/predictions.csv"
    with table.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    for number, row in enumerate(rows):
        row[header.index("label")] = "0" if number % 5 == rare else "1"
    with table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


@pytest.mark.parametrize(("rare", "corpus", "status"), [(1, "another", 1), (0, "another", 0), (1, "one", 0)])
def test_classes_that_two_corpora_share_by_chance_are_no_segments_in_common(
    repository, capsys, rare, corpus, status
):
    for which, name in ((0, "one"), (rare, corpus)):
        repository.write_run(protocol=BINARY, noise=0.5 + 0.1 * which)
        relabel(repository, which)
        record(repository, tasks.BINARY, corpus=name)
        repository.commit()
    found, _, error = compare(capsys)
    assert found == status
    assert ("have names in common, but other labels" in error) == (status == 1)


@pytest.mark.parametrize(
    ("differences", "alone"),
    [
        ([f"outputs alone: {MACHINE}"], True),
        ([f"inputs (from rank, {MACHINE})", "outputs"], True),
        (["inputs (stages/rank.py)", "outputs"], False),
        ([f"inputs (stages/rank.py; from text, {MACHINE})", "outputs"], False),
        ([f"inputs (from rank, {MACHINE})", "parameters (rank)", "outputs"], False),
    ],
)
def test_the_machine_is_alone_where_nothing_else_changed(differences, alone):
    changes = [StageChange("text", (f"outputs alone: {MACHINE}",)), StageChange("rank", tuple(differences))]
    assert is_the_machine_alone(changes) == alone
    assert not is_the_machine_alone([])


def test_one_seed_on_a_side_is_a_doubt_and_several_are_none(repository, capsys):
    for seeds, is_doubted in (((1,), True), ((1, 2, 3), False)):
        for base in ("0.2", "0.3"):
            repository.write_run(base=base, seeds=seeds)
            repository.commit()
        _, printed, _ = compare(capsys)
        assert ("One seed on a side" in printed) == is_doubted


def test_a_label_of_test_that_is_no_number_stops_no_comparison_on_valid(repository, capsys):
    """Labels of two corpora are held against each other, also those of a split that is not shown."""
    path = repository.root / "reports/predictions.csv"
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    (row, *_) = (row for row in rows if row[0] == "test")
    row[header.index("label")] = "nan"
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    record(repository, tasks.MOSI, corpus="two")
    repository.commit()
    assert compare(capsys)[0] == 0
    status, _, errors = compare(capsys, "--test")
    assert status == 1
    assert "grcf on test: 1 of 40 labels are NaN" in errors

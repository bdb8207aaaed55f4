import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.evaluation.metrics import BINARY, MOSI, SIMS
from tests.comparison.repositories import GIT

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def compare(repository, capsys):
    """Run the command; what it printed."""

    def run(*arguments):
        capsys.readouterr()
        status = main(["compare", *arguments])
        printed = capsys.readouterr()
        assert status == 0, printed.err
        return printed.out

    return run


@pytest.fixture
def refused(repository, capsys):
    """Run the command, which has to fail with one sentence; the sentence."""

    def run(*arguments):
        capsys.readouterr()
        status = main(["compare", *arguments])
        printed = capsys.readouterr()
        assert (status, printed.out) == (1, "")
        assert printed.err.count("\n") == 1
        return printed.err

    return run


def row(printed, start):
    """The cells of the first line that starts so."""
    line = next(line for line in printed.splitlines() if line.startswith(start + " "))
    return re.split(r"  +", line)


def test_a_sabotaged_experiment_is_worse_by_more_than_chance(runs, compare):
    _, base, experiment, difference, interval, direction = row(compare("HEAD", "wider"), "mae")
    assert float(experiment) - float(base) == pytest.approx(float(difference), abs=1.1e-4)
    low, high = map(float, interval.strip("[]").split(","))
    assert 0 < low < float(difference) < high
    assert direction == "worse"


def test_the_baseline_stands_in_a_smaller_table_and_did_not_change(runs, compare):
    printed = compare("HEAD", "wider").split("pointwise on valid")[1]
    for metric in ("mae", "pearson", "ordered_pair_accuracy"):
        assert row(printed, metric)[3:] == ["0.0000", "[0.0000, 0.0000]", "same"]
    assert "acc7" not in printed


def test_equal_revisions_differ_in_nothing(runs, compare):
    printed = compare("HEAD", "HEAD")
    assert "Parameters: the same." in printed
    assert "Data: the same" in printed
    assert "Stages: none recorded anything different." in printed
    for metric in MOSI.metrics:
        assert row(printed, metric.name)[3:] == ["0.0000", "[0.0000, 0.0000]", "same"]


def test_the_same_revisions_print_the_same_bytes_in_any_process(runs):
    def printed(hash_seed, encoding):
        environment = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed, "PYTHONIOENCODING": encoding}
        return subprocess.run(
            [sys.executable, "-m", "pipeline", "compare", "HEAD", "wider", "--test"],
            env=GIT | environment,
            capture_output=True,
            check=True,
        ).stdout

    first = printed("0", "utf-8")
    assert "0.2 → 0.5" in first.decode()
    assert printed("1", "latin-1") == first


def test_what_was_set_and_what_ran_differently_is_listed(runs, compare):
    printed = compare("HEAD", "wider")
    assert row(printed, "margin.base") == ["margin.base", "0.2 → 0.5"]
    assert "rank.learning_rate" not in printed
    assert row(printed, "rank") == ["rank", "parameters (margin); outputs"]
    assert row(printed, "evaluate") == ["evaluate", "inputs; outputs"]
    assert printed.index("\nrank") < printed.index("\nevaluate")


def test_another_spelling_of_a_number_is_no_change(runs, compare):
    runs.write_run(learning_rate="1e-05")
    runs.commit()
    runs.write_run(learning_rate="0.00001")
    assert "Parameters: the same." in compare("HEAD", "workspace")


def test_the_workspace_is_read_from_disk(runs, compare):
    runs.write_run(noise=2.0)
    printed = compare("HEAD", "workspace")
    assert printed.startswith("workspace (files on disk) against HEAD (")
    assert row(printed, "mae")[-1] == "worse"


def test_test_is_shown_only_where_asked_for(runs, compare):
    assert "on test" not in compare("HEAD", "wider")
    printed = compare("HEAD", "wider", "--test")
    assert [line for line in printed.splitlines() if " on " in line and "  " not in line and line < "q"] == [
        "grcf on valid",
        "pointwise on valid",
        "grcf on test",
        "pointwise on test",
    ]


def test_several_experiments_are_each_compared_with_the_base(runs, compare):
    printed = compare("HEAD", "wider", "workspace")
    assert printed.startswith("wider (")
    assert "\nworkspace (files on disk) against HEAD (" in printed
    assert printed.replace(compare("HEAD", "wider"), "").lstrip() == compare("HEAD", "workspace")


def test_markdown_tables_are_well_formed(runs, compare):
    tables, lines = [], compare("HEAD", "wider", "--test", "--markdown").splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if line.startswith("|"):
            if not before.startswith("|"):
                assert before == ""
                tables.append([])
            tables[-1].append(re.split(r"(?<!\\)\|", line))
    assert len(tables) == 6
    for header, rule, *rows in tables:
        assert all(re.fullmatch(r" -{3}:? ", cell) for cell in rule[1:-1])
        assert rows
        assert {len(cells) for cells in (header, rule, *rows)} == {len(header)}


def test_changed_data_is_said_and_not_paired(runs, compare):
    runs.write_run(n_segments=30)
    printed = compare("HEAD", "workspace")
    assert "Data: changed (data/manifest/segments.jsonl)." in printed
    assert "The data changed: 10 segments only in the base (such as valid_030)" in printed
    assert row(printed, "mae")[4] == "n/a"
    assert row(printed, "mae")[3] != "n/a"


def test_parameters_edited_after_the_run_are_doubted(runs, compare):
    path = runs.root / "params.yaml"
    path.write_text(path.read_text().replace("base: 0.2", "base: 0.7"))
    printed = " ".join(compare("HEAD", "workspace").split())
    assert "Careful: workspace (files on disk): params.yaml was changed after the run" in printed
    assert "(margin.base is 0.7, but the run used 0.2)" in printed


def test_predictions_of_another_run_are_doubted(runs, compare):
    lock = (runs.root / "dvc.lock").read_text()
    runs.write_run(noise=2.0)
    (runs.root / "dvc.lock").write_text(lock)
    assert "reports/predictions.csv is not the file that dvc.lock records" in compare("HEAD", "workspace")


def test_a_run_in_order_is_not_doubted(runs, compare):
    assert "Careful" not in compare("HEAD", "wider")


def test_a_protocol_that_is_not_that_of_the_workspace_is_doubted(runs, compare):
    runs.write_run(protocol=SIMS)
    printed = " ".join(compare("HEAD", "wider").split())
    assert "HEAD" in printed
    assert "its own reports use the protocol mosi, but here both runs are measured by sims" in printed


def test_the_protocol_says_which_metrics_there_are(runs, compare):
    runs.write_run(protocol=SIMS)
    printed = compare("workspace", "workspace")
    assert [metric.name for metric in SIMS.metrics if row(printed, metric.name)] == [
        metric.name for metric in SIMS.metrics
    ]


def test_two_binary_runs_are_compared_by_their_own_metrics(repository, compare):
    repository.write_run(protocol=BINARY, noise=0.1)
    repository.commit()
    repository.write_run(protocol=BINARY, noise=1.5)
    printed = compare("HEAD", "workspace")
    assert row(printed, "brier_score")[-1] == row(printed, "auroc")[-1] == "worse"
    baseline = printed.split("pointwise on valid")[1]
    assert all(name in baseline for name in BINARY.headline)
    assert "accuracy" not in baseline
    assert not any(name in printed for name in ("mae", "pearson", "acc7"))


def test_an_unknown_revision_is_a_sentence(runs, refused):
    assert refused("HEAD", "narrower").startswith("narrower: neither a git revision nor an experiment")


@pytest.mark.parametrize("name", ["reports/predictions.csv", "params.yaml", "dvc.lock"])
def test_a_revision_without_a_record_is_a_sentence(runs, refused, name):
    runs.git("rm", "--quiet", name)
    sha = runs.commit()
    runs.git("reset", "--quiet", "--hard", "HEAD~1")
    said = refused("HEAD", sha)
    assert said.startswith(f"{sha[:7]} has no {name}; ")
    assert "dvc repro" in said


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("reports/predictions.csv", b"no table"),
        ("reports/predictions.csv", b"\xff\xfe"),
        ("dvc.lock", b"stages: ["),
        ("dvc.lock", b"outs: []"),
        ("params.yaml", b"evaluate: ["),
    ],
)
def test_a_broken_record_is_a_sentence(runs, refused, name, content):
    (runs.root / name).write_bytes(content)
    assert name in refused("HEAD", "workspace")


def test_predictions_without_a_split_are_a_sentence(runs, refused):
    path = runs.root / "reports/predictions.csv"
    path.write_text("".join(line for line in path.open() if not line.startswith("test")))
    assert "no rows of the split 'test'" in refused("HEAD", "workspace", "--test")


def test_outside_of_a_repository_it_is_a_sentence(runs, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "params.yaml").write_bytes((runs.root / "params.yaml").read_bytes())
    assert "no revision can be read here" in refused("HEAD", "workspace")

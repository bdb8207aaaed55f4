import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.artifacts.evaluated.models import minus
from pipeline.evaluation.protocols import BINARY, MOSI, SIMS
from tests.comparison.repositories import GIT

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent


def write(repository, *, protocol=MOSI, **run):
    repository.write_reports(repository.write_run(protocol=protocol, **run), protocol=protocol)


@pytest.fixture
def results(repository, capsys):
    """Run the command; status, output and errors."""

    def run():
        capsys.readouterr()
        status = main(["results"])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def table(printed, split):
    """Model to column to cell of one of the tables."""
    lines = printed.split(f"{split} ", 1)[1].split("\n\n")[0].splitlines()
    header = lines[0].split()
    return {
        cells[0]: dict(zip(header, cells[1:], strict=True))
        for cells in (re.split(r"  +", line) for line in lines[1:])
    }


def edit(path, change):
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def test_the_tables_hold_the_numbers_of_the_metrics(repository, results):
    write(repository)
    status, printed, _ = results()
    metrics = json.loads((repository.root / "reports/metrics.json").read_text())
    assert status == 0
    for split in ("valid", "test"):
        rows = table(printed, split)
        assert list(rows) == ["grcf", "pointwise", "median"]
        for model in ("grcf", "pointwise"):
            assert list(rows[model]) == [
                "mae",
                "pearson",
                "ordered_pair_accuracy",
                "acc7",
                "acc2_negative_positive",
            ]
            for name, cell in rows[model].items():
                summary = metrics[split][model][name]
                assert cell == f"{summary['mean']:.4f} ± {summary['sd']:.4f}"
        assert rows["median"]["mae"] == f"{metrics[split]['median']['mae']['mean']:.4f}"
    assert "over 3 seeds" in printed


def test_an_undefined_metric_is_not_available_for_a_reason(repository, results):
    write(repository)
    _, printed, _ = results()
    assert table(printed, "valid")["median"]["pearson"] == "n/a"
    assert "n/a: pearson of median (undefined for 1 of 1 seeds: all predictions are equal)." in printed


def test_a_protocol_with_other_classes_shows_its_own(repository, results):
    write(repository, protocol=SIMS)
    _, printed, _ = results()
    assert list(table(printed, "valid")["grcf"])[3:] == ["acc5", "acc2"]


def test_a_binary_run_shows_its_own_metrics_and_judges_by_them(repository, results):
    write(repository, protocol=BINARY, noise=0.1)
    _, printed, _ = results()
    rows = table(printed, "test")
    assert list(rows) == ["grcf", "pointwise", "prevalence"]
    assert list(rows["grcf"]) == ["brier_score", "f1_weighted", "auroc", "accuracy", "calibration_error"]
    text = " ".join(printed.split())
    assert (
        "the share of ones in train has no seeds. Lower brier_score and calibration_error is better" in text
    )
    assert "On valid, grcf - pointwise: brier_score -" in text
    assert "grcf is better in brier_score" in text
    assert "median" not in printed


@pytest.mark.parametrize(
    ("noise", "verdict"),
    [
        (0.1, "grcf is better in mae and ordered_pair_accuracy."),
        (3.0, "grcf is worse in mae and ordered_pair_accuracy."),
        (0.8, "no clear difference in mae and ordered_pair_accuracy."),
    ],
)
def test_the_difference_is_judged_by_its_interval(repository, results, noise, verdict):
    write(repository, noise=noise)
    _, printed, _ = results()
    sentence = " ".join(printed.split("On valid, grcf - pointwise: ")[1].split("\n\n")[0].split())
    assert sentence.endswith(verdict)
    assert "(paired, 3 seeds, 40 segments, 95 % intervals over seeds and segments)" in sentence


def test_one_seed_has_a_difference_with_an_interval_over_segments(repository, results):
    write(repository, seeds=(4,))
    _, printed, _ = results()
    assert "One seed;" in printed
    text = " ".join(printed.split())
    assert (
        "95 % intervals over segments). This is one seed, and these intervals are over segments alone" in text
    )
    assert "training again may turn grcf and pointwise around." in text
    assert "no interval" not in printed


@pytest.mark.parametrize("noise", [0.1, 3.0])
def test_one_seed_has_no_winner_as_in_the_report(repository, results, noise):
    write(repository, seeds=(4,), noise=noise)
    printed = results()[1]
    assert "grcf is" not in printed


@pytest.mark.parametrize(
    ("interval", "end", "verdict"),
    [((0.00003, 0.09), "[+0.00003, +0.0900]", "grcf is worse in mae"), ((0.0, 0.09), "[0.0000, +0.0900]", "no clear difference in mae")],
)  # fmt: skip
def test_an_end_beside_zero_is_written_so_that_it_agrees_with_the_verdict(
    repository, results, interval, end, verdict
):
    write(repository)

    def change(values):
        mae = values["valid"]["differences"][minus("pointwise")]["mae"]
        mae["ci_low"], mae["ci_high"] = interval

    edit(repository.root / "reports/comparisons.json", change)
    text = " ".join(results()[1].split())
    assert end in text
    assert verdict in text


def test_it_says_where_the_report_is_and_what_to_try_next(repository, results):
    write(repository)
    assert "The full report is not there yet" in results()[1]
    (repository.root / "reports/report.html").touch()
    _, printed, _ = results()
    assert "The full report: reports/report.html." in printed
    for command in (
        "dvc exp run -n wider -S margin.base=0.5",
        "python -m pipeline compare HEAD wider",
        "make experiments",
    ):
        assert f"    {command} " in printed


@pytest.mark.parametrize("name", ["metrics.json", "comparisons.json"])
def test_a_missing_report_is_a_sentence(repository, results, name):
    write(repository)
    (repository.root / "reports" / name).unlink()
    assert results() == (1, "", f"reports/{name}: not found; run `dvc repro` to make it\n")


def test_a_report_that_is_not_json_is_a_sentence(repository, results):
    write(repository)
    (repository.root / "reports/metrics.json").write_text('{"valid"')
    status, _, errors = results()
    assert status == 1
    assert errors.startswith("reports/metrics.json: not an evaluation")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("metrics.json", lambda values: values.pop("test")),
        ("metrics.json", lambda values: values["valid"].pop("median")),
        ("metrics.json", lambda values: values["valid"]["pointwise"].pop("acc7")),
        ("metrics.json", lambda values: values["valid"]["grcf"].clear()),
        ("comparisons.json", lambda values: values["valid"]["differences"].clear()),
        ("comparisons.json", lambda values: values["valid"]["differences"][minus("pointwise")].pop("mae")),
    ],
)
def test_a_report_of_another_version_is_a_sentence(repository, results, name, change):
    write(repository)
    edit(repository.root / "reports" / name, change)
    status, printed, errors = results()
    assert (status, printed, errors.count("\n")) == (1, "", 1)
    assert "run `dvc repro evaluate`" in errors


def test_it_waits_for_none_of_the_large_libraries(repository):
    write(repository)
    code = (
        "import sys; from pipeline.__main__ import main; main(['results']); "
        "print(sorted({'torch', 'pandas', 'dvc', 'scipy', 'sklearn'} & sys.modules.keys()))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code],
        env=GIT | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.splitlines()[-1] == "[]"

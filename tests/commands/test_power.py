import math

import pytest

from pipeline.__main__ import main
from pipeline.artifacts.evaluated.predictions import predictions_to_csv
from pipeline.artifacts.formats.files import write_text
from tests.comparison.repositories import split_predictions


@pytest.fixture
def power(capsys, monkeypatch, request):
    runs = request.getfixturevalue("runs")
    monkeypatch.chdir(runs.root)

    def run(*arguments, status=0):
        assert main(["power", *arguments]) == status
        printed = capsys.readouterr()
        return printed.err if status else printed.out

    run.root = runs.root
    return run


def columns(printed):
    return {line.split()[0]: line.split()[1:] for line in printed.splitlines() if line[:1].isdigit()}


def test_more_seeds_show_less_and_a_change_of_method_is_noisier(power):
    rows = columns(power("--seeds", "2,8,32"))
    small, large = zip(*(map(float, rows[n]) for n in ("2", "8", "32")), strict=True)
    assert small[0] > small[1] > small[2] > 0
    assert large[0] >= large[1] >= large[2] > 0


def test_more_seeds_always_help_where_all_segments_change_alike(power):
    rows = columns(power("--seeds", "4,400"))
    small, large = zip(*(map(float, rows[n]) for n in ("4", "400")), strict=True)
    assert small[1] == pytest.approx(small[0] / 10, abs=2e-4)
    assert large[1] > 1.5 * large[0] / 10


def test_each_column_says_whether_more_seeds_help(power):
    printed = " ".join(power().split())
    assert "A small change is taken to change all segments alike, so that more seeds always help." in printed
    assert "more seeds do not help beyond what these segments can tell" in printed
    assert "One seed of this run" not in printed


def test_the_small_guess_is_the_noise_of_two_runs_of_one_quality(power):
    """Of seeds without an effect of their own, the spread is that of what each does on each segment: 2 · 0.5² · (1 - 2/π) / (S · N)."""
    seeds = range(1, 31)
    splits = [split_predictions(split, seeds=seeds, n_segments=400) for split in ("valid", "test")]
    write_text(power.root / "reports/predictions.csv", predictions_to_csv(splits))
    found, _ = columns(power("--seeds", "30"))["30"]
    variance = 2 * 0.5**2 * (1 - 2 / math.pi) / (30 * 400)
    # The interval by percentiles counts the variance almost three times.
    least = 1.959964 * math.sqrt((3 - 2 / 30) * variance) + 0.841621 * math.sqrt(variance)
    assert float(found) == pytest.approx(least, rel=0.15)


def test_a_difference_has_its_price(power):
    assert "A difference of 0.0500, as between two seeds of grcf: " in power("--difference", "0.05")


@pytest.mark.parametrize("arguments", [("--seeds", "0"), ("--difference", "-1"), ("--metric", "nonsense")])
def test_what_makes_no_sense_is_a_sentence(power, arguments):
    assert power(*arguments, status=1).count("\n") == 1


def test_one_seed_says_nothing_of_others(power):
    splits = [split_predictions(split, seeds=(1,)) for split in ("valid", "test")]
    write_text(power.root / "reports/predictions.csv", predictions_to_csv(splits))
    rows = columns(power("--seeds", "1,5"))
    assert rows["5"] == ["n/a"]
    assert "One seed of this run says nothing" in power()
    assert "more seeds" not in power()
    assert float(rows["1"][0]) > 0

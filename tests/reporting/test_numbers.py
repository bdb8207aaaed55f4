import pytest

from pipeline.artifacts.evaluated.evaluation import Difference, Summary
from pipeline.evaluation.protocols import METRICS, MOSI
from pipeline.reporting import numbers

MAE, ACC7 = MOSI.metric("mae"), MOSI.metric("acc7")


def test_shares_are_per_cent_and_their_differences_points():
    assert (numbers.value(0.3845, ACC7), numbers.change(-0.02, ACC7)) == ("38.5", "−2.0")
    assert (numbers.value(0.3845, MAE), numbers.change(-0.02, MAE)) == ("0.385", "−0.020")


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_every_metric_has_a_name_and_a_direction(metric):
    heading = numbers.metric_heading(metric)
    assert "_" not in heading
    assert ("↑" in heading, "↓" in heading) == (metric.better == "higher", metric.better == "lower")
    assert ("%" in heading) == (metric.unit == "share")


def test_a_summary_shows_mean_spread_and_interval():
    cell = numbers.summary_cell(Summary(0.7, 0.01, 0.68, 0.72, 5), MAE)
    assert (cell.text, cell.detail, cell.note) == ("0.700", "± 0.010 [0.680, 0.720]", None)


def test_an_undefined_summary_is_not_available_with_its_reason():
    cell = numbers.summary_cell(Summary(None, None, None, None, 5, "all labels are equal"), MAE)
    assert (cell.text, cell.detail, cell.note) == ("n/a", "", "all labels are equal")


def test_one_seed_has_a_value_and_says_why_it_has_no_interval():
    cell = numbers.summary_cell(Summary(0.7, None, None, None, 1, "one value"), MAE)
    assert (cell.text, cell.detail, cell.note) == ("0.700", "", "one value")


def test_a_difference_shows_signs_at_all_three_numbers():
    difference = Difference(-0.04, -0.09, 0.01, 5, 70, "both", "bootstrap")
    cell = numbers.difference_cell(difference, MAE)
    assert (cell.text, cell.detail) == ("−0.040", "[−0.090, +0.010]")

from dataclasses import replace

import pytest

from pipeline.artifacts.evaluated.evaluation import Difference, Summary
from pipeline.evaluation.protocols import MOSI
from pipeline.reporting.verdict import comparison_sentence, conclusion, standing

MAE, PEARSON, ACC7 = (MOSI.metric(name) for name in ("mae", "pearson", "acc7"))
OWN = Summary(0.71, 0.01, 0.70, 0.72, 5)


def difference(mean, low=None, high=None, reason=None):
    return Difference(mean, low, high, n_seeds=5, n_segments=70, over="both", method="", reason=reason)


def sentence(metric, less, own=OWN, explain="95 %"):
    return comparison_sentence("valid", metric, own, less, other="point-wise regression", explain=explain)


@pytest.mark.parametrize(
    ("metric", "low", "high", "expected"),
    [
        (MAE, -0.09, -0.01, "better"),
        (MAE, 0.01, 0.09, "worse"),
        (MAE, -0.09, 0.01, "within noise"),
        (PEARSON, 0.01, 0.09, "better"),
        (PEARSON, -0.09, -0.01, "worse"),
        (PEARSON, -0.09, 0.01, "within noise"),
        (PEARSON, 0.0, 0.09, "within noise"),
        (MAE, -0.09, 0.0, "within noise"),
    ],
)
def test_standing_follows_the_interval_and_the_direction_of_the_metric(metric, low, high, expected):
    assert standing(difference((low + high) / 2, low, high), metric) == expected


@pytest.mark.parametrize("name", ["calibration_slope", "calibration_offset"])
def test_a_metric_that_is_best_at_one_or_zero_has_no_standing(name):
    assert standing(difference(-0.05, -0.09, -0.01), MOSI.metric(name)) is None


def test_no_interval_no_standing():
    assert standing(difference(-0.05, reason="one seed"), MAE) is None


def test_a_lower_error_is_better_only_beyond_noise():
    assert sentence(MAE, difference(-0.04, -0.09, 0.01)) == (
        "On valid, the MAE of GRCF is 0.710, 0.040 lower than that of point-wise regression "
        "(95 % interval −0.090 to +0.010, over seeds and segments): within noise."
    )
    assert sentence(MAE, difference(-0.04, -0.09, -0.01)).endswith(
        "−0.010, over seeds and segments): better, beyond noise."
    )


@pytest.mark.parametrize(
    ("metric", "low", "end"), [(MAE, 0.00004, "+0.00004 to"), (MAE, 0.0, "(0.000 to"), (ACC7, 0.00002, "+0.002 to")]
)  # fmt: skip
def test_an_end_is_written_as_zero_only_where_it_is(metric, low, end):
    text = sentence(metric, difference(0.04, low, 0.09), explain=None)
    assert end in text
    assert text.endswith("within noise.") == (low == 0)


def test_an_end_that_is_arithmetic_away_from_zero_is_zero():
    assert standing(difference(0.04, 3e-17, 0.09), PEARSON) == "within noise"


def test_beyond_the_noise_of_segments_is_not_beyond_that_of_training():
    text = sentence(MAE, replace(difference(-0.04, -0.09, -0.01), over="segments", n_seeds=1))
    assert text.endswith("over segments): better, beyond the noise of segments.")


def test_a_higher_error_is_worse():
    text = sentence(MAE, difference(0.04, 0.01, 0.09))
    assert "0.040 higher than" in text
    assert text.endswith("worse, beyond noise.")


def test_a_higher_correlation_is_better_and_a_lower_one_worse():
    assert sentence(PEARSON, difference(0.04, 0.01, 0.09)).endswith("better, beyond noise.")
    assert sentence(PEARSON, difference(-0.04, -0.09, -0.01)).endswith("worse, beyond noise.")


def test_shares_are_in_per_cent_and_points():
    text = sentence(ACC7, difference(0.02, -0.01, 0.05), own=Summary(0.4, 0.01, 0.39, 0.41, 5))
    assert "is 40.0 %, 2.0 points higher than" in text
    assert "−1.0 to +5.0 points" in text


def test_a_difference_below_the_last_digit_has_no_direction():
    text = sentence(MAE, difference(0.0001, -0.01, 0.01))
    assert "the same to these digits as" in text
    assert "higher" not in text


def test_what_an_interval_is_need_be_said_only_once():
    assert "(−0.090 to +0.010): within noise." in sentence(MAE, difference(-0.04, -0.09, 0.01), explain=None)


def test_without_an_interval_nothing_is_claimed():
    text = sentence(MAE, difference(-0.04, reason="one seed cannot be resampled"))
    assert "one seed cannot be resampled" in text
    assert "better" not in text
    assert "so this may be noise" in text


def test_an_undefined_difference_gives_its_reason():
    text = sentence(PEARSON, difference(None, reason="all predictions are equal"))
    assert text.endswith("its difference from point-wise regression is undefined: all predictions are equal.")


def test_an_undefined_metric_gives_its_reason():
    own = Summary(None, None, None, None, 5, "all labels are equal")
    assert (
        sentence(PEARSON, difference(None), own=own)
        == "On valid, GRCF has no Pearson r: all labels are equal."
    )


@pytest.mark.parametrize(
    ("valid", "test", "expected"),
    [
        ("better", "better", "On both splits GRCF has a smaller error"),
        ("worse", "worse", "On both splits GRCF has a larger error"),
        ("within noise", "within noise", "is within noise"),
        ("better", "worse", "The splits disagree about the error: compared with"),
        ("worse", "better", "GRCF is worse on valid and better on test"),
        (
            "better",
            "within noise",
            "On valid GRCF has a smaller error than point-wise regression, by more than noise; on test the difference is within noise.",
        ),
        (
            "within noise",
            "worse",
            "On test GRCF has a larger error than point-wise regression, by more than noise; on valid the difference is within noise.",
        ),
        (None, "better", "does not show"),
    ],
)
def test_the_conclusion_weighs_both_splits(valid, test, expected):
    assert expected in conclusion(valid, test, other="point-wise regression")

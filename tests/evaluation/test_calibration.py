from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.artifacts.evaluated.evaluation import ReliabilityBin
from pipeline.errors import PipelineError
from pipeline.evaluation.calibration import expected_calibration_error, reliability
from pipeline.evaluation.metrics import Undefined

LEVELS = st.lists(st.tuples(st.integers(-30, 30), st.integers(-5, 5)), min_size=1, max_size=60)


def test_bins_hold_equal_numbers_of_segments_where_nothing_is_tied() -> None:
    prediction = np.random.default_rng(0).permutation(21).astype(np.float64)

    bins = reliability(np.zeros(21), prediction, n_bins=7)

    assert [each.n_segments for each in bins] == [3] * 7
    assert [each.mean_prediction for each in bins] == [1.0, 4.0, 7.0, 10.0, 13.0, 16.0, 19.0]


def test_a_bin_holds_the_means_of_its_segments() -> None:
    truth, prediction = np.array([0.0, 3.0, -1.0, 1.0]), np.array([1.0, 2.0, -2.0, -1.0])

    assert reliability(truth, prediction, n_bins=2) == (
        ReliabilityBin(n_segments=2, mean_prediction=-1.5, mean_truth=0.0, mean_absolute_error=1.5),
        ReliabilityBin(n_segments=2, mean_prediction=1.5, mean_truth=1.5, mean_absolute_error=1.0),
    )


@given(LEVELS, st.integers(1, 12))
@settings(max_examples=60)
def test_bins_partition_the_segments_and_keep_ties_together(
    pairs: list[tuple[int, int]], n_bins: int
) -> None:
    truth, prediction = np.array(pairs, dtype=np.float64).T.copy()

    bins = reliability(truth, prediction, n_bins=n_bins)

    assert 1 <= len(bins) <= n_bins
    start, ordered = 0, np.sort(prediction)
    for each in bins:
        members = ordered[start : start + each.n_segments]
        assert each.n_segments > 0
        assert each.mean_prediction == pytest.approx(members.mean())
        start += each.n_segments
        assert start == len(ordered) or ordered[start] > members[-1]
    assert start == len(ordered)


@given(LEVELS, st.randoms())
@settings(max_examples=40)
def test_bins_do_not_depend_on_the_order_of_the_segments(
    pairs: list[tuple[int, int]], random: Random
) -> None:
    truth, prediction = np.array(pairs, dtype=np.float64).T.copy()
    random.shuffle(pairs)
    shuffled_truth, shuffled_prediction = np.array(pairs, dtype=np.float64).T.copy()

    assert reliability(truth, prediction, n_bins=5) == reliability(
        shuffled_truth, shuffled_prediction, n_bins=5
    )


def test_ties_go_to_the_bin_of_their_middle_rank() -> None:
    bins = reliability(np.zeros(4), np.array([1.0, 2.0, 2.0, 2.0]), n_bins=2)

    assert [each.n_segments for each in bins] == [1, 3]


def test_a_constant_prediction_has_one_bin() -> None:
    bins = reliability(np.array([-1.0, 0.0, 2.0]), np.full(3, 0.5), n_bins=5)

    assert [each.n_segments for each in bins] == [3]


def test_expected_calibration_error_of_the_truth_is_zero() -> None:
    truth = np.random.default_rng(0).normal(size=50)

    assert expected_calibration_error(reliability(truth, truth, n_bins=5)) == 0.0


def test_expected_calibration_error_of_a_shift_is_the_shift() -> None:
    truth = np.random.default_rng(0).normal(size=50)

    assert expected_calibration_error(reliability(truth, truth + 0.3, n_bins=5)) == pytest.approx(0.3)


def test_expected_calibration_error_weighs_bins_by_their_segments() -> None:
    bins = [ReliabilityBin(3, 0.0, 0.4, 1.0), ReliabilityBin(1, 1.0, 0.2, 1.0)]

    assert expected_calibration_error(bins) == pytest.approx((3 * 0.4 + 0.8) / 4)


def test_no_segments_have_no_bins_and_no_error() -> None:
    bins = reliability(np.zeros(0), np.zeros(0), n_bins=5)

    assert bins == ()
    assert expected_calibration_error(bins) == Undefined("there are no segments")


def test_no_bins_are_refused() -> None:
    with pytest.raises(PipelineError, match="bins is 0"):
        reliability(np.zeros(3), np.zeros(3), n_bins=0)


def test_a_prediction_that_is_not_finite_is_refused() -> None:
    with pytest.raises(PipelineError, match="1 of 2 predictions"):
        reliability(np.zeros(2), np.array([0.0, np.nan]), n_bins=2)

"""The calibration curve keeps the order and has the least absolute error."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import PipelineError
from pipeline.grcf.calibration.piecewise_linear import fit_curve
from pipeline.grcf.network.curve import MIN_SLOPE


def mean_error(prediction, label):
    return float(np.abs(prediction - label).mean())


def test_recovers_a_line_exactly():
    score = np.linspace(-5, 5, 21)
    curve = fit_curve(score, 0.4 * score + 0.3, n_knots=0)
    assert (curve.slope, curve.offset) == pytest.approx((0.4, 0.3))


def test_no_line_on_a_grid_beats_it():
    rng = np.random.default_rng(3)
    score = rng.normal(size=60)
    label = np.clip(score + rng.standard_t(2, size=60), -3, 3)
    best = mean_error(fit_curve(score, label, n_knots=0)(score), label)
    for slope in np.linspace(0.01, 2, 60):
        offset = np.median(label - slope * score)
        assert best <= mean_error(offset + slope * score, label) + 1e-9


@settings(max_examples=40)
@given(
    rows=st.lists(st.tuples(st.floats(-9, 9), st.floats(-3, 3)), min_size=1, max_size=25),
    n_knots=st.integers(0, 5),
)
def test_never_breaks_the_order(rows, n_knots):
    score, label = (np.array(column) for column in zip(*rows, strict=True))
    curve = fit_curve(score, label, n_knots=n_knots)
    probe = np.linspace(-12, 12, 301)
    slopes = np.diff(curve(probe)) / np.diff(probe)
    assert slopes.min() >= MIN_SLOPE * 0.99


def test_against_the_order_the_slope_stays_positive():
    score = np.linspace(-1, 1, 9)
    assert fit_curve(score, -score, n_knots=0).slope == pytest.approx(MIN_SLOPE)


def test_bends_fit_better_where_the_truth_bends():
    score = np.linspace(-3, 3, 80)
    label = np.tanh(score)
    straight, bent = (mean_error(fit_curve(score, label, n_knots=k)(score), label) for k in (0, 4))
    assert bent < 0.5 * straight


def test_refuses_scores_that_are_not_finite():
    with pytest.raises(PipelineError, match="1 are not"):
        fit_curve(np.array([0.0, np.nan]), np.array([0.0, 1.0]), n_knots=0)

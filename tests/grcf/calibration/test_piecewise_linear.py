"""The calibration curve keeps the order and has the least absolute error."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import PipelineError
from pipeline.grcf.calibration import piecewise_linear
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
    assert slopes.min() >= MIN_SLOPE * 0.99 * piecewise_linear._unit(label)


@pytest.mark.parametrize("n_knots", [0, 3])
@pytest.mark.parametrize("unit", [1e-3, 1 / 3, 100.0])
def test_the_unit_of_the_labels_makes_no_difference(unit, n_knots):
    rng = np.random.default_rng(3)
    score = rng.normal(size=60)
    label = np.clip(0.5 * score + rng.standard_t(2, size=60), -3, 3)
    expected, found = (fit_curve(score, scale * label, n_knots=n_knots)(score) for scale in (1.0, unit))
    assert mean_error(found / unit, label) == pytest.approx(mean_error(expected, label), rel=1e-3)


def test_against_the_order_the_slope_stays_positive():
    score = np.linspace(-1, 1, 9)
    assert fit_curve(score, -3 * score, n_knots=0).slope == pytest.approx(MIN_SLOPE)


def test_bends_fit_better_where_the_truth_bends():
    score = np.linspace(-3, 3, 80)
    label = np.tanh(score)
    straight, bent = (mean_error(fit_curve(score, label, n_knots=k)(score), label) for k in (0, 4))
    assert bent < 0.5 * straight


@pytest.mark.parametrize("n_knots", [0, 4])
@pytest.mark.parametrize(
    "scores", ["normal", "heavy tails", "few values", "one value", "reversed", "very large"]
)
def test_programs_of_few_segments_find_what_the_whole_program_finds(monkeypatch, scores, n_knots):
    rng = np.random.default_rng(5)
    quality = rng.normal(size=1500)
    score = {
        "normal": quality,
        "heavy tails": rng.standard_t(1, size=1500),
        "few values": quality.round(),
        "one value": np.ones(1500),
        "reversed": -quality,
        "very large": 1e6 * quality,
    }[scores]
    label = np.clip(np.tanh(quality) + rng.normal(size=1500), -3, 3).round(1)
    whole = fit_curve(score, label, n_knots=n_knots)
    n_solved = []
    program = piecewise_linear._program
    monkeypatch.setattr(piecewise_linear, "_SOLVED_WHOLE", 60)
    monkeypatch.setattr(
        piecewise_linear, "_program", lambda *parts: (n_solved.append(len(parts[0])), program(*parts))[1]
    )
    curve = fit_curve(score, label, n_knots=n_knots)
    assert n_solved[0] < 60 < max(n_solved)
    assert mean_error(curve(score), label) == pytest.approx(mean_error(whole(score), label), abs=1e-9)


def test_replaced_segments_that_change_sides_are_looked_at(monkeypatch):
    """Every fourth score tells of a line that the others do not lie on."""
    score = np.linspace(-1, 1, 801)
    label = np.where(np.arange(801) % 4 == 0, 2 * score, 0.5 * score + 1)
    monkeypatch.setattr(piecewise_linear, "_SOLVED_WHOLE", 220)
    curve = fit_curve(score, label, n_knots=0)
    assert (curve.slope, curve.offset) == pytest.approx((0.5, 1.0))


def test_refuses_scores_that_are_not_finite():
    with pytest.raises(PipelineError, match="1 are not"):
        fit_curve(np.array([0.0, np.nan]), np.array([0.0, 1.0]), n_knots=0)


@pytest.mark.parametrize("n_knots", [0, 4])
def test_scores_of_a_training_that_went_astray_are_refused(n_knots):
    rng = np.random.default_rng(0)
    score, label = rng.normal(size=60), rng.normal(size=60)
    assert fit_curve(1e9 * score, label, n_knots=n_knots).slope >= MIN_SLOPE
    with pytest.raises(
        PipelineError, match=r"no calibration curve could be fitted to scores from -2.*e\+20 to .*e\+20"
    ):
        fit_curve(1e20 * score, label, n_knots=n_knots)

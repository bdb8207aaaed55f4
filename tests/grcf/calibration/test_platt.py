"""Platt scaling against scikit-learn's logistic regression, and where that has no answer."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from pipeline.errors import PipelineError
from pipeline.evaluation.selection import cross_entropy
from pipeline.grcf.calibration.platt import fit_platt
from pipeline.grcf.network.curve import MIN_SLOPE


def overlapping(n: int = 200, *, share: float = 0.4, gap: float = 1.0, scale: float = 1.0):
    """Scores of two classes that overlap."""
    rng = np.random.default_rng(3)
    label = (rng.random(n) < share).astype(np.float64)
    return scale * (gap * label + rng.normal(size=n)) + 2.0, label


def by_scikit_learn(score: np.ndarray, label: np.ndarray) -> tuple[float, float]:
    """Offset and slope of a logistic regression without a penalty; a smoothed label is two weighted ones."""
    n_ones = label.sum()
    target = np.where(label > 0, (n_ones + 1) / (n_ones + 2), 1 / (len(label) - n_ones + 2))
    model = LogisticRegression(C=1e12, tol=1e-12, max_iter=10_000)
    model.fit(
        np.concatenate([score, score])[:, None],
        np.concatenate([np.ones(len(score)), np.zeros(len(score))]),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    return float(model.intercept_[0]), float(model.coef_[0, 0])


@pytest.mark.parametrize(("gap", "share"), [(1.0, 0.4), (3.0, 0.5), (0.3, 0.1)])
def test_it_is_the_logistic_regression_on_smoothed_labels(gap, share):
    score, label = overlapping(gap=gap, share=share)

    curve = fit_platt(score, label)

    assert (curve.offset, curve.slope) == pytest.approx(by_scikit_learn(score, label), rel=1e-3, abs=1e-4)


def test_smoothing_vanishes_with_many_segments():
    score, label = overlapping(20_000)
    plain = LogisticRegression(C=1e12, tol=1e-12).fit(score[:, None], label)

    curve = fit_platt(score, label)

    assert curve.slope == pytest.approx(plain.coef_[0, 0], rel=2e-3)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_the_scale_and_place_of_the_scores_do_not_matter(scale):
    score, label = overlapping()
    plain, scaled = fit_platt(score, label), fit_platt(scale * score / 5 - 7 * scale, label)
    if scaled.slope > MIN_SLOPE:
        np.testing.assert_allclose(scaled(scale * score / 5 - 7 * scale), plain(score), rtol=1e-6, atol=1e-9)


def test_separable_scores_get_a_finite_slope():
    score, label = np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0.0, 0.0, 1.0, 1.0])

    curve = fit_platt(score, label)

    assert 0 < curve.slope < 10
    # Symmetric scores: no offset, and no probability beyond what smoothing grants two segments of each class.
    assert curve.offset == pytest.approx(0, abs=1e-9)
    assert curve(np.array([1.0]))[0] < np.log(3) < curve(np.array([2.0]))[0]


def test_the_wrong_order_keeps_a_positive_slope_and_the_best_offset():
    score, label = overlapping(gap=-3.0)

    curve = fit_platt(score, label)

    assert curve.slope == MIN_SLOPE
    grid = [cross_entropy(label, offset + MIN_SLOPE * score) for offset in np.linspace(-2, 2, 401)]
    assert cross_entropy(label, curve(score)) <= min(grid) + 1e-4


@pytest.mark.parametrize("label", [[0.0, 1.0, 1.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
def test_scores_that_are_all_equal_get_the_share_of_ones(label):
    label = np.array(label)
    n_ones, n_zeros = label.sum(), len(label) - label.sum()
    smoothed = (n_ones * (n_ones + 1) / (n_ones + 2) + n_zeros / (n_zeros + 2)) / 3

    logit = fit_platt(np.full(3, 4.0), label)(np.full(3, 4.0))

    np.testing.assert_allclose(1 / (1 + np.exp(-logit)), smoothed, rtol=1e-9)


def test_the_same_scores_give_the_same_bytes():
    assert fit_platt(*overlapping()).slope == fit_platt(*overlapping()).slope


@pytest.mark.parametrize("score", [np.zeros(0), np.array([0.0, np.nan])])
def test_scores_that_are_missing_or_not_finite_are_a_sentence(score):
    with pytest.raises(PipelineError, match="needs finite scores"):
        fit_platt(score, np.ones(len(score)))

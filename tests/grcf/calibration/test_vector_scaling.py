"""Vector scaling against its two-class form, and where it has to hold back."""

import numpy as np
import pytest
from scipy.special import softmax

from pipeline.errors import PipelineError
from pipeline.evaluation.selection import class_cross_entropy
from pipeline.grcf.calibration.platt import fit_platt
from pipeline.grcf.calibration.vector_scaling import fit_vector_scaling
from pipeline.grcf.network.curve import MIN_SLOPE


def overlapping(n: int = 600, n_classes: int = 3, *, scale: float = 1.0):
    """Scores of classes of unequal size that overlap, and the numbers of the classes."""
    rng = np.random.default_rng(3)
    number = rng.choice(n_classes, size=n, p=np.arange(1, n_classes + 1) / np.arange(1, n_classes + 1).sum())
    return scale * (1.5 * np.eye(n_classes)[number] + rng.normal(size=(n, n_classes))), number.astype(float)


def test_two_mirrored_scores_are_platt_scaling():
    score, label = overlapping(n_classes=2)
    margin = score[:, 1] - score[:, 0]
    platt = fit_platt(margin, label)

    curve = fit_vector_scaling(np.column_stack([-margin, margin]), label)

    logit = curve(np.column_stack([-margin, margin]))
    assert logit[:, 1] - logit[:, 0] == pytest.approx(platt(margin), abs=1e-3)


def test_it_beats_the_scores_as_logits_and_the_shares_of_the_classes():
    score, label = overlapping(scale=7.0)

    curve = fit_vector_scaling(score, label)

    error = class_cross_entropy(label, curve(score))
    shares = np.tile(np.log(np.bincount(label.astype(int)) / len(label)), (len(label), 1))
    assert error < class_cross_entropy(label, score)
    assert error < class_cross_entropy(label, shares)
    assert curve.offset.sum() == pytest.approx(0, abs=1e-9)


def test_no_step_away_from_it_is_better():
    score, label = overlapping()
    curve = fit_vector_scaling(score, label)
    of_class = np.bincount(label.astype(int))[label.astype(int), None]
    target = np.where(label[:, None] == np.arange(3), of_class + 1, 1) / (of_class + 3)

    def smoothed(offset, slope):
        return -(target * np.log(softmax(offset + slope * score, axis=1))).sum(axis=1).mean()

    best = smoothed(curve.offset, curve.slope)
    for step in np.eye(3) * 0.05:
        for offset, slope in ((step, 0), (-step, 0), (0, step), (0, -step)):
            assert smoothed(curve.offset + offset, curve.slope + slope) > best


def test_separable_scores_have_a_finite_answer():
    label = np.repeat([0.0, 1.0, 2.0], 5)
    score = 10 * np.eye(3)[label.astype(int)]
    probability = softmax(fit_vector_scaling(score, label)(score), axis=1)
    # (5 + 1) / (5 + 3) for the class of a segment.
    assert probability.max(axis=1) == pytest.approx(np.full(15, 6 / 8), abs=1e-3)


def test_scores_in_the_wrong_order_keep_it():
    score, label = overlapping()
    assert fit_vector_scaling(-score, label).slope == pytest.approx(np.full(3, MIN_SLOPE), rel=1e-6)


def test_scores_that_are_all_equal_give_the_shares():
    label = np.array([0.0, 0.0, 0.0, 1.0, 2.0])
    probability = softmax(fit_vector_scaling(np.zeros((5, 3)), label)(np.zeros((5, 3))), axis=1)
    assert probability.argmax(axis=1).tolist() == [0] * 5


def test_a_class_that_valid_lacks_gets_little():
    score, label = overlapping()
    score = np.column_stack([score, np.random.default_rng(0).normal(size=len(score))])
    probability = softmax(fit_vector_scaling(score, label)(score), axis=1)
    assert 0 < probability[:, 3].mean() < 0.02


@pytest.mark.parametrize("score", [np.zeros((0, 3)), np.full((2, 3), np.nan)])
def test_scores_without_an_answer_are_refused(score):
    with pytest.raises(PipelineError, match="finite scores"):
        fit_vector_scaling(score, np.zeros(len(score)))

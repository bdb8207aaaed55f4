"""Platt scaling: one positive slope and an offset that turn scores into the logits of a probability."""

import numpy as np
from jaxtyping import Float
from scipy.special import expit

from pipeline.grcf.calibration.piecewise_linear import require_finite
from pipeline.grcf.network.curve import MIN_SLOPE, Curve

# Newton's method on a smooth convex function of two numbers ends within about ten steps.
_MOST_STEPS = 100
_SMALLEST_DECREMENT = 1e-24
# Keeps a step finite where all probabilities are nearly 0 or 1, far from the optimum.
_RIDGE = 1e-12


def fit_platt(score: Float[np.ndarray, "segment"], label: Float[np.ndarray, "segment"]) -> Curve:
    """The logit offset + slope · score of label 1 with the least cross-entropy to smoothed labels.

    Labels 1 and 0 are smoothed to (n₁ + 1) / (n₁ + 2) and 1 / (n₀ + 2), for n₁ and n₀ segments of each (Platt 1999,
    "Probabilistic outputs for support vector machines"), so that the optimum is finite on separable scores too. It is
    found by Newton's method with backtracking (Lin, Lin and Weng 2007, "A note on Platt's probabilistic outputs").
    The slope is held at `MIN_SLOPE` or above, so the order of the scores survives even where it is the wrong one.

    Args:
        score: scores, any scale.
        label: labels, 0 or 1.

    Raises:
        PipelineError: no segments, or a score that is not finite.
    """
    score, label = np.asarray(score, np.float64), np.asarray(label, np.float64)
    require_finite(score)
    n_ones = float(label.sum())
    n_zeros = len(label) - n_ones
    target = np.where(label > 0, (n_ones + 1) / (n_ones + 2), 1 / (n_zeros + 2))
    centre, scale = float(score.mean()), float(score.std()) or 1.0
    standard = (score - centre) / scale
    ones = np.ones(len(score))
    offset, slope = _minimise(np.column_stack([ones, standard]), target, np.zeros(len(score)))
    slope /= scale
    # The loss is convex: where its optimum lies below the least slope, the best allowed one lies on it.
    if slope < MIN_SLOPE:
        slope = MIN_SLOPE
        (offset,) = _minimise(ones[:, None], target, slope * scale * standard)
    return Curve(float(offset - slope * centre), float(slope), np.zeros(0), np.zeros(0))


def _minimise(
    design: Float[np.ndarray, "segment weight"],
    target: Float[np.ndarray, "segment"],
    start: Float[np.ndarray, "segment"],
) -> Float[np.ndarray, "weight"]:
    """The weights with the least cross-entropy between `target` and the logits start + design · weights."""

    def loss(weights: Float[np.ndarray, "weight"]) -> float:
        logit = start + design @ weights
        return float(np.mean(np.logaddexp(0.0, logit) - target * logit))

    weights = np.zeros(design.shape[1])
    for _ in range(_MOST_STEPS):
        probability = expit(start + design @ weights)
        gradient = design.T @ (probability - target) / len(target)
        curvature = (design * (probability * (1 - probability))[:, None]).T @ design / len(target)
        step = np.linalg.solve(curvature + _RIDGE * np.eye(len(weights)), gradient)
        decrement = float(gradient @ step)
        if decrement < _SMALLEST_DECREMENT:
            break
        size, here = 1.0, loss(weights)
        while size > 1e-10 and loss(weights - size * step) > here - 1e-4 * size * decrement:
            size /= 2
        if size <= 1e-10:
            break
        weights = weights - size * step
    return weights

"""Vector scaling: a positive slope and an offset for each class, which turn its scores into logits."""

import numpy as np
from jaxtyping import Float
from scipy.special import log_softmax, softmax

from pipeline.grcf.calibration.piecewise_linear import require_finite
from pipeline.grcf.network.curve import MIN_SLOPE, Curve

# Of the mean cross-entropy, in nats; far below what a metric shows.
_TOLERANCE = 1e-12


def fit_vector_scaling(
    score: Float[np.ndarray, "segment class"], label: Float[np.ndarray, "segment"]
) -> Curve:
    """The logits offset_k + slope_k · score_k of classes k with the least cross-entropy to smoothed labels.

    The diagonal form of Guo et al. (2017), "On calibration of modern neural networks". Labels are smoothed as Platt (1999)
    smooths two classes: of K classes, a segment of one that n segments have counts for it with (n + 1) / (n + K), and
    for each other with 1 / (n + K), so that the optimum is finite on separable scores too. Every slope is held at
    `MIN_SLOPE` or above, so the logits of a class keep the order of its scores. Offsets add up to 0: a constant on all
    logits changes no probability.

    Args:
        score: scores, any scale.
        label: number of the class of each segment, from 0.

    Raises:
        PipelineError: no segments, or a score that is not finite.
    """
    from scipy.optimize import minimize  # inside, because it takes a quarter as long to import as torch

    score, number = np.asarray(score, np.float64), np.asarray(label, np.int64)
    require_finite(score)
    n_segments, n_classes = score.shape
    of_class = np.bincount(number, minlength=n_classes)[number, None]
    target = np.where(number[:, None] == np.arange(n_classes), of_class + 1, 1) / (of_class + n_classes)
    centre, scale = score.mean(axis=0), score.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    standard = (score - centre) / scale

    def loss(weights: Float[np.ndarray, "weight"]) -> tuple[float, Float[np.ndarray, "weight"]]:
        offset, slope = weights[:n_classes], weights[n_classes:]
        logit = offset + slope * standard
        excess = (softmax(logit, axis=1) - target) / n_segments
        value = -float((target * log_softmax(logit, axis=1)).sum()) / n_segments
        return value, np.concatenate([excess.sum(axis=0), (excess * standard).sum(axis=0)])

    # Convex, so where it starts does not matter; the bound on a slope is in units of the scores as they are.
    bounds = [(None, None)] * n_classes + [(MIN_SLOPE * float(width), None) for width in scale]
    start = np.concatenate([np.zeros(n_classes), np.maximum(1.0, MIN_SLOPE * scale)])
    found = minimize(
        loss, start, jac=True, bounds=bounds, method="L-BFGS-B",
        options={"maxiter": 1000, "maxfun": 5000, "ftol": _TOLERANCE, "gtol": 1e-9},
    ).x  # fmt: skip
    slope = np.maximum(found[n_classes:] / scale, MIN_SLOPE)
    offset = found[:n_classes] - slope * centre
    return Curve(offset - offset.mean(), slope, np.zeros(0), np.zeros(0))

"""Predictions brought onto the scale of a corpus by a few of its labels, as stage 2 does with scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64
from numpy.typing import NDArray
from scipy.special import expit, logit, softmax

from pipeline.artifacts.corpus.task import Kind
from pipeline.artifacts.evaluated.predictions import SplitPredictions
from pipeline.errors import PipelineError
from pipeline.grcf.calibration.pointwise_objective import fit_calibration

N_DRAWS = 20
"""Draws of the labels. One draw may be a lucky one, so a metric is the mean over so many."""

_SEED = 0
# Probabilities are written with six digits, so that 0 and 1 occur; their logits would be infinite.
_EPSILON = 1e-6

Outputs = Float[NDArray[np.float64], "segment *class"]


@dataclass(frozen=True, eq=False)
class Labels:
    """A few labels of one corpus, drawn again and again from a split that is not the one to be measured.

    Attributes:
        source: the segments of the corpus that labels are drawn from.
        n: number of labels in a draw.
        draws: rows of `source` in each draw; a single draw where it takes them all.
    """

    source: SplitPredictions
    n: int
    draws: tuple[Int64[np.ndarray, "label"], ...]


def draw_labels(source: SplitPredictions, n: int, *, corpus: str) -> Labels:
    """Draw `N_DRAWS` times so many segments of a corpus without replacement; the same call gives the same draws.

    Args:
        source: segments of the corpus in one split.
        n: number of labels, at least 2.
        corpus: name of the corpus, for errors.

    Raises:
        PipelineError: there are not as many segments.
    """
    n_there = len(source.ids)
    if n > n_there:
        raise PipelineError(
            f"calibration takes {n} labels of each corpus, but {corpus} has {n_there} segments in {source.split}; choose a number "
            f"up to {n_there}, or leave {corpus} out"
        )
    rng = np.random.default_rng(_SEED)
    n_draws = 1 if n == n_there else N_DRAWS
    return Labels(source, n, tuple(np.sort(rng.choice(n_there, n, replace=False)) for _ in range(n_draws)))


def recalibrate(
    known: Outputs,
    labels: Float[NDArray[np.float64], "segment"],
    others: Float[NDArray[np.float64], "other *class"],
    *,
    kind: Kind,
) -> Float[NDArray[np.float64], "other *class"]:
    """Pass predictions through the curve that brings some of them closest to their labels.

    One positive slope and an offset, so that the order stays: on numbers by absolute error, on probabilities by cross-entropy of
    their logits (Platt scaling; of several classes, vector scaling).

    Args:
        known: predictions of the segments whose labels are known.
        labels: these labels.
        others: predictions to pass through the curve.
        kind: kind of the labels.
    """
    curve = fit_calibration(_scores(known, kind), labels, task=kind, shape="affine", n_knots=0)
    calibrated = curve(_scores(others, kind))
    if kind == "classes":
        return np.asarray(softmax(calibrated, axis=-1))
    return np.asarray(expit(calibrated)) if kind == "binary" else calibrated


def recalibrated_draws(
    labels: Labels,
    rows_of_source: Float[NDArray[np.float64], "seed segment *class"],
    rows: Float[NDArray[np.float64], "seed other *class"],
    *,
    kind: Kind,
) -> Sequence[Float[NDArray[np.float64], "seed other *class"]]:
    """The predictions of every seed after a calibration of its own, for each draw of labels."""
    return [
        np.stack(
            [
                recalibrate(known[drawn], labels.source.truth[drawn], others, kind=kind)
                for known, others in zip(rows_of_source, rows, strict=True)
            ]
        )
        for drawn in labels.draws
    ]


def _scores(prediction: Outputs, kind: Kind) -> Outputs:
    if kind == "regression":
        return prediction
    inside = np.clip(prediction, _EPSILON, 1.0 - _EPSILON)
    return np.asarray(logit(inside) if kind == "binary" else np.log(inside))

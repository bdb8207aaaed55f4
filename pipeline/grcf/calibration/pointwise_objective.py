"""What stage 2 and the point-wise baseline minimise in each task, and the curve that calibrates scores for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from pipeline.artifacts.corpus.task import Kind
from pipeline.artifacts.trained.checkpoint import Link
from pipeline.errors import PipelineError
from pipeline.evaluation import selection
from pipeline.grcf.bounded_weights import bounded_weight_of
from pipeline.grcf.calibration.piecewise_linear import fit_curve
from pipeline.grcf.calibration.platt import fit_platt
from pipeline.grcf.calibration.vector_scaling import fit_vector_scaling
from pipeline.grcf.network.curve import Curve

Task = Kind
CurveShape = Literal["affine", "monotone"]
"""One positive slope and an offset, or a piecewise linear curve with several positive slopes."""


@dataclass(frozen=True)
class PointwiseObjective:
    """How outputs, after the calibration curve, are held against labels, segment by segment.

    Attributes:
        name: name of the loss, for headers.
        losses: function from the outputs and labels of a batch to one loss per segment, never negative.
        error: the same quantity over a whole split, from labels and outputs; None where the split is empty.
        link: how an output becomes a prediction.
    """

    name: str
    losses: Callable[[Tensor, Tensor], Tensor]
    error: Callable[[np.ndarray, np.ndarray], float | None]
    link: Link

    def loss(
        self,
        output: Float[Tensor, "segment *class"],
        label: Float[Tensor, "segment"],
        *,
        bound: float | None = None,
    ) -> Float[Tensor, ""]:
        """What is minimised: the mean of the losses, or their weighted mean Σ w l / Σ w under a bound.

        Args:
            output: outputs of a batch, one per segment, or one per segment and class.
            label: labels of the same segments.
            bound: the loss at which a segment weighs one half, see `bounded_weights.bounded_weight_of`; None weighs all alike.
        """
        return mean_loss(self.losses(output, label), bound=bound)


def mean_loss(losses: Float[Tensor, "label"], *, bound: float | None) -> Float[Tensor, ""]:
    """The mean of some losses, under a bound weighted as `PointwiseObjective.loss` says."""
    if bound is None:
        return losses.mean()
    weights = bounded_weight_of(losses, bound=bound)
    return (weights * losses).sum() / weights.sum()


def absolute_error(
    prediction: Float[Tensor, "segment"], label: Float[Tensor, "segment"]
) -> Float[Tensor, "segment"]:
    """Absolute error of each segment in label units."""
    return (prediction - label).abs()


def cross_entropy(
    logit: Float[Tensor, "segment"], label: Float[Tensor, "segment"]
) -> Float[Tensor, "segment"]:
    """Binary cross-entropy of each segment in nats, of labels 0 and 1 under the logits of label 1."""
    return functional.binary_cross_entropy_with_logits(logit, label, reduction="none")


def class_cross_entropy(
    logit: Float[Tensor, "segment class"], label: Float[Tensor, "segment"]
) -> Float[Tensor, "segment"]:
    """Cross-entropy of each segment in nats, of the numbers of classes under the softmax of their logits."""
    return functional.cross_entropy(logit, label.long(), reduction="none")


POINTWISE_OBJECTIVES: Mapping[Task, PointwiseObjective] = {
    "regression": PointwiseObjective(
        "absolute_error", absolute_error, selection.mean_absolute_error, "identity"
    ),
    "binary": PointwiseObjective("cross_entropy", cross_entropy, selection.cross_entropy, "logistic"),
    "classes": PointwiseObjective(
        "cross_entropy", class_cross_entropy, selection.class_cross_entropy, "softmax"
    ),
}


def require_two_labels(label: Float[np.ndarray, "segment"], *, split: str, task: Task) -> None:
    """Refuse labels on which no curve can be calibrated: a flat one fits them, and every prediction would be the same.

    Nor is there an order in them by which an epoch could be chosen. Of several classes a curve leaves some probability to those that
    it has not seen, so a single one is none too few.

    Args:
        label: the labels to calibrate on.
        split: name of their split, for the error.
        task: what the labels are.

    Raises:
        PipelineError: labels are numbers or two classes, and all are the same.
    """
    if task != "classes" and len(label) and (label == label[0]).all():
        count = "the only label" if len(label) == 1 else f"every one of the {len(label)} labels"
        raise PipelineError(
            f"{count} of {split} to calibrate on is {label[0]:g}, so nothing says how far apart predictions have to lie; move "
            f"segments with other labels to {split} (`python -m pipeline check` shows the labels of each split)"
        )


def fit_calibration(
    score: Float[np.ndarray, "segment *class"],
    label: Float[np.ndarray, "segment"],
    *,
    task: Task,
    shape: CurveShape,
    n_knots: int,
) -> Curve:
    """The best increasing curve from scores to outputs, which cannot change their order; for classes, one curve for each.

    Args:
        score: scores, any scale.
        label: labels of the same segments.
        task: "regression" fits by absolute error, "binary" by cross-entropy, which is Platt scaling, "classes" by cross-entropy
            too, which is vector scaling.
        shape: "affine" is one positive slope and an offset, "monotone" adds `n_knots` bends, for regression only.
        n_knots: number of bends of a monotone curve.

    Raises:
        PipelineError: a monotone curve for classes, no segments, or a score that is not finite.
    """
    if task == "regression":
        return fit_curve(score, label, n_knots=n_knots if shape == "monotone" else 0)
    if shape == "monotone":
        raise PipelineError(
            "a monotone calibration curve is fitted by absolute error, which classes do not have; choose affine, "
            "which is Platt scaling of two classes and vector scaling of several"
        )
    return fit_platt(score, label) if task == "binary" else fit_vector_scaling(score, label)

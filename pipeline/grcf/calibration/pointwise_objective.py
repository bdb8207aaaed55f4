"""What a magnitude is in each task: an error in label units, or the probability of the label 1."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from pipeline.artifacts.checkpoint import Link
from pipeline.errors import PipelineError
from pipeline.evaluation import selection
from pipeline.grcf.calibration.platt import fit_platt
from pipeline.grcf.network.curve import Curve, fit_curve

Task = Literal["regression", "binary"]
Calibration = Literal["affine", "monotone"]


@dataclass(frozen=True)
class Magnitude:
    """How the outputs of a model, after its curve, are held against their labels.

    Attributes:
        objective: name of the loss, for headers.
        loss: the objective of stage 2 and of the point-wise baseline, from outputs and labels of a batch.
        error: the same quantity over a whole split, from labels and outputs; None where the split is empty.
        link: how an output becomes a prediction.
    """

    objective: str
    loss: Callable[[Tensor, Tensor], Tensor]
    error: Callable[[np.ndarray, np.ndarray], float | None]
    link: Link


def absolute_error(
    prediction: Float[Tensor, "segment"], label: Float[Tensor, "segment"]
) -> Float[Tensor, ""]:
    """Mean absolute error in label units."""
    return (prediction - label).abs().mean()


def cross_entropy(logit: Float[Tensor, "segment"], label: Float[Tensor, "segment"]) -> Float[Tensor, ""]:
    """Mean binary cross-entropy in nats, of labels 0 and 1 under the logits of label 1."""
    return binary_cross_entropy_with_logits(logit, label)


MAGNITUDES: Mapping[Task, Magnitude] = {
    "regression": Magnitude("absolute_error", absolute_error, selection.mean_absolute_error, "identity"),
    "binary": Magnitude("cross_entropy", cross_entropy, selection.cross_entropy, "logistic"),
}


def fit_calibration(
    score: Float[np.ndarray, "segment"],
    label: Float[np.ndarray, "segment"],
    *,
    task: Task,
    shape: Calibration,
    n_knots: int,
) -> Curve:
    """The curve from scores to outputs that cannot change their order.

    Args:
        score: scores, any scale.
        label: their labels.
        task: "regression" fits by absolute error, "binary" by cross-entropy, which is Platt scaling.
        shape: "affine" is one positive slope and an offset, "monotone" adds `n_knots` bends, for regression only.
        n_knots: bends of the monotone curve.

    Raises:
        PipelineError: a monotone curve for two classes, no segments, or a score that is not finite.
    """
    if task == "regression":
        return fit_curve(score, label, n_knots=n_knots if shape == "monotone" else 0)
    if shape == "monotone":
        raise PipelineError(
            "a monotone calibration curve is fitted by absolute error, which binary labels do not have; set "
            "calibrate.scope (and pointwise.calibration, where it is monotone) to affine, which is Platt scaling"
        )
    return fit_platt(score, label)

"""Whether a prediction means what it says: labels against predictions, by bins of the predicted score."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from pipeline.artifacts.evaluated.evaluation import ReliabilityBin
from pipeline.errors import PipelineError
from pipeline.evaluation.formulas import calibration_offset, calibration_slope
from pipeline.evaluation.metrics import Undefined, require_comparable
from pipeline.evaluation.samples import Samples
from pipeline.evaluation.selection import Segments


def reliability(
    truth: Float[NDArray[np.float64], "n_labels"],
    prediction: Float[NDArray[np.float64], "n_predictions"],
    *,
    n_bins: int,
) -> tuple[ReliabilityBin, ...]:
    """Labels and errors by quantile bin of the prediction.

    Equal predictions share a bin (that of their middle rank), so the bins depend on the values alone and not
    on the order of the segments; with many ties there are fewer than `n_bins` of them, and none is empty.

    Args:
        truth: labels in label units.
        prediction: predictions of the same segments in label units.
        n_bins: number of bins that are asked for, at least 1.

    Returns:
        the bins, from the lowest predictions to the highest; none where there are no segments.

    Raises:
        PipelineError: the lengths differ, a value is not finite, or `n_bins` is below 1.
    """
    require_comparable(truth, prediction, axis=0)
    if n_bins < 1:
        raise PipelineError(f"the number of reliability bins is {n_bins}; it must be at least 1")
    _, level, n_at_level = np.unique(prediction, return_inverse=True, return_counts=True)
    n_below = np.cumsum(n_at_level) - n_at_level
    bin_of_level = (2 * n_below + n_at_level - 1) * n_bins // max(2 * len(truth), 1)
    bin_of_segment = bin_of_level[level]
    return tuple(
        _bin(truth[bin_of_segment == b], prediction[bin_of_segment == b]) for b in np.unique(bin_of_segment)
    )


def expected_calibration_error(bins: Sequence[ReliabilityBin]) -> float | Undefined:
    """Mean over the segments of `|mean label - mean prediction|` of their bin, in label units.

    Zero is calibrated. The regression form of the expected calibration error (Naeini et al., 2015). It depends on the number of
    bins and grows with it, also for a calibrated model, so compare only errors from equal `n_bins` and equal
    numbers of segments.
    """
    n_segments = sum(row.n_segments for row in bins)
    if n_segments == 0:
        return Undefined("there are no segments")
    return sum(row.n_segments * abs(row.mean_truth - row.mean_prediction) for row in bins) / n_segments


def calibration_line(
    truth: Float[NDArray[np.float64], "n_labels"],
    prediction: Float[NDArray[np.float64], "n_predictions"],
) -> tuple[float, float] | Undefined:
    """Slope and offset of the least-squares line of label on prediction; 1 and 0 are calibrated.

    A slope below 1 says that predictions spread too far. For binary labels, whose predictions are probabilities, it is
    the linear form of the calibration slope (Cox, 1958), with the same two values of the calibrated model.
    """
    require_comparable(truth, prediction, axis=0)
    if len(truth) == 0:
        return Undefined("there are no segments")
    if np.ptp(prediction) == 0:
        return Undefined("all predictions are equal")
    once = Samples(np.ones((1, len(truth))))
    slope, offset = (
        float(formula(truth, prediction, once)[0]) for formula in (calibration_slope, calibration_offset)
    )
    if not (np.isfinite(slope) and np.isfinite(offset)):
        return Undefined("the values exceed the range of double precision")
    return slope, offset


def _bin(truth: Segments, prediction: Segments) -> ReliabilityBin:
    return ReliabilityBin(
        n_segments=len(truth),
        mean_prediction=float(np.mean(prediction)),
        mean_truth=float(np.mean(truth)),
        mean_absolute_error=float(np.mean(np.abs(prediction - truth))),
    )

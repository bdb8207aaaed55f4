"""The formulas of the metrics, each written once for a sample and for all its resamples.

Every function takes `truth` and `prediction` (label units) and `counts`: how often each segment occurs in
each resample; a row of ones is the sample itself. So a bootstrap interval and the number it belongs to come
from the same line of code. A formula does not look after its own domain: what it needs (`metrics.Need`) is
checked by its caller.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from jaxtyping import Bool
from numpy.typing import NDArray

from pipeline.evaluation.groups import interval_of
from pipeline.evaluation.selection import Counts, PairCounter, PairCounts, Segments, Values

Formula = Callable[[Segments, Segments, Counts], Values]


def mean_absolute_error(truth: Segments, prediction: Segments, counts: Counts) -> Values:
    """Mean of `|prediction - truth|`."""
    return _mean(np.abs(prediction - truth), counts)


def pearson(truth: Segments, prediction: Segments, counts: Counts) -> Values:
    """Pearson's correlation: covariance over the product of the standard deviations."""
    moments = _Moments(truth, prediction, counts)
    scale = np.sqrt(moments.variance_truth) * np.sqrt(moments.variance_prediction)
    correlation: Values = np.clip(moments.covariance / scale, -1.0, 1.0)
    return correlation


def calibration_slope(truth: Segments, prediction: Segments, counts: Counts) -> Values:
    """Slope of the least-squares line of truth on prediction."""
    return _Moments(truth, prediction, counts).slope


def calibration_offset(truth: Segments, prediction: Segments, counts: Counts) -> Values:
    """Value of the least-squares line of truth on prediction at prediction 0."""
    return _mean(truth, counts) - calibration_slope(truth, prediction, counts) * _mean(prediction, counts)


def ordered_pair_accuracy(truth: Segments, prediction: Segments, counts: Counts) -> Values:
    """Share of the pairs with different labels that the predictions order alike; a tie counts one half."""
    pairs = _pairs(truth, prediction, counts)
    return (pairs.concordant + 0.5 * pairs.tied) / pairs.ordered


def kendall_tau(truth: Segments, prediction: Segments, counts: Counts) -> Values:
    """Kendall's tau-b: concordant minus discordant pairs, over the geometric mean of the untied of each side."""
    pairs = _pairs(truth, prediction, counts)
    discordant = pairs.ordered - pairs.concordant - pairs.tied
    # One root of the product: two roots would make a perfect order 1.0000000000000002.
    return (pairs.concordant - discordant) / np.sqrt(pairs.ordered * pairs.untied)


def rounded_accuracy(limit: float) -> Formula:
    """Accuracy of the class: the value clipped to ±`limit` and rounded half to even, as NumPy rounds."""

    def formula(truth: Segments, prediction: Segments, counts: Counts) -> Values:
        classes = (np.round(np.clip(values, -limit, limit)) for values in (truth, prediction))
        return _mean(np.equal(*classes), counts)

    return formula


def cut_accuracy(*cuts: float) -> Formula:
    """Accuracy of the class: the interval between `cuts`; a value on a cut belongs to the class below."""

    def formula(truth: Segments, prediction: Segments, counts: Counts) -> Values:
        return _mean(interval_of(truth, cuts) == interval_of(prediction, cuts), counts)

    return formula


def cut_f1(cut: float) -> Formula:
    """Weighted F1 of the two classes below (at most) and above `cut`."""

    def formula(truth: Segments, prediction: Segments, counts: Counts) -> Values:
        return _weighted_f1(interval_of(truth, (cut,)) == 1, interval_of(prediction, (cut,)) == 1, counts)

    return formula


def cut_f1_macro(cut: float) -> Formula:
    """Mean of the F1 of the two classes below (at most) and above `cut`, both alike."""

    def formula(truth: Segments, prediction: Segments, counts: Counts) -> Values:
        classes = _class_counts(interval_of(truth, (cut,)) == 1, interval_of(prediction, (cut,)) == 1, counts)
        return sum((n_hit / n_either for _, n_hit, n_either in classes), np.zeros(len(counts)))

    return formula


def mean_squared_error(truth: Segments, prediction: Segments, counts: Counts) -> Values:
    """Mean of `(prediction - truth)²`; the Brier score, where the prediction is a probability."""
    return _mean((prediction - truth) ** 2, counts)


def binned_calibration_error(n_bins: int) -> Formula:
    """Mean over the segments of `|mean label - mean prediction|` of their bin; bins of equal width in [0, 1]."""

    def formula(truth: Segments, prediction: Segments, counts: Counts) -> Values:
        # A value on an edge belongs to the bin below, 0 to the first.
        edges = np.linspace(0.0, 1.0, n_bins + 1)[1:-1]
        bin_of_segment = np.searchsorted(edges, prediction, side="left")
        total = np.zeros(len(counts))
        for number in range(n_bins):
            inside = bin_of_segment == number
            total += np.abs(counts[:, inside] @ (truth - prediction)[inside])
        n_segments: Values = counts.sum(axis=1)
        return total / n_segments

    return formula


def accuracy_negative_nonnegative(truth: Segments, prediction: Segments, counts: Counts) -> Values:
    """Accuracy of `value >= 0` over all segments."""
    return _mean((truth >= 0) == (prediction >= 0), counts)


def f1_negative_nonnegative(truth: Segments, prediction: Segments, counts: Counts) -> Values:
    """Weighted F1 of `value >= 0` over all segments."""
    return _weighted_f1(truth >= 0, prediction >= 0, counts)


def accuracy_negative_positive(truth: Segments, prediction: Segments, counts: Counts) -> Values:
    """Accuracy of `value > 0` over the segments whose label is not zero."""
    return _mean((truth > 0) == (prediction > 0), counts * (truth != 0))


def f1_negative_positive(truth: Segments, prediction: Segments, counts: Counts) -> Values:
    """Weighted F1 of `value > 0` over the segments whose label is not zero."""
    return _weighted_f1(truth > 0, prediction > 0, counts * (truth != 0))


class _RememberedPairs:
    """The pairs of one set of labels and predictions, counted once for all metrics that look at the same samples."""

    def __init__(self, truth: Segments, prediction: Segments) -> None:
        self._counter = PairCounter(truth, prediction)
        self._last: tuple[Counts, PairCounts] | None = None

    def __call__(self, counts: Counts) -> PairCounts:
        if self._last is not None and self._last[0] is counts:
            return self._last[1]
        found = self._counter(counts)
        # An array that can be written to may hold something else the next time.
        self._last = None if counts.flags.writeable else (counts, found)
        return found


def _pairs(truth: Segments, prediction: Segments, counts: Counts) -> PairCounts:
    return _remembered_pairs(truth.tobytes(), prediction.tobytes())(counts)


@lru_cache(maxsize=2)
def _remembered_pairs(truth: bytes, prediction: bytes) -> _RememberedPairs:
    return _RememberedPairs(np.frombuffer(truth), np.frombuffer(prediction))


class _Moments:
    """Second moments about the mean; centred and scaled values keep squares from overflow and from zero."""

    def __init__(self, truth: Segments, prediction: Segments, counts: Counts) -> None:
        y, self._scale_truth = _standard(truth)
        p, self._scale_prediction = _standard(prediction)
        mean_y, mean_p = _mean(y, counts), _mean(p, counts)
        self.variance_truth = np.maximum(_mean(y * y, counts) - mean_y**2, 0.0)
        self.variance_prediction = np.maximum(_mean(p * p, counts) - mean_p**2, 0.0)
        self.covariance = _mean(y * p, counts) - mean_y * mean_p

    @property
    def slope(self) -> Values:
        return self.covariance / self.variance_prediction * (self._scale_truth / self._scale_prediction)


def _standard(values: Segments) -> tuple[Segments, float]:
    centred = values - np.mean(values)
    scale = float(np.max(np.abs(centred))) or 1.0
    return centred / scale, scale


def _mean(values: Segments | Bool[NDArray[np.bool_], "segment"], counts: Counts) -> Values:
    n_segments: Values = counts.sum(axis=1)
    return counts @ values.astype(np.float64) / n_segments


def _weighted_f1(
    truth: Bool[NDArray[np.bool_], "segment"], prediction: Bool[NDArray[np.bool_], "segment"], counts: Counts
) -> Values:
    """F1 of each class, weighted by its share of the *truth*: swapped arguments give another number."""
    total = np.zeros(len(counts))
    for n_true, n_hit, n_either in _class_counts(truth, prediction, counts):
        total += n_true * 2.0 * n_hit / n_either
    n_segments: Values = counts.sum(axis=1)
    return total / n_segments


def _class_counts(
    truth: Bool[NDArray[np.bool_], "segment"], prediction: Bool[NDArray[np.bool_], "segment"], counts: Counts
) -> Iterator[tuple[Values, Values, Values]]:
    """What the F1 of each class is made of: segments that are true, hit, and true plus predicted; F1 = 2 · hit / the last."""
    for is_true, is_predicted in ((truth, prediction), (~truth, ~prediction)):
        n_true, n_predicted, n_hit = (
            counts @ chosen.astype(np.float64) for chosen in (is_true, is_predicted, is_true & is_predicted)
        )
        # A class that is neither true nor predicted has no F1 and no weight.
        yield n_true, n_hit, np.maximum(n_true + n_predicted, 1.0)

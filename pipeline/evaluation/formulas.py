"""The formulas of the metrics, each written once for a sample and for all its resamples.

Every function takes `truth` and `prediction` (label units) and `samples` of their segments. So a bootstrap interval
and the number it belongs to come from the same line of code. A formula does not look after its own domain: what it
needs (`metrics.Need`) is checked by its caller.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool
from numpy.typing import NDArray

from pipeline.evaluation.groups import interval_of
from pipeline.evaluation.resampled_pairs import ResampledPairs
from pipeline.evaluation.samples import Samples
from pipeline.evaluation.selection import (
    PairCounts,
    Segments,
    Values,
    segment_pairs,
    unequal_pairs,
)

Formula = Callable[[Segments, Segments, Samples], Values]


def mean_absolute_error(truth: Segments, prediction: Segments, samples: Samples) -> Values:
    """Mean of `|prediction - truth|`."""
    return samples.mean(np.abs(prediction - truth))


def pearson(truth: Segments, prediction: Segments, samples: Samples) -> Values:
    """Pearson's correlation: covariance over the product of the standard deviations."""
    moments = _moments(truth, prediction, samples)
    scale = np.sqrt(moments.variance_truth) * np.sqrt(moments.variance_prediction)
    correlation: Values = np.clip(moments.covariance / scale, -1.0, 1.0)
    return correlation


def calibration_slope(truth: Segments, prediction: Segments, samples: Samples) -> Values:
    """Slope of the least-squares line of truth on prediction."""
    return _moments(truth, prediction, samples).slope


def calibration_offset(truth: Segments, prediction: Segments, samples: Samples) -> Values:
    """Value of the least-squares line of truth on prediction at prediction 0."""
    slope = calibration_slope(truth, prediction, samples)
    return samples.mean(truth) - slope * samples.mean(prediction)


def ordered_pair_accuracy(truth: Segments, prediction: Segments, samples: Samples) -> Values:
    """Share of the pairs with different labels that the predictions order alike; a tie counts one half."""
    pairs = _pairs(truth, prediction, samples)
    return (pairs.concordant + 0.5 * pairs.tied) / pairs.ordered


def kendall_tau(truth: Segments, prediction: Segments, samples: Samples) -> Values:
    """Kendall's tau-b: concordant minus discordant pairs, over the geometric mean of the untied of each side."""
    pairs = _pairs(truth, prediction, samples)
    discordant = pairs.ordered - pairs.concordant - pairs.tied
    # One root of the product: two roots would make a perfect order 1.0000000000000002.
    return (pairs.concordant - discordant) / np.sqrt(pairs.ordered * pairs.untied)


def rounded_accuracy(limit: float) -> Formula:
    """Accuracy of the class: the value clipped to ±`limit` and rounded half to even, as NumPy rounds."""

    def formula(truth: Segments, prediction: Segments, samples: Samples) -> Values:
        classes = (np.round(np.clip(values, -limit, limit)) for values in (truth, prediction))
        return samples.mean(np.equal(*classes))

    return formula


def cut_accuracy(*cuts: float) -> Formula:
    """Accuracy of the class: the interval between `cuts`; a value on a cut belongs to the class below."""

    def formula(truth: Segments, prediction: Segments, samples: Samples) -> Values:
        return samples.mean(interval_of(truth, cuts) == interval_of(prediction, cuts))

    return formula


def cut_f1(cut: float) -> Formula:
    """Weighted F1 of the two classes below (at most) and above `cut`."""

    def formula(truth: Segments, prediction: Segments, samples: Samples) -> Values:
        return _weighted_f1(interval_of(truth, (cut,)) == 1, interval_of(prediction, (cut,)) == 1, samples)

    return formula


def cut_f1_macro(cut: float) -> Formula:
    """Mean of the F1 of the two classes below (at most) and above `cut`, both alike."""

    def formula(truth: Segments, prediction: Segments, samples: Samples) -> Values:
        classes = _class_counts(
            interval_of(truth, (cut,)) == 1, interval_of(prediction, (cut,)) == 1, samples
        )
        return sum((n_hit / n_either for _, n_hit, n_either in classes), np.zeros(len(samples)))

    return formula


def mean_squared_error(truth: Segments, prediction: Segments, samples: Samples) -> Values:
    """Mean of `(prediction - truth)²`; the Brier score, where the prediction is a probability."""
    return samples.mean((prediction - truth) ** 2)


def binned_calibration_error(n_bins: int) -> Formula:
    """Mean over the segments of `|mean label - mean prediction|` of their bin; bins of equal width in [0, 1]."""

    def formula(truth: Segments, prediction: Segments, samples: Samples) -> Values:
        # A value on an edge belongs to the bin below, 0 to the first.
        edges = np.linspace(0.0, 1.0, n_bins + 1)[1:-1]
        bin_of_segment = np.searchsorted(edges, prediction, side="left")
        total = np.zeros(len(samples))
        for number in range(n_bins):
            inside = bin_of_segment == number
            total += np.abs(samples.counts[:, inside] @ (truth - prediction)[inside])
        return total / samples.n_segments

    return formula


def accuracy_negative_nonnegative(truth: Segments, prediction: Segments, samples: Samples) -> Values:
    """Accuracy of `value >= 0` over all segments."""
    return samples.mean((truth >= 0) == (prediction >= 0))


def f1_negative_nonnegative(truth: Segments, prediction: Segments, samples: Samples) -> Values:
    """Weighted F1 of `value >= 0` over all segments."""
    return _weighted_f1(truth >= 0, prediction >= 0, samples)


def accuracy_negative_positive(truth: Segments, prediction: Segments, samples: Samples) -> Values:
    """Accuracy of `value > 0` over the segments whose label is not zero."""
    counted = truth != 0
    return samples.total(((truth > 0) == (prediction > 0)) & counted) / samples.total(counted)


def f1_negative_positive(truth: Segments, prediction: Segments, samples: Samples) -> Values:
    """Weighted F1 of `value > 0` over the segments whose label is not zero."""
    return _weighted_f1(truth > 0, prediction > 0, samples, among=truth != 0)


def _pairs(truth: Segments, prediction: Segments, samples: Samples) -> PairCounts:
    of_truth = samples.digest(truth)
    of_both = (of_truth, samples.digest(prediction))
    n_pairs = samples.remembered("pairs", lambda: segment_pairs(samples.exact, n_segments=samples.n_segments))
    ordered = samples.remembered(
        ("unequal", of_truth), lambda: unequal_pairs(truth, samples.exact, n_pairs=n_pairs)
    )
    return samples.remembered(
        ("pairs", of_both),
        lambda: samples.of_row(("pairs", of_both), lambda: ResampledPairs(truth, prediction))(
            samples.exact, n_pairs=n_pairs, ordered=ordered
        ),
    )


@dataclass(frozen=True, eq=False)
class _Moments:
    """Second moments about the mean, of centred and scaled values; `scale` is that of truth over that of predictions."""

    variance_truth: Values
    variance_prediction: Values
    covariance: Values
    scale: float

    @property
    def slope(self) -> Values:
        return self.covariance / self.variance_prediction * self.scale


def _moments(truth: Segments, prediction: Segments, samples: Samples) -> _Moments:
    return samples.remembered(
        ("moments", samples.digest(truth), samples.digest(prediction)),
        lambda: _computed_moments(truth, prediction, samples),
    )


def _computed_moments(truth: Segments, prediction: Segments, samples: Samples) -> _Moments:
    of_truth, of_prediction = samples.digest(truth), samples.digest(prediction)
    y, p = (
        samples.of_row(("standard", digest), partial(_Standard.of, values))
        for digest, values in ((of_truth, truth), (of_prediction, prediction))
    )
    product = samples.of_row(("product", of_truth, of_prediction), lambda: _read_only(y.values * p.values))
    mean_y, mean_p = samples.mean(y.values), samples.mean(p.values)
    return _Moments(
        variance_truth=np.maximum(samples.mean(y.squares) - mean_y**2, 0.0),
        variance_prediction=np.maximum(samples.mean(p.squares) - mean_p**2, 0.0),
        covariance=samples.mean(product) - mean_y * mean_p,
        scale=y.scale / p.scale,
    )


class _Standard(NamedTuple):
    """Values about their mean, divided by the greatest of their distances from it, which is `scale`; and their squares.

    Centred and scaled values keep squares from overflow and from zero.
    """

    values: Segments
    squares: Segments
    scale: float

    @classmethod
    def of(cls, values: Segments) -> "_Standard":
        centred = values - np.mean(values)
        scale = float(np.max(np.abs(centred))) or 1.0
        scaled = centred / scale
        return cls(_read_only(scaled), _read_only(scaled * scaled), scale)


def _read_only(values: Segments) -> Segments:
    """The array, which samples then look up without reading it again."""
    values.setflags(write=False)
    return values


def _weighted_f1(
    truth: Bool[NDArray[np.bool_], "segment"],
    prediction: Bool[NDArray[np.bool_], "segment"],
    samples: Samples,
    among: Bool[NDArray[np.bool_], "segment"] | None = None,
) -> Values:
    """F1 of each class, weighted by its share of the *truth*: swapped arguments give another number.

    `among` chooses the segments that count; None is all of them.
    """
    total, n_segments = np.zeros(len(samples)), np.zeros(len(samples))
    for n_true, n_hit, n_either in _class_counts(truth, prediction, samples, among):
        total += n_true * 2.0 * n_hit / n_either
        n_segments += n_true
    return total / n_segments


def _class_counts(
    truth: Bool[NDArray[np.bool_], "segment"],
    prediction: Bool[NDArray[np.bool_], "segment"],
    samples: Samples,
    among: Bool[NDArray[np.bool_], "segment"] | None = None,
) -> Iterator[tuple[Values, Values, Values]]:
    """What the F1 of each class is made of: segments that are true, hit, and true plus predicted; F1 = 2 · hit / the last."""
    n = samples.n_segments if among is None else samples.total(among)
    n_true, n_predicted, n_hit = (
        samples.total(chosen if among is None else chosen & among)
        for chosen in (truth, prediction, truth & prediction)
    )
    # What is neither true nor predicted of one class is a hit of the other.
    of_other = n - n_true, n - n_predicted, n - n_true - n_predicted + n_hit
    for true, predicted, hit in ((n_true, n_predicted, n_hit), of_other):
        # A class that is neither true nor predicted has no F1 and no weight.
        yield true, hit, np.maximum(true + predicted, 1.0)

"""The formulas of the metrics of classes, as those of `formulas`; predictions are a probability for each segment and class.

`truth` holds the number of each segment's class, from 0. The predicted class is the most probable one, the first of equals.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64
from numpy.typing import NDArray

from pipeline.evaluation.formulas import Formula, binned_calibration_error
from pipeline.evaluation.formulas import ordered_pair_accuracy as ordered_pairs
from pipeline.evaluation.samples import Samples
from pipeline.evaluation.selection import Segments, Values

Probabilities = Float[NDArray[np.float64], "segment class"]
"""A probability for each segment and class; where only their order counts, any score."""

# A probability of 0 for what happened would be an infinite loss. Files hold six digits of a probability, and what is measured
# after reading them has to be what was measured before.
_LEAST_PROBABILITY = 1e-6


def accuracy(truth: Segments, prediction: Probabilities, samples: Samples) -> Values:
    """Share of the segments whose predicted class is their own."""
    return samples.mean(predicted_class(prediction) == truth)


def balanced_accuracy(truth: Segments, prediction: Probabilities, samples: Samples) -> Values:
    """Mean over the classes that occur of the share of their segments that are found: the unweighted average recall."""
    recalls = [
        (found.n_hit / np.maximum(found.n_true, 1.0), found.n_true > 0)
        for found in _classes(truth, prediction, samples)
    ]
    return _mean_of_defined(recalls)


def f1_weighted(truth: Segments, prediction: Probabilities, samples: Samples) -> Values:
    """F1 of each class, weighted by its share of the labels."""
    weighted = [found.n_true * found.f1 for found in _classes(truth, prediction, samples)]
    return np.asarray(np.sum(weighted, axis=0) / samples.n_segments)


def f1_macro(truth: Segments, prediction: Probabilities, samples: Samples) -> Values:
    """Mean of the F1 of the classes that occur, in labels or in predictions."""
    return _mean_of_defined(
        [(found.f1, found.n_true + found.n_predicted > 0) for found in _classes(truth, prediction, samples)]
    )


def log_loss(truth: Segments, prediction: Probabilities, samples: Samples) -> Values:
    """Mean of the negative logarithm of the probability of each segment's class, in nats; one below a millionth counts as that."""
    own = prediction[np.arange(len(truth)), truth.astype(np.int64)]
    return samples.mean(-np.log(np.maximum(own, _LEAST_PROBABILITY)))


def brier_score(truth: Segments, prediction: Probabilities, samples: Samples) -> Values:
    """Mean over the segments of Σ_k (p_k − [k is the class])², from 0 to 2."""
    is_own = truth[:, None] == np.arange(prediction.shape[1])
    return samples.mean(np.square(prediction - is_own).sum(axis=1))


def auroc(truth: Segments, prediction: Probabilities, samples: Samples) -> Values:
    """Mean over the classes of the area under the ROC curve of one class against all others; a tie counts half.

    A class that no segment of a resample has, or that all have, is left out of it.
    """
    areas = []
    for number, column in enumerate(prediction.T):
        order = np.argsort(column, kind="stable")
        starts = np.flatnonzero(np.diff(column[order], prepend=-np.inf))
        is_own, times = (truth == number)[order], samples.counts[:, order]
        own, other = (np.add.reduceat(times * chosen, starts, axis=1) for chosen in (is_own, ~is_own))
        n_own, n_other = own.sum(axis=1), other.sum(axis=1)
        # Of each level of the score: the others strictly below it, and half of those on it.
        below = np.cumsum(other, axis=1) - other / 2
        won = np.einsum("rl,rl->r", own, below)
        areas.append((won / np.maximum(n_own * n_other, 1.0), (n_own > 0) & (n_other > 0)))
    return _mean_of_defined(areas)


def calibration_error(n_bins: int) -> Formula:
    """Distance of confidence and accuracy in bins of equal width; the confidence is the probability of the predicted class."""
    of_two_classes = binned_calibration_error(n_bins)

    def formula(truth: Segments, prediction: Probabilities, samples: Samples) -> Values:
        return of_two_classes(*confidence_of(truth, prediction), samples)

    return formula


def ordered_pair_accuracy(truth: Segments, prediction: Probabilities, samples: Samples) -> Values:
    """Share of the pairs of different classes whose expected places Σ_k k · p_k are in their order; a tie counts half."""
    return ordered_pairs(truth, expected_place(prediction), samples)


def expected_place(prediction: Probabilities) -> Segments:
    """Where a segment stands among classes with an order: Σ_k k · p_k."""
    place: Segments = prediction @ np.arange(prediction.shape[1], dtype=np.float64)
    return place


def predicted_class(
    prediction: Float[NDArray[np.float64], "*shape class"],
) -> Int64[NDArray[np.int64], "*shape"]:
    """Number of the most probable class, the first of equals."""
    return np.asarray(prediction.argmax(axis=-1), np.int64)


def confidence_of(truth: Segments, prediction: Probabilities) -> tuple[Segments, Segments]:
    """Whether the predicted class is right, as 1 or 0, and its probability."""
    return (predicted_class(prediction) == truth).astype(np.float64), prediction.max(axis=1)


class ClassCounts(NamedTuple):
    """Segments of one class, by resample: those that have it, those for which it is predicted, and both."""

    n_true: Values
    n_predicted: Values
    n_hit: Values

    @property
    def f1(self) -> Values:
        """Twice the hits over the segments that have the class plus those for which it is predicted; 0 without any."""
        return 2.0 * self.n_hit / np.maximum(self.n_true + self.n_predicted, 1.0)


def class_counts(truth: Segments, prediction: Probabilities) -> list[ClassCounts]:
    """The counts of each class in the sample itself."""
    return list(_classes(truth, prediction, Samples(np.ones((1, len(truth))))))


def _classes(truth: Segments, prediction: Probabilities, samples: Samples) -> Iterator[ClassCounts]:
    predicted = predicted_class(prediction)
    for number in range(prediction.shape[1]):
        is_true, is_predicted = truth == number, predicted == number
        yield ClassCounts(
            *(samples.total(chosen) for chosen in (is_true, is_predicted, is_true & is_predicted))
        )


def _mean_of_defined(values: list[tuple[Values, NDArray[np.bool_]]]) -> Values:
    """The mean over classes by resample, of those for which the value is defined; NaN without any."""
    total = np.sum([np.where(defined, value, 0.0) for value, defined in values], axis=0)
    with np.errstate(invalid="ignore"):
        return np.asarray(total / np.sum([defined for _, defined in values], axis=0))

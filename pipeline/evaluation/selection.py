"""The measures that may select a training epoch.

Training depends on this file and on nothing else in the package, so it imports nothing from the package: a
metric added elsewhere must not train a model again.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

Segments = Float[NDArray[np.float64], "segment"]
"""A number for each segment."""

Counts = Float[NDArray[np.float64], "resample segment"]
"""How often each segment occurs in each resample: whole numbers; a row of ones is the sample itself."""

Values = Float[NDArray[np.float64], "resample"]
"""A number for each resample."""

Outputs = Float[NDArray[np.float64], "segment *class"]
"""A number for each segment, or, where labels are classes, one for each segment and class."""


class PairCounts(NamedTuple):
    """Pairs of segments with different labels, by their order in the predictions; one entry per resample.

    Attributes:
        ordered: number of pairs with `truth_i > truth_j`.
        concordant: number of these pairs with `prediction_i > prediction_j`.
        tied: number of these pairs with `prediction_i == prediction_j`.
    """

    ordered: Values
    concordant: Values
    tied: Values


def ordered_pair_accuracy(truth: Segments, prediction: Segments) -> float | None:
    """The share of pairs with different labels that the predictions order alike; a tie counts one half.

    Invariant under every strictly increasing map of the predictions; 0.5 is chance, and any constant
    prediction. For two classes it is the area under the ROC curve. Also known as the concordance index
    (Harrell et al., 1982).

    Args:
        truth: labels of the segments, finite.
        prediction: predictions or scores of the same segments, finite; their unit does not matter.

    Returns:
        A number in [0, 1], exact up to one division; None where no two labels differ.

    Raises:
        ValueError: a value is not finite (a NaN would sort as the largest prediction and pass for a good
        one).

    >>> ordered_pair_accuracy(np.array([-1.0, 0.0, 2.0]), np.array([0.1, 0.1, 0.7]))
    0.8333333333333334
    """
    _require_finite(truth, prediction)
    pairs = pair_counts(truth, prediction, np.ones((1, len(truth))))
    if pairs.ordered[0] == 0:
        return None
    return float((pairs.concordant[0] + 0.5 * pairs.tied[0]) / pairs.ordered[0])


def order(truth: Segments, scores: Outputs) -> float | None:
    """How well scores order segments: `ordered_pair_accuracy`, and for classes its mean over one class against all others.

    The latter is the macro average of the areas under the ROC curves, over the classes that some segments have and others
    have not.

    Args:
        truth: labels of the segments, or the numbers of their classes.
        scores: one score per segment, or one per segment and class.

    Returns:
        A number in [0, 1]; None where no two labels differ.

    Raises:
        ValueError: a value is not finite.

    >>> order(np.array([0.0, 1.0, 2.0]), np.array([[2.0, 0.0, 0.0], [0.0, 2.0, 1.0], [0.0, 1.0, 2.0]]))
    1.0
    """
    if scores.ndim == 1:
        return ordered_pair_accuracy(truth, scores)
    by_class = [
        ordered_pair_accuracy((truth == number).astype(np.float64), column)
        for number, column in enumerate(scores.T)
    ]
    found = [area for area in by_class if area is not None]
    return float(np.mean(found)) if found else None


def mean_absolute_error(truth: Segments, prediction: Segments) -> float | None:
    """The mean of `|prediction - truth|`, in label units.

    Args:
        truth: labels of the segments, finite, in label units.
        prediction: predictions of the same segments, finite, in label units.

    Returns:
        A number from 0 up; None where there is no segment.

    Raises:
        ValueError: a value is not finite.
    """
    _require_finite(truth, prediction)
    return float(np.mean(np.abs(prediction - truth))) if len(truth) else None


def cross_entropy(truth: Segments, logit: Segments) -> float | None:
    """The mean binary cross-entropy of labels 0 and 1 under the logits of label 1, in nats.

    Args:
        truth: labels of the segments, 0 or 1.
        logit: logarithms of the odds of label 1 for the same segments, finite.

    Returns:
        A number from 0 up, finite for every finite logit; None where there is no segment.

    Raises:
        ValueError: a value is not finite.

    >>> cross_entropy(np.array([1.0, 0.0]), np.array([0.0, 0.0]))
    0.6931471805599453
    """
    _require_finite(truth, logit)
    return float(np.mean(np.logaddexp(0.0, logit) - truth * logit)) if len(truth) else None


def class_cross_entropy(truth: Segments, logit: Float[NDArray[np.float64], "segment class"]) -> float | None:
    """The mean cross-entropy of classes under the softmax of their logits, in nats.

    Args:
        truth: number of the class of each segment, from 0.
        logit: logarithm of the probability of each class, up to a constant per segment; finite.

    Returns:
        A number from 0 up; None where there is no segment.

    Raises:
        ValueError: a value is not finite.

    >>> class_cross_entropy(np.array([1.0, 0.0]), np.zeros((2, 2)))
    0.6931471805599453
    """
    _require_finite(truth, logit)
    if not len(truth):
        return None
    total = np.logaddexp.reduce(logit, axis=1)
    return float(np.mean(total - logit[np.arange(len(truth)), truth.astype(np.int64)]))


def pair_counts(truth: Segments, prediction: Segments, counts: Counts) -> PairCounts:
    """Counts the ordered, concordant and tied pairs of samples in which each segment occurs `counts` times.

    The concordant pairs are counted one bit of the predictions' rank at a time: two ranks `a < b` differ
    first in a bit that is 0 in `a` and 1 in `b`, so within each group of equal higher bits, a running sum
    over the segments in the order of their labels meets every concordant pair once. That is `log2(n)` passes
    over `counts`, shared by all resamples, in place of the n² pairs. All numbers are whole and below 2**53,
    hence exact.

    Args:
        truth: labels of the segments, finite.
        prediction: predictions of the same segments, finite.
        counts: how often each segment occurs in each sample.

    Returns:
        the counts, a number for each sample.
    """
    truth_rank, prediction_rank = _dense_rank(truth), _dense_rank(prediction)
    ordered = pairs_apart(truth, counts)
    apart_in_either = pairs_apart(
        (truth_rank * (len(truth) + 1) + prediction_rank).astype(np.float64), counts
    )
    tied = apart_in_either - pairs_apart(prediction, counts)

    # Within equal labels the predictions fall, so that no pair of equal labels can look concordant.
    by_truth = np.lexsort((-prediction_rank, truth_rank))
    rank, counts = prediction_rank[by_truth], counts[:, by_truth]
    concordant = np.zeros(len(counts))
    n_bits = int(rank.max(initial=0)).bit_length()
    for bit in reversed(range(n_bits)):
        group = rank >> (bit + 1)
        arranged = np.argsort(group, kind="stable")
        is_low = (rank[arranged] >> bit) & 1 == 0
        low, high = arranged[is_low], arranged[~is_low]
        low_so_far = np.zeros((len(counts), len(low) + 1))
        np.cumsum(counts[:, low], axis=1, out=low_so_far[:, 1:])
        n_low_before = np.cumsum(is_low)[~is_low]
        n_low_in_groups_before = np.searchsorted(group[low], group[high])
        n_lower = low_so_far[:, n_low_before] - low_so_far[:, n_low_in_groups_before]
        concordant += np.einsum("rs,rs->r", counts[:, high], n_lower)
    return PairCounts(ordered, concordant, tied)


def pairs_apart(values: Segments, counts: Counts) -> Values:
    """The number of pairs whose values differ, in samples in which each segment occurs `counts` times."""
    if len(values) == 0:
        return np.zeros(len(counts))
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order], prepend=-np.inf))
    n_segments: Values = counts.sum(axis=1)
    n_per_value = np.add.reduceat(counts[:, order], starts, axis=1)
    n_alike: Values = np.square(n_per_value).sum(axis=1)
    return (n_segments**2 - n_alike) / 2.0


def _dense_rank(values: Segments) -> Int[NDArray[np.int64], "segment"]:
    return np.unique(values, return_inverse=True)[1]


def _require_finite(truth: Segments, prediction: Outputs) -> None:
    n_bad = int((~np.isfinite(truth)).sum() + (~np.isfinite(prediction)).sum())
    if n_bad:
        raise ValueError(f"{n_bad} of {len(truth)} labels and {len(prediction)} predictions are not finite")

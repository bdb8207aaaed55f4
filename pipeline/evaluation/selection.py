"""The measures that may select a training epoch.

Training depends on this file and on nothing else in the package, so it imports nothing from the package: a
metric added elsewhere must not train a model again.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int32, Int64
from numpy.typing import NDArray

Segments = Float[NDArray[np.float64], "segment"]
"""A number for each segment."""

Counts = Float[NDArray[np.float64], "resample segment"]
"""How often each segment occurs in each resample: whole numbers; a row of ones is the sample itself."""

Values = Float[NDArray[np.float64], "resample"]
"""A number for each resample."""

Outputs = Float[NDArray[np.float64], "segment *class"]
"""A number for each segment, or, where labels are classes, one for each segment and class."""

Ranks = Int64[NDArray[np.int64], "segment"]
"""A whole number for each segment: its rank, from 0, or its owner."""

_Positions = Int32[NDArray[np.int32], "_"]
_Starts = Int64[NDArray[np.int64], "_"]
ExactCounts = Float[NDArray[np.floating[Any]], "resample _"]
"""Counts of some of the segments or values, in single precision where that is exact."""

_EXACT = 2.0**24
"""Single precision holds every whole number below this."""


class PairCounts(NamedTuple):
    """Pairs of segments with different labels, by their order in the predictions; one entry per resample.

    Attributes:
        ordered: number of pairs with `truth_i > truth_j`.
        concordant: number of these pairs with `prediction_i > prediction_j`.
        tied: number of these pairs with `prediction_i == prediction_j`.
        untied: number of pairs with `prediction_i > prediction_j`, whatever their labels.
    """

    ordered: Values
    concordant: Values
    tied: Values
    untied: Values


def ordered_pair_accuracy(
    truth: Segments, prediction: Segments, *, owner: Ranks | None = None
) -> float | None:
    """The share of pairs with different labels that the predictions order alike; a tie counts one half.

    Invariant under every strictly increasing map of the predictions; 0.5 is chance, and any constant
    prediction. For two classes it is the area under the ROC curve. Also known as the concordance index
    (Harrell et al., 1982).

    Args:
        truth: labels of the segments, finite.
        prediction: predictions or scores of the same segments, finite; their unit does not matter.
        owner: owner of each label, such as the number of its rater: only pairs of one owner count; None counts all pairs.

    Returns:
        A number in [0, 1], exact up to one division; None where no two labels differ.

    Raises:
        ValueError: a value is not finite (a NaN would sort as the largest prediction and pass for a good
        one).

    >>> ordered_pair_accuracy(np.array([-1.0, 0.0, 2.0]), np.array([0.1, 0.1, 0.7]))
    0.8333333333333334
    """
    _require_finite(truth, prediction)
    n_between = 0.0
    if owner is not None:
        # By owner first, both agree on every pair of two owners, and ties stay within one: these pairs can be taken off.
        truth, prediction = (_by_owner(values, owner) for values in (truth, prediction))
        n_between = (len(owner) ** 2 - float(np.square(np.unique(owner, return_counts=True)[1]).sum())) / 2
    pairs = pair_counts(truth, prediction, np.ones((1, len(truth))))
    n_ordered = pairs.ordered[0] - n_between
    if n_ordered == 0:
        return None
    return float((pairs.concordant[0] - n_between + 0.5 * pairs.tied[0]) / n_ordered)


def _by_owner(values: Segments, owner: Ranks) -> Segments:
    """Numbers in the order of the owners, and within each in that of the values."""
    return (_dense_rank(owner.astype(np.float64)) * (len(values) + 1) + _dense_rank(values)).astype(
        np.float64
    )


def order(truth: Segments, scores: Outputs, *, owner: Ranks | None = None) -> float | None:
    """How well scores order segments: `ordered_pair_accuracy`, and for classes its mean over one class against all others.

    The latter is the macro average of the areas under the ROC curves, over the classes that some segments have and others
    have not.

    Args:
        truth: labels of the segments, or the numbers of their classes.
        scores: one score per segment, or one per segment and class.
        owner: owner of each label: only pairs of one owner count; None counts all pairs.

    Returns:
        A number in [0, 1]; None where no two labels differ.

    Raises:
        ValueError: a value is not finite.

    >>> order(np.array([0.0, 1.0, 2.0]), np.array([[2.0, 0.0, 0.0], [0.0, 2.0, 1.0], [0.0, 1.0, 2.0]]))
    1.0
    """
    if scores.ndim == 1:
        return ordered_pair_accuracy(truth, scores, owner=owner)
    by_class = [
        ordered_pair_accuracy((truth == number).astype(np.float64), column, owner=owner)
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


class PairCounter:
    """Counts the pairs of one set of labels and predictions, in any number of samples of their segments.

    The pairs of a sample are counted by `_PairLevels`, in time and memory that grow with `n log n`; `resampled_pairs` has a faster way for
    many samples at once. All numbers are whole and are kept in a precision that holds them exactly, so all count the same.

    Args:
        truth: labels of the segments, finite.
        prediction: predictions of the same segments, finite.

    Attributes:
        labels: segments by the rank of their label.
        predictions: segments by the rank of their prediction.
    """

    def __init__(self, truth: Segments, prediction: Segments) -> None:
        self.labels, self.predictions = (Ordered.of(_dense_rank(values)) for values in (truth, prediction))
        self._tied = _Tied.of(self.predictions)
        self._tied_in_both = _Tied.of(
            Ordered.of(
                self.predictions.ranks * (int(self.labels.ranks.max(initial=0)) + 1) + self.labels.ranks
            )
        )

    def __call__(
        self, counts: ExactCounts, *, n_pairs: Values | None = None, ordered: Values | None = None
    ) -> PairCounts:
        """The pairs of samples in which each segment occurs `counts` times.

        Args:
            counts: whole numbers, see `in_exact_precision`.
            n_pairs: number of pairs of different segments in each sample, where that is known: `segment_pairs` of the counts.
            ordered: number of pairs of different labels in each sample, where that is known: `unequal_pairs` of the labels.
        """
        exact = in_exact_precision(counts)
        if n_pairs is None:
            n_pairs = segment_pairs(exact)
        alike_in_prediction = self._tied.alike(exact)
        return PairCounts(
            ordered=n_pairs - _Tied.of(self.labels).alike(exact) if ordered is None else ordered,
            concordant=self.concordant(exact),
            tied=alike_in_prediction - self._tied_in_both.alike(exact),
            untied=n_pairs - alike_in_prediction,
        )

    def concordant(self, counts: ExactCounts) -> Values:
        """The pairs of these samples that are in the same order by label and by prediction, as in `PairCounts`."""
        return self._levels(counts)

    @cached_property
    def _levels(self) -> "_PairLevels":
        # A pair rises in both or in neither, so either may be the one whose bits are looked at: the fewer values, the fewer bits.
        few, many = sorted(
            (self.labels.ranks, self.predictions.ranks), key=lambda ranks: int(ranks.max(initial=0))
        )
        return _PairLevels(many, few)


class _PairLevels:
    """Concordant pairs by running sums, a bit of one of the two ranks at a time, as in a wavelet tree.

    Segments are in the order of the first rank, equals by the falling second, so a concordant pair is one whose second rank
    rises. The second ranks of such a pair agree in some leading bits, and in the next one only the upper has a one. So
    segments are grouped by their leading bits, and each one in the next bit is paired with the zeros before it in its group.
    """

    def __init__(self, first: Ranks, second: Ranks) -> None:
        # Of each bit: the segments in order, where the ones are, where the zeros before the group of each end.
        self._bits: list[tuple[_Positions, _Positions, _Positions]] = []
        order = np.lexsort((-second, first))
        for bit in reversed(range(int(second.max(initial=0)).bit_length())):
            leading = second[order] >> bit
            group_starts = starts_of(leading >> 1)
            ones = np.flatnonzero(leading & 1)
            start = group_starts[np.searchsorted(group_starts, ones, side="right") - 1]
            self._bits.append((order.astype(np.int32), ones.astype(np.int32), start.astype(np.int32)))
            order = order[np.argsort(leading, kind="stable")]

    def __call__(self, counts: ExactCounts) -> Values:
        """The concordant pairs of samples in which each segment occurs `counts` times."""
        counts = counts.astype(np.float64)
        found = np.zeros(len(counts))
        zeros = np.zeros((len(counts), counts.shape[1] + 1))
        for order, ones, start in self._bits:
            arranged = np.take(counts, order, axis=1)
            above = np.take(arranged, ones, axis=1)
            arranged[:, ones] = 0.0
            np.cumsum(arranged, axis=1, out=zeros[:, 1:])
            below = np.take(zeros, ones, axis=1)
            below -= np.take(zeros, start, axis=1)
            found += np.einsum("rs,rs->r", above, below)
        return found


def pair_counts(truth: Segments, prediction: Segments, counts: Counts) -> PairCounts:
    """Counts the pairs of samples in which each segment occurs `counts` times; see `PairCounter`."""
    return PairCounter(truth, prediction)(counts)


def segment_pairs(counts: ExactCounts, *, n_segments: Values | None = None) -> Values:
    """The pairs of different segments, in samples in which each segment occurs `counts` times.

    `n_segments` is the sum of the counts of each sample, where it is known.
    """
    exact = in_exact_precision(counts, n_segments=n_segments)
    total = exact.sum(axis=1, dtype=np.float64) if n_segments is None else n_segments
    return np.asarray((np.square(total) - dot_by_row(exact, exact)) / 2.0)


def unequal_pairs(values: Segments, counts: ExactCounts, *, n_pairs: Values | None = None) -> Values:
    """The pairs of segments with different values, in samples in which each segment occurs `counts` times.

    `n_pairs` is the `segment_pairs` of the counts, where it is known.
    """
    exact = in_exact_precision(counts)
    alike = _Tied.of(Ordered.of(_dense_rank(values))).alike(exact)
    return (segment_pairs(exact) if n_pairs is None else n_pairs) - alike


def in_exact_precision(counts: ExactCounts, *, n_segments: Values | None = None) -> ExactCounts:
    """Counts in single precision, which holds them and their sums exactly where a sample has fewer than 2²⁴ segments.

    A segment's counts lie side by side, so that segments can be put into another order fast. `n_segments` is the sum of the
    counts of each sample, where it is known.
    """
    if counts.dtype == np.float32:
        return counts
    if n_segments is None:
        n_segments = counts.sum(axis=1, dtype=np.float64)
    if n_segments.max(initial=0.0) >= _EXACT:
        return counts
    return counts.astype(np.float32, order="F")


def arranged(counts: ExactCounts, order: Ranks) -> ExactCounts:
    """The counts of these segments, in this order."""
    return np.take(counts.T, order, axis=0).T


@dataclass(frozen=True, eq=False)
class _Tied:
    """The segments that share a value with others, in the order of the values, and where each value starts among them."""

    segments: Ranks
    starts: _Starts

    @classmethod
    def of(cls, ordered: "Ordered") -> "_Tied":
        lengths = np.diff(ordered.starts, append=len(ordered.ranks))
        shared = lengths[lengths > 1]
        return cls(ordered.order[np.repeat(lengths > 1, lengths)], np.cumsum(shared) - shared)

    def alike(self, counts: ExactCounts) -> Values:
        """The pairs of different segments that have one value: half the square of a sum, less those of what it adds up."""
        if not len(self.segments):
            return np.zeros(len(counts))
        of_segments = arranged(counts, self.segments)
        of_values = np.add.reduceat(of_segments, self.starts, axis=1)
        return np.asarray((dot_by_row(of_values, of_values) - dot_by_row(of_segments, of_segments)) / 2.0)


def starts_of(in_order: Ranks) -> _Starts:
    """Where each value starts in an array that is in order."""
    return np.flatnonzero(np.diff(in_order, prepend=-1))


class Ordered(NamedTuple):
    """Segments by a rank.

    Attributes:
        ranks: rank of each segment, whole numbers from 0.
        order: the segments by their ranks.
        starts: where each rank starts in that order.
    """

    ranks: Ranks
    order: Ranks
    starts: _Starts

    @classmethod
    def of(cls, ranks: Ranks) -> "Ordered":
        """The segments of these ranks."""
        order = np.argsort(ranks, kind="stable")
        return cls(ranks, order, starts_of(ranks[order]))


def dot_by_row(a: ExactCounts, b: ExactCounts) -> Values:
    """The products of whole numbers from 0 up, added up row by row."""
    found = np.einsum("rs,rs->r", a, b)
    if (
        found.max(initial=0.0) >= _EXACT
    ):  # a sum that outgrows single precision cannot come out smaller than this
        found = np.einsum("rs,rs->r", a, b, dtype=np.float64)
    total: Values = found.astype(np.float64)
    return total


def _dense_rank(values: Segments) -> Ranks:
    return np.unique(values, return_inverse=True)[1]


def _require_finite(truth: Segments, prediction: Outputs) -> None:
    n_bad = int((~np.isfinite(truth)).sum() + (~np.isfinite(prediction)).sum())
    if n_bad:
        raise ValueError(f"{n_bad} of {len(truth)} labels and {len(prediction)} predictions are not finite")

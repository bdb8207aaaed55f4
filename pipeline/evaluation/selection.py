"""The measures that may select a training epoch.

Training depends on this file and on nothing else in the package, so it imports nothing from the package: a
metric added elsewhere must not train a model again.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int32, Int64
from numpy.typing import NDArray

Segments = Float[NDArray[np.float64], "segment"]
"""A number for each segment."""

Counts = Float[NDArray[np.float64], "resample segment"]
"""How often each segment occurs in each resample: whole numbers; a row of ones is the sample itself."""

Values = Float[NDArray[np.float64], "resample"]
"""A number for each resample."""

Outputs = Float[NDArray[np.float64], "segment *class"]
"""A number for each segment, or, where labels are classes, one for each segment and class."""

_Ranks = Int64[NDArray[np.int64], "segment"]
_Positions = Int32[NDArray[np.int32], "_"]
_Starts = Int64[NDArray[np.int64], "_"]
ExactCounts = Float[NDArray[np.floating[Any]], "resample _"]
"""Counts of some of the segments or values, in single precision where that is exact."""

_EXACT = 2.0**24
"""Single precision holds every whole number below this."""

_LEAST_BLOCK = 64
"""Segments in the smallest block of `_PairBlocks`: below that, the calls take longer than the multiplications."""

_MOST_IN_BLOCKS = 1 << 16
"""The most segments of which several samples are counted by `_PairBlocks`: its matrices grow faster than their number."""

_LABEL_BLOCKS = 64
"""The most blocks of labels of `_PairTables`, but for labels that many segments share."""

_MATRICES_AT_ONCE = 1 << 20
"""Numbers in the matrices that `_PairTables` multiplies in one call: 4 megabytes."""


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
    truth: Segments, prediction: Segments, *, owner: _Ranks | None = None
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


def _by_owner(values: Segments, owner: _Ranks) -> Segments:
    """Numbers in the order of the owners, and within each in that of the values."""
    return (_dense_rank(owner.astype(np.float64)) * (len(values) + 1) + _dense_rank(values)).astype(
        np.float64
    )


def order(truth: Segments, scores: Outputs, *, owner: _Ranks | None = None) -> float | None:
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

    Several samples are counted by `_PairBlocks`, at the speed of matrix products, or of many segments by `_PairTables`; one
    sample by `_PairLevels`, in time and memory that grow with `n log n`. All numbers are whole and are kept in a precision
    that holds them exactly, so all count the same.

    Args:
        truth: labels of the segments, finite.
        prediction: predictions of the same segments, finite.
    """

    def __init__(self, truth: Segments, prediction: Segments) -> None:
        self._label, self._rank = (_Ordered.of(_dense_rank(values)) for values in (truth, prediction))
        self._tied = _Tied.of(self._rank)
        self._tied_in_both = _Tied.of(
            _Ordered.of(self._rank.ranks * (int(self._label.ranks.max(initial=0)) + 1) + self._label.ranks)
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
            ordered=n_pairs - _Tied.of(self._label).alike(exact) if ordered is None else ordered,
            concordant=self.concordant(exact),
            tied=alike_in_prediction - self._tied_in_both.alike(exact),
            untied=n_pairs - alike_in_prediction,
        )

    def concordant(self, counts: ExactCounts) -> Values:
        """The pairs of these samples that are in the same order by label and by prediction, as in `PairCounts`."""
        if len(counts) == 1:
            return self._levels(counts)
        if len(self._label.ranks) > _MOST_IN_BLOCKS:
            return self._tables(counts)
        return self._blocks(counts)

    @cached_property
    def _tables(self) -> "_PairTables":
        return _PairTables(self._label, self._rank)

    @cached_property
    def _blocks(self) -> "_PairBlocks":
        return _PairBlocks(self._label, self._rank)

    @cached_property
    def _levels(self) -> "_PairLevels":
        # A pair rises in both or in neither, so either may be the one whose bits are looked at: the fewer values, the fewer bits.
        few, many = sorted((self._label.ranks, self._rank.ranks), key=lambda ranks: int(ranks.max(initial=0)))
        return _PairLevels(many, few)


class _PairBlocks:
    """Concordant pairs by matrix products.

    Labels and predictions are each cut into blocks of neighbouring ranks, equal values together. A concordant pair lies
    in two blocks of labels and two blocks of predictions, or within one block of labels, or within one block of
    predictions. Each of the three is a product of the counts with small matrices of zeros and ones that all samples
    share. With `n^(2/3)` segments in a block, a sample takes some `n^(5/3)` multiplications in place of n².
    """

    def __init__(self, labels: "_Ordered", predictions: "_Ordered") -> None:
        (label, by_label, _), (rank, by_rank, _) = labels, predictions
        size = max(_LEAST_BLOCK, round(len(label) ** (2 / 3) / 4))
        (label_blocks, label_block), (rank_blocks, rank_block) = (
            side.blocks(size) for side in (labels, predictions)
        )
        self._n_rank_blocks = len(rank_blocks)
        numbers = np.arange(self._n_rank_blocks)
        # Of each block of labels: its segments, which block of predictions each of them is in, and where pairs rise within it.
        self._label_blocks = [
            (
                segments,
                rank_block[segments] == numbers[:, None],
                _falling(label[segments], rank[segments]) if np.ptp(label[segments]) else None,
            )
            for segments in (by_label[block] for block in label_blocks)
        ]
        self._rank_blocks = [
            (segments, _falling(label_block[segments], rank[segments]))
            for segments in (by_rank[block] for block in rank_blocks)
            if np.ptp(rank[segments]) and np.ptp(label_block[segments])
        ]

    def __call__(self, counts: ExactCounts) -> Values:
        """The concordant pairs of samples in which each segment occurs `counts` times."""
        # One block after the other, samples side by side: what is multiplied and added up stays in the processor's cache.
        of_segment = counts.T
        found = np.zeros(len(counts))
        below = np.zeros((self._n_rank_blocks, len(counts)), counts.dtype)
        for segments, is_in, falling in self._label_blocks:
            inside = np.take(of_segment, segments, axis=0)
            in_rank_block = is_in.astype(counts.dtype) @ inside
            found += _dot(in_rank_block.T, below.T)
            below[1:] += np.cumsum(in_rank_block[:-1], axis=0)
            if falling is not None:
                found += _dot(inside.T, (falling.astype(counts.dtype) @ inside).T)
        for segments, falling in self._rank_blocks:
            inside = np.take(of_segment, segments, axis=0)
            found += _dot(inside.T, (falling.astype(counts.dtype) @ inside).T)
        return found


class _PairTables:
    """Concordant pairs of many segments by tables of blocks.

    As in `_PairBlocks`, a concordant pair lies in two blocks of labels and two of predictions, or within one of either. There
    are few blocks of labels and many of predictions, so that a sample fills a table with a cell for each two of them, and
    running sums over the table count the pairs of the first kind. Those within a block of predictions are counted by a small
    matrix, those within a block of labels, where it holds several, by a `PairCounter`. So a sample takes little more than
    n steps where labels are few, and in place of `n log n` some n^(4/3) multiplications where they are not.
    """

    def __init__(self, labels: "_Ordered", predictions: "_Ordered") -> None:
        (label, by_label, _), (rank, by_rank, _) = labels, predictions
        label_blocks, label_block = labels.blocks(max(_LEAST_BLOCK, len(label) // _LABEL_BLOCKS))
        rank_blocks, rank_block = predictions.blocks(_LEAST_BLOCK)
        self._shape = len(rank_blocks), len(label_blocks)
        self._by_cell = np.lexsort((label_block, rank_block))
        cell = (rank_block * len(label_blocks) + label_block)[self._by_cell]
        starts = _starts(cell)
        self._cells, self._last = cell[starts], np.append(starts[1:], len(cell)) - 1
        mixed = [block for block in rank_blocks if np.ptp(rank[by_rank[block]])]
        width = max((block.stop - block.start for block in mixed), default=0)
        # Padded with the first segment of the block, of which no pair rises.
        self._within = np.array(
            [
                np.pad(
                    by_rank[block], (0, width - block.stop + block.start), constant_values=by_rank[block][0]
                )
                for block in mixed
            ],
            np.int32,
        ).reshape(len(mixed), width)
        self._rising = np.zeros((len(mixed), width, width), bool)
        for number, block in enumerate(mixed):
            segments, size = by_rank[block], block.stop - block.start
            self._rising[number, :size, :size] = _rising(label_block[segments], rank[segments])
        self._parts = [
            (segments, PairCounter(label[segments].astype(np.float64), rank[segments].astype(np.float64)))
            for segments in (by_label[block] for block in label_blocks)
            if np.ptp(label[segments])
        ]

    def __call__(self, counts: ExactCounts) -> Values:
        """The concordant pairs of samples in which each segment occurs `counts` times."""
        until = np.take(np.cumsum(_arranged(counts, self._by_cell), axis=1), self._last, axis=1)
        cells = np.zeros((len(counts), self._shape[0] * self._shape[1]))
        cells[:, self._cells] = np.diff(until, axis=1, prepend=0)
        table = cells.reshape(len(counts), *self._shape)
        below = np.cumsum(table[:, :-1, :-1], axis=1)
        np.cumsum(below, axis=2, out=below)
        found: Values = np.einsum("rkl,rkl->r", table[:, 1:, 1:], below)
        n_blocks, width = self._within.shape
        step = max(1, _MATRICES_AT_ONCE // max(width, 1) ** 2)
        for some in (slice(first, first + step) for first in range(0, n_blocks, step)):
            inside = np.take(counts, self._within[some], axis=1)
            below_inside = np.matmul(inside.swapaxes(0, 1), self._rising[some].astype(counts.dtype))
            found += _dot(*(each.reshape(len(counts), -1) for each in (inside, below_inside.swapaxes(0, 1))))
        for segments, counter in self._parts:
            found += counter.concordant(_arranged(counts, segments))
        return found


class _PairLevels:
    """Concordant pairs by running sums, a bit of one of the two ranks at a time, as in a wavelet tree.

    Segments are in the order of the first rank, equals by the falling second, so a concordant pair is one whose second rank
    rises. The second ranks of such a pair agree in some leading bits, and in the next one only the upper has a one. So
    segments are grouped by their leading bits, and each one in the next bit is paired with the zeros before it in its group.
    """

    def __init__(self, first: _Ranks, second: _Ranks) -> None:
        # Of each bit: the segments in order, where the ones are, where the zeros before the group of each end.
        self._bits: list[tuple[_Positions, _Positions, _Positions]] = []
        order = np.lexsort((-second, first))
        for bit in reversed(range(int(second.max(initial=0)).bit_length())):
            leading = second[order] >> bit
            group_starts = _starts(leading >> 1)
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


def segment_pairs(counts: ExactCounts) -> Values:
    """The pairs of different segments, in samples in which each segment occurs `counts` times."""
    exact = in_exact_precision(counts)
    total = exact.sum(axis=1, dtype=np.float64)
    return np.asarray((np.square(total) - _dot(exact, exact)) / 2.0)


def unequal_pairs(values: Segments, counts: ExactCounts, *, n_pairs: Values | None = None) -> Values:
    """The pairs of segments with different values, in samples in which each segment occurs `counts` times.

    `n_pairs` is the `segment_pairs` of the counts, where it is known.
    """
    exact = in_exact_precision(counts)
    alike = _Tied.of(_Ordered.of(_dense_rank(values))).alike(exact)
    return (segment_pairs(exact) if n_pairs is None else n_pairs) - alike


def in_exact_precision(counts: ExactCounts) -> ExactCounts:
    """Counts in single precision, which holds them and their sums exactly where a sample has fewer than 2²⁴ segments.

    A segment's counts lie side by side, so that segments can be put into another order fast.
    """
    if counts.dtype == np.float32 or counts.sum(axis=1, dtype=np.float64).max(initial=0.0) >= _EXACT:
        return counts
    return counts.astype(np.float32, order="F")


def _arranged(counts: ExactCounts, order: _Ranks) -> ExactCounts:
    return np.take(counts.T, order, axis=0).T


@dataclass(frozen=True, eq=False)
class _Tied:
    """The segments that share a value with others, in the order of the values, and where each value starts among them."""

    segments: _Ranks
    starts: _Starts

    @classmethod
    def of(cls, ordered: "_Ordered") -> "_Tied":
        lengths = np.diff(ordered.starts, append=len(ordered.ranks))
        shared = lengths[lengths > 1]
        return cls(ordered.order[np.repeat(lengths > 1, lengths)], np.cumsum(shared) - shared)

    def alike(self, counts: ExactCounts) -> Values:
        """The pairs of different segments that have one value: half the square of a sum, less those of what it adds up."""
        if not len(self.segments):
            return np.zeros(len(counts))
        of_segments = _arranged(counts, self.segments)
        of_values = np.add.reduceat(of_segments, self.starts, axis=1)
        return np.asarray((_dot(of_values, of_values) - _dot(of_segments, of_segments)) / 2.0)


def _starts(in_order: _Ranks) -> _Starts:
    """Where each value starts in an array that is in order."""
    return np.flatnonzero(np.diff(in_order, prepend=-1))


class _Ordered(NamedTuple):
    """Segments by a rank.

    Attributes:
        ranks: rank of each segment, whole numbers from 0.
        order: the segments by their ranks.
        starts: where each rank starts in that order.
    """

    ranks: _Ranks
    order: _Ranks
    starts: _Starts

    @classmethod
    def of(cls, ranks: _Ranks) -> "_Ordered":
        """The segments of these ranks."""
        order = np.argsort(ranks, kind="stable")
        return cls(ranks, order, _starts(ranks[order]))

    def blocks(self, size: int) -> tuple[list[slice], _Ranks]:
        """Blocks of whole ranks in the order, and the number of the block of each segment.

        A block has `size` segments or somewhat more; a rank that has as many is a block of its own.
        """
        n_segments = len(self.ranks)
        borders = [0]
        for start, end in pairwise([*self.starts.tolist(), n_segments]):
            if end - start >= size and start > borders[-1]:
                borders.append(start)
            if end - borders[-1] >= size:
                borders.append(end)
        if borders[-1] < n_segments:
            borders.append(n_segments)
        numbers = np.empty_like(self.order)
        numbers[self.order] = np.repeat(np.arange(len(borders) - 1), np.diff(borders))
        return [slice(*ends) for ends in pairwise(borders)], numbers


def _falling(label: _Ranks, rank: _Ranks) -> Bool[NDArray[np.bool_], "segment segment"]:
    """Of which pairs both the label and the prediction fall: `_rising` the other way round."""
    return (label[:, None] > label) & (rank[:, None] > rank)


def _rising(label: _Ranks, rank: _Ranks) -> Bool[NDArray[np.bool_], "segment segment"]:
    """Of which pairs both the label and the prediction rise."""
    return (label[:, None] < label) & (rank[:, None] < rank)


def _dot(a: ExactCounts, b: ExactCounts) -> Values:
    """The products of whole numbers from 0 up, added up row by row."""
    found = np.einsum("rs,rs->r", a, b)
    if (
        found.max(initial=0.0) >= _EXACT
    ):  # a sum that outgrows single precision cannot come out smaller than this
        found = np.einsum("rs,rs->r", a, b, dtype=np.float64)
    total: Values = found.astype(np.float64)
    return total


def _dense_rank(values: Segments) -> _Ranks:
    return np.unique(values, return_inverse=True)[1]


def _require_finite(truth: Segments, prediction: Outputs) -> None:
    n_bad = int((~np.isfinite(truth)).sum() + (~np.isfinite(prediction)).sum())
    if n_bad:
        raise ValueError(f"{n_bad} of {len(truth)} labels and {len(prediction)} predictions are not finite")

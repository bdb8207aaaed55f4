"""Concordant pairs in many resamples of the same segments at once, faster than one after the other.

Training counts one sample at a time and depends on `selection` alone: what is changed here trains no model again.
"""

from functools import cached_property
from itertools import pairwise

import numpy as np
from jaxtyping import Bool
from numpy.typing import NDArray

from pipeline.evaluation.selection import (
    ExactCounts,
    Ordered,
    PairCounter,
    Ranks,
    Values,
    arranged,
    dot_by_row,
    starts_of,
)

_LEAST_BLOCK = 64
"""Segments in the smallest block of `_PairBlocks`: below that, the calls take longer than the multiplications."""

_MOST_IN_BLOCKS = 1 << 16
"""The most segments of which several samples are counted by `_PairBlocks`: its matrices grow faster than their number."""

_LABEL_BLOCKS = 64
"""The most blocks of labels of `_PairTables`, but for labels that many segments share."""

_MATRICES_AT_ONCE = 1 << 20
"""Numbers in the matrices that `_PairTables` multiplies in one call: 4 megabytes."""


class ResampledPairs(PairCounter):
    """Counts the same pairs, several samples by `_PairBlocks`, at the speed of matrix products, or of many segments by `_PairTables`."""

    def concordant(self, counts: ExactCounts) -> Values:
        """The pairs of these samples that are in the same order by label and by prediction, as in `PairCounts`."""
        if len(counts) == 1:
            return super().concordant(counts)
        if len(self.labels.ranks) > _MOST_IN_BLOCKS:
            return self._tables(counts)
        return self._blocks(counts)

    @cached_property
    def _tables(self) -> "_PairTables":
        return _PairTables(self.labels, self.predictions)

    @cached_property
    def _blocks(self) -> "_PairBlocks":
        return _PairBlocks(self.labels, self.predictions)


class _PairBlocks:
    """Concordant pairs by matrix products.

    Labels and predictions are each cut into blocks of neighbouring ranks, equal values together. A concordant pair lies
    in two blocks of labels and two blocks of predictions, or within one block of labels, or within one block of
    predictions. Each of the three is a product of the counts with small matrices of zeros and ones that all samples
    share. With `n^(2/3)` segments in a block, a sample takes some `n^(5/3)` multiplications in place of n².
    """

    def __init__(self, labels: Ordered, predictions: Ordered) -> None:
        (label, by_label, _), (rank, by_rank, _) = labels, predictions
        size = max(_LEAST_BLOCK, round(len(label) ** (2 / 3) / 4))
        (label_blocks, label_block), (rank_blocks, rank_block) = (
            _blocks(side, size) for side in (labels, predictions)
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
            found += dot_by_row(in_rank_block.T, below.T)
            below[1:] += np.cumsum(in_rank_block[:-1], axis=0)
            if falling is not None:
                found += dot_by_row(inside.T, (falling.astype(counts.dtype) @ inside).T)
        for segments, falling in self._rank_blocks:
            inside = np.take(of_segment, segments, axis=0)
            found += dot_by_row(inside.T, (falling.astype(counts.dtype) @ inside).T)
        return found


class _PairTables:
    """Concordant pairs of many segments by tables of blocks.

    As in `_PairBlocks`, a concordant pair lies in two blocks of labels and two of predictions, or within one of either. There
    are few blocks of labels and many of predictions, so that a sample fills a table with a cell for each two of them, and
    running sums over the table count the pairs of the first kind. Those within a block of predictions are counted by a small
    matrix, those within a block of labels, where it holds several, by `ResampledPairs`. So a sample takes little more than
    n steps where labels are few, and in place of `n log n` some n^(4/3) multiplications where they are not.
    """

    def __init__(self, labels: Ordered, predictions: Ordered) -> None:
        (label, by_label, _), (rank, by_rank, _) = labels, predictions
        label_blocks, label_block = _blocks(labels, max(_LEAST_BLOCK, len(label) // _LABEL_BLOCKS))
        rank_blocks, rank_block = _blocks(predictions, _LEAST_BLOCK)
        self._shape = len(rank_blocks), len(label_blocks)
        self._by_cell = np.lexsort((label_block, rank_block))
        cell = (rank_block * len(label_blocks) + label_block)[self._by_cell]
        starts = starts_of(cell)
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
            (segments, ResampledPairs(label[segments].astype(np.float64), rank[segments].astype(np.float64)))
            for segments in (by_label[block] for block in label_blocks)
            if np.ptp(label[segments])
        ]

    def __call__(self, counts: ExactCounts) -> Values:
        """The concordant pairs of samples in which each segment occurs `counts` times."""
        until = np.take(np.cumsum(arranged(counts, self._by_cell), axis=1), self._last, axis=1)
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
            found += dot_by_row(
                *(each.reshape(len(counts), -1) for each in (inside, below_inside.swapaxes(0, 1)))
            )
        for segments, counter in self._parts:
            found += counter.concordant(arranged(counts, segments))
        return found


def _blocks(ordered: Ordered, size: int) -> tuple[list[slice], Ranks]:
    """Blocks of whole ranks in the order, and the number of the block of each segment.

    A block has `size` segments or somewhat more; a rank that has as many is a block of its own.
    """
    n_segments = len(ordered.ranks)
    borders = [0]
    for start, end in pairwise([*ordered.starts.tolist(), n_segments]):
        if end - start >= size and start > borders[-1]:
            borders.append(start)
        if end - borders[-1] >= size:
            borders.append(end)
    if borders[-1] < n_segments:
        borders.append(n_segments)
    numbers = np.empty_like(ordered.order)
    numbers[ordered.order] = np.repeat(np.arange(len(borders) - 1), np.diff(borders))
    return [slice(*ends) for ends in pairwise(borders)], numbers


def _falling(label: Ranks, rank: Ranks) -> Bool[NDArray[np.bool_], "segment segment"]:
    """Of which pairs both the label and the prediction fall: `_rising` the other way round."""
    return (label[:, None] > label) & (rank[:, None] > rank)


def _rising(label: Ranks, rank: Ranks) -> Bool[NDArray[np.bool_], "segment segment"]:
    """Of which pairs both the label and the prediction rise."""
    return (label[:, None] < label) & (rank[:, None] < rank)

"""Which pairs of train weigh most at the end of stage 1, and at which segments they pull."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float64, Int64
from scipy.stats import rankdata
from torch import Tensor

from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.checkpoint import Checkpoint
from pipeline.artifacts.hardest_pairs import Heaviest, HeavyPair, HeavySegment
from pipeline.grcf.fit.loop import restore, score_split
from pipeline.grcf.loss.advantages import advantage_of, weight_of
from pipeline.grcf.loss.groups import group_of
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings
from pipeline.grcf.loss.margins import margin_violations, ranking_key
from pipeline.grcf.network.batches import SplitTensors

# A person looks at dozens; the record is there to be filtered.
N_PAIRS, N_SEGMENTS = 150, 100
# Pairs in memory at a time, for each seed.
_AT_ONCE = 2**19


def find_heaviest(
    checkpoints: Sequence[Checkpoint],
    train: AlignedSplit,
    *,
    margin: MarginSettings,
    advantage: AdvantageSettings,
    device: str,
    n_pairs: int = N_PAIRS,
    n_segments: int = N_SEGMENTS,
) -> Heaviest:
    """The pairs of the largest mean weight over seeds and of the largest mean weight × violation, at the selected epochs.

    Both, because a weight tells how hard a pair is beside its peers only: between groups that are far apart, the hardest
    pair may keep its margin and add next to nothing to the loss.

    A pair is weighed as if the whole of train were one batch. In training its weight depends on its batch mates too, and most
    pairs never meet in one batch, so no two epochs and no two seeds could be set side by side by it.

    Time is O(seeds · n²), memory O(seeds · (n · groups + a block of pairs)).
    """
    split = SplitTensors(train, device=device)
    scores = np.stack(
        [score_split(restore(checkpoint, device=device)[0], split) for checkpoint in checkpoints]
    )
    weighed = weigh_pairs(scores, split.label.cpu(), margin=margin, advantage=advantage, n_pairs=n_pairs)
    pull = weighed.pull_above + weighed.pull_below
    first, third = np.quantile(pull, [0.25, 0.75])
    fence = float(third + 1.5 * (third - first))
    n_heaviest = Counter(position for pair in weighed.pairs for position in (pair.above, pair.below))
    # By id among equals: a stable sort keeps the order of the split, which is that of the manifest.
    ranked = [
        int(position) for position in np.argsort(-pull, kind="stable")[:n_segments] if pull[position] > 0
    ]
    listed = dict.fromkeys([*ranked, *n_heaviest])
    orders = (rankdata(scores, axis=1) - 0.5) / len(train)
    label_order = (rankdata(train.labels) - 0.5) / len(train)
    return Heaviest(
        seeds=tuple(checkpoint.seed for checkpoint in checkpoints),
        objective=checkpoints[0].objective,
        n_pairs=int(weighed.n_pairs.sum()) // 2,
        n_ranked=len(ranked),
        mean_pull=float(pull.mean()),
        fence=fence,
        pairs=tuple(
            HeavyPair(
                above=train.ids[pair.above],
                below=train.ids[pair.below],
                margin=pair.margin,
                weight=pair.weight,
                violation=pair.violation,
                gap=tuple((scores[:, pair.above] - scores[:, pair.below]).tolist()),
            )
            for pair in weighed.pairs
        ),
        segments=tuple(
            HeavySegment(
                id=train.ids[position],
                order=tuple(orders[:, position].tolist()),
                label_order=float(label_order[position]),
                n_pairs=int(weighed.n_pairs[position]),
                pull_above=float(weighed.pull_above[position]),
                pull_below=float(weighed.pull_below[position]),
                extra=float(weighed.extra[position]),
                n_heaviest=n_heaviest[position],
                stands_out=bool(pull[position] > fence),
            )
            for position in listed
        ),
    )


@dataclass(frozen=True, slots=True)
class WeighedPair:
    """Positions of the two segments, the margin, and weight and violation by seed."""

    above: int
    below: int
    margin: float
    weight: tuple[float, ...]
    violation: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class WeighedPairs:
    """The heaviest pairs by falling pull, and sums over the pairs of each segment, means over seeds; see `HeavySegment`."""

    pairs: tuple[WeighedPair, ...]
    n_pairs: Int64[np.ndarray, "segment"]
    pull_above: Float64[np.ndarray, "segment"]
    pull_below: Float64[np.ndarray, "segment"]
    extra: Float64[np.ndarray, "segment"]


def weigh_pairs(
    scores: Float64[np.ndarray, "seed segment"],
    label: Tensor,
    *,
    margin: MarginSettings,
    advantage: AdvantageSettings,
    n_pairs: int,
) -> WeighedPairs:
    """The weights of `losses.compare_pairs` on all segments at once, a block of pairs at a time.

    Args:
        scores: of every seed, any scale.
        label: label units.
        margin: how far apart pairs have to be.
        advantage: how much each pair weighs.
        n_pairs: how many to keep by weight, and how many by weight × violation.
    """
    group = group_of(label, groups=margin.groups)
    sorting = group.argsort(stable=True)
    blocks = _Blocks(torch.from_numpy(scores)[:, sorting], label[sorting].double(), group[sorting], margin)
    mean, spread = blocks.peers(advantage)
    n = len(label)
    above, below, extra = np.zeros(n), np.zeros(n), np.zeros(n)
    by_weight, by_pull = np.zeros((0, 4)), np.zeros((0, 4))
    for rows, columns, kinds in blocks.each():
        violation = blocks.violation(rows, columns)
        centred = mean[:, rows, kinds, None] - violation
        weight = weight_of(
            advantage_of(centred, spread[:, rows, kinds, None], scale=advantage.scale),
            strength=advantage.strength,
            cap=advantage.cap,
        )
        weighs, pull = weight.mean(dim=0).numpy(), (weight * violation).mean(dim=0).numpy()
        above[rows] += pull.sum(axis=1)
        below[columns] += pull.sum(axis=0)
        extra[rows] += (weighs - 1).sum(axis=1)
        extra[columns] += (weighs - 1).sum(axis=0)
        corner = (rows.start, columns.start)
        by_weight = _best(by_weight, weighs, pull, corner, at_most=n_pairs)
        by_pull = _best(by_pull, pull, weighs, corner, at_most=n_pairs)
    # The same columns for both: pull, weight, row, column.
    best = np.unique(np.concatenate([by_pull, by_weight[:, [1, 0, 2, 3]]]), axis=0)
    best = best[np.lexsort((best[:, 3], best[:, 2], -best[:, 1], -best[:, 0]))]
    positions = sorting.numpy()
    back = np.empty(n, np.int64)
    back[positions] = np.arange(n)
    sizes = group.unique(return_inverse=True, return_counts=True)
    return WeighedPairs(
        pairs=tuple(
            blocks.pair(int(row), int(column), positions, mean, spread, advantage)
            for row, column in best[:, 2:]
        ),
        n_pairs=(n - sizes[2][sizes[1]]).numpy(),
        pull_above=above[back],
        pull_below=below[back],
        extra=extra[back],
    )


class _Blocks:
    """Segments sorted by group, so that the pairs of two groups are a rectangle."""

    def __init__(self, score: Tensor, label: Tensor, group: Tensor, margin: MarginSettings) -> None:
        self._margin = margin
        self._key = torch.stack(
            [ranking_key(row, label, group, slope=margin.slope, distance=margin.distance) for row in score]
        )
        self._shift = score - self._key
        counts = group.unique_consecutive(return_counts=True)[1].tolist()
        ends = np.cumsum([0, *counts]).tolist()
        self._groups = [slice(start, end) for start, end in pairwise(ends)]

    def each(self) -> Iterator[tuple[slice, slice, int]]:
        """Rows above, columns below, and the number of the group of the columns; every ordered pair once."""
        for upper in self._groups:
            for kind, lower in enumerate(self._groups):
                if lower.start >= upper.start:
                    break
                step = max(1, _AT_ONCE // (lower.stop - lower.start))
                for start in range(upper.start, upper.stop, step):
                    yield slice(start, min(start + step, upper.stop)), lower, kind

    def violation(self, rows: slice, columns: slice) -> Tensor:
        """Of each seed, upper and lower segment."""
        lead = self._key[:, rows] - self._margin.base
        shortfall = (self._key[:, None, columns] - lead[:, :, None]).flatten(0, 1)
        violation = margin_violations(shortfall, shape=self._margin.shape, smoothing=self._margin.smoothing)
        return violation.reshape(*lead.shape, -1)

    def peers(self, advantage: AdvantageSettings) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the violations in the scope of each seed, upper segment and group below."""
        shape = (*self._key.shape, len(self._groups))
        count, mean, squares = (self._key.new_zeros(shape) for _ in range(3))
        for rows, columns, kind in self.each():
            violation = self.violation(rows, columns)
            count[:, rows, kind] = violation.shape[2]
            mean[:, rows, kind] = violation.mean(dim=2)
            squares[:, rows, kind] = (violation - mean[:, rows, kind, None]).square().sum(dim=2)
        if advantage.scope == "anchor":
            moments = _pooled(count, mean, squares, dim=2)
        elif advantage.scope == "batch":
            moments = _pooled(*(each.flatten(1)[:, :, None] for each in (count, mean, squares)), dim=1)
        else:
            parts = [_pooled(count[:, rows], mean[:, rows], squares[:, rows], dim=1) for rows in self._groups]
            sizes = torch.tensor([rows.stop - rows.start for rows in self._groups])
            means, spreads = (torch.cat(each, dim=1) for each in zip(*parts, strict=True))
            moments = means.repeat_interleave(sizes, dim=1), spreads.repeat_interleave(sizes, dim=1)
        return moments[0].expand(shape), moments[1].expand(shape)

    def pair(
        self,
        row: int,
        column: int,
        positions: Int64[np.ndarray, "segment"],
        mean: Tensor,
        spread: Tensor,
        advantage: AdvantageSettings,
    ) -> WeighedPair:
        """One pair in full."""
        kind = next(number for number, members in enumerate(self._groups) if column < members.stop)
        violation = self.violation(slice(row, row + 1), slice(column, column + 1))[:, 0, 0]
        weight = weight_of(
            advantage_of(mean[:, row, kind] - violation, spread[:, row, kind], scale=advantage.scale),
            strength=advantage.strength,
            cap=advantage.cap,
        )
        return WeighedPair(
            above=int(positions[row]),
            below=int(positions[column]),
            margin=self._margin.base + float(self._shift[0, row] - self._shift[0, column]),
            weight=tuple(weight.tolist()),
            violation=tuple(violation.tolist()),
        )


def _pooled(count: Tensor, mean: Tensor, squares: Tensor, *, dim: int) -> tuple[Tensor, Tensor]:
    """Mean and population standard deviation of several samples as one, after Chan, Golub and LeVeque (1983)."""
    total = count.sum(dim, keepdim=True).clamp(min=1)
    pooled = (count * mean).sum(dim, keepdim=True) / total
    spread = (squares + count * (mean - pooled).square()).sum(dim, keepdim=True) / total
    return pooled, spread.sqrt()


def _best(
    best: Float64[np.ndarray, "kept 4"],
    first: Float64[np.ndarray, "above below"],
    second: Float64[np.ndarray, "above below"],
    corner: tuple[int, int],
    *,
    at_most: int,
) -> Float64[np.ndarray, "_ 4"]:
    """The largest by `first`, then `second`, of those so far (first, second, row, column) and of a block.

    Equals by position; `corner` is the row and column at which the block starts.
    """
    at_least = best[-1, 0] if len(best) == at_most else -np.inf
    if first.size > at_most:
        at_least = max(at_least, np.partition(first, first.size - at_most, axis=None)[first.size - at_most])
    rows, columns = np.nonzero(first >= at_least)
    block = np.stack(
        [first[rows, columns], second[rows, columns], rows + corner[0], columns + corner[1]], axis=1
    )
    both = np.concatenate([best, block])
    order = np.lexsort((both[:, 3], both[:, 2], -both[:, 1], -both[:, 0]))
    return both[order[:at_most]]

"""The weights of all pairs of a split at once, and the pairs that stand out by them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, groupby, pairwise
from operator import itemgetter

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from pipeline.grcf.bounded_weights import bounded_weight_of
from pipeline.grcf.loss.advantages import Scope, advantage_of, weight_of
from pipeline.grcf.loss.groups import group_of
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings
from pipeline.grcf.loss.margins import margin_violations, ranking_key, shortfalls
from pipeline.grcf.loss.moments import Moments

# Pairs in memory at a time, for each seed.
_AT_ONCE = 2**19


@dataclass(frozen=True, slots=True)
class WeighedPair:
    """Positions of the two segments, the margin, and weight and violation by seed."""

    above: int
    below: int
    margin: float
    weight: tuple[float, ...]
    violation: tuple[float, ...]

    @property
    def mean_weight(self) -> float:
        """Mean weight over seeds."""
        return float(np.mean(self.weight))

    @property
    def mean_pull(self) -> float:
        """Mean of weight times violation over seeds."""
        return float(np.mean(np.multiply(self.weight, self.violation)))


@dataclass(frozen=True, eq=False)
class WeighedPairs:
    """The hardest pairs by falling pull, and sums over the pairs of each label, means over seeds; see `HardSegment`."""

    pairs: tuple[WeighedPair, ...]
    n_pairs: Int64[np.ndarray, "segment"]
    pull_above: Float64[np.ndarray, "segment"]
    pull_below: Float64[np.ndarray, "segment"]
    extra: Float64[np.ndarray, "segment"]

    def of_segments(self, segment: Int64[np.ndarray, "label"], *, n_segments: int) -> "WeighedPairs":
        """The same by segment, where each of these numbers is that of a label.

        Args:
            segment: position of the segment that each label is of.
            n_segments: number of segments.
        """

        def summed(values: np.ndarray) -> np.ndarray:
            return np.bincount(segment, values, minlength=n_segments)

        return WeighedPairs(
            pairs=tuple(
                replace(pair, above=int(segment[pair.above]), below=int(segment[pair.below]))
                for pair in self.pairs
            ),
            n_pairs=summed(self.n_pairs).astype(np.int64),
            pull_above=summed(self.pull_above),
            pull_below=summed(self.pull_below),
            extra=summed(self.extra),
        )


def weigh_classes(
    scores: Float64[np.ndarray, "seed segment *class"],
    label: Tensor,
    owner: Tensor | None = None,
    *,
    margin: MarginSettings,
    advantage: AdvantageSettings,
    n_pairs: int,
) -> WeighedPairs:
    """`weigh_pairs`, and where labels are classes, the pairs of each class above all others by its own score, together.

    The segment above is of the class whose score is meant, so two segments of different classes are two pairs.
    """
    if scores.ndim == 2:
        return weigh_pairs(scores, label, owner, margin=margin, advantage=advantage, n_pairs=n_pairs)
    parts = [
        weigh_pairs(
            scores[:, :, number],
            (label == number).to(label.dtype),
            owner,
            margin=margin,
            advantage=advantage,
            n_pairs=n_pairs,
        )
        for number in range(scores.shape[2])
    ]
    pairs = [pair for part in parts for pair in part.pairs]
    sign = _sign_of_interest(advantage)
    heaviest = sorted(pairs, key=lambda pair: (-sign * pair.mean_weight, pair.above, pair.below))[:n_pairs]
    pulled = sorted(pairs, key=lambda pair: (-pair.mean_pull, pair.above, pair.below))[:n_pairs]
    best = dict.fromkeys([*pulled, *heaviest])
    return WeighedPairs(
        pairs=tuple(
            sorted(best, key=lambda pair: (-pair.mean_pull, -pair.mean_weight, pair.above, pair.below))
        ),
        n_pairs=np.sum([part.n_pairs for part in parts], axis=0),
        pull_above=np.sum([part.pull_above for part in parts], axis=0),
        pull_below=np.sum([part.pull_below for part in parts], axis=0),
        extra=np.sum([part.extra for part in parts], axis=0),
    )


def weigh_pairs(
    scores: Float64[np.ndarray, "seed segment"],
    label: Tensor,
    owner: Tensor | None = None,
    *,
    margin: MarginSettings,
    advantage: AdvantageSettings,
    n_pairs: int,
) -> WeighedPairs:
    """The weights of `groupwise.compare_pairs` on all segments at once, a block of pairs at a time.

    Args:
        scores: scores of every seed, one per segment, any scale.
        label: labels of the segments, label units.
        owner: owner of each label: only pairs of one owner are compared; None compares all.
        margin: margin of the groupwise loss.
        advantage: weights of the groupwise loss.
        n_pairs: number of pairs to keep by weight (the smallest where weights are bounded), and by weight × violation.
    """
    group = group_of(label, groups=margin.groups)
    owner = torch.zeros_like(group) if owner is None else owner
    # By owner, then by group.
    owned_groups, kind = torch.stack([owner, group]).unique(dim=1, return_inverse=True)
    sorting = kind.argsort(stable=True)
    blocks = _Blocks(
        torch.from_numpy(scores)[:, sorting],
        label[sorting].double(),
        group[sorting],
        margin,
        sizes=kind.bincount().tolist(),
        owner=owned_groups[0].tolist(),
    )
    mean, spread = blocks.peers(advantage.scope)
    n = len(label)
    above, below, extra = np.zeros(n), np.zeros(n), np.zeros(n)
    by_weight, by_pull = np.zeros((0, 4)), np.zeros((0, 4))
    sign = _sign_of_interest(advantage)
    for rows, columns, kinds in blocks.rectangles():
        violation = blocks.violation(rows, columns)
        weight = _weight_of(violation, mean[:, rows, kinds, None], spread[:, rows, kinds, None], advantage)
        weighs, pull = weight.mean(dim=0).numpy(), (weight * violation).mean(dim=0).numpy()
        above[rows] += pull.sum(axis=1)
        below[columns] += pull.sum(axis=0)
        extra[rows] += (weighs - 1).sum(axis=1)
        extra[columns] += (weighs - 1).sum(axis=0)
        corner = (rows.start, columns.start)
        by_weight = _best(by_weight, sign * weighs, pull, corner, at_most=n_pairs)
        by_pull = _best(by_pull, pull, weighs, corner, at_most=n_pairs)
    # The same columns for both: pull, weight, row, column.
    by_weight[:, 0] *= sign
    best = np.unique(np.concatenate([by_pull, by_weight[:, [1, 0, 2, 3]]]), axis=0)
    best = best[np.lexsort((best[:, 3], best[:, 2], -best[:, 1], -best[:, 0]))]
    positions = sorting.numpy()
    back = np.empty(n, np.int64)
    back[positions] = np.arange(n)
    n_of_kind, of_owner = kind.bincount(), owned_groups[0].unique(return_inverse=True)[1]
    n_of_owner = torch.zeros_like(n_of_kind).index_add(0, of_owner, n_of_kind)[of_owner]
    return WeighedPairs(
        pairs=tuple(
            blocks.pair(int(row), int(column), positions, mean, spread, advantage)
            for row, column in best[:, 2:]
        ),
        n_pairs=(n_of_owner - n_of_kind)[kind].numpy(),
        pull_above=above[back],
        pull_below=below[back],
        extra=extra[back],
    )


class _Blocks:
    """Labels sorted by owner and group, so that the pairs of two groups of an owner are a rectangle."""

    def __init__(
        self,
        score: Tensor,
        label: Tensor,
        group: Tensor,
        margin: MarginSettings,
        *,
        sizes: Sequence[int],
        owner: Sequence[int],
    ) -> None:
        """Sort nothing: the labels come in order.

        Args:
            score: scores of every seed, one per label.
            label: labels.
            group: sentiment group of each.
            margin: margin of the groupwise loss.
            sizes: number of labels of each owner's group.
            owner: the owner of each of these.
        """
        self._margin = margin
        self._key = ranking_key(score, label, group, slope=margin.slope, distance=margin.distance)
        self._shift = score - self._key
        slices = [slice(start, end) for start, end in pairwise(np.cumsum([0, *sizes]).tolist())]
        self._owners = [
            [members for _, members in of_owner]
            for _, of_owner in groupby(zip(owner, slices, strict=True), key=itemgetter(0))
        ]

    def rectangles(self) -> Iterator[tuple[slice, slice, int]]:
        """Rows above, columns below, and the number of the owner's group of the columns; every ordered pair once."""
        for groups in self._owners:
            for (kind, lower), (_, upper) in combinations(enumerate(groups), 2):
                step = max(1, _AT_ONCE // (lower.stop - lower.start))
                for start in range(upper.start, upper.stop, step):
                    yield slice(start, min(start + step, upper.stop)), lower, kind

    def violation(self, rows: slice, columns: slice) -> Float[Tensor, "seed above below"]:
        """Violations of the pairs of a block, for each seed."""
        shortfall = shortfalls(self._key[:, rows], self._key[:, columns], base=self._margin.base)
        return margin_violations(shortfall, shape=self._margin.shape, smoothing=self._margin.smoothing)

    def peers(self, scope: Scope) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the violations in the scope of each seed, upper segment and group below."""
        shape = (*self._key.shape, max(map(len, self._owners)))
        count, mean, squares = (self._key.new_zeros(shape) for _ in range(3))
        for rows, columns, kind in self.rectangles():
            violation = self.violation(rows, columns)
            count[:, rows, kind] = violation.shape[2]
            mean[:, rows, kind] = violation.mean(dim=2)
            squares[:, rows, kind] = (violation - mean[:, rows, kind, None]).square().sum(dim=2)
        peers = Moments(count, mean, torch.zeros_like(mean), squares)
        if scope != "group_pair":
            peers = peers.pooled(dim=2)
        if scope != "anchor":
            together = (
                [members for groups in self._owners for members in groups]
                if scope == "group_pair"
                else [slice(groups[0].start, groups[-1].stop) for groups in self._owners]
            )
            parts = [
                Moments(
                    peers.count[:, rows], peers.mean[:, rows], peers.rest[:, rows], peers.squares[:, rows]
                ).pooled(dim=1)
                for rows in together
            ]
            sizes = torch.tensor([rows.stop - rows.start for rows in together])
            means = torch.cat([part.mean + part.rest for part in parts], dim=1)
            spreads = torch.cat([part.spread for part in parts], dim=1)
            return (
                means.repeat_interleave(sizes, dim=1).expand(shape),
                spreads.repeat_interleave(sizes, dim=1).expand(shape),
            )
        return (peers.mean + peers.rest).expand(shape), peers.spread.expand(shape)

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
        groups = next(groups for groups in self._owners if column < groups[-1].stop)
        kind = next(number for number, members in enumerate(groups) if column < members.stop)
        violation = self.violation(slice(row, row + 1), slice(column, column + 1))[:, 0, 0]
        weight = _weight_of(violation, mean[:, row, kind], spread[:, row, kind], advantage)
        return WeighedPair(
            above=int(positions[row]),
            below=int(positions[column]),
            margin=self._margin.base + float(self._shift[0, row] - self._shift[0, column]),
            weight=tuple(weight.tolist()),
            violation=tuple(violation.tolist()),
        )


def _sign_of_interest(advantage: AdvantageSettings) -> int:
    """1 where the largest weights stand out, −1 under a bound, where the loss believes the pairs of the smallest least."""
    return -1 if advantage.direction == "bounded" else 1


def _weight_of(violation: Tensor, mean: Tensor, spread: Tensor, advantage: AdvantageSettings) -> Tensor:
    """The weight of pairs with these violations, from the mean and the spread of their peers."""
    if advantage.direction == "bounded":
        return bounded_weight_of(violation, bound=advantage.bound)
    return weight_of(
        advantage_of(mean - violation, spread, scale=advantage.scale),
        strength=advantage.strength,
        cap=advantage.cap,
    )


def _best(
    best: Float64[np.ndarray, "best 4"],
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

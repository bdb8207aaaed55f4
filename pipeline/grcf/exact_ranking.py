"""The groupwise ranking loss without its pairs: the same number and gradient in O(n log n), so that n may be large.

A pair (i, j), i above j, falls short of its margin by d = z_j − (z_i − base), where z is the score less its share of the
margin. So the pairs of one upper segment are a sorted list of the z_j seen from one point. Violation, weight and their
products are polynomials of d between four places: where the margin is kept, where the corner of the quadratic shape
ends, and where the weight leaves 1 and reaches its cap, for a weight grows with the violation of its pair. Each place is
found by bisection, each sum over a range by `sorted_sums`.

Sorting turns sums over pairs into sums over ranges for the hinge since Joachims (2005); that advantages from means and
spreads keep to the same ranges is our addition.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from pipeline.grcf.advantages import MIN_SPREAD, Scale, Scope
from pipeline.grcf.sorted_sums import Polynomial, SortedSums, dot, product


@dataclass(frozen=True, kw_only=True)
class ExactSettings:
    """What is left of the settings of the loss once the slope of the margin is part of z."""

    base: float
    smoothing: float
    scope: Scope
    scale: Scale
    strength: float
    cap: float


def loss_and_gradient(
    key: Float[Tensor, "segment"], group: Int64[Tensor, "segment"], settings: ExactSettings
) -> tuple[Float[Tensor, ""], Float[Tensor, "segment"]]:
    """The weighted mean violation over all pairs of different groups, and its gradient with weights held fixed.

    Args:
        key: z, the score less slope times the group number or label, float64 on the CPU, finite.
        group: group of each segment, any integers.
        settings: of margin and advantage; `smoothing` is the τ of the quadratic shape, 0 the hinge.

    Returns:
        Loss and gradient; both 0 without a pair.
    """
    gradient = torch.zeros_like(key)
    violation, weight = key.new_zeros(()), key.new_zeros(())
    pooled = None
    if settings.scope == "batch":
        parts = [_Pairs(block, settings).peers().pooled() for block in _blocks(key, group, settings)]
        pooled = _Peers.joined(parts).pooled() if parts else None
    for block in _blocks(key, group, settings):
        pairs = _Pairs(block, settings)
        peers = pooled
        if peers is None:
            peers = pairs.peers() if settings.scope == "anchor" else pairs.peers().pooled()
        found = pairs.weighed(peers)
        violation += found.violation
        weight += found.weight
        gradient[block.above] -= found.pull_above
        gradient[block.below] += found.pull_below
    if weight == 0:
        return violation, gradient
    return violation / weight, gradient / weight


@dataclass(frozen=True, eq=False)
class _Block:
    """Upper segments with all the segments that each of them is compared with, both in the order of z."""

    above: Int64[Tensor, "above"]
    below: Int64[Tensor, "below"]
    goal: Float[Tensor, "above"]
    near: SortedSums | None
    far: SortedSums


def _blocks(
    key: Float[Tensor, "segment"], group: Int64[Tensor, "segment"], settings: ExactSettings
) -> Iterator[_Block]:
    """Every pair of different groups once: a block per pair of groups where these are the scope, else per upper group."""
    order = key.argsort(stable=True)
    sorted_group = group[order]
    groups = sorted_group.unique()
    members = [order[sorted_group == number] for number in groups]

    def block(above: Tensor, below: Tensor, sums: tuple[SortedSums | None, SortedSums]) -> _Block:
        return _Block(above, below, key[above] - settings.base, *sums)

    def sums(below: Tensor) -> tuple[SortedSums | None, SortedSums]:
        width = settings.smoothing
        # Twice as wide as the corner, so that rounding never makes a range meet three cells.
        near = SortedSums(key[below], degree=4, width=2 * width) if width > 0 else None
        return near, SortedSums(key[below], degree=2)

    for position in range(1, len(groups)):
        if settings.scope == "group_pair":
            below = members[position - 1]
            shared = sums(below)
            for above in members[position:]:
                yield block(above, below, shared)
        else:
            below = order[sorted_group < groups[position]]
            yield block(members[position], below, sums(below))


@dataclass(frozen=True, eq=False)
class _Peers:
    """Violations of scopes: how many, their mean in two parts (rounded, and what rounding left), squares about it.

    A mean in one part would cost the differences from it all their digits where one upper segment is far from the rest.
    """

    count: Tensor
    mean: Tensor
    rest: Tensor
    squares: Tensor

    @classmethod
    def joined(cls, parts: list["_Peers"]) -> "_Peers":
        """The scopes of all parts, end to end."""
        return cls(
            *(
                torch.cat([getattr(part, name) for part in parts])
                for name in ("count", "mean", "rest", "squares")
            )
        )

    def pooled(self) -> "_Peers":
        """All scopes as one, after Chan, Golub and LeVeque (1983)."""
        count = self.count.sum(0, keepdim=True)
        mean = (self.count * (self.mean + self.rest)).sum(0, keepdim=True) / count
        offset = (self.mean - mean) + self.rest
        rest = (self.count * offset).sum(0, keepdim=True) / count
        squares = (self.squares + self.count * (offset - rest).square()).sum(0, keepdim=True)
        return _Peers(count, mean, rest, squares)


@dataclass(frozen=True, eq=False)
class _Part:
    """A range of each upper segment's pairs on which v is one polynomial P of z_j less that of the first pair."""

    sums: SortedSums
    low: Int64[Tensor, "above"]
    high: Int64[Tensor, "above"] | None
    start: Float[Tensor, "above"]
    step: Float[Tensor, "above"] | float
    rise: Polynomial
    slope: Polynomial

    @property
    def violation(self) -> Polynomial:
        """P; its constant is kept as `start` + `step`."""
        return [self.start + self.step, *self.rise]

    def excess(self, peers: _Peers) -> Polynomial:
        """P less the mean of the peers; `start` is close to the mean where both are large, so it goes first."""
        return [((self.start - peers.mean) - peers.rest) + self.step, *self.rise]

    def powers(self, degree: int) -> list[Float[Tensor, "above"]]:
        """What sums of polynomials over the range are made of."""
        return self.sums.powers(self.low, self.high, degree=degree)


@dataclass(frozen=True, eq=False)
class _Weighed:
    """Σ w v, Σ w, and Σ w v' of each upper and of each lower segment."""

    violation: Float[Tensor, ""]
    weight: Float[Tensor, ""]
    pull_above: Float[Tensor, "above"]
    pull_below: Float[Tensor, "below"]


class _Pairs:
    """The pairs of a block, cut at the first that violates its margin and at the end of the corner."""

    def __init__(self, block: _Block, settings: ExactSettings) -> None:
        self._block, self._settings = block, settings
        self._first = block.far.first_above(block.goal)
        self._bend = self._first
        if block.near is not None:
            self._bend = block.far.first_above(block.goal + settings.smoothing)
        self._origin = block.far.values[self._first]
        self._lead = self._origin - block.goal
        self._n_kept = self._first.to(block.goal.dtype)

    def peers(self) -> _Peers:
        """Count, mean and squares of the violations of each upper segment."""
        count = torch.full_like(self._lead, len(self._block.below))
        parts = [(part, part.powers(2 * len(part.rise))) for part in self._parts(self._first, None)]
        mean = sum(dot(part.violation, powers) for part, powers in parts) / count
        rounded = _Peers(count, mean, torch.zeros_like(mean), torch.zeros_like(mean))
        rest, squares = -self._n_kept * mean, self._n_kept * mean.square()
        for part, powers in parts:
            excess = part.excess(rounded)
            rest = rest + dot(excess, powers)
            squares = squares + dot(product(excess, excess), powers)
        rest = rest / count
        return _Peers(count, mean, rest, squares - count * rest.square())

    def weighed(self, peers: _Peers) -> _Weighed:
        """All sums over the block, w being 1, linear in v above the mean of the peers, then the cap."""
        settings = self._settings
        spread = (peers.squares.clamp(min=0) / peers.count).sqrt()
        gain = settings.strength / (spread if settings.scale == "std" else torch.ones_like(spread))
        gain = torch.where(spread < MIN_SPREAD, 0.0, gain)
        heavier = torch.maximum(self._first_beyond(peers, torch.where(gain > 0, 0.0, torch.inf)), self._first)
        to_cap = torch.where(gain > 0, (settings.cap - 1) / gain, torch.inf)
        capped = torch.maximum(self._first_beyond(peers, to_cap), heavier)

        weights: list[tuple[_Part, Polynomial]] = [(part, [1.0]) for part in self._parts(self._first, None)]
        weights += [(part, product([gain], part.excess(peers))) for part in self._parts(heavier, capped)]
        weights += [(part, [settings.cap - 1]) for part in self._parts(capped, None)]

        violation, weight = torch.zeros_like(self._lead), self._n_kept
        pull_above, pull_below = torch.zeros_like(self._lead), 0.0
        pulls: dict[SortedSums, list[tuple[Tensor, Tensor | None, Polynomial]]] = {}
        for part, factor in weights:
            powers = part.powers(len(factor) - 1 + len(part.rise))
            violation = violation + dot(product(factor, part.violation), powers)
            weight = weight + dot(factor, powers)
            pull = product(factor, part.slope)
            pull_above = pull_above + dot(pull, powers)
            pulls.setdefault(part.sums, []).append((part.low, part.high, pull))
        return _Weighed(
            violation.sum(),
            weight.sum(),
            pull_above,
            torch.stack([sums.scatter(ranges) for sums, ranges in pulls.items()]).sum(0),
        )

    def _first_beyond(self, peers: _Peers, excess: Tensor) -> Int64[Tensor, "above"]:
        """Position of the first pair whose violation exceeds the mean of its peers by more than `excess`."""
        corner = self._settings.smoothing
        ahead = ((peers.mean - self._lead) + peers.rest) + excess + corner / 2
        if corner > 0:
            violation = ((peers.mean + peers.rest) + excess).clamp(min=0)
            bent = (2 * corner * violation).sqrt() - self._lead
            ahead = torch.where(violation < corner / 2, bent, ahead)
        return self._block.far.first_above(self._origin + ahead)

    def _parts(self, low: Tensor, high: Tensor | None) -> list[_Part]:
        """The pairs from `low` to `high`, or to the last, on either side of the end of the corner."""
        block, corner = self._block, self._settings.smoothing
        parts = []
        if block.near is not None:
            start = torch.minimum(low, self._bend)
            stop = self._bend if high is None else torch.minimum(high, self._bend)
            shortfall = block.near.values[start] - block.goal
            parts.append(
                _Part(
                    block.near,
                    start,
                    stop,
                    start=shortfall.square() / (2 * corner),
                    step=0.0,
                    rise=[shortfall / corner, 1 / (2 * corner)],
                    slope=[shortfall / corner, 1 / corner],
                )
            )
        start = torch.maximum(low, self._bend)
        stop = None if high is None else torch.maximum(high, self._bend)
        step = (block.far.values[start] - self._origin) - corner / 2
        parts.append(_Part(block.far, start, stop, start=self._lead, step=step, rise=[1.0], slope=[1.0]))
        return parts

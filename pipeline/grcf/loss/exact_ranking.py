"""The groupwise ranking loss without its pairs: the same number and gradient in O(n log n), so that n may be large.

A pair (i, j), i above j, falls short of its margin by d = z_j − (z_i − base), where z is the score minus its part of the
margin. So the pairs of one upper segment are a sorted list of the z_j seen from one point. Violation, weight and their
products are polynomials of d between four places: where the margin is kept, where the corner of the quadratic shape
ends, and where the weight leaves 1 and reaches its cap, for a weight grows with the violation of its pair. Each place is
found by bisection, each sum over a range by `sorted_sums`.

Sorting turns sums over pairs into sums over ranges for the hinge since Joachims (2005); that advantages from means and
spreads keep to the same ranges is our addition.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from pipeline.grcf.loss.advantages import MIN_SPREAD, Scale, Scope
from pipeline.grcf.loss.moments import Moments
from pipeline.grcf.loss.sorted_sums import Polynomial, Scatter, SortedSums, dot, product

# Upper segments at a time: what is worked out for each of them then fits a cache, and memory is that of the sums.
_AT_ONCE = 2**14


@dataclass(frozen=True, kw_only=True)
class ExactSettings:
    """What is left of the settings of the loss once the slope of the margin is part of z."""

    base: float
    smoothing: float
    scope: Scope
    scale: Scale
    strength: float
    cap: float


@dataclass(frozen=True, eq=False)
class WeightedSums:
    """Sums over pairs: what the loss and its gradient are made of.

    Attributes:
        violation: Σ w v.
        weight: Σ w.
        gradient: gradient of Σ w v by the score of each segment, with weights held fixed.
    """

    violation: Float[Tensor, ""]
    weight: Float[Tensor, ""]
    gradient: Float[Tensor, "segment"]

    def loss_and_gradient(self) -> tuple[Float[Tensor, ""], Float[Tensor, "segment"]]:
        """The weighted mean violation Σ w v / Σ w and its gradient; both 0 without a pair."""
        if self.weight > 0:
            return self.violation / self.weight, self.gradient / self.weight
        return self.violation, self.gradient


def weighted_sums(
    key: Float[Tensor, "segment"], group: Int64[Tensor, "segment"], settings: ExactSettings
) -> WeightedSums:
    """The sums over all pairs of different groups.

    Args:
        key: z, the score minus slope times the group number or label; float64 on the CPU, finite.
        group: sentiment group of each segment, any integers.
        settings: settings of margin and advantage; `smoothing` is the τ of the quadratic shape, 0 the hinge.
    """
    blocks = partial(_blocks, key, group, settings)
    batch = None
    if settings.scope == "batch":
        parts = list(map(_Block.peers, blocks()))
        batch = Moments.joined(parts).pooled() if parts else None
    gradient = torch.zeros_like(key)

    def weigh(block: _Block) -> Tensor:
        peers = block.peers() if settings.scope == "group_pair" else batch
        pulls = [Scatter(sums) for sums in block.sums]
        total = key.new_zeros(2)
        for pairs in block.pairs():
            found = pairs.weighed(pairs.peers() if peers is None else peers, pulls)
            total += torch.stack([found.violation, found.weight])
            gradient[pairs.above] -= found.pull
        for pull in pulls:
            gradient[block.below] += pull.total()
        return total

    # By map, and not in a loop, whose variable would keep a block while the next is made.
    violation, weight = sum(map(weigh, blocks()), key.new_zeros(2))
    return WeightedSums(violation, weight, gradient)


@dataclass(frozen=True, eq=False)
class _Block:
    """Upper segments with all the segments that each of them is compared with, both in the order of z.

    Attributes:
        above: positions of the upper segments.
        below: positions of the lower segments.
        goal: z of each upper segment minus the base margin; a lower segment up to there keeps the margin.
        sums: sums over z of the segments below: all of it, and in cells for the corner where there is one.
        settings: settings of margin and advantage.
    """

    above: Int64[Tensor, "above"]
    below: Int64[Tensor, "below"]
    goal: Float[Tensor, "above"]
    sums: list[SortedSums]
    settings: ExactSettings

    def pairs(self) -> Iterator["_Pairs"]:
        """A few upper segments at a time."""
        for above, goal in zip(self.above.split(_AT_ONCE), self.goal.split(_AT_ONCE), strict=True):
            yield _Pairs(above, goal, self.sums, self.settings)

    def peers(self) -> Moments:
        """Moments of all violations of the block as one scope."""
        return Moments.joined([pairs.peers().pooled() for pairs in self.pairs()]).pooled()


def _blocks(
    key: Float[Tensor, "segment"], group: Int64[Tensor, "segment"], settings: ExactSettings
) -> Iterator[_Block]:
    """Every pair of different groups once: a block per pair of groups where these are the scope, else per upper group."""
    order = key.argsort(stable=True)
    sorted_group = group[order]
    groups = sorted_group.unique()
    members = [order[sorted_group == number] for number in groups]

    def sums(below: Tensor) -> list[SortedSums]:
        values, corner = key[below], settings.smoothing
        # Cells twice as wide as the corner, so that rounding never makes a range meet three.
        cells = [SortedSums(values, degree=4, width=2 * corner)] if corner > 0 else []
        return [SortedSums(values, degree=2), *cells]

    for position in range(1, len(groups)):
        if settings.scope == "group_pair":
            below = members[position - 1]
            shared = sums(below)
            for above in members[position:]:
                yield _Block(above, below, key[above] - settings.base, shared, settings)
        else:
            above, below = members[position], order[sorted_group < groups[position]]
            yield _Block(above, below, key[above] - settings.base, sums(below), settings)


@dataclass(frozen=True, eq=False)
class _Part:
    """A range of each upper segment's pairs on which v is one polynomial P of z_j minus that of the first pair."""

    kind: int
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

    def excess(self, peers: Moments) -> Polynomial:
        """P minus the mean of the peers; `start` is close to the mean where both are large, so it goes first."""
        return [((self.start - peers.mean) - peers.rest) + self.step, *self.rise]

    def powers(self, degree: int) -> list[Float[Tensor, "above"]]:
        """Sums of powers over the range, from which sums of polynomials are made."""
        return self.sums.powers(self.low, self.high, degree=degree)


@dataclass(frozen=True, eq=False)
class _Weighed:
    """Σ w v, Σ w, and Σ w v' of each upper segment."""

    violation: Float[Tensor, ""]
    weight: Float[Tensor, ""]
    pull: Float[Tensor, "above"]


class _Pairs:
    """The pairs of some upper segments, cut at the first that violates its margin and at the end of the corner."""

    def __init__(
        self,
        above: Int64[Tensor, "above"],
        goal: Float[Tensor, "above"],
        sums: list[SortedSums],
        settings: ExactSettings,
    ) -> None:
        self.above = above
        self._goal, self._sums, self._settings = goal, sums, settings
        self._first = sums[0].first_above(goal)
        self._bend = sums[0].first_above(goal + settings.smoothing) if settings.smoothing > 0 else self._first
        self._origin = sums[0].values.index_select(0, self._first)
        self._lead = self._origin - goal
        self._n_kept = self._first.to(goal.dtype)

    def peers(self) -> Moments:
        """Count, mean and squares of the violations of each upper segment."""
        count = torch.full_like(self._lead, len(self._sums[0]))
        parts = [(part, part.powers(2 * len(part.rise))) for part in self._parts(self._first, None)]
        mean = torch.stack([dot(part.violation, powers) for part, powers in parts]).sum(0) / count
        rounded = Moments(count, mean, torch.zeros_like(mean), torch.zeros_like(mean))
        rest, squares = -self._n_kept * mean, self._n_kept * mean.square()
        for part, powers in parts:
            excess = part.excess(rounded)
            rest = rest + dot(excess, powers)
            squares = squares + dot(product(excess, excess), powers)
        rest = rest / count
        return Moments(count, mean, rest, squares - count * rest.square())

    def weighed(self, peers: Moments, pulls: list[Scatter]) -> _Weighed:
        """Sums with w being 1, linear in v above the mean of the peers, then the cap; `pulls` takes Σ w v' from below."""
        settings = self._settings
        spread = peers.spread
        gain = settings.strength / (spread if settings.scale == "std" else torch.ones_like(spread))
        gain = torch.where(spread < MIN_SPREAD, 0.0, gain)
        weighs = gain > 0
        heavier = self._first_beyond(peers, torch.where(weighs, 0.0, torch.inf))
        capped = self._first_beyond(peers, torch.where(weighs, (settings.cap - 1) / gain, torch.inf))
        heavier = torch.maximum(heavier, self._first)
        capped = torch.maximum(capped, heavier)

        weights: list[tuple[_Part, Polynomial]] = [(part, [1.0]) for part in self._parts(self._first, None)]
        weights += [(part, product([gain], part.excess(peers))) for part in self._parts(heavier, capped)]
        weights += [(part, [settings.cap - 1]) for part in self._parts(capped, None)]
        violation, weight, pull = torch.zeros_like(self._lead), self._n_kept, torch.zeros_like(self._lead)
        for part, factor in weights:
            powers = part.powers(len(factor) - 1 + len(part.rise))
            violation = violation + dot(product(factor, part.violation), powers)
            weight = weight + dot(factor, powers)
            pulled = product(factor, part.slope)
            pull = pull + dot(pulled, powers)
            pulls[part.kind].add(part.low, part.high, pulled)
        return _Weighed(violation.sum(), weight.sum(), pull)

    def _first_beyond(self, peers: Moments, excess: Tensor) -> Int64[Tensor, "above"]:
        """Position of the first pair whose violation exceeds the mean of its peers by more than `excess`."""
        corner = self._settings.smoothing
        ahead = ((peers.mean - self._lead) + peers.rest) + excess + corner / 2
        if corner > 0:
            violation = ((peers.mean + peers.rest) + excess).clamp(min=0)
            bent = (2 * corner * violation).sqrt() - self._lead
            ahead = torch.where(violation < corner / 2, bent, ahead)
        return self._sums[0].first_above(self._origin + ahead)

    def _parts(self, low: Tensor, high: Tensor | None) -> list[_Part]:
        """The pairs from `low` to `high`, or to the last, on either side of the end of the corner."""
        corner = self._settings.smoothing
        behind = torch.maximum(low, self._bend)
        step = (self._sums[0].values.index_select(0, behind) - self._origin) - corner / 2
        end = None if high is None else torch.maximum(high, self._bend)
        parts = [_Part(0, self._sums[0], behind, end, start=self._lead, step=step, rise=[1.0], slope=[1.0])]
        if corner > 0:
            low = torch.minimum(low, self._bend)
            high = self._bend if high is None else torch.minimum(high, self._bend)
            shortfall = self._sums[1].values.index_select(0, low) - self._goal
            bent = shortfall / corner
            parts.append(
                _Part(
                    1,
                    self._sums[1],
                    low,
                    high,
                    start=shortfall.square() / (2 * corner),
                    step=0.0,
                    rise=[bent, 1 / (2 * corner)],
                    slope=[bent, 1 / corner],
                )
            )
        return parts

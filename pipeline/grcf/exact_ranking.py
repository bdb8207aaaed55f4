"""The groupwise ranking loss without its pairs: the same number and gradient in O(n log n), so that n may be large.

A pair (i, j), i above j, falls short of its margin by d = z_j − (z_i − base), where z is the score less its share of the
margin. So the pairs of one upper segment are a sorted list of the z_j seen from one point. Violation, weight and their
products are polynomials of d between four places: where the margin is kept, where the corner of the quadratic shape
ends, and where the weight leaves 1 and reaches its cap, for a weight grows with the violation of its pair. Each place is
found by bisection, each sum over a range by `sorted_sums`.

Sorting turns sums over pairs into sums over ranges for the hinge since Joachims (2005); that advantages from means and
spreads keep to the same ranges is our addition.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

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
            *(torch.cat([getattr(part, name) for part in parts]) for name in ("count", "mean", "rest", "squares"))
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
class _Weighed:
    """Σ w v, Σ w, and Σ w v' of each upper and each lower segment."""

    violation: Tensor
    weight: Tensor
    pull_above: Float[Tensor, "above"]
    pull_below: Float[Tensor, "below"]


@dataclass(frozen=True, eq=False)
class _Part:
    """A range of each upper segment's pairs on which the violation is one polynomial of z_j less that of the first."""

    low: Tensor
    high: Tensor | None
    sums: SortedSums
    violation: Polynomial
    slope: Polynomial
    excess: Callable[[Tensor, Tensor], Tensor]
    """v of the first pair less a mean in two parts, without cancelling."""


class _Pairs:
    """The violating pairs of a block."""

    def __init__(self, block: _Block, settings: ExactSettings) -> None:
        self.block, self.settings = block, settings
        self.first = block.far.first_above(block.goal)
        self.bend = self.first
        if settings.smoothing > 0:
            self.bend = block.far.first_above(block.goal + settings.smoothing)
        self.origin = block.far.values[self.first]
        self.lead = self.origin - block.goal
        self.n_kept = self.first.to(block.goal.dtype)
        self.active = [(part, self._powers(part, 2)) for part in self._parts(self.first, None)]

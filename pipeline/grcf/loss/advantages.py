"""Advantages: which pairs are harder than their peers, after the group-relative reward of GRPO, and which are beyond belief."""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from pipeline.grcf.bounded_weights import bounded_weight_of
from pipeline.grcf.loss.moments import Moments

Scope = Literal["group_pair", "anchor", "batch"]
Scale = Literal["std", "none"]
Direction = Literal["harder", "bounded"]
"""Whether harder pairs weigh more, or pairs that are violated beyond belief weigh less."""

# A scope whose rewards spread less than this has no easier and harder pairs, only rounding.
MIN_SPREAD = 1e-6


def pair_weights(
    violation: Float[Tensor, "above below"],
    pair: Bool[Tensor, "above below"],
    group: Int64[Tensor, "segment"],
    owner: Int64[Tensor, "segment"] | None = None,
    *,
    scope: Scope,
    scale: Scale,
    strength: float,
    cap: float,
    direction: Direction = "harder",
    bound: float = 3.0,
) -> Float[Tensor, "above below"]:
    """Weight of each pair, without gradient, 0 off the pairs.

    The direction "harder" gives w = clip(1 + strength · max(0, −A), 1, cap). "bounded" gives `bounded_weight_of` the
    violation, and has no use for scope, scale, strength and cap.

    The reward of a pair is r = −violation and its advantage A = (r − mean r) / std r over the pairs of its scope. A pair
    that does worse than its peers has A < 0 and weighs more; no pair weighs less than 1, because a signed advantage as
    a weight would turn the loss of most pairs upside down.

    Args:
        violation: distance of each pair from its margin, score units.
        pair: whether a pair is compared.
        group: sentiment group of each segment.
        owner: owner of each label; the peers of a pair are then pairs of the same owner. None where there are no owners.
        scope: the peers of a pair are the pairs between the same two groups, those with the same upper segment, or the whole
            batch.
        scale: divide by the population standard deviation of the scope, or leave the difference in score units.
        strength: weight that is added per unit of disadvantage; 0 gives all pairs the weight 1.
        cap: largest weight, at least 1.
        direction: whether harder pairs weigh more, or pairs that are violated beyond belief weigh less.
        bound: violation at which a bounded weight is one half, score units, above 0.

    Where all rewards of a scope are equal (spread below `MIN_SPREAD`) nobody has an advantage and the weight is 1.

    Reconstruction: the abstract of GRCF says GRPO-inspired and advantage-weighted with a focus on hard-to-rank pairs; the
    formula is ours (docs/explanation/method.md).
    """
    violation = violation.detach()
    if direction == "bounded":
        return bounded_weight_of(violation, bound=bound) * pair
    rows, columns = pair.nonzero(as_tuple=True)
    weights = torch.zeros_like(violation)
    if len(rows) == 0:
        return weights
    compared = violation[rows, columns]
    number = _scope_of(rows, columns, group, scope)
    if owner is not None:
        rank: Tensor = owner.unique(return_inverse=True)[1]
        number = number + rank[rows] * (number.max() + 1)
    scopes, member = number.unique(return_inverse=True)
    peers = Moments.by_scope(compared, member, n_scopes=len(scopes))
    advantage = advantage_of(peers.mean[member] - compared, peers.spread[member], scale=scale)
    weights[rows, columns] = weight_of(advantage, strength=strength, cap=cap)
    return weights


def weight_of(advantage: Float[Tensor, "*pairs"], *, strength: float, cap: float) -> Float[Tensor, "*pairs"]:
    """The weight of pairs with these advantages; see `pair_weights`."""
    return (1 + strength * (-advantage).clamp(min=0)).clamp(min=1, max=cap)


def advantage_of(
    centred: Float[Tensor, "*pairs"], spread: Float[Tensor, "*#pairs"], *, scale: Scale
) -> Float[Tensor, "*pairs"]:
    """Advantages of pairs.

    Args:
        centred: rewards minus the mean reward of their scope.
        spread: standard deviation of the rewards of the scope.
        scale: whether the advantage is in units of that deviation or in score units.
    """
    divisor = spread.clamp(min=MIN_SPREAD) if scale == "std" else torch.ones_like(spread)
    return torch.where(spread < MIN_SPREAD, torch.zeros_like(centred), centred / divisor)


def _scope_of(
    rows: Int64[Tensor, "pair"],
    columns: Int64[Tensor, "pair"],
    group: Int64[Tensor, "segment"],
    scope: Scope,
) -> Int64[Tensor, "pair"]:
    """Number of the scope that each pair belongs to; numbers may have gaps."""
    if scope == "batch":
        return torch.zeros_like(rows)
    if scope == "anchor":
        return rows
    rank: Tensor = group.unique(return_inverse=True)[1]
    return rank[rows] * len(group) + rank[columns]

"""The exact path where labels have owners: large owners by sorted sums, small ones pair by pair, many at a time."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from pipeline.grcf.loss.advantages import pair_weights
from pipeline.grcf.loss.exact_ranking import ExactSettings, WeightedSums, weighted_sums
from pipeline.grcf.loss.margins import margin_violations, ordered_pairs, shortfalls


def weighted_sums_by_owner(
    key: Float[Tensor, "segment"],
    group: Int64[Tensor, "segment"],
    owner: Int64[Tensor, "segment"],
    settings: ExactSettings,
    *,
    exact_from: int,
) -> WeightedSums:
    """`exact_ranking.weighted_sums` over the pairs of one owner each.

    Owners share no pair and no scope, so their sums simply add up. Those with fewer than `exact_from` segments are put
    together until they have as many and compared pair by pair: time and memory stay linear in the number of segments.

    Args:
        key: z of each segment; float64 on the CPU, finite.
        group: sentiment group of each segment, any integers.
        owner: owner of each label, any integers.
        settings: settings of margin and advantage.
        exact_from: number of segments of an owner from which sorted sums are faster than pairs.
    """
    violation, weight, gradient = key.new_zeros(()), key.new_zeros(()), torch.zeros_like(key)
    for members in _portions(owner, exact_from):
        if len(members) >= exact_from and bool((owner[members] == owner[members[0]]).all()):
            sums = weighted_sums(key[members], group[members], settings)
        else:
            sums = _pairwise_sums(key[members], group[members], owner[members], settings)
        violation, weight = violation + sums.violation, weight + sums.weight
        gradient[members] = sums.gradient
    return WeightedSums(violation, weight, gradient)


def _portions(owner: Int64[Tensor, "segment"], size: int) -> Iterator[Int64[Tensor, "_"]]:
    """The segments of one large owner, or of several small ones that together have less than twice `size`."""
    members = owner.argsort(stable=True)
    counts = owner.unique(return_counts=True)[1].tolist()
    small: list[Tensor] = []
    for of_owner in members.split(counts):
        if len(of_owner) >= size:
            yield of_owner
            continue
        small.append(of_owner)
        if sum(map(len, small)) >= size:
            yield torch.cat(small)
            small = []
    if small:
        yield torch.cat(small)


def _pairwise_sums(
    key: Float[Tensor, "segment"],
    group: Int64[Tensor, "segment"],
    owner: Int64[Tensor, "segment"],
    settings: ExactSettings,
) -> WeightedSums:
    pair = ordered_pairs(group, owner)
    shortfall = shortfalls(key, key, base=settings.base)
    corner = settings.smoothing
    violation = margin_violations(shortfall, shape="quadratic", smoothing=corner)
    weight = pair_weights(
        violation,
        pair,
        group,
        owner,
        scope=settings.scope,
        scale=settings.scale,
        strength=settings.strength,
        cap=settings.cap,
    )
    slope = (shortfall / corner).clamp(0, 1) if corner > 0 else (shortfall > 0).to(key)
    pull = weight * slope
    return WeightedSums((weight * violation).sum(), weight.sum(), pull.sum(dim=0) - pull.sum(dim=1))

"""The objective of stage 1: groupwise ranking under dynamic margins, weighted by advantage."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from pipeline.grcf.advantages import Scale, Scope, pair_weights
from pipeline.grcf.groups import Grouping, group_of
from pipeline.grcf.margins import Distance, Shape, margin_violations, ordered_pairs, pair_margins


@dataclass(frozen=True, kw_only=True)
class MarginSettings:
    """What a margin is made of; see `margins.pair_margins`, `margins.margin_violations` and `groups.group_of`."""

    groups: Grouping
    base: float
    slope: float
    distance: Distance
    shape: Shape
    smoothing: float


@dataclass(frozen=True, kw_only=True)
class AdvantageSettings:
    """What a pair's weight is made of; see `advantages.pair_weights`."""

    scope: Scope
    scale: Scale
    strength: float
    cap: float


@dataclass(frozen=True, eq=False)
class ComparedPairs:
    """Every quantity of the ranking loss, a row a segment above, a column a segment below."""

    pair: Tensor
    margin: Tensor
    violation: Tensor
    weight: Tensor


def compare_pairs(
    score: Float[Tensor, "segment"],
    label: Float[Tensor, "segment"],
    *,
    margin: MarginSettings,
    advantage: AdvantageSettings,
) -> ComparedPairs:
    """Compare every segment with every segment of a lower group."""
    group = group_of(label, groups=margin.groups)
    pair = ordered_pairs(group)
    distance = pair_margins(label, group, base=margin.base, slope=margin.slope, distance=margin.distance)
    violation = margin_violations(score, distance, shape=margin.shape, smoothing=margin.smoothing)
    weight = pair_weights(
        violation,
        pair,
        group,
        scope=advantage.scope,
        scale=advantage.scale,
        strength=advantage.strength,
        cap=advantage.cap,
    )
    return ComparedPairs(pair, distance, violation, weight)


def groupwise_ranking_loss(
    score: Float[Tensor, "segment"],
    label: Float[Tensor, "segment"],
    *,
    margin: MarginSettings,
    advantage: AdvantageSettings,
) -> Float[Tensor, ""]:
    """Stage 1: the weighted mean violation L1 = Σ w_ij v_ij / Σ w_ij over the pairs of different groups.

    Blind to an offset of all scores. Without a pair of different groups the loss is 0 and so is its gradient.

    Args:
        score: one score a segment, any scale.
        label: one label a segment, label units.
        margin: how far apart pairs have to be.
        advantage: how much each pair weighs.

    Example:
        >>> import torch
        >>> hinge = MarginSettings(
        ...     groups="integer", base=1.0, slope=0.0, distance="group", shape="softplus", smoothing=0.0
        ... )
        >>> alike = AdvantageSettings(scope="batch", scale="std", strength=0.0, cap=1.0)
        >>> score, label = torch.tensor([0.0, 0.4]), torch.tensor([-1.0, 1.0])
        >>> round(groupwise_ranking_loss(score, label, margin=hinge, advantage=alike).item(), 6)
        0.6
    """
    compared = compare_pairs(score, label, margin=margin, advantage=advantage)
    total = compared.weight.sum()
    weighted = (compared.weight * compared.violation).sum()
    return weighted / total if total > 0 else 0 * score.sum()

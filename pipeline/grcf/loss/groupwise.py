"""The objective of stage 1: groupwise ranking under dynamic margins, weighted by advantage."""

import itertools
from dataclasses import dataclass
from typing import Any, get_args

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from pipeline.errors import PipelineError
from pipeline.grcf.loss.advantages import Direction, Scale, Scope, pair_weights
from pipeline.grcf.loss.checks import check_choice, check_number, check_segments
from pipeline.grcf.loss.exact_by_owner import weighted_sums_by_owner
from pipeline.grcf.loss.exact_ranking import ExactSettings, weighted_sums
from pipeline.grcf.loss.groups import Grouping, group_of
from pipeline.grcf.loss.margins import (
    Distance,
    Shape,
    margin_violations,
    ordered_pairs,
    pair_margins,
    ranking_key,
    shortfalls,
)
from pipeline.grcf.network.owned_labels import Within

# Below, the fixed cost of the exact path (5 to 50 ms) outweighs its pairs; see benchmarks/ranking_loss.py.
EXACT_FROM = 1024


@dataclass(frozen=True, kw_only=True)
class MarginSettings:
    """Settings of the margin, and of which pairs have one.

    For most see `margins.pair_margins`, `margins.margin_violations` and `groups.group_of`. Pairs are compared `within` an
    owner, or any with any; see `owned_labels.owned_labels`. Beside those within an owner, all pairs together have the weight
    `across`, 0 to 1; see `objectives.pooled`.

    Raises:
        PipelineError: a setting has no such value.
    """

    groups: Grouping
    base: float
    slope: float
    distance: Distance
    shape: Shape
    smoothing: float
    within: Within = "any"
    across: float = 0.0

    def __post_init__(self) -> None:
        cuts = self.groups
        if isinstance(cuts, str):
            check_choice("groups", cuts, ("integer",))
        elif not cuts or any(a >= b for a, b in itertools.pairwise(cuts)):
            raise PipelineError(f"groups is {cuts!r}; expected 'integer' or increasing cuts")
        check_choice("distance", self.distance, get_args(Distance))
        check_choice("shape", self.shape, get_args(Shape))
        check_choice("within", self.within, get_args(Within))
        for name in ("base", "slope", "smoothing", "across"):
            check_number(name, getattr(self, name), least=0.0)
        if self.across > 1:
            raise PipelineError(f"across is {self.across:g}; expected a share from 0 to 1")


@dataclass(frozen=True, kw_only=True)
class AdvantageSettings:
    """Settings of the weights of pairs; see `advantages.pair_weights`.

    Raises:
        PipelineError: a setting has no such value.
    """

    scope: Scope
    scale: Scale
    strength: float
    cap: float
    direction: Direction = "harder"
    bound: float = 3.0

    def __post_init__(self) -> None:
        check_choice("scope", self.scope, get_args(Scope))
        check_choice("scale", self.scale, get_args(Scale))
        check_choice("direction", self.direction, get_args(Direction))
        check_number("strength", self.strength, least=0.0)
        check_number("cap", self.cap, least=1.0)
        check_number("bound", self.bound, least=0.0, excluded=True)


@dataclass(frozen=True, eq=False)
class ComparedPairs:
    """Every quantity of the ranking loss: one row per segment above, one column per segment below.

    Attributes:
        pair: whether the two are compared.
        margin: margin of the pair, score units.
        violation: distance of the pair from its margin, score units.
        weight: weight of the pair; 0 where the two are not compared.
    """

    pair: Bool[Tensor, "above below"]
    margin: Float[Tensor, "above below"]
    violation: Float[Tensor, "above below"]
    weight: Float[Tensor, "above below"]


def compare_pairs(
    score: Float[Tensor, "segment"],
    label: Float[Tensor, "segment"],
    owner: Int64[Tensor, "segment"] | None = None,
    *,
    margin: MarginSettings,
    advantage: AdvantageSettings,
) -> ComparedPairs:
    """Compare every segment with every segment of a lower group and the same owner."""
    group = group_of(label, groups=margin.groups)
    pair = ordered_pairs(group, owner)
    distance = pair_margins(label, group, base=margin.base, slope=margin.slope, distance=margin.distance)
    key = ranking_key(score, label, group, slope=margin.slope, distance=margin.distance)
    shortfall = shortfalls(key, key, base=margin.base)
    violation = margin_violations(shortfall, shape=margin.shape, smoothing=margin.smoothing)
    weight = pair_weights(
        violation,
        pair,
        group,
        owner,
        scope=advantage.scope,
        scale=advantage.scale,
        strength=advantage.strength,
        cap=advantage.cap,
        direction=advantage.direction,
        bound=advantage.bound,
    )
    return ComparedPairs(pair, distance, violation, weight)


def groupwise_ranking_loss(
    score: Float[Tensor, "segment"],
    label: Float[Tensor, "segment"],
    owner: Int64[Tensor, "segment"] | None = None,
    *,
    margin: MarginSettings,
    advantage: AdvantageSettings,
) -> Float[Tensor, ""]:
    """Stage 1: the weighted mean violation L1 = Σ w_ij v_ij / Σ w_ij over the pairs of different groups.

    Where labels have owners, only the pairs of one owner are compared, and the sums are over the pairs of all owners,

        L1 = Σ_o Σ_(i,j) of o w_ij v_ij / Σ_o Σ_(i,j) of o w_ij.

    Blind to an offset of all scores, and of the scores of each owner. What a rater's scale can change is which pairs there
    are and their margins: an offset of the labels of one owner changes nothing where margins are label distances and it
    moves no pair across a boundary of groups, such as a whole number under integer groups.

    Without a pair of different groups the loss is 0 and so is its gradient. Hinge and
    quadratic whose harder pairs weigh more go the way of `exact_ranking_loss` from `EXACT_FROM` segments on, all else that
    of `pairwise_ranking_loss`.

    Args:
        score: scores of a batch, one per segment, any scale.
        label: labels of the same segments, in label units.
        owner: owner of each label, such as the number of its rater, any integers; None compares all with all. A segment with
            labels of several owners comes once for each of them.
        margin: how far apart the scores of a pair have to be.
        advantage: how much each pair weighs.

    Raises:
        PipelineError: scores, labels and owners are not one number for each segment.

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
    check_segments(score, label, owner)
    is_exact = len(score) >= EXACT_FROM and has_exact_path(margin, advantage)
    loss_of = exact_ranking_loss if is_exact else pairwise_ranking_loss
    return loss_of(score, label, owner, margin=margin, advantage=advantage)


def pairwise_ranking_loss(
    score: Float[Tensor, "segment"],
    label: Float[Tensor, "segment"],
    owner: Int64[Tensor, "segment"] | None = None,
    *,
    margin: MarginSettings,
    advantage: AdvantageSettings,
) -> Float[Tensor, ""]:
    """`groupwise_ranking_loss` within owners as it is defined, pair by pair: any shape, time and memory O(n²)."""
    compared = compare_pairs(score, label, owner, margin=margin, advantage=advantage)
    total = compared.weight.sum()
    weighted = (compared.weight * compared.violation).sum()
    return weighted / total if total > 0 else 0 * score.sum()


def has_exact_path(margin: MarginSettings, advantage: AdvantageSettings) -> bool:
    """Whether `exact_ranking_loss` can do it: sums of softplus do not come apart, nor do those of a bounded weight."""
    return (margin.smoothing == 0 or margin.shape == "quadratic") and advantage.direction == "harder"


def exact_ranking_loss(
    score: Float[Tensor, "segment"],
    label: Float[Tensor, "segment"],
    owner: Int64[Tensor, "segment"] | None = None,
    *,
    margin: MarginSettings,
    advantage: AdvantageSettings,
) -> Float[Tensor, ""]:
    """`pairwise_ranking_loss` without its pairs: not an approximation, and the same gradient.

    For n segments in G groups time is O(G · n log n) and memory O(n), so one group of comparison may be a whole corpus;
    see `exact_ranking` for how. Where labels have owners, that is each owner's cost; small owners go pair by pair, many at
    a time.

    Both forms agree to a relative 1e-9 in float64, value and gradient (largest difference over largest entry), save
    where rounding decides: scores of 1e9 beside others (1e-8 then, from either form), and a scope whose spread is all but
    `MIN_SPREAD`, below which its weights are 1. Whatever the type and device of `score`, sums are float64 on the CPU:
    repeatable, and not every device has float64. A score that is not finite makes loss and gradient NaN. The gradient is
    worked out together with the loss, so there is no second derivative.

    Raises:
        ValueError: softplus with smoothing above 0 or bounded weights, which have no exact path.
    """
    if not has_exact_path(margin, advantage):
        raise ValueError(
            "softplus with smoothing and bounded weights have no exact path; use shape quadratic and direction harder, or the "
            "pairwise loss"
        )
    group = group_of(label, groups=margin.groups).cpu()
    key = ranking_key(
        score.detach().cpu().double(),
        label.cpu().double(),
        group,
        slope=margin.slope,
        distance=margin.distance,
    )
    settings = ExactSettings(
        base=margin.base,
        smoothing=margin.smoothing,
        scope=advantage.scope,
        scale=advantage.scale,
        strength=advantage.strength,
        cap=advantage.cap,
    )
    if key.isfinite().all():
        sums = (
            weighted_sums(key, group, settings)
            if owner is None
            else weighted_sums_by_owner(key, group, owner.cpu(), settings, exact_from=EXACT_FROM)
        )
        loss, gradient = sums.loss_and_gradient()
    else:
        loss, gradient = key.new_tensor(torch.nan), torch.full_like(key, torch.nan)
    attached: Tensor = _Attached.apply(score, loss.to(score), gradient.to(score))  # type: ignore[no-untyped-call]
    return attached


class _Attached(torch.autograd.Function):
    """A loss whose gradient is known already."""

    @staticmethod
    def forward(ctx: FunctionCtx, score: Tensor, loss: Tensor, gradient: Tensor) -> Tensor:
        """Give the loss and keep its gradient."""
        ctx.save_for_backward(gradient)
        return loss.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, incoming: Tensor) -> tuple[Tensor, None, None]:
        """The gradient with respect to the scores."""
        (gradient,) = ctx.saved_tensors
        return incoming * gradient, None, None

"""Dynamic margins: how far apart the scores of two segments have to be."""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

Distance = Literal["group", "label"]
Shape = Literal["softplus", "quadratic"]


def ordered_pairs(
    group: Int64[Tensor, "segment"], owner: Int64[Tensor, "segment"] | None = None
) -> Bool[Tensor, "above below"]:
    """True where the segment of the row belongs to a higher group than that of the column, and both to one owner.

    Segments of one group are not compared: their order is within the noise of the labels. Nor are labels of two owners,
    such as two raters: their order is within the difference of the scales.
    """
    above = group[:, None] > group[None, :]
    return above if owner is None else above & (owner[:, None] == owner[None, :])


def pair_margins(
    label: Float[Tensor, "segment"],
    group: Int64[Tensor, "segment"],
    *,
    base: float,
    slope: float,
    distance: Distance,
) -> Float[Tensor, "above below"]:
    """The margin m_ij = base + slope · distance(i, j), in score units; meaningful where i stands above j.

    With `distance="group"` it counts groups, so two labels that straddle a boundary have to be a whole group apart,
    and the perfect prediction s = y may violate it (slope 1 on MOSI: 0.22 on average). With `distance="label"` and
    slope at most 1 the perfect prediction never violates the sloped part.

    Reconstruction: the abstract of GRCF says that margins reflect the distance between sentiment groups; the linear
    form is ours (docs/explanation/method.md).
    """
    position = _position(label, group, distance)
    return base + slope * (position[:, None] - position[None, :])


def _position(
    label: Float[Tensor, "segment"], group: Int64[Tensor, "segment"], distance: Distance
) -> Float[Tensor, "segment"]:
    return group.to(label.dtype) if distance == "group" else label


def ranking_key(
    score: Float[Tensor, "*batch segment"],
    label: Float[Tensor, "segment"],
    group: Int64[Tensor, "segment"],
    *,
    slope: float,
    distance: Distance,
) -> Float[Tensor, "*batch segment"]:
    """Z = score − slope · position: the score minus its part of every margin, so that only `base` is left of a margin."""
    return score - slope * _position(label, group, distance)


def shortfalls(
    above: Float[Tensor, "*batch above"], below: Float[Tensor, "*batch below"], *, base: float
) -> Float[Tensor, "*batch above below"]:
    """What each pair lacks to its margin, d_ij = m_ij − (s_i − s_j) = z_j − (z_i − base), in score units.

    In this form a pair that just keeps its margin is found by comparing z_j with z_i − base, as the exact path does.

    Args:
        above: ranking keys z of the upper segments, see `ranking_key`.
        below: ranking keys of the lower segments.
        base: margin that is left once the slope is part of z.
    """
    return below[..., None, :] - (above - base)[..., :, None]


def margin_violations(
    shortfall: Float[Tensor, "*batch above below"], *, shape: Shape, smoothing: float
) -> Float[Tensor, "*batch above below"]:
    """How far each pair is from keeping its margin, in score units, never negative.

    For the shortfall d the hinge is max(0, d). Both shapes round off its corner over a range τ, so that pairs near their
    margin pull less than those far from it:

    - softplus: τ·log(1 + exp(d / τ)), which keeps pulling on pairs that are already apart;
    - quadratic: 0 for d ≤ 0, d² / 2τ up to d = τ, d − τ / 2 beyond, which has the exact path of `exact_ranking`.

    Args:
        shortfall: d of each pair, see `shortfalls`.
        shape: how the corner is rounded off.
        smoothing: τ in score units; 0 is the hinge, whose derivative at d = 0 is taken as 0.
    """
    if smoothing == 0:
        return shortfall.relu()
    if shape == "softplus":
        return smoothing * torch.nn.functional.softplus(shortfall / smoothing)
    bent = shortfall.clamp(min=0, max=smoothing)
    return bent.square() / (2 * smoothing) + (shortfall - smoothing).relu()

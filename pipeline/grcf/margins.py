"""Dynamic margins: how far apart the scores of two segments have to be."""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

Distance = Literal["group", "label"]


def ordered_pairs(group: Int64[Tensor, "segment"]) -> Bool[Tensor, "above below"]:
    """True where the segment of the row belongs to a higher group than that of the column.

    Segments of one group are not compared: their order is within the noise of the labels.
    """
    return group[:, None] > group[None, :]


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
    form is ours (docs/method.md).
    """
    position = group.to(label.dtype) if distance == "group" else label
    return base + slope * (position[:, None] - position[None, :])


def margin_violations(
    score: Float[Tensor, "segment"], margin: Float[Tensor, "above below"], *, smoothing: float
) -> Float[Tensor, "above below"]:
    """How far each pair is from keeping its margin, in score units, never negative.

    Args:
        score: one score a segment, any scale.
        margin: m_ij for i above j.
        smoothing: temperature τ of the softplus τ·log(1 + exp((m_ij − (s_i − s_j)) / τ)), which keeps pulling on pairs
            that are already apart; 0 is its limit, the hinge max(0, m_ij − (s_i − s_j)).
    """
    shortfall = margin - (score[:, None] - score[None, :])
    if smoothing == 0:
        return shortfall.relu()
    return smoothing * torch.nn.functional.softplus(shortfall / smoothing)

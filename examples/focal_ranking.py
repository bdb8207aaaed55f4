"""A loss for stage 1: RankNet that looks away from pairs which are in order already.

`dvc exp run -S rank.objective=focal_ranking.py:focal_ranking`

Each pair weighs (1 − p)², where p is the probability that RankNet gives to its order: the focus of Lin et al., "Focal Loss for
Dense Object Detection" (ICCV 2017), on pairs.
"""

import torch
from torch import Tensor
from torch.nn.functional import softplus


def focal_ranking(score: Tensor, label: Tensor, owner: Tensor | None = None) -> Tensor:
    """The mean of −(1 − p) ² log p over pairs with y_i > y_j, p = σ(s_i − s_j).

    Args:
        score: one score per segment of the batch.
        label: one label per segment.
        owner: number of the rater, speaker or video of each segment where `margin.within` names one; pairs of two owners do
            not count. None where all are compared.

    Returns:
        a scalar with a gradient; 0 where there is no pair.
    """
    above = label[:, None] > label[None, :]
    if owner is not None:
        above &= owner[:, None] == owner[None, :]
    if not above.any():
        return 0 * score.sum()
    difference = (score[:, None] - score[None, :])[above]
    in_order = torch.sigmoid(difference).detach()
    return ((1 - in_order).square() * softplus(-difference)).mean()

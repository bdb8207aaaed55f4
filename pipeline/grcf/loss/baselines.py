"""Baseline losses: ranking losses of others, for a fair comparison within the same two stages.

Pairs here are those with different labels; none of these losses knows sentiment groups, margins or advantages. Where labels
have owners, such as raters, each loss compares labels of one owner only.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from pipeline.grcf.loss.checks import check_segments
from pipeline.grcf.loss.interface import RankingObjective
from pipeline.grcf.network.owned_labels import compared

# RankList compares a segment with those at least this many ranks below it, one list for each.
_SKIPS = (1, 2, 4, 8)
# Temperature of Rank-N-Contrast in its authors' code.
_TEMPERATURE = 2.0


def ranknet_loss(
    score: Float[Tensor, "segment"],
    label: Float[Tensor, "segment"],
    owner: Int64[Tensor, "segment"] | None = None,
) -> Float[Tensor, ""]:
    """RankNet (Burges et al., ICML 2005): the mean of log(1 + exp(−(s_i − s_j))) over pairs with y_i > y_j.

    Without a pair of different labels the loss is 0 and so is its gradient.

    Raises:
        PipelineError: scores, labels and owners are not one number for each segment.

    Example:
        >>> round(ranknet_loss(torch.tensor([0.0, 0.0]), torch.tensor([1.0, 2.0])).item(), 6)
        0.693147
    """
    check_segments(score, label, owner)
    above = label[:, None] > label[None, :]
    if owner is not None:
        above &= owner[:, None] == owner[None, :]
    if not above.any():
        return 0 * score.sum()
    difference = score[:, None] - score[None, :]
    return torch.nn.functional.softplus(-difference[above]).mean()


def ranklist_loss(
    score: Float[Tensor, "segment"],
    label: Float[Tensor, "segment"],
    owner: Int64[Tensor, "segment"] | None = None,
) -> Float[Tensor, ""]:
    """RankList, reconstructed from the abstract of arXiv 2508.09826, which gives no formula.

    It says: a list-wise generalisation of RankNet with local and non-local constraints, a log-sum-exp approximation, and
    skip-wise comparisons. Ours: order the segments by label; for each segment i and each skip k in 1, 2, 4, 8, the list
    L_ik holds the segments at least k distinct labels below it, and i has to beat the whole list,

        l_ik = log(1 + Σ_{j ∈ L_ik} exp(−(s_i − s_j))),

    which is RankNet where the list has one member. The loss is the mean over all lists that are not empty; the lists of
    skip 1 are local and non-local, the others leave the near neighbours out.

    Without a pair of different labels the loss is 0 and so is its gradient.

    Raises:
        PipelineError: scores, labels and owners are not one number for each segment.

    Example:
        >>> round(ranklist_loss(torch.tensor([0.0, 0.0]), torch.tensor([1.0, 2.0])).item(), 6)
        0.693147
    """
    check_segments(score, label, owner)
    # Ordered by owner first, labels of one owner stay as many distinct labels apart as they were.
    by_owner = label[None] if owner is None else torch.stack([owner.double(), label.double()])
    rank = by_owner.unique(dim=1, return_inverse=True)[1]
    gap = rank[:, None] - rank[None, :]
    if owner is not None:
        gap = gap.where(owner[:, None] == owner[None, :], 0)
    difference = score[None, :] - score[:, None]
    zero = score.new_zeros(len(score), 1)
    lists = []
    for skip in _SKIPS:
        below = gap >= skip
        loss = torch.cat([zero, difference.masked_fill(~below, float("-inf"))], dim=1).logsumexp(dim=1)
        lists.append(loss[below.any(dim=1)])
    losses = torch.cat(lists)
    return losses.mean() if len(losses) else 0 * score.sum()


def rank_n_contrast_loss(
    representation: Float[Tensor, "segment width"],
    label: Float[Tensor, "segment"],
    owner: Int64[Tensor, "segment"] | None = None,
) -> Float[Tensor, ""]:
    """Rank-N-Contrast (Zha et al., NeurIPS 2023): order the distances of representations as those of the labels.

    With l_ij = −‖f_i − f_j‖ / t, t = 2, and d_ij = `|y_i − y_j|`,

        L = −1/(n(n−1)) · Σ_i Σ_{k≠i} [ l_ik − log Σ_{j≠i, d_ij ≥ d_ik} exp l_ij ].

    Their two augmented views of a segment are left out: our batches hold each segment once. Distances of labels are compared in
    single precision, as in their code: of labels in tenths, some that are equally far count as a little farther or nearer, and a
    loss that took them for equal would differ by some per cent. Where labels have owners, i, j and
    k are of one owner, and the mean is over the terms of all owners.

    With fewer than two segments the loss is 0 and so is its gradient.

    Example:
        >>> two = torch.tensor([[0.0], [4.0]])
        >>> rank_n_contrast_loss(two, torch.tensor([0.0, 1.0])).item()
        0.0
    """
    n = len(label)
    if n < 2:
        return 0 * representation.sum()
    if owner is not None:
        terms = []
        for members in (owner == number for number in owner.unique()):
            n_terms = int(members.sum()) * (int(members.sum()) - 1)
            terms.append((n_terms, rank_n_contrast_loss(representation[members], label[members])))
        total = sum(n_terms for n_terms, _ in terms)
        return torch.stack([n_terms * mean for n_terms, mean in terms]).sum() / max(total, 1)
    others = ~torch.eye(n, dtype=torch.bool, device=label.device)
    square = (representation[:, None] - representation[None, :]).square().sum(dim=-1)
    # The root has no slope at 0, which the diagonal would turn into NaN.
    distance = torch.where(square > 0, square, torch.ones_like(square)).sqrt() * (square > 0)
    logit = (-distance / _TEMPERATURE)[others].view(n, n - 1)
    label_distance = (label[:, None] - label[None, :]).abs()[others].view(n, n - 1)
    # From the farthest label inwards the sum over farther-or-equal ones is a running log-sum-exp; equal distances share
    # the value at the end of their run.
    farthest, order = label_distance.sort(dim=1, descending=True, stable=True)
    sorted_logit = logit.gather(1, order)
    running = sorted_logit.logcumsumexp(dim=1)
    end_of_run = torch.searchsorted(-farthest, -farthest, right=True) - 1
    return (running.gather(1, end_of_run) - sorted_logit).mean()


BASELINES = (
    RankingObjective(
        "ranknet",
        lambda score, label, _, owned: ranknet_loss(*compared(score, label, owned)),
        leaves_order=True,
    ),
    RankingObjective(
        "ranklist",
        lambda score, label, _, owned: ranklist_loss(*compared(score, label, owned)),
        leaves_order=True,
    ),
    RankingObjective(
        "rank_n_contrast",
        lambda _, label, representation, owned: rank_n_contrast_loss(*compared(representation, label, owned)),
        leaves_order=False,
    ),
)
"""Rows of `objectives.OBJECTIVES`: a new loss is a function and a row here, and its name in `rank.objective`."""

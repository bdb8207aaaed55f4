"""What a point-wise loss can do about raters who have scales of their own: standardise their labels, or profile out an offset."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from jaxtyping import Float, Int64
from torch import Tensor

from pipeline.artifacts.aligned.split import AlignedSplit, Ratings
from pipeline.artifacts.corpus.segments import Owner

Raters = Literal["as_given", "standardised", "profiled"]
"""Labels as they are; with mean and spread of every owner made alike; or up to an offset of every owner."""


def standardised(split: AlignedSplit, *, by: Owner) -> AlignedSplit:
    """The split with labels that have the same mean and spread for every owner, in label units.

    The label y of owner o becomes m + s · (y − m_o) / s_o, with the mean and the standard deviation of its labels and of all
    labels. An owner whose labels do not differ is centred only. With a few labels each, this takes the signal away with the
    scale: the mean of three segments is half their sentiment. Trusted labels and those without an owner stay as they are.
    Where a segment has several raters, its label is the mean of what becomes of theirs.

    Args:
        split: the split; of train and valid each by itself.
        by: whose scale is taken out.
    """
    single = [{name: label} for name, label in zip(split.names_of(by), split.labels.tolist(), strict=True)]
    given = split.ratings.by_segment(len(split)) if by == "rater" else [{}] * len(split)
    by_owner = [several or one for several, one in zip(given, single, strict=True)]
    by_owner = [
        {"": label} if trusted else labels
        for labels, label, trusted in zip(
            by_owner, split.labels.tolist(), split.is_trusted.tolist(), strict=True
        )
    ]
    flat = Ratings.of(by_owner)
    label = flat.label.copy()
    mean, spread = (label.mean(), label.std()) if len(label) else (0.0, 0.0)
    for number, name in enumerate(flat.names):
        members = flat.rater == number
        if name:
            own = label[members]
            label[members] = mean + (own - own.mean()) * (spread / own.std() if own.std() > 0 else 1.0)
    n_labels = np.bincount(flat.segment, minlength=len(split))
    return replace(split, labels=np.bincount(flat.segment, label, minlength=len(split)) / n_labels)


def profiled(
    losses: Callable[[Tensor, Tensor], Tensor], *, across: float = 0.0
) -> Callable[[Tensor, Tensor, Int64[Tensor, "label"]], Float[Tensor, "label"]]:
    """The losses after the mean residual of every owner in the batch is taken off, so that an offset of all its labels counts for nothing.

    Where a share stays, that is partial pooling: what lies between owners counts, and so does a part of their offsets.

    A lone label is met by its offset and teaches nothing. Scores keep an offset that nothing says; a calibration curve finds
    it. The median would be the offset of the least absolute error; on folds of CMU-MOSI with synthetic raters the two reach the
    same (docs/explanation/experiments.md).

    Args:
        losses: function from outputs and labels to one absolute error per segment.
        across: share of the mean residual that stays, 0 to 1; with 1 nothing is done.
    """

    def after_offsets(
        score: Float[Tensor, "label"], label: Float[Tensor, "label"], owner: Int64[Tensor, "label"]
    ) -> Float[Tensor, "label"]:
        residual = label - score
        member = owner.unique(return_inverse=True)[1]
        count = member.bincount()
        mean = residual.new_zeros(len(count)).index_add(0, member, residual) / count
        return losses(score + (1 - across) * mean[member], label)

    return after_offsets

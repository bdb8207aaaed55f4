"""Which labels may be compared with which: those of one owner, such as the rater who gave them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor

from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.corpus.segments import Owner

Within = Literal["any", "corpus", "speaker", "video", "rater"]
"""The owner within which segments are compared; "any" compares all with all."""

NOBODY = -1
"""The owner of a slot without a label."""


@dataclass(frozen=True, eq=False)
class OwnedLabels:
    """Labels of segments by owner, in slots: a segment has as many labels as it has owners, one save for several raters.

    Attributes:
        label: label of each slot, label units; 0 in a slot without one.
        owner: number of the owner of each slot, `NOBODY` in a slot without a label.
    """

    label: Float[Tensor, "*seed segment slot"]
    owner: Int64[Tensor, "*seed segment slot"]

    def __getitem__(self, chosen: Shaped[Tensor, "..."] | int | slice) -> "OwnedLabels":
        """The labels of some segments, or of one seed."""
        return OwnedLabels(self.label[chosen], self.owner[chosen])

    @classmethod
    def joined(cls, parts: Sequence["OwnedLabels | None"]) -> "OwnedLabels | None":
        """The segments of all parts, end to end; None where labels have no owners."""
        found = [part for part in parts if part is not None]
        if not found:
            return None
        return cls(torch.cat([part.label for part in found]), torch.cat([part.owner for part in found]))

    @property
    def is_owned(self) -> Bool[Tensor, "segment"]:
        """Whether a segment has an owner; without one it is compared with nothing."""
        return (self.owner != NOBODY).any(dim=-1)

    @property
    def segment(self) -> Int64[Tensor, "label"]:
        """The position of the segment that each label is of."""
        return (self.owner != NOBODY).nonzero(as_tuple=True)[0]

    def flat(self) -> tuple[Float[Tensor, "label"], Int64[Tensor, "label"]]:
        """All labels and their owners, in the order of `segment`."""
        present = self.owner != NOBODY
        return self.label[present], self.owner[present]


def compared(
    value: Float[Tensor, "segment *_"], label: Float[Tensor, "segment"], owned: OwnedLabels | None
) -> tuple[Float[Tensor, "label *_"], Float[Tensor, "label"], Int64[Tensor, "label"] | None]:
    """What a ranking loss compares: a score or representation for each label, the labels, and their owners.

    Args:
        value: scores or representations of a batch.
        label: labels of its segments, which are compared where these have no owners.
        owned: their labels by owner; None where all are compared with all.
    """
    if owned is None:
        return value, label, None
    return value[owned.segment], *owned.flat()


def owned_labels(split: AlignedSplit, within: Owner) -> OwnedLabels:
    """The labels of a split by owner.

    Within a rater, a segment that several raters labelled has the label of each. A segment without an owner has no label
    here: on whose scale its label is, nobody says.
    """
    single = [
        {owner: label} if owner else {}
        for owner, label in zip(split.names_of(within), split.labels.tolist(), strict=True)
    ]
    given = split.ratings.by_segment(len(split)) if within == "rater" else [{}] * len(split)
    by_owner = [several or one for several, one in zip(given, single, strict=True)]
    names = sorted({name for labels in by_owner for name in labels})
    number = {name: position for position, name in enumerate(names)}
    shape = len(split), max((len(labels) for labels in by_owner), default=1) or 1
    label, owner = np.zeros(shape, np.float32), np.full(shape, NOBODY, np.int64)
    for segment, labels in enumerate(by_owner):
        label[segment, : len(labels)] = list(labels.values())
        owner[segment, : len(labels)] = [number[name] for name in labels]
    return OwnedLabels(torch.from_numpy(label), torch.from_numpy(owner))

"""Aligned splits as tensors, and padded batches of them."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.sequences import MODALITIES, Modality


@dataclass(frozen=True, eq=False)
class Batch:
    """Some segments, as rows of their split's features; padded to the longest of them.

    Word w of segment s has the row `features[m][row[s, w]]` where `valid[m][s, w]`, which is False on padding and on
    absent rows alike. Features are not copied into the padding: most of what is padded is never computed with.
    """

    features: Mapping[Modality, Float[Tensor, "row _"]]
    row: Int64[Tensor, "segment word"]
    valid: Mapping[Modality, Bool[Tensor, "segment word"]]
    label: Float[Tensor, "segment"]


class SplitTensors:
    """One split on one device, its words end to end; batches are padded when they are asked for."""

    def __init__(self, aligned: AlignedSplit, *, device: str) -> None:
        self.label = torch.tensor(aligned.labels, dtype=torch.float32, device=device)
        self._offsets = torch.tensor(aligned.offsets, device=device)
        self._features = {
            modality: torch.tensor(aligned.features[modality], device=device) for modality in MODALITIES
        }
        self._valid = {
            modality: torch.tensor(aligned.valid[modality], device=device) for modality in MODALITIES
        }

    def __len__(self) -> int:
        """Number of segments."""
        return len(self.label)

    def batch(self, segments: Int64[Tensor, "segment"]) -> Batch:
        """The segments at these positions, padded with invalid rows."""
        start = self._offsets[segments]
        length = self._offsets[segments + 1] - start
        step = torch.arange(int(length.max()), device=length.device)
        inside = step[None, :] < length[:, None]
        row = torch.where(inside, start[:, None] + step[None, :], 0)
        return Batch(
            features=self._features,
            row=row,
            valid={modality: flat[row] & inside for modality, flat in self._valid.items()},
            label=self.label[segments],
        )

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """All segments once, in their order."""
        for segments in torch.arange(len(self), device=self.label.device).split(batch_size):
            yield self.batch(segments)

    def shuffled(self, batch_size: int, order: np.random.Generator) -> Iterator[Batch]:
        """All segments once, in random order, in `n_batches` batches of nearly equal size.

        Equal sizes, because a last batch of one segment has nothing to compare and a small one is noisy.
        """
        positions = torch.from_numpy(order.permutation(len(self))).to(self.label.device)
        for segments in positions.tensor_split(self.n_batches(batch_size)):
            yield self.batch(segments)

    def n_batches(self, batch_size: int) -> int:
        """How many batches of at most `batch_size` segments it takes to see all segments once."""
        return math.ceil(len(self) / batch_size)


def hide_modalities(batch: Batch, *, share: float, order: np.random.Generator) -> Batch:
    """Modality dropout: hide each modality of each segment with probability `share`, but never all that it has."""
    if share == 0:
        return batch
    present = torch.stack([batch.valid[modality].any(dim=1) for modality in MODALITIES], dim=1).cpu().numpy()
    hidden = order.random(present.shape) < share
    leaves_nothing = ~(present & ~hidden).any(axis=1)
    hidden[leaves_nothing] = False
    shown = torch.from_numpy(~hidden).to(batch.label.device)
    valid = {
        modality: batch.valid[modality] & shown[:, position, None]
        for position, modality in enumerate(MODALITIES)
    }
    return replace(batch, valid=valid)


def hide_words(batch: Batch, *, share: float, order: np.random.Generator) -> Batch:
    """Word dropout: hide each word of each modality with probability `share`, but never all that a segment has."""
    if share == 0:
        return batch
    drawn = torch.from_numpy(order.random((len(MODALITIES), *batch.row.shape)) >= share).to(
        batch.label.device
    )
    present = torch.stack([batch.valid[modality] for modality in MODALITIES])
    shown = present & drawn
    leaves_nothing = ~shown.any(dim=2).any(dim=0)
    shown = torch.where(leaves_nothing[None, :, None], present, shown)
    return replace(batch, valid={modality: shown[position] for position, modality in enumerate(MODALITIES)})


def keep_modalities(batch: Batch, kept: frozenset[Modality]) -> Batch:
    """The batch with only the modalities of `kept`; the others are masked as if they had never been recorded."""
    valid = {
        modality: mask if modality in kept else torch.zeros_like(mask)
        for modality, mask in batch.valid.items()
    }
    return replace(batch, valid=valid)

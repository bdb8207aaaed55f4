"""Aligned splits as tensors, and padded batches of them."""

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.sequences import MODALITIES, Modality
from pipeline.artifacts.tokens import TokenizedText


@dataclass(frozen=True, eq=False)
class Batch:
    """Some segments, as rows of their split's features; padded to the longest of them.

    Word w of segment s has the row `features[m][row[s, w]]` where `valid[m][s, w]`, which is False on padding and on
    absent rows alike. Features are not copied into the padding: most of what is padded is never computed with.

    Attributes:
        features: of the whole split.
        row: of each word in them, 0 on padding.
        valid: which words there are.
        label: of each segment.
        packed: whether layers compute with the valid words alone; False where shapes must not depend on data.
        tokens: what the text encoder makes the rows of text of, where it learns; the rows are those of the batch alone then.
    """

    features: Mapping[Modality, Float[Tensor, "row _"]]
    row: Int64[Tensor, "*seed segment word"]
    valid: Mapping[Modality, Bool[Tensor, "*seed segment word"]]
    label: Float[Tensor, "*seed segment"]
    packed: bool = True
    tokens: TokenizedText | None = None


class SplitTensors:
    """One split on one device, its words end to end; batches are padded when they are asked for."""

    def __init__(self, aligned: AlignedSplit, *, device: str) -> None:
        self.tokens = aligned.tokens
        self.label = torch.tensor(aligned.labels, dtype=torch.float32, device=device)
        self._offsets = torch.tensor(aligned.offsets, device=device)
        self._features = {
            modality: torch.tensor(aligned.features[modality], device=device) for modality in MODALITIES
        }
        self._valid = {
            modality: torch.tensor(aligned.valid[modality], device=device) for modality in MODALITIES
        }

        self.modalities = tuple(modality for modality in MODALITIES if bool(aligned.valid[modality].any()))
        ends = [np.concatenate([[0], aligned.valid[modality].cumsum()]) for modality in MODALITIES]
        self._n_valid = np.stack([np.diff(end[aligned.offsets]) for end in ends], axis=1)
        self._n_words_max = int(np.diff(aligned.offsets).max(initial=0))

    def __len__(self) -> int:
        """Number of segments."""
        return len(self.label)

    def with_text(self, vectors: Float[Tensor, "word dim"]) -> "SplitTensors":
        """The same split with word vectors in the place of its tokens."""
        filled = copy.copy(self)
        filled.tokens, filled._features = None, {**self._features, "text": vectors}
        return filled

    def batch(self, segments: Int64[Tensor, "segment"]) -> Batch:
        """The segments at these positions, padded with invalid rows."""
        start = self._offsets[segments]
        length = self._offsets[segments + 1] - start
        step = torch.arange(int(length.max()), device=length.device)
        inside = step[None, :] < length[:, None]
        row = torch.where(inside, start[:, None] + step[None, :], 0)
        batch = Batch(
            features=self._features,
            row=row,
            valid={modality: flat[row] & inside for modality, flat in self._valid.items()},
            label=self.label[segments],
        )
        if self.tokens is None:
            return batch
        first = length.cumsum(0) - length
        return replace(
            batch,
            features={modality: rows[row[inside]] for modality, rows in self._features.items()},
            row=torch.where(inside, first[:, None] + step[None, :], 0),
            tokens=self.tokens.select(segments.cpu().numpy()),
        )

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """All segments once, in their order."""
        for segments in torch.arange(len(self), device=self.label.device).split(batch_size):
            yield self.batch(segments)

    def shuffled(self, batch_size: int, order: np.random.Generator) -> Iterator[Batch]:
        """All segments once, in random order, in `n_batches` batches of nearly equal size.

        Equal sizes, because a last batch of one segment has nothing to compare and a small one is noisy.
        """
        for (batch,) in self.shuffled_chunks(batch_size, order, chunk_size=None):
            yield batch

    def shuffled_chunks(
        self, batch_size: int, order: np.random.Generator, *, chunk_size: int | None
    ) -> Iterator[Iterator[Batch]]:
        """`shuffled`, each batch in parts of at most `chunk_size` segments; None leaves it whole."""
        positions = torch.from_numpy(order.permutation(len(self))).to(self.label.device)
        for segments in positions.tensor_split(self.n_batches(batch_size)):
            yield (self.batch(part) for part in segments.split(chunk_size or len(segments)))

    def side_by_side(
        self, segments: Int64[np.ndarray, "seed segment"], shown: Bool[np.ndarray, "seed segment modality"]
    ) -> Batch:
        """As many batches of one size in one, not packed, all padded to the longest segment of the split.

        So its shapes depend on nothing but their number and size; what is copied to the device is the two arguments.

        Args:
            segments: positions, a row a seed.
            shown: whether each modality of each is shown, in the order of `MODALITIES`.
        """
        chosen = torch.from_numpy(segments).to(self.label.device)
        seen = torch.from_numpy(shown).to(self.label.device)
        start = self._offsets[chosen]
        step = torch.arange(self._n_words_max, device=chosen.device)
        inside = step < (self._offsets[chosen + 1] - start)[..., None]
        row = torch.where(inside, start[..., None] + step, 0)
        valid = {
            modality: flat[row] & inside & seen[..., position, None]
            for position, (modality, flat) in enumerate(self._valid.items())
        }
        return Batch(self._features, row, valid, self.label[chosen], packed=False)

    def shown(
        self, segments: Int64[np.ndarray, "segment"], *, share: float, order: np.random.Generator
    ) -> Bool[np.ndarray, "segment modality"]:
        """Which modalities of these segments `hide_modalities` would leave, from the same draws."""
        if share == 0:
            return np.ones((len(segments), len(MODALITIES)), bool)
        return _shown(self._n_valid[segments] > 0, share=share, order=order)

    def n_words(
        self, segments: Int64[np.ndarray, "segment"], shown: Bool[np.ndarray, "segment modality"]
    ) -> Int64[np.ndarray, "modality"]:
        """How many valid words these segments have together, of what is shown of them."""
        return np.asarray((self._n_valid[segments] * shown).sum(axis=0))

    def n_batches(self, batch_size: int) -> int:
        """How many batches of at most `batch_size` segments it takes to see all segments once."""
        return math.ceil(len(self) / batch_size)


def hide_modalities(batch: Batch, *, share: float, order: np.random.Generator) -> Batch:
    """Modality dropout: hide each modality of each segment with probability `share`, but never all that it has."""
    if share == 0:
        return batch
    present = torch.stack([batch.valid[modality].any(dim=1) for modality in MODALITIES], dim=1).cpu().numpy()
    shown = torch.from_numpy(_shown(present, share=share, order=order)).to(batch.label.device)
    valid = {
        modality: batch.valid[modality] & shown[:, position, None]
        for position, modality in enumerate(MODALITIES)
    }
    return replace(batch, valid=valid)


def _shown(
    present: Bool[np.ndarray, "segment modality"], *, share: float, order: np.random.Generator
) -> Bool[np.ndarray, "segment modality"]:
    hidden = order.random(present.shape) < share
    hidden[~(present & ~hidden).any(axis=1)] = False
    return ~hidden


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

"""Aligned splits as tensors, and padded batches of them."""

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor

from pipeline.artifacts.aligned.rows import Rows, ShardedRows
from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.artifacts.corpus.tokens import TokenizedText
from pipeline.grcf.network.batch_order import order_by_owner
from pipeline.grcf.network.owned_labels import OwnedLabels, Within, owned_labels

Objective = Callable[
    [
        Float[Tensor, "segment *class"],
        Float[Tensor, "segment"],
        Float[Tensor, "segment width"],
        OwnedLabels | None,
    ],
    Float[Tensor, ""],
]
"""A loss of a batch: from the scores, labels and representations of its segments, and their labels by owner, to one number.

The labels by owner say what may be compared; they are None where everything may."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Some segments, as rows of their split's features; padded to the longest of them.

    Word w of segment s has the row `features[m][row[s, w]]` where `valid[m][s, w]`, which is False on padding and on
    absent rows alike. Features are not copied into the padding: most of what is padded is never computed with.

    Attributes:
        features: feature rows by modality: of the whole split, or of this batch alone where the split lies in several files.
        row: position of each word in those rows, 0 on padding.
        valid: whether there is a word with features, by modality.
        label: label of each segment.
        packed: whether layers compute with the valid words alone; False where shapes must not depend on data.
        tokens: the sub-tokens from which a text encoder that learns makes the rows of text; `features` then holds the rows
            of this batch alone. None where word vectors are frozen.
        owned: labels of each segment by owner; None where all segments are compared with all.
    """

    features: Mapping[Modality, Float[Tensor, "row _"]]
    row: Int64[Tensor, "*seed segment word"]
    valid: Mapping[Modality, Bool[Tensor, "*seed segment word"]]
    label: Float[Tensor, "*seed segment"]
    packed: bool = True
    tokens: TokenizedText | None = None
    owned: OwnedLabels | None = None


_ROWS_AT_ONCE = 65_536

Source = Float[Tensor, "row dim"] | ShardedRows
"""Rows of a whole split: on the device, or in files from which each batch takes its own."""


def _sources(rows: Mapping[Modality, Rows], *, device: str) -> Mapping[Modality, Source]:
    """Rows as they are held. On the processor they stay where they are, in memory or in files; a device gets all that it has room for."""
    n_bytes = sum(of_modality.size * of_modality.dtype.itemsize for of_modality in rows.values())
    fits = device != "cpu" and n_bytes <= _room_bytes(device)
    return {
        modality: (_onto(of_modality, device) if fits else of_modality)
        if isinstance(of_modality, ShardedRows)
        else _without_a_copy(of_modality).to(device)
        for modality, of_modality in rows.items()
    }


def _room_bytes(device: str) -> float:
    """What rows may take of a device: half of what is free, since weights and activations come after them."""
    return torch.cuda.mem_get_info(device)[0] / 2


def _onto(rows: ShardedRows, device: str) -> Float[Tensor, "row dim"]:
    """All rows on a device, some at a time, so that memory never holds them."""
    there = torch.empty(rows.shape, dtype=torch.float32, device=device)
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        there[first : first + _ROWS_AT_ONCE] = torch.from_numpy(rows[first : first + _ROWS_AT_ONCE])
    return there


def _without_a_copy(rows: Float32[np.ndarray, "row dim"]) -> Float[Tensor, "row dim"]:
    """Rows as a tensor in the same place; only what may not be written to has to be copied, as torch demands."""
    return torch.from_numpy(np.asarray(rows)) if rows.flags.writeable else torch.tensor(rows)


class SplitTensors:
    """One split on one device, its words end to end; batches are padded when they are asked for.

    Attributes:
        label: label of each segment.
        owned: labels of each segment by owner; None where all segments are compared with all.
        trusted: whether the label of a segment is on the scale that all labels should be on.
        tokens: sub-tokens of a text encoder that learns; None where word vectors are frozen.
        modalities: modalities of which some word is valid.
    """

    def __init__(self, aligned: AlignedSplit, *, device: str, within: Within = "any") -> None:
        """Put the split on the device; on the processor its rows stay where they are, in memory or in files.

        Args:
            aligned: the split.
            device: device for the tensors.
            within: whose labels are compared; the batches of an epoch are drawn so that these meet.
        """
        self.tokens = aligned.tokens
        self.label = torch.tensor(aligned.labels, dtype=torch.float32, device=device)
        self.trusted = aligned.is_trusted
        owned = None if within == "any" else owned_labels(aligned, within)
        self.owned = None if owned is None else OwnedLabels(owned.label.to(device), owned.owner.to(device))
        self._owner = None if owned is None else owned.owner.numpy()
        self._offsets = torch.tensor(aligned.offsets, device=device)
        self._features = _sources(
            {modality: aligned.features[modality] for modality in MODALITIES}, device=device
        )
        self._valid = {
            modality: torch.tensor(aligned.valid[modality], device=device) for modality in MODALITIES
        }

        self.modalities = aligned.modalities
        self._n_valid = np.stack(
            [
                np.add.reduceat(aligned.valid[modality], aligned.offsets[:-1], dtype=np.int64)
                for modality in MODALITIES
            ],
            axis=1,
        )
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
        valid = {modality: flat[row] & inside for modality, flat in self._valid.items()}
        features = self._whole
        if features is None:
            first = length.cumsum(0) - length
            features = self._rows(row[inside])
            row = torch.where(inside, first[:, None] + step[None, :], 0)
        return Batch(
            features=features,
            row=row,
            valid=valid,
            label=self.label[segments],
            tokens=None if self.tokens is None else self.tokens.select(segments.cpu().numpy()),
            owned=None if self.owned is None else self.owned[segments],
        )

    @property
    def _whole(self) -> Mapping[Modality, Float[Tensor, "row _"]] | None:
        """The rows of the whole split; None where a batch takes its own, from files or from its tokens."""
        there = {
            modality: rows for modality, rows in self._features.items() if not isinstance(rows, ShardedRows)
        }
        return there if self.tokens is None and len(there) == len(self._features) else None

    def _rows(self, words: Int64[Tensor, "word"]) -> Mapping[Modality, Float[Tensor, "word _"]]:
        """The rows of these words, by modality."""
        return {
            modality: torch.from_numpy(rows[words.cpu().numpy()]).to(words.device)
            if isinstance(rows, ShardedRows)
            else rows[words]
            for modality, rows in self._features.items()
        }

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """All segments once, in their order."""
        for segments in torch.arange(len(self), device=self.label.device).split(batch_size):
            yield self.batch(segments)

    def shuffled_chunks(
        self, batch_size: int, rng: np.random.Generator, *, chunk_size: int | None
    ) -> Iterator[Iterator[Batch]]:
        """All segments once, in the order of `epoch_order`, in `n_batches` batches of nearly equal size.

        Equal sizes, because a last batch of one segment has nothing to compare and a small one is noisy.

        Args:
            batch_size: the most segments of a batch.
            rng: generator of the order.
            chunk_size: the most segments of one part of a batch; None leaves each batch whole.

        Yields:
            the parts of each batch.
        """
        positions = torch.from_numpy(self.epoch_order(batch_size, rng)).to(self.label.device)
        for segments in positions.tensor_split(self.n_batches(batch_size)):
            yield (self.batch(part) for part in segments.split(chunk_size or len(segments)))

    def epoch_order(self, batch_size: int, rng: np.random.Generator) -> Int64[np.ndarray, "segment"]:
        """All segments once, in random order; where labels have owners, such that those of one owner meet in a batch.

        Batches are the `n_batches` nearly equal parts of it.
        """
        if self._owner is None:
            return rng.permutation(len(self))
        return order_by_owner(self._owner, n_batches=self.n_batches(batch_size), rng=rng)

    def stacked(
        self, segments: Int64[np.ndarray, "seed segment"], visible: Bool[np.ndarray, "seed segment modality"]
    ) -> Batch:
        """Several batches of one size in one, not packed, all padded to the longest segment of the split.

        Its shapes depend on the number and size of the batches alone, and only the two arguments are copied to the device, and the rows of a
        split that it has no room for.

        Args:
            segments: positions of the segments of each batch, one row per seed.
            visible: whether each modality of each of them is visible, in the order of `MODALITIES`.
        """
        chosen = torch.from_numpy(segments).to(self.label.device)
        seen = torch.from_numpy(visible).to(self.label.device)
        start = self._offsets[chosen]
        step = torch.arange(self._n_words_max, device=chosen.device)
        inside = step < (self._offsets[chosen + 1] - start)[..., None]
        row = torch.where(inside, start[..., None] + step, 0)
        valid = {
            modality: flat[row] & inside & seen[..., position, None]
            for position, (modality, flat) in enumerate(self._valid.items())
        }
        owned = None if self.owned is None else self.owned[chosen]
        features = self._whole
        if features is None:
            features, row = (
                self._rows(row.flatten()),
                torch.arange(row.numel(), device=row.device).view_as(row),
            )
        return Batch(features, row, valid, self.label[chosen], packed=False, owned=owned)

    def draw_visible(
        self, segments: Int64[np.ndarray, "segment"], *, p: float, rng: np.random.Generator
    ) -> Bool[np.ndarray, "segment modality"]:
        """Which modalities of these segments `drop_modalities` would leave, by the same draws."""
        if p == 0:
            return np.ones((len(segments), len(MODALITIES)), bool)
        return _draw_visible(self._n_valid[segments] > 0, p=p, rng=rng)

    def n_words(
        self, segments: Int64[np.ndarray, "segment"], visible: Bool[np.ndarray, "segment modality"]
    ) -> Int64[np.ndarray, "modality"]:
        """Number of valid words in the visible modalities of these segments together."""
        return np.asarray((self._n_valid[segments] * visible).sum(axis=0))

    def n_batches(self, batch_size: int) -> int:
        """How many batches of at most `batch_size` segments it takes to see all segments once."""
        return math.ceil(len(self) / batch_size)


def drop_modalities(batch: Batch, *, p: float, rng: np.random.Generator) -> Batch:
    """Modality dropout: hide each modality of each segment with probability `p`, but never all that it has."""
    if p == 0:
        return batch
    present = torch.stack([batch.valid[modality].any(dim=1) for modality in MODALITIES], dim=1).cpu().numpy()
    visible = torch.from_numpy(_draw_visible(present, p=p, rng=rng)).to(batch.label.device)
    valid = {
        modality: batch.valid[modality] & visible[:, position, None]
        for position, modality in enumerate(MODALITIES)
    }
    return replace(batch, valid=valid)


def _draw_visible(
    present: Bool[np.ndarray, "segment modality"], *, p: float, rng: np.random.Generator
) -> Bool[np.ndarray, "segment modality"]:
    hidden = rng.random(present.shape) < p
    hidden[~(present & ~hidden).any(axis=1)] = False
    return ~hidden


def drop_words(batch: Batch, *, p: float, rng: np.random.Generator) -> Batch:
    """Word dropout: hide each word of each modality with probability `p`, but never all that a segment has."""
    if p == 0:
        return batch
    drawn = torch.from_numpy(rng.random((len(MODALITIES), *batch.row.shape)) >= p).to(batch.label.device)
    present = torch.stack([batch.valid[modality] for modality in MODALITIES])
    visible = present & drawn
    leaves_nothing = ~visible.any(dim=2).any(dim=0)
    visible = torch.where(leaves_nothing[None, :, None], present, visible)
    return replace(batch, valid={modality: visible[position] for position, modality in enumerate(MODALITIES)})


def hide_modalities(batch: Batch, hidden: Set[Modality]) -> Batch:
    """The batch with the modalities of `hidden` masked as if they had never been recorded."""
    if not hidden:
        return batch
    valid = {
        modality: torch.zeros_like(mask) if modality in hidden else mask
        for modality, mask in batch.valid.items()
    }
    return replace(batch, valid=valid)

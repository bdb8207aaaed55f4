"""The rows of one modality: in memory, or in files of which some rows are read when they are looked at."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64

from pipeline.artifacts.aligned.normalisation import Normalisation
from pipeline.artifacts.corpus.sequences import Modality


class ShardedRows:
    """A matrix whose rows lie in one or several files, end to end; what is taken from it is a copy in memory.

    It is read like an array of rows: by a slice, or by the positions of rows. Any function of NumPy takes it, too, and then reads all
    of it.
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self,
        modality: Modality,
        parts: Sequence[Float32[np.ndarray, "_ _"]],
        valid: Bool[np.ndarray, "row"],
        *,
        normalisation: Normalisation | None,
    ) -> None:
        """Put the parts end to end; see `rows_of`."""
        self._modality, self._valid, self._normalisation = modality, valid, normalisation
        # Plain arrays on the same memory: every index into a `memmap` costs microseconds more.
        self._parts = [np.asarray(part) for part in parts]
        self._ends = np.cumsum([0, *(len(part) for part in parts)])

    def __len__(self) -> int:
        """Number of rows."""
        return int(self._ends[-1])

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self), self._parts[0].shape[1]

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return len(self) * self.shape[1]

    def __getitem__(self, rows: slice | Int64[np.ndarray, "chosen"]) -> Float32[np.ndarray, "chosen dim"]:
        """The rows of a slice, or at these positions, in this order.

        Raises:
            IndexError: a position is not there.
        """
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            found = self._stretch(start, stop) if step == 1 else self._at(np.arange(start, stop, step))
        else:
            found = self._at(rows)
        if self._normalisation is None:
            return found
        return self._normalisation.apply(self._modality, found, self._valid[rows], out=found)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All rows, for functions that take arrays."""
        return self[:].astype(self.dtype if dtype is None else dtype, copy=False)

    def _stretch(self, start: int, stop: int) -> Float32[np.ndarray, "some dim"]:
        pieces = [
            part[max(start - first, 0) : max(stop - first, 0)]
            for part, first, end in zip(self._parts, self._ends[:-1], self._ends[1:], strict=True)
            if first < stop and start < end
        ]
        # A copy of a single piece, too: what lies in a file is not the caller's to change.
        return np.concatenate(pieces or [self._parts[0][:0]])

    def _at(self, positions: Int64[np.ndarray, "chosen"]) -> Float32[np.ndarray, "chosen dim"]:
        if len(positions) and not -len(self) <= positions.min() <= positions.max() < len(self):
            raise IndexError(f"positions from {positions.min()} to {positions.max()} in {len(self)} rows")
        positions = np.where(positions < 0, positions + len(self), positions)
        part_of = np.searchsorted(self._ends, positions, side="right") - 1
        found = np.empty((len(positions), self.shape[1]), self.dtype)
        for number in np.unique(part_of):
            chosen = part_of == number
            found[chosen] = self._parts[number][positions[chosen] - self._ends[number]]
        return found


# What a process holds of one modality for itself; larger rows stay in the file, whose pages all processes share.
_HELD_BYTES = 64_000_000

Rows = Float32[np.ndarray, "word _"] | ShardedRows
"""One row per word: in memory, in a file, or in the files of a split that is too large for memory or for one file."""


def rows_of(
    modality: Modality,
    parts: Sequence[Float32[np.ndarray, "_ _"]],
    valid: Bool[np.ndarray, "word"],
    *,
    normalisation: Normalisation | None,
) -> Rows:
    """The rows of one or several files end to end, normalised: few of one file in memory, else when they are looked at.

    Args:
        modality: what they are of.
        parts: rows of each file, at least one.
        valid: which of all rows are valid.
        normalisation: what they go through; None for rows that stay as they are.

    Raises:
        ValueError: they do not fit together, or are not of as many columns as the scaler.
    """
    widths = {part.shape[1] for part in parts}
    if normalisation is not None:
        widths.add(len(normalisation.mean[modality]))
    if len(widths) > 1 or sum(map(len, parts)) != len(valid):
        raise ValueError(f"rows of {modality} do not fit together")
    if len(parts) > 1 or (normalisation is not None and parts[0].nbytes > _HELD_BYTES):
        return ShardedRows(modality, parts, valid, normalisation=normalisation)
    return parts[0] if normalisation is None else normalisation.apply(modality, parts[0], valid)

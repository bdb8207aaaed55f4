"""Which rows of a padded array are words or frames, which are padding, and which hold nothing that can be read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32

from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.pickles.layouts import GivenSplit

Side = Literal["left", "right"]

# One sample of a modality after another: what is read from the file at once.
_BLOCK = 256


@dataclass(frozen=True, eq=False)
class GivenRows:
    """The rows of one sample of one modality without their padding; `valid` is False on rows that hold nothing."""

    values: Float32[np.ndarray, "row dim"]
    valid: Bool[np.ndarray, "row"]


@dataclass(frozen=True, eq=False)
class _Seen:
    """What reading an array once shows, sample × row: whether all is zero, whether all is finite."""

    zero: Bool[np.ndarray, "sample row"]
    finite: Bool[np.ndarray, "sample row"]

    def side(self) -> Side:
        """Where the padding is: at the end, unless more samples begin with zeros than end with them."""
        begins, ends = self.zero[:, 0] & ~self.zero[:, -1], self.zero[:, -1] & ~self.zero[:, 0]
        return "left" if begins.sum() > ends.sum() else "right"


class GivenWindows:
    """Where the rows of each sample lie in the padded arrays of one split.

    With a length, it counts from the side that is not padded. Without, rows of zeros at the padded side are padding. Where
    modalities are aligned, they share one window: from the first to the last row that any of them has. A row of zeros
    within, or a row with −∞, ∞ or NaN, stays in its place and is invalid.
    """

    def __init__(self, given: GivenSplit) -> None:
        self._given = given
        self._seen = {modality: _look(given.features[modality]) for modality in MODALITIES}
        self.sides: dict[Modality, Side] = {modality: self._side(modality) for modality in MODALITIES}
        spans = {modality: self._spans(modality) for modality in MODALITIES}
        if given.aligned:
            first = np.minimum.reduce([start for start, _ in spans.values()])
            last = np.maximum.reduce([end for _, end in spans.values()])
            spans = dict.fromkeys(MODALITIES, (first, last))
        self.spans: Mapping[Modality, tuple[np.ndarray, np.ndarray]] = spans

    def _side(self, modality: Modality) -> Side:
        # Sound or face may be missing at either end; of aligned rows, those of the text tell where the padding is.
        return self._seen["text" if self._given.aligned else modality].side()

    def _spans(self, modality: Modality) -> tuple[np.ndarray, np.ndarray]:
        """First row and the one after the last, a sample; the empty span of a sample without rows hurts no union."""
        zero = self._seen[modality].zero
        n_rows = zero.shape[1]
        if modality in self._given.lengths:
            length = self._given.lengths[modality]
            start = n_rows - length if self.sides[modality] == "left" else np.zeros_like(length)
            return start, start + length
        present = ~zero
        empty = ~present.any(axis=1)
        if self.sides[modality] == "left":
            return np.where(empty, n_rows, present.argmax(axis=1)), np.where(empty, 0, n_rows)
        return np.where(empty, n_rows, 0), np.where(empty, 0, n_rows - present[:, ::-1].argmax(axis=1))

    def length(self, modality: Modality, sample: int) -> int:
        """How many rows a sample has."""
        start, end = self.spans[modality]
        return max(0, int(end[sample] - start[sample]))

    def rows(self, modality: Modality, sample: int) -> GivenRows:
        """The rows of a sample."""
        start, end = (int(bound[sample]) for bound in self.spans[modality])
        seen = self._seen[modality]
        rows = slice(start, max(start, end))
        valid = seen.finite[sample, rows] & ~seen.zero[sample, rows]
        values = _float32(self._given.features[modality][sample, rows])
        return GivenRows(np.where(valid[:, None], values, np.float32(0)), valid)

    def counts(self, modality: Modality) -> dict[str, int]:
        """How many rows the array has, how many of them are padding, hold zeros alone, or something that is not finite."""
        seen, (start, end) = self._seen[modality], self.spans[modality]
        step = np.arange(seen.zero.shape[1])
        inside = (step >= start[:, None]) & (step < end[:, None])
        return {
            "rows": seen.zero.size,
            "padding": int((~inside).sum()),
            "zero": int((inside & seen.zero).sum()),
            "not_finite": int((inside & ~seen.finite).sum()),
        }


def _look(array: np.ndarray) -> _Seen:
    """Read an array once, a block at a time."""
    zero, finite = np.zeros(array.shape[:2], bool), np.zeros(array.shape[:2], bool)
    for first in range(0, len(array), _BLOCK):
        block = slice(first, first + _BLOCK)
        values = _float32(array[block])
        zero[block] = (values == 0).all(axis=2)
        finite[block] = np.isfinite(values).all(axis=2)
    return _Seen(zero, finite)


def _float32(values: np.ndarray) -> np.ndarray:
    """A value past the range of float32 becomes infinite, and its row invalid."""
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float32)

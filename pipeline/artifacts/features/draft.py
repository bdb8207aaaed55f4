"""The feature sequences of a corpus on their way into shards: rows are on the disk while sizes become known."""

import json
from array import array
from collections.abc import Iterator
from functools import partial

import numpy as np
from jaxtyping import Int64

from pipeline.artifacts.corpus.sequences import FeatureSequence, row_bytes
from pipeline.artifacts.corpus.tokens import TokenizedText, join_tokens
from pipeline.artifacts.features.packed import quality_or_nan, spans_or_nan
from pipeline.artifacts.sharding.spooled import Spool, Spools, Streamed

# Quality and stretches of a row, whether or not a shard has them: what a recording takes must not depend on the others.
_ROW_EXTRA_BYTES = 4 + 16
# Offsets of rows and of windows, and quotes of the id, escaped twice.
_SEGMENT_BYTES = 8 + 8 + 6


class FeatureDraft:
    """Sequences that were appended one by one; what is in memory is some numbers a segment, and its sub-tokens if it has some.

    Attributes:
        n_bytes: what each segment takes in a file, at most.
        failures: why a segment came out empty, by id.
        notes: what was out of the ordinary in a segment, by id.
    """

    def __init__(self, spools: Spools) -> None:
        self._spools = spools
        self._values: Spool | None = None
        self._times_s, self._valid = spools.new(np.float64), spools.new(np.bool_)
        self._quality, self._spans_s = spools.new(np.float32), spools.new(np.float64, (2,))
        self._ends = array("q", [0])
        self._has_quality, self._has_spans = array("b"), array("b")
        self._tokens: list[TokenizedText] = []
        self.n_bytes = array("q")
        self.failures: dict[str, str] = {}
        self.notes: dict[str, tuple[str, ...]] = {}

    @property
    def dim(self) -> int | None:
        """How many numbers a row has; None where there is no segment."""
        return None if self._values is None else self._values.row[0]

    def append(self, id_: str, sequence: FeatureSequence) -> None:
        """Add the next segment."""
        if self._values is None:
            self._values = self._spools.new(np.float32, sequence.values.shape[1:])
        n_rows, dim = sequence.values.shape
        self._values.append(sequence.values)
        self._times_s.append(sequence.times_s)
        self._valid.append(sequence.valid)
        self._quality.append(quality_or_nan(sequence))
        self._spans_s.append(spans_or_nan(sequence))
        self._ends.append(self._ends[-1] + n_rows)
        self._has_quality.append(sequence.quality is not None)
        self._has_spans.append(sequence.spans_s is not None)
        # An id is JSON within JSON, in which a character may take seven bytes.
        n_bytes = (
            n_rows * (row_bytes(dim) + _ROW_EXTRA_BYTES) + _SEGMENT_BYTES + len(json.dumps(json.dumps(id_)))
        )
        if sequence.tokens is not None:
            self._tokens.append(sequence.tokens)
            n_bytes += sum(tensor.nbytes for tensor in sequence.tokens.tensors().values())
        self.n_bytes.append(n_bytes)
        if sequence.failure is not None:
            self.failures[id_] = sequence.failure
        if sequence.notes:
            self.notes[id_] = sequence.notes

    def tensors(self, positions: Int64[np.ndarray, "segment"]) -> dict[str, np.ndarray | Streamed]:
        """The arrays of the segments at some positions, ascending, one after the other."""
        assert self._values is not None, "there are positions only where there are segments"
        ends = np.frombuffer(self._ends, np.int64)
        n_rows = ends[positions + 1] - ends[positions]
        offsets = np.concatenate([[0], np.cumsum(n_rows)]).astype(np.int64)
        rows = {"values": self._values, "times_s": self._times_s, "valid": self._valid}
        if any(self._has_quality[position] for position in positions):
            rows["quality"] = self._quality
        if any(self._has_spans[position] for position in positions):
            rows["spans_s"] = self._spans_s
        tensors: dict[str, np.ndarray | Streamed] = {
            name: Streamed(
                spool.dtype, (int(offsets[-1]), *spool.row), partial(_rows_of, spool, positions, ends)
            )
            for name, spool in rows.items()
        }
        tensors["offsets"] = offsets
        if self._tokens:
            tensors |= join_tokens([self._tokens[position] for position in positions]).tensors()
        return tensors


def _rows_of(
    spool: Spool, positions: Int64[np.ndarray, "segment"], ends: Int64[np.ndarray, "boundary"]
) -> Iterator[np.ndarray]:
    """The rows of the segments at some positions, neighbours together; they stay on the disk until they are written."""
    mapped = spool.mapped()
    for run in np.split(positions, np.flatnonzero(np.diff(positions) != 1) + 1):
        yield mapped[ends[run[0]] : ends[run[-1] + 1]]

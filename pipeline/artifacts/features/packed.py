"""Feature sequences of one modality packed over many segments: in memory, or mapped from a file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from pipeline.artifacts.corpus.sequences import FeatureSequence, Modality
from pipeline.artifacts.corpus.tokens import TokenizedText, join_tokens


@runtime_checkable
class Sequences(Protocol):
    """The sequences of one modality of a corpus, wherever their rows are."""

    @property
    def modality(self) -> Modality:
        """The modality of the rows."""
        ...

    @property
    def ids(self) -> tuple[str, ...]:
        """The segments, each once."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """The name of each feature dimension."""
        ...

    @property
    def dim(self) -> int:
        """How many numbers a row has: as many as there are columns, or none where an encoder that learns fills them."""
        ...

    @property
    def failures(self) -> Mapping[str, str]:
        """Why a segment came out empty, by the ids of those that did."""
        ...

    @property
    def notes(self) -> Mapping[str, tuple[str, ...]]:
        """What was out of the ordinary and still gave rows, by the ids of those segments."""
        ...

    @property
    def extractor(self) -> Mapping[str, Any]:
        """What made the features: settings, model, device, libraries."""
        ...

    def __getitem__(self, segment_id: str) -> FeatureSequence:
        """The sequence of one segment; KeyError where the id is unknown."""
        ...

    def parts(self) -> "Iterator[PackedSequences]":
        """All segments in the order of `ids`, some at a time, for whoever reads whole arrays."""
        ...


@dataclass(frozen=True, eq=False)
class PackedSequences:
    """Sequences of one modality, end to end; segment i owns the rows `offsets[i]:offsets[i + 1]`.

    `columns` names each feature dimension. `extractor` describes what made them (settings, model, device, libraries).
    `quality` and `spans_s` are those of `FeatureSequence`, None where no segment has them; NaN in either stands for a segment
    without. `failures` and `notes` have the segments that have some, and may have others.
    """

    modality: Modality
    ids: tuple[str, ...]
    columns: tuple[str, ...]
    offsets: Int64[np.ndarray, "boundary"]
    values: Float32[np.ndarray, "row dim"]
    times_s: Float64[np.ndarray, "row"]
    valid: Bool[np.ndarray, "row"]
    failures: Mapping[str, str]
    extractor: Mapping[str, Any]
    tokens: TokenizedText | None = None
    quality: Float32[np.ndarray, "row"] | None = None
    spans_s: Float64[np.ndarray, "row 2"] | None = None
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __getitem__(self, segment_id: str) -> FeatureSequence:
        """The sequence of one segment; KeyError where the id is unknown."""
        return self.at(self._positions[segment_id])

    @property
    def dim(self) -> int:
        """How many numbers a row has."""
        return int(self.values.shape[1])

    def parts(self) -> "Iterator[PackedSequences]":
        """All segments, which are one part."""
        yield self

    @cached_property
    def _positions(self) -> Mapping[str, int]:
        return {id_: position for position, id_ in enumerate(self.ids)}

    def at(self, position: int) -> FeatureSequence:
        """The sequence of the segment at a position of `ids`."""
        segment_id = self.ids[position]
        rows = slice(int(self.offsets[position]), int(self.offsets[position + 1]))
        return FeatureSequence(
            self.values[rows],
            self.times_s[rows],
            self.valid[rows],
            self.failures.get(segment_id),
            self.tokens.select(np.array([position])) if self.tokens is not None else None,
            _given(self.quality, rows),
            _given(self.spans_s, rows),
            self.notes.get(segment_id, ()),
        )


def _given(of_all: np.ndarray | None, rows: slice) -> np.ndarray | None:
    """What a segment has for its rows; None where it has nothing, whatever those have that it is packed with."""
    found = None if of_all is None else of_all[rows]
    return None if found is None or not len(found) or np.isnan(found).any() else found


def pack(
    modality: Modality,
    ids: Sequence[str],
    sequences: Sequence[FeatureSequence],
    *,
    columns: Sequence[str],
    extractor: Mapping[str, Any],
) -> PackedSequences:
    """Join the sequences of all segments, in the order of `ids`."""
    lengths = [len(sequence.values) for sequence in sequences]
    tokens = [sequence.tokens for sequence in sequences if sequence.tokens is not None]
    empty = FeatureSequence.empty(0 if tokens else len(columns), None)
    rows = [empty, *sequences]
    return PackedSequences(
        modality=modality,
        ids=tuple(ids),
        columns=tuple(columns),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        values=np.concatenate([row.values for row in rows]),
        times_s=np.concatenate([row.times_s for row in rows]),
        valid=np.concatenate([row.valid for row in rows]),
        failures={
            id_: sequence.failure
            for id_, sequence in zip(ids, sequences, strict=True)
            if sequence.failure is not None
        },
        extractor=extractor,
        tokens=join_tokens(tokens) if tokens else None,
        quality=np.concatenate([quality_or_nan(row) for row in rows])
        if any(row.quality is not None for row in rows)
        else None,
        spans_s=np.concatenate([spans_or_nan(row) for row in rows])
        if any(row.spans_s is not None for row in rows)
        else None,
        notes={id_: sequence.notes for id_, sequence in zip(ids, sequences, strict=True) if sequence.notes},
    )


def quality_or_nan(sequence: FeatureSequence) -> Float32[np.ndarray, "row"]:
    """The quality of each row, NaN where the sequence has none."""
    return np.full(len(sequence.values), np.nan, np.float32) if sequence.quality is None else sequence.quality


def spans_or_nan(sequence: "FeatureSequence | PackedSequences") -> Float64[np.ndarray, "row 2"]:
    """The stretch of each row, NaN where the sequence or the sequences have none."""
    return np.full((len(sequence.values), 2), np.nan) if sequence.spans_s is None else sequence.spans_s

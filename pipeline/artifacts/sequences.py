"""Feature sequences of one modality: rows with a time and a validity, packed over all segments."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from pipeline.artifacts.files import (
    map_tensors,
    rebuilding,
    tensors_from_bytes,
    tensors_to_bytes,
)
from pipeline.artifacts.spooled import Spool, spooling, write_tensors
from pipeline.artifacts.tokens import TokenizedText, join_tokens, tokens_from
from pipeline.errors import PipelineError

Modality = Literal["text", "audio", "visual"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)

_KIND, _VERSION = "feature sequences", 1
_TENSORS = ("offsets", "values", "times_s", "valid")
_CLIP_KIND, _CLIP_VERSION = "feature sequence of one segment", 1


def row_bytes(dim: int) -> int:
    """What a row takes on disk: its values, its time, and whether it is valid."""
    return 4 * dim + 8 + 1


@dataclass(frozen=True, eq=False)
class FeatureSequence:
    """The features of one segment: one row per frame (audio, visual) or word (text).

    `times_s` is the middle of each row in seconds from the start of the segment, non-decreasing. `valid` is False where
    the extractor saw nothing (no face, no signal): such a row holds zeros that must not be read. `failure` says why a
    whole segment came out empty, None where nothing failed. `tokens` is the one segment as an encoder that learns reads
    it; its rows are then empty until that encoder fills them. `quality` says how well the extractor could see what a valid
    row describes, from 0 to 1, None where it cannot tell; it is beside the columns, so that no model takes it for a feature.
    `spans_s` is the stretch that each row was computed from, where rows are longer than words; None where they are shorter.
    `notes` are sentences on what was out of the ordinary and still gave rows: a choice among tracks, pictures that could not be decoded.

    Raises:
        PipelineError: lengths differ, times decrease, or a valid row holds a value that is not finite.
    """

    values: Float32[np.ndarray, "row dim"]
    times_s: Float64[np.ndarray, "row"]
    valid: Bool[np.ndarray, "row"]
    failure: str | None = None
    tokens: TokenizedText | None = None
    quality: Float32[np.ndarray, "row"] | None = None
    spans_s: Float64[np.ndarray, "row 2"] | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n_qualities = len(self.values) if self.quality is None else len(self.quality)
        n_spans = len(self.values) if self.spans_s is None else len(self.spans_s)
        if not len(self.values) == len(self.times_s) == len(self.valid) == n_qualities == n_spans:
            raise PipelineError(
                f"a feature sequence has {len(self.values)} rows, {len(self.times_s)} times and {len(self.valid)} "
                "validity flags; expected as many of each"
            )
        if (np.diff(self.times_s) < 0).any():
            raise PipelineError("a feature sequence has times that decrease")
        if not np.isfinite(self.values[self.valid]).all():
            raise PipelineError("a feature sequence has a valid row with a value that is not finite")

    @classmethod
    def empty(cls, dim: int, failure: str | None) -> "FeatureSequence":
        """No rows, for a segment whose modality is absent or unreadable."""
        return cls(np.zeros((0, dim), np.float32), np.zeros(0), np.zeros(0, bool), failure)

    def to_bytes(self) -> bytes:
        """Pack for the clip cache."""
        tensors = {"values": self.values, "times_s": self.times_s, "valid": self.valid}
        if self.quality is not None:
            tensors["quality"] = self.quality
        if self.spans_s is not None:
            tensors["spans_s"] = self.spans_s
        header: dict[str, Any] = {"failure": self.failure}
        if self.notes:
            header["notes"] = self.notes
        return tensors_to_bytes(tensors, kind=_CLIP_KIND, version=_CLIP_VERSION, header=header)

    @classmethod
    def from_bytes(cls, content: bytes) -> "FeatureSequence":
        """Unpack what `to_bytes` packed; raises PipelineError where it is not whole."""
        tensors, header = tensors_from_bytes(
            content, kind=_CLIP_KIND, version=_CLIP_VERSION, source="clip cache entry"
        )
        return cls(
            tensors["values"],
            tensors["times_s"],
            tensors["valid"],
            failure=header["failure"],
            quality=tensors.get("quality"),
            spans_s=tensors.get("spans_s"),
            notes=tuple(header.get("notes", ())),
        )


@dataclass(frozen=True, eq=False)
class PackedSequences:
    """All sequences of one modality, end to end; segment i owns the rows `offsets[i]:offsets[i + 1]`.

    `columns` names each feature dimension. `extractor` describes what made them (settings, model, device, libraries).
    `quality` and `spans_s` are those of `FeatureSequence`, None where no segment has them; NaN in `spans_s` stands for a segment
    without. `notes` has the segments that have some.
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
        return self._at(self._positions[segment_id])

    def in_order(self, position: int, segment_id: str) -> FeatureSequence:
        """The same for the segment that is expected at a position; without a table of all ids where it is there."""
        is_there = position < len(self.ids) and self.ids[position] == segment_id
        return self._at(position) if is_there else self[segment_id]

    @cached_property
    def _positions(self) -> Mapping[str, int]:
        return {id_: position for position, id_ in enumerate(self.ids)}

    def _at(self, position: int) -> FeatureSequence:
        segment_id = self.ids[position]
        rows = slice(int(self.offsets[position]), int(self.offsets[position + 1]))
        tokens = self.tokens.select(np.array([position])) if self.tokens is not None else None
        spans_s = None if self.spans_s is None else self.spans_s[rows]
        return FeatureSequence(
            self.values[rows],
            self.times_s[rows],
            self.valid[rows],
            self.failures.get(segment_id),
            tokens,
            None if self.quality is None else self.quality[rows],
            None if spans_s is None or np.isnan(spans_s).any() else spans_s,
            self.notes.get(segment_id, ()),
        )


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
        quality=np.concatenate([_quality(row) for row in rows])
        if any(row.quality is not None for row in rows)
        else None,
        spans_s=np.concatenate([_spans_s(row) for row in rows])
        if any(row.spans_s is not None for row in rows)
        else None,
        notes={id_: sequence.notes for id_, sequence in zip(ids, sequences, strict=True) if sequence.notes},
    )


def write_sequences(path: Path, packed: PackedSequences) -> None:
    """Write one modality as a byte-deterministic safetensors file."""
    tensors = {name: getattr(packed, name) for name in _TENSORS}
    if packed.tokens is not None:
        tensors |= packed.tokens.tensors()
    if packed.quality is not None:
        tensors["quality"] = packed.quality
    if packed.spans_s is not None:
        tensors["spans_s"] = packed.spans_s
    header = _header(
        packed.modality,
        packed.ids,
        packed.columns,
        failures=packed.failures,
        extractor=packed.extractor,
        notes=packed.notes,
    )
    write_tensors(path, tensors, kind=_KIND, version=_VERSION, header=header)


def write_sequences_of(
    path: Path,
    modality: Modality,
    ids: Sequence[str],
    sequences: Iterable[FeatureSequence],
    *,
    columns: Sequence[str],
    extractor: Mapping[str, Any],
) -> None:
    """Write what `write_sequences` writes of `pack`, the same bytes, and look at each sequence once.

    Args:
        path: file to write.
        modality: modality of the rows.
        ids: ids of the segments.
        sequences: sequence of each segment, in the same order; none is held when the next is asked for.
        columns: names of the features.
        extractor: what made them.

    Raises:
        PipelineError: the file system refused; nothing is left behind.
    """
    n_rows: list[int] = []
    failures: dict[str, str] = {}
    notes: dict[str, tuple[str, ...]] = {}
    tokens: list[TokenizedText] = []
    has_quality = has_spans = False
    with spooling(path) as spools:
        values: Spool | None = None
        times_s, valid = spools.new(np.float64), spools.new(np.bool_)
        quality, spans_s = spools.new(np.float32), spools.new(np.float64, (2,))
        for id_, sequence in zip(ids, sequences, strict=True):
            if values is None:
                values = spools.new(np.float32, sequence.values.shape[1:])
            values.append(sequence.values)
            times_s.append(sequence.times_s)
            valid.append(sequence.valid)
            quality.append(_quality(sequence))
            spans_s.append(_spans_s(sequence))
            has_quality |= sequence.quality is not None
            has_spans |= sequence.spans_s is not None
            n_rows.append(len(sequence.values))
            if sequence.failure is not None:
                failures[id_] = sequence.failure
            if sequence.notes:
                notes[id_] = sequence.notes
            if sequence.tokens is not None:
                tokens.append(sequence.tokens)
        tensors: dict[str, np.ndarray | Spool] = {
            "offsets": np.concatenate([[0], np.cumsum(n_rows)]).astype(np.int64),
            "values": spools.new(np.float32, (len(columns),)) if values is None else values,
            "times_s": times_s,
            "valid": valid,
        }
        if tokens:
            tensors |= join_tokens(tokens).tensors()
        if has_quality:
            tensors["quality"] = quality
        if has_spans:
            tensors["spans_s"] = spans_s
        header = _header(modality, ids, columns, failures=failures, extractor=extractor, notes=notes)
        write_tensors(path, tensors, kind=_KIND, version=_VERSION, header=header)


def _quality(sequence: FeatureSequence) -> Float32[np.ndarray, "row"]:
    return np.zeros(len(sequence.values), np.float32) if sequence.quality is None else sequence.quality


def _spans_s(sequence: FeatureSequence) -> Float64[np.ndarray, "row 2"]:
    return np.full((len(sequence.values), 2), np.nan) if sequence.spans_s is None else sequence.spans_s


def _header(
    modality: Modality,
    ids: Sequence[str],
    columns: Sequence[str],
    *,
    failures: Mapping[str, str],
    extractor: Mapping[str, Any],
    notes: Mapping[str, tuple[str, ...]],
) -> dict[str, Any]:
    header: dict[str, Any] = {
        "modality": modality,
        "ids": tuple(ids),
        "columns": tuple(columns),
        "failures": failures,
        "extractor": extractor,
    }
    return header | {"notes": notes} if notes else header


def read_sequences(path: Path) -> PackedSequences:
    """Read what `write_sequences` wrote."""
    tensors, header = map_tensors(path, kind=_KIND, version=_VERSION)
    with rebuilding(path, _KIND):
        packed = _rebuilt(tensors, header)
        n_rows = len(packed.values)
        if (
            len(packed.offsets) != len(packed.ids) + 1
            or (packed.offsets[0], packed.offsets[-1]) != (0, n_rows)
            or (np.diff(packed.offsets) < 0).any()
            or not len(packed.times_s) == len(packed.valid) == n_rows
        ):
            raise ValueError("its arrays do not fit together")
    return packed


def _rebuilt(tensors: Mapping[str, np.ndarray], header: Mapping[str, Any]) -> PackedSequences:
    return PackedSequences(
        modality=header["modality"],
        ids=tuple(header["ids"]),
        columns=tuple(header["columns"]),
        failures=header["failures"],
        extractor=header["extractor"],
        tokens=tokens_from(
            tensors, word_offsets=tensors["offsets"], encoder=header["extractor"].get("settings", {})
        ),
        quality=tensors.get("quality"),
        spans_s=tensors.get("spans_s"),
        notes={id_: tuple(notes) for id_, notes in header.get("notes", {}).items()},
        **{name: tensors[name] for name in _TENSORS},
    )

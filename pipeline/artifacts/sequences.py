"""Feature sequences of one modality: rows with a time and a validity, packed over all segments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from pipeline.artifacts.files import map_tensors, tensors_from_bytes, tensors_to_bytes, write_bytes
from pipeline.errors import PipelineError

Modality = Literal["text", "audio", "visual"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)

_KIND, _VERSION = "feature sequences", 1
_CLIP_KIND, _CLIP_VERSION = "feature sequence of one segment", 1


@dataclass(frozen=True, eq=False)
class FeatureSequence:
    """The features of one segment: a row a frame (audio, visual) or a word (text).

    `times_s` is the middle of each row in seconds from the start of the segment, non-decreasing. `valid` is False where
    the extractor saw nothing (no face, no signal): such a row holds zeros that must not be read. `failure` says why a
    whole segment came out empty, None where nothing failed.

    Raises:
        PipelineError: lengths differ, times decrease, or a valid row holds a value that is not finite.
    """

    values: Float32[np.ndarray, "row dim"]
    times_s: Float64[np.ndarray, "row"]
    valid: Bool[np.ndarray, "row"]
    failure: str | None = None

    def __post_init__(self) -> None:
        if not len(self.values) == len(self.times_s) == len(self.valid):
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
        return tensors_to_bytes(
            tensors, kind=_CLIP_KIND, version=_CLIP_VERSION, header={"failure": self.failure}
        )

    @classmethod
    def from_bytes(cls, content: bytes) -> "FeatureSequence":
        """Unpack what `to_bytes` packed; raises PipelineError where it is not whole."""
        tensors, header = tensors_from_bytes(
            content, kind=_CLIP_KIND, version=_CLIP_VERSION, source="clip cache entry"
        )
        return cls(tensors["values"], tensors["times_s"], tensors["valid"], header["failure"])


@dataclass(frozen=True, eq=False)
class PackedSequences:
    """All sequences of one modality, end to end; segment i owns the rows `offsets[i]:offsets[i + 1]`.

    `columns` names each feature dimension. `extractor` describes what made them (settings, model, device, libraries).
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
    _index: Mapping[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", {id_: position for position, id_ in enumerate(self.ids)})

    def __getitem__(self, segment_id: str) -> FeatureSequence:
        """The sequence of one segment; KeyError where the id is unknown."""
        position = self._index[segment_id]
        rows = slice(int(self.offsets[position]), int(self.offsets[position + 1]))
        return FeatureSequence(
            self.values[rows], self.times_s[rows], self.valid[rows], self.failures.get(segment_id)
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
    empty = FeatureSequence.empty(len(columns), None)
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
    )


def write_sequences(path: Path, packed: PackedSequences) -> None:
    """Write one modality as a byte-deterministic safetensors file."""
    tensors = {name: getattr(packed, name) for name in ("offsets", "values", "times_s", "valid")}
    header = {name: getattr(packed, name) for name in ("modality", "ids", "columns", "failures", "extractor")}
    write_bytes(path, tensors_to_bytes(tensors, kind=_KIND, version=_VERSION, header=header))


def read_sequences(path: Path) -> PackedSequences:
    """Read what `write_sequences` wrote."""
    tensors, header = map_tensors(path, kind=_KIND, version=_VERSION)
    return PackedSequences(
        modality=header["modality"],
        ids=tuple(header["ids"]),
        columns=tuple(header["columns"]),
        failures=header["failures"],
        extractor=header["extractor"],
        **tensors,
    )

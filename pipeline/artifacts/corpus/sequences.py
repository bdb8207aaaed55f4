"""The features of one segment in one modality: rows with a time and a validity, as extractors make them and the clip cache keeps them.

Every key of the clip cache rests on this file, so how the segments of a corpus are packed is kept out of it: see `packed`
and `feature_shards`.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float32, Float64

from pipeline.artifacts.corpus.tokens import TokenizedText
from pipeline.artifacts.formats.files import tensors_from_bytes, tensors_to_bytes
from pipeline.errors import PipelineError

Modality = Literal["text", "audio", "visual"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)

_KIND, _VERSION = "feature sequence of one segment", 1


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
        return tensors_to_bytes(tensors, kind=_KIND, version=_VERSION, header=header)

    @classmethod
    def from_bytes(cls, content: bytes) -> "FeatureSequence":
        """Unpack what `to_bytes` packed; raises PipelineError where it is not whole."""
        tensors, header = tensors_from_bytes(content, kind=_KIND, version=_VERSION, source="clip cache entry")
        return cls(
            tensors["values"],
            tensors["times_s"],
            tensors["valid"],
            failure=header["failure"],
            quality=tensors.get("quality"),
            spans_s=tensors.get("spans_s"),
            notes=tuple(header.get("notes", ())),
        )

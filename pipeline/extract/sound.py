"""The sound of a segment as encoders of speech read it, and which of their rows something was recorded for."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Float32

from pipeline.artifacts.corpus.segments import Segment
from pipeline.media.audio import MUTED_PEAK, Sound, read_audio
from pipeline.media.container import MediaError

# The value in transformers' Wav2Vec2FeatureExtractor.
_LEAST_VARIANCE = 1e-7


def hear(segment: Segment, *, sample_rate_hz: int, n_samples: int, context: int = 0) -> Sound:
    """Samples from the start of a segment on, and `context` more before and after them.

    Raises:
        MediaError: the segment has no sound track, or it cannot be decoded, or holds nothing from start to end.
    """
    if segment.media is None or not segment.has_audio:
        raise MediaError(f"segment {segment.id}: there is no sound track")
    sound = read_audio(
        Path(segment.media),
        start_s=segment.start_s - context / sample_rate_hz,
        end_s=segment.start_s + (n_samples + context) / sample_rate_hz,
        sample_rate_hz=sample_rate_hz,
    )
    if not sound.recorded[context : context + n_samples].any():
        span = f"{segment.start_s:g} to {segment.end_s:g} s"
        raise MediaError(f"{segment.media}: the sound track holds nothing from {span}, segment {segment.id}")
    return sound


def is_muted(samples: Float[np.ndarray, "..."]) -> bool:
    """Whether a sound holds nothing but the last bit of its quantisation."""
    # Not np.abs, which would copy an hour of sound.
    return bool(max(samples.max(initial=0), -samples.min(initial=0)) <= MUTED_PEAK)


@dataclass(frozen=True)
class Frames:
    """Rows of `field` samples each, one every `stride` samples from the first sample on, at `sample_rate_hz`."""

    field: int
    stride: int
    sample_rate_hz: int

    def n_samples(self, n_rows: int) -> int:
        """The sound that so many rows see."""
        return (n_rows - 1) * self.stride + self.field

    def n_rows(self, n_samples: int) -> int:
        """The rows that a sound has; at least one, which may see beyond its end."""
        return max(n_samples - self.field, 0) // self.stride + 1

    def middle_s(self, n_rows: int) -> np.ndarray:
        """The middle of what each row sees, in seconds from the first sample."""
        return (np.arange(n_rows) * self.stride + self.field / 2) / self.sample_rate_hz


@dataclass(frozen=True, eq=False)
class Heard:
    """The sound of one segment for an encoder.

    Attributes:
        samples: mono samples; none where no row is valid.
        valid: whether most of what a row sees was recorded.
        failure: why there is no sound, None where there is some or where it was muted.
    """

    samples: Float32[np.ndarray, "sample"]
    valid: Bool[np.ndarray, "row"]
    failure: str | None
    notes: tuple[str, ...] = ()


def hear_frames(segment: Segment, *, frames: Frames, standardise: bool) -> Heard:
    """The whole sound of a segment.

    Args:
        segment: segment to decode.
        frames: rows of the encoder.
        standardise: whether to scale what was recorded to mean 0 and variance 1, as transformers' feature extractor does with a whole
            recording; the rest stays 0.

    Returns:
        as many samples as the rows see. A row is valid where most of what it sees was recorded.
    """
    n_rows = frames.n_rows(round(segment.duration_s * frames.sample_rate_hz))
    n_samples = frames.n_samples(n_rows)
    try:
        sound = hear(segment, sample_rate_hz=frames.sample_rate_hz, n_samples=n_samples)
    except MediaError as error:
        return Heard(np.zeros(0, np.float32), np.zeros(0, bool), str(error))
    if is_muted(sound.samples):
        return Heard(np.zeros(0, np.float32), np.zeros(n_rows, bool), None, sound.notes)
    seen = np.concatenate([[0], np.cumsum(sound.recorded)])
    first = np.arange(n_rows) * frames.stride
    valid = 2 * (seen[first + frames.field] - seen[first]) >= frames.field
    samples = sound.samples
    if standardise:
        recorded = samples[sound.recorded].astype(np.float64)
        scale = math.sqrt(recorded.var() + _LEAST_VARIANCE)
        scaled = ((samples - recorded.mean()) / scale).astype(np.float32)
        samples = np.where(sound.recorded, scaled, np.float32(0))
    return Heard(samples, valid, None, sound.notes)

"""Sound of a recording on its clock: mono, resampled, and honest about where nothing was recorded."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from jaxtyping import Bool, Float32

from pipeline.media.container import MediaError, decode

# Containers round times, some to several milliseconds; a block of sound this close to the end of the one before it
# continues it. A larger jump is a gap, or an overlap.
_JITTER_S = 0.02
# Output samples that are resampled before and after the span; FFmpeg's filter reaches 16 samples of the lower rate.
_REACH = 64


@dataclass(frozen=True, eq=False)
class Sound:
    """A span of mono sound in [-1, 1].

    `recorded` is False where the recording holds no sound (before the track starts, after it ends, in a gap); the samples
    there are zeros that must not be taken for silence.
    """

    samples: Float32[np.ndarray, "sample"]
    recorded: Bool[np.ndarray, "sample"]


def read_audio(path: Path, *, start_s: float, end_s: float, sample_rate_hz: int) -> Sound:
    """Decode a span of sound in one linear pass: the mean of its channels, resampled.

    Sample 0 lies at `start_s`, to the nearest sample of a grid that starts with the recording, so that a moment has the
    same sample in every span that holds it. The span may reach beyond the recording. Memory grows with the span alone.

    Args:
        path: the recording.
        start_s: start of the span in seconds from the start of the recording.
        end_s: end of the span, likewise.
        sample_rate_hz: rate of the result.

    Returns:
        round((end_s - start_s) * sample_rate_hz) samples, and which of them were recorded.

    Raises:
        MediaError: the file cannot be opened, has no sound, or changes its sample rate within the span.
    """
    first, n_samples = round(start_s * sample_rate_hz), round((end_s - start_s) * sample_rate_hz)
    blocks = _mono_blocks(path, start_s=start_s - _REACH / sample_rate_hz)
    block = next(blocks, None)
    if block is None:
        return Sound(np.zeros(n_samples, np.float32), np.zeros(n_samples, bool))

    # Every `period_in` samples of the source coincide with `period_out` of the result. Resampling from such a moment on
    # keeps the result on one grid, whatever the span.
    rate_hz = block.rate_hz
    period_in, period_out = (rate // math.gcd(rate_hz, sample_rate_hz) for rate in (rate_hz, sample_rate_hz))
    period = (first - _REACH) // period_out
    start, end = period * period_in, math.ceil((first + n_samples + _REACH) * rate_hz / sample_rate_hz)
    source, recorded = np.zeros(end - start, np.float32), np.zeros(end - start, bool)
    while block is not None and block.position < end:
        kept = block.samples[max(start - block.position, 0) : end - block.position]
        offset = max(block.position - start, 0)
        source[offset : offset + len(kept)] = kept
        recorded[offset : offset + len(kept)] = True
        block = next(blocks, None)

    lead = first - period * period_out
    nearest = ((lead + np.arange(n_samples)) * rate_hz + sample_rate_hz // 2) // sample_rate_hz
    resampled = _resample(source, rate_hz, sample_rate_hz)[lead : lead + n_samples]
    return Sound(np.where(recorded[nearest], resampled, np.float32(0)).clip(-1, 1), recorded[nearest])


@dataclass(frozen=True, eq=False)
class _Block:
    """Consecutive mono samples; `position` counts samples of the source from the start of the recording."""

    position: int
    rate_hz: int
    samples: Float32[np.ndarray, "sample"]


def _mono_blocks(path: Path, *, start_s: float) -> Iterator[_Block]:
    rate_hz, expected = 0, None
    for decoded in decode(path, "audio", start_s=start_s):
        frame = decoded.frame
        if rate_hz not in (0, frame.sample_rate):
            raise MediaError(
                f"{path}: the sample rate changes from {rate_hz} to {frame.sample_rate} Hz at {decoded.time_s:.3f} s; "
                "convert the sound to one rate with ffmpeg"
            )
        rate_hz = frame.sample_rate
        position = round(decoded.time_s * rate_hz)
        if expected is not None and abs(position - expected) <= _JITTER_S * rate_hz:
            position = expected
        block = _Block(position, rate_hz, _mono(frame))
        expected = position + len(block.samples)
        yield block


def _mono(frame: Any) -> Float32[np.ndarray, "sample"]:
    """Mean over the channels, integers scaled to [-1, 1]."""
    samples = frame.to_ndarray()
    channels = samples if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels).T
    mono = channels.mean(axis=0, dtype=np.float64)
    if samples.dtype == np.uint8:
        mono = (mono - 128) / 128
    elif samples.dtype.kind == "i":
        mono /= -float(np.iinfo(samples.dtype).min)
    # A damaged file of floats can hold anything.
    finite: np.ndarray = np.nan_to_num(mono, nan=0.0, posinf=1.0, neginf=-1.0)
    return finite.clip(-1, 1).astype(np.float32)


def _resample(
    source: Float32[np.ndarray, "sample"], rate_hz: int, sample_rate_hz: int
) -> Float32[np.ndarray, "resampled"]:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=sample_rate_hz)
    frames = []
    for start in range(0, len(source), rate_hz):
        frame = av.AudioFrame.from_ndarray(source[None, start : start + rate_hz], format="flt", layout="mono")
        frame.sample_rate = rate_hz
        frames += resampler.resample(frame)
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])

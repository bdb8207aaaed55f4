"""Sound of a recording on its clock: mono, resampled, and honest about where nothing was recorded."""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from jaxtyping import Bool, Float32

from pipeline.media.container import MediaError
from pipeline.media.linear_pass import decode

# Containers round times, some to several milliseconds; a block of sound this close to the end of the one before it
# continues it. A larger jump is a gap, or an overlap.
_JITTER_S = 0.02
# Output samples that are resampled before and after the span; FFmpeg's filter reaches 16 samples of the lower rate.
_REACH = 64
# Seconds of the source that are held: a block of sound may begin before the end of the one before it, not by more.
_HELD_CHUNKS = 4


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
    same sample in every span that holds it. The span may reach beyond the recording. Of the source, a few
    seconds are held; memory grows with the result alone, by 5 bytes a sample.

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
    lead = first - period * period_out
    samples, recorded = np.zeros(n_samples, np.float32), np.zeros(n_samples, bool)
    resampler, position = av.AudioResampler(format="flt", layout="mono", rate=sample_rate_hz), -lead

    def take(frames: list[Any]) -> None:
        nonlocal position
        for frame in frames:
            piece = frame.to_ndarray()[0]
            kept = piece[max(-position, 0) : max(n_samples - position, 0)]
            samples[max(position, 0) :][: len(kept)] = kept
            position += len(piece)

    for chunk in _settled(chain([block], blocks), start=start, end=end, size=rate_hz):
        take(resampler.resample(_flat_frame(chunk.samples, rate_hz)))
        # The samples of the result whose nearest sample of the source lies in this chunk.
        bounds = (chunk.start - start, chunk.start - start + len(chunk.samples))
        low, high = (
            min(max(-((sample_rate_hz // 2 - bound * sample_rate_hz) // rate_hz) - lead, 0), n_samples)
            for bound in bounds
        )
        nearest = ((lead + np.arange(low, high)) * rate_hz + sample_rate_hz // 2) // sample_rate_hz
        recorded[low:high] = chunk.recorded[nearest - bounds[0]]
    take(resampler.resample(None))
    samples[~recorded] = 0
    return Sound(np.clip(samples, -1, 1, out=samples), recorded)


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


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Consecutive samples of the source from `start` on, zeros where nothing was recorded."""

    start: int
    samples: Float32[np.ndarray, "sample"]
    recorded: Bool[np.ndarray, "sample"]


def _settled(blocks: Iterable[_Block], *, start: int, end: int, size: int) -> Iterator[_Chunk]:
    """Lay blocks on the clock, from `start` to `end`, and pass the clock on in chunks of `size` samples.

    A block that overlaps what came before replaces it, as long as that is held: a chunk is held until a block begins
    `_HELD_CHUNKS` further on.
    """
    held: deque[_Chunk] = deque()
    next_start = start

    def hold_until(bound: int) -> None:
        nonlocal next_start
        while next_start < min(bound, end):
            length = min(size, end - next_start)
            held.append(_Chunk(next_start, np.zeros(length, np.float32), np.zeros(length, bool)))
            next_start += length

    for block in blocks:
        if block.position >= end:
            break
        while next_start + size <= block.position:  # a gap may be longer than what is held
            hold_until(next_start + size)
            while len(held) > _HELD_CHUNKS:
                yield held.popleft()
        hold_until(block.position + len(block.samples))
        for chunk in held:
            kept = block.samples[max(chunk.start - block.position, 0) :][
                : max(chunk.start + len(chunk.samples) - max(block.position, chunk.start), 0)
            ]
            offset = max(block.position - chunk.start, 0)
            chunk.samples[offset : offset + len(kept)] = kept
            chunk.recorded[offset : offset + len(kept)] = True
        while len(held) > _HELD_CHUNKS:
            yield held.popleft()
    while held or next_start < end:
        hold_until(next_start + 1)
        yield held.popleft()


def _flat_frame(samples: Float32[np.ndarray, "sample"], rate_hz: int) -> Any:
    frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
    frame.sample_rate = rate_hz
    return frame

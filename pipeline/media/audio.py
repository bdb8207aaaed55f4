"""Sound of a recording on its clock: mono, resampled, and honest about where nothing was recorded."""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from jaxtyping import Bool, Float32, Float64

from pipeline.media.container import MediaError, identity
from pipeline.media.linear_pass import decode
from pipeline.media.sample_grid import first_sample

# Containers round times, some to several milliseconds; a block of sound this close to the end of the one before it
# continues it. A larger jump is a gap, or an overlap.
_JITTER_S = 0.02
# Output samples that are resampled before and after the span; FFmpeg's filter reaches 16 samples of the lower rate.
_REACH = 64
# Seconds of the source that are held: a block of sound may begin before the end of the one before it, not by more.
_HELD_CHUNKS = 4

# Channels with nothing in common have a mix with the sum of their energies; with less than this share of it they cancel. Two of
# equal level do so from a correlation of -0.75 on.
_CANCELLED = 0.25
# A mix leaves out a channel for bass; if nothing but what is left out sounds, it is no mix of the sound.
_LEFT_OUT = 1e-4
_AS_LOUD = 0.9
# How much of a recording decides on its tracks and channels, seconds.
_LISTENED_S = 600.0
# So many samples are measured together: a block of sound has about a thousand, and most of the time would be that of the calls.
_MEASURED_SAMPLES = 1 << 15
MUTED_PEAK = 2.0**-15
"""A track that stays below one step of 16-bit sound was muted, not quiet."""
_MANY_CHANNELS = 8
# What channels without places are taken for.
_USUAL_LAYOUTS = {4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_PROBE_SAMPLES = 8000


@dataclass(frozen=True, eq=False)
class Sound:
    """A span of mono sound in [-1, 1].

    `recorded` is False where the recording holds no sound (before the track starts, after it ends, in a gap); the samples
    there are zeros that must not be taken for silence. `notes` are sentences on choices that were made on the way.
    """

    samples: Float32[np.ndarray, "sample"]
    recorded: Bool[np.ndarray, "sample"]
    notes: tuple[str, ...] = ()


def read_audio(path: Path, *, start_s: float, end_s: float, sample_rate_hz: int) -> Sound:
    """Decode a span of sound in one linear pass: its channels mixed to one, resampled.

    Two channels become their mean, more are mixed with FFmpeg's weights for their places. Where a recording's channels
    cancel each other in the mix, as those of a stereo microphone that was wired the wrong way round, its loudest channel is taken.
    Of several sound tracks it is the default one, or the first with any sound where the default one is mute or empty.

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
    span = _Span(start_s, end_s, sample_rate_hz)
    mix = _Mix()
    sound = _read(path, span, mix)
    notes, rank = [], 0
    if mix.n_tracks > 1:
        rank = _first_with_sound(path, identity(path))
        notes.append(
            f"there are {mix.n_tracks} sound tracks; {'the default one' if rank == 0 else 'the first with sound'} was taken"
        )
        if rank:
            mix = _Mix(rank=rank)
            sound = _read(path, span, mix)
    if mix.has_channels:
        # What a span says of its channels counts where it is all of the recording.
        channel = mix.loudest_of_cancelling if mix.is_whole else _channel_alone(path, identity(path), rank)
        if channel is not None:
            notes.append(
                f"the channels of the sound cancel each other; channel {channel + 1} was taken alone"
            )
            sound = _read(path, span, _Mix(rank=rank, channel=channel))
    return replace(sound, notes=tuple(notes)) if notes else sound


@dataclass(frozen=True)
class _Span:
    start_s: float
    end_s: float
    sample_rate_hz: int


def _read(path: Path, span: _Span, mix: "_Mix") -> Sound:
    start_s, end_s, sample_rate_hz = span.start_s, span.end_s, span.sample_rate_hz
    first, n_samples = round(start_s * sample_rate_hz), round((end_s - start_s) * sample_rate_hz)
    blocks = _mono_blocks(path, mix, start_s=start_s - _REACH / sample_rate_hz)
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


def _mono_blocks(path: Path, mix: "_Mix", *, start_s: float) -> Iterator[_Block]:
    rate_hz, expected, end_s = 0, None, 0.0
    decoding = decode(path, "audio", start_s=start_s, rank=mix.rank)
    for decoded in decoding:
        frame = decoded.frame
        if rate_hz not in (0, frame.sample_rate):
            raise MediaError(
                f"{path}: the sample rate changes from {rate_hz} to {frame.sample_rate} Hz at {decoded.time_s:.3f} s; "
                "convert the sound to one rate with ffmpeg"
            )
        rate_hz = frame.sample_rate
        if expected is None:
            position = first_sample(path, decoded, rank=mix.rank)
        elif abs((position := round(decoded.time_s * rate_hz)) - expected) <= _JITTER_S * rate_hz:
            position = expected
        block = _Block(position, rate_hz, mix.mono(_channels(frame), frame.layout.name))
        expected = position + len(block.samples)
        end_s = expected / rate_hz
        mix.n_tracks = decoding.n_streams
        yield block
    mix.n_tracks = decoding.n_streams  # of a track in which nothing is, too
    mix.is_whole = start_s <= 0 and end_s <= _LISTENED_S


@dataclass
class _Mix:
    """One channel of several, and what that did to their energy.

    Attributes:
        rank: which sound track, in the order of `streams_of`.
        channel: take this channel alone; None for the mix.
        n_tracks: how many sound tracks the recording has; 0 before any was read.
        energies: sums of squares of the mix; of what its channels would come to if they had nothing in common; and of each channel.
        is_whole: whether all of a recording was mixed, and it is short enough to be listened to as a whole.
    """

    rank: int = 0
    channel: int | None = None
    n_tracks: int = 0
    energies: tuple[float, float, Float64[np.ndarray, "channel"]] = (0.0, 0.0, np.zeros(0))
    is_whole: bool = False

    def mono(self, channels: np.ndarray, layout: str) -> Float32[np.ndarray, "sample"]:
        """The mix of samples as they are stored, shape (channel, sample), in [-1, 1]."""
        if self.channel is not None and self.channel < len(channels):
            return _in_unit_range(channels[self.channel].astype(np.float64), channels.dtype)
        weights = _weights(layout, len(channels))
        if weights is None:
            mono = _in_unit_range(channels.mean(axis=0, dtype=np.float64), channels.dtype)
        else:
            mixed = (np.array(weights)[:, None] * channels).sum(axis=0)
            mono = _in_unit_range(mixed, channels.dtype)
        if len(channels) > 1:
            self._measure(channels, mono, np.array(weights or [1 / len(channels)]))
        return mono

    def _measure(
        self,
        channels: np.ndarray,
        mono: Float32[np.ndarray, "sample"],
        weights: Float64[np.ndarray, "channel"],
    ) -> None:
        scaled = _scaled(channels.astype(np.float32), channels.dtype)
        each = np.einsum("ij,ij->i", scaled, scaled).astype(np.float64)
        of_mix, apart, of_channels = self.energies
        if len(of_channels) != len(each):  # the first frame, or one with other channels
            of_mix, apart, of_channels = 0.0, 0.0, np.zeros(len(each))
        apart += float((np.square(weights) * each).sum())
        self.energies = (of_mix + float(np.dot(mono, mono)), apart, of_channels + each)

    @property
    def has_channels(self) -> bool:
        """Whether there was more than one channel to mix."""
        return len(self.energies[2]) > 1

    @property
    def loudest_of_cancelling(self) -> int | None:
        """The loudest channel, of equals the first; None where the mix is not much weaker than its channels, nor leaves out all that sounds."""
        of_mix, apart, of_channels = self.energies
        loudest = float(of_channels.max(initial=0.0))
        cancels = of_mix < _CANCELLED * apart or apart < _LEFT_OUT * loudest
        return int((of_channels >= _AS_LOUD * loudest).argmax()) if cancels else None


def _channels(frame: Any) -> np.ndarray:
    """The samples of a frame as they are stored, shape (channel, sample)."""
    n_channels = frame.layout.nb_channels
    if frame.format.is_planar and n_channels >= _MANY_CHANNELS:
        # PyAV 18.1 reads behind the planes of a frame that has so many.
        packed = av.AudioResampler(
            format=frame.format.packed.name, layout=frame.layout, rate=frame.sample_rate
        )
        (frame,) = packed.resample(frame)
    samples: np.ndarray = frame.to_ndarray()
    return samples if frame.format.is_planar else samples.reshape(-1, n_channels).T


def _scaled(samples: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Samples on the scale of a type, brought to that of the unit range."""
    if dtype == np.uint8:
        return (samples - 128) / 128
    return samples / -float(np.iinfo(dtype).min) if dtype.kind == "i" else samples


def _in_unit_range(
    samples: Float64[np.ndarray, "sample"], dtype: np.dtype[Any]
) -> Float32[np.ndarray, "sample"]:
    # A damaged file of floats can hold anything.
    finite: np.ndarray = np.nan_to_num(_scaled(samples, dtype), nan=0.0, posinf=1.0, neginf=-1.0)
    return finite.clip(-1, 1).astype(np.float32)


@cache
def _weights(layout: str, n_channels: int) -> tuple[float, ...] | None:
    """What each channel counts in FFmpeg's mix, 1 in sum; None for the mean, of two channels and of those without places."""
    if n_channels <= 2:
        return None
    try:
        known = av.AudioLayout(layout)
    except ValueError:
        known = None
    if known is None or known.nb_channels != n_channels:
        if n_channels not in _USUAL_LAYOUTS:
            return None
        layout = _USUAL_LAYOUTS[n_channels]
    found = []
    for channel in range(n_channels):
        samples = np.zeros((_PROBE_SAMPLES, n_channels), np.int32)
        samples[:, channel] = 2**30
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s32", layout=layout)
        frame.sample_rate = _PROBE_SAMPLES
        try:
            (mixed,) = av.AudioResampler(format="s32", layout="mono", rate=_PROBE_SAMPLES).resample(frame)
        except (FFmpegError, ValueError):
            return None
        found.append(float(mixed.to_ndarray()[0, _PROBE_SAMPLES // 2]) / 2**30)
    return tuple(found) if sum(found) > 0 else None


@lru_cache(maxsize=64)
def _first_with_sound(path: Path, _: tuple[int, ...]) -> int:
    """The rank of the first sound track that is not mute over its first minutes; 0 where all are."""
    rank = 0
    while True:
        mix = _Mix(rank=rank)
        try:
            for block in _mono_blocks(path, mix, start_s=0.0):
                if np.abs(block.samples).max(initial=0) > MUTED_PEAK:
                    return rank
                if block.position > _LISTENED_S * block.rate_hz:
                    break
        except MediaError:
            return 0
        rank += 1


@lru_cache(maxsize=64)
def _channel_alone(path: Path, _: tuple[int, ...], rank: int) -> int | None:
    """The channel that is taken alone, of a recording whose channels cancel each other as a whole; None where they do not.

    It is for the recording to say, not for a span: one moment has one sound, whatever span it is read in.
    """
    mix = _Mix(rank=rank)
    held: list[np.ndarray] = []
    heard: tuple[str, np.dtype[Any]] | None = None
    n_held = 0

    def measure() -> None:
        nonlocal n_held
        if heard is not None:
            mix.mono(np.concatenate(held, axis=1), heard[0])
        held.clear()
        n_held = 0

    # What follows on something that nobody can hear is for the span that holds it to refuse.
    with suppress(MediaError):
        for decoded in decode(path, "audio", start_s=0.0, rank=rank):
            if decoded.time_s > _LISTENED_S:
                break
            channels = _channels(decoded.frame)
            kind = (decoded.frame.layout.name, channels.dtype)
            if kind != heard or n_held >= _MEASURED_SAMPLES:
                measure()
            heard, n_held = kind, n_held + channels.shape[1]
            held.append(channels)
    measure()
    return mix.loudest_of_cancelling


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

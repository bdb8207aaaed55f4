"""Decode one stream of a recording in a single linear pass on one clock."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from heapq import heapify, heappop, heappush
from pathlib import Path
from typing import Any

import av
from av.audio.frame import format_dtypes
from av.error import FFmpegError
from av.video.frame import PictureType

from pipeline.media.container import (
    CODEC_OPTIONS,
    MAX_PIXELS,
    Kind,
    MediaError,
    open_media,
    read_packets,
    streams_of,
    time_zero,
)
from pipeline.media.length import ends_s

# Below there is no speech, above no microphone; a second of the one would take hours of the other.
_SAMPLE_RATES_HZ = range(1000, 768_001)
# AV_NUM_DATA_POINTERS of FFmpeg. A frame with more channels, each in a plane of its own, keeps them in a list without an end mark,
# and PyAV 18 looks for that mark: it reads foreign memory as samples, and crashes.
_MOST_PLANES = 8
_SAMPLE_FORMATS = frozenset(format_dtypes)

# Decoding starts this much before the wanted time: pictures are stored out of order around a keyframe, and sound
# decoders need a few packets to settle.
_RUN_UP_S = 1.0


@dataclass(frozen=True)
class Decoded:
    """One decoded picture or block of sound, and when it starts in seconds from the start of the recording.

    `pixel_aspect` is the width of a pixel over its height, 1 for sound.
    """

    time_s: float
    frame: Any
    pixel_aspect: Fraction


def decode(path: Path, kind: Kind, *, start_s: float, rank: int = 0) -> "LinearPass":
    """Decode one stream from a little before `start_s` to its end, in one linear pass.

    A packet that cannot be decoded leaves a gap, which ends at the next keyframe: pictures between the two would be made
    of damaged ones. Where the container itself cannot be read on, the stream ends with what came before.

    Args:
        path: the recording.
        kind: kind of the stream.
        start_s: seconds from the start of the recording. What is wanted lies at or after it; earlier frames come too.
        rank: position of the stream among those of its kind, in the order of `streams_of`.

    Raises:
        MediaError: while frames are taken: the file cannot be opened, has no such stream, or has a sample rate or a shape of
            pixels that nobody meant.
    """
    return LinearPass(path, kind, start_s, rank)


class LinearPass:
    """The frames that `decode` finds, one after the other; made by `decode`.

    Attributes:
        lost_s: times of what is stored but could not be decoded, as far as it was read, in seconds from the start of the
            recording; of a file that was cut off also what its index tells is missing.
        n_streams: number of streams of the kind; 0 before the first frame was taken.
        ends_s: where the recording ends, in seconds from its start, see `ends_s`; None where no header says.
    """

    def __init__(self, path: Path, kind: Kind, start_s: float, rank: int = 0) -> None:
        self.lost_s: list[float] = []
        self.n_streams = 0
        self.ends_s: float | None = None
        self._path, self._kind, self._rank = path, kind, rank
        self._track: _Track | None = None
        self._continuity = _Continuity()
        self._frames = self._run(start_s)

    def __iter__(self) -> Iterator[Decoded]:
        return self

    def __next__(self) -> Decoded:
        return next(self._frames)

    @property
    def intact(self) -> bool:
        """Whether a pass that began at a later keyframe would have come to the same frames so far."""
        return self._continuity.intact

    def close(self) -> None:
        """Close the recording; no frame comes any more."""
        self._frames.close()

    def entry_s(self, start_s: float) -> float | None:
        """Where a pass for `start_s` would begin to decode, as far as the container's index knows.

        Returns:
            seconds from the start of the recording; None before the first frame, without an index, or where `start_s` lies
            behind its last entry.
        """
        return None if self._track is None else self._track.entry_s(start_s - _RUN_UP_S)

    def _run(self, start_s: float) -> Generator[Decoded, None, None]:
        seek_s = start_s - _RUN_UP_S
        frames = self._decode_from(seek_s)
        first = next(frames, None)
        if seek_s > 0 and (first is None or first.time_s > start_s):
            # The index of this container led too far, or nowhere; the way from the start is slow and sure.
            frames.close()
            self.lost_s.clear()
            yield from self._decode_from(0.0)
        elif first is not None:
            yield first
            yield from frames

    def _decode_from(self, seek_s: float) -> Generator[Decoded, None, None]:
        with open_media(self._path) as container:
            streams = streams_of(container, self._kind)
            self.n_streams, self.ends_s = len(streams), ends_s(self._path, container)
            if self._rank >= len(streams):
                raise MediaError(
                    f"{self._path}: has no {self._kind} stream; leave it out where {self._kind} is needed"
                )
            track = self._track = _Track.of(container, streams[self._rank], self._kind)
            if seek_s > 0 and not track.seek(container, seek_s):
                return
            clock = _StorageClock() if track.is_stored_unordered else _FrameClock()
            self._continuity.begin(has_entries=self._kind == "video" and not track.is_stored_unordered)
            losses = _Losses(track, self.lost_s)
            packets = read_packets(self._path, container, track.stream)
            for frame in _decoded_frames(packets, clock, self._continuity, losses):
                _check_frame(self._path, frame, track.pixel_aspect)
                pts = clock.time_of(frame)
                if pts is None or frame.is_corrupt:
                    self._continuity.break_off()
                    losses.add(pts)
                    continue
                time_s = float(pts * frame.time_base - track.zero)
                self._continuity.add_frame(frame, time_s)
                yield Decoded(time_s, frame, track.pixel_aspect)
            if self._kind == "video":
                losses.end()


@dataclass(frozen=True)
class _Track:
    """The stream that a pass decodes.

    Attributes:
        stream: the stream in its open container.
        zero: start of the recording's clock on that of the container, in seconds.
        pixel_aspect: width of a pixel over its height, 1 for sound.
        is_stored_unordered: whether pictures lie out of order in a container that has no times of display.
    """

    stream: Any
    zero: Fraction
    pixel_aspect: Fraction
    is_stored_unordered: bool

    @classmethod
    def of(cls, container: Any, stream: Any, kind: Kind) -> "_Track":
        """A stream, set up for decoding."""
        stream.codec_context.thread_count = 1  # segments are spread over processes, not threads
        stream.codec_context.options = CODEC_OPTIONS
        return cls(
            stream=stream,
            zero=time_zero(container),
            pixel_aspect=Fraction((stream.sample_aspect_ratio if kind == "video" else None) or 1),
            is_stored_unordered=kind == "video" and _lacks_times(container, stream),
        )

    def seek(self, container: Any, time_s: float) -> bool:
        """Go to the last keyframe before `time_s`, as far as the index leads; False where the container cannot.

        Pictures that are stored out of order are counted from the start, so there the pass stays where it is.
        """
        if self.is_stored_unordered:
            return True
        try:
            container.seek(self._timestamp(time_s), stream=self.stream)
        except FFmpegError:
            return False
        return True

    def entry_s(self, time_s: float) -> float | None:
        """The time of the last entry of the index before `time_s`; None without one, or behind the last of all."""
        if self.is_stored_unordered:
            return None
        index = self.stream.index_entries
        position = index.search_timestamp(self._timestamp(time_s))
        if not 0 <= position < len(index) - 1:
            return None
        return float(index[position].timestamp * self.stream.time_base - self.zero)

    def _timestamp(self, time_s: float) -> int:
        return int((Fraction(time_s) + self.zero) / self.stream.time_base)


class _FrameClock:
    """Times of display as the frames have them."""

    def add(self, packet: Any) -> None:
        """Note a packet before it is decoded."""

    def drop(self, packet: Any) -> None:
        """Note that a packet could not be decoded."""

    def time_of(self, frame: Any) -> int | None:
        """When the next frame is displayed, in the stream's time base; None where that is unknown."""
        pts: int | None = frame.pts if frame.pts is not None else frame.dts
        return pts


class _StorageClock(_FrameClock):
    """Times of display by the order of storage, see `_lacks_times`."""

    def __init__(self) -> None:
        self._open: list[int] = []

    def add(self, packet: Any) -> None:
        """Its count is open until a frame takes it."""
        if packet.size and packet.dts is not None:
            heappush(self._open, packet.dts)

    def drop(self, packet: Any) -> None:
        """No frame will take its count."""
        if packet.dts in self._open:
            self._open.remove(packet.dts)
            heapify(self._open)

    def time_of(self, frame: Any) -> int | None:
        """The earliest open count: a decoder gives frames out in the order of display."""
        return heappop(self._open) if self._open else None


class _Continuity:
    """Whether nothing was lost, no time left out, and each keyframe was a picture of its own.

    Attributes:
        intact: whether that holds so far, in all that was read of the file.
    """

    def __init__(self) -> None:
        self.intact = True
        self.begin(has_entries=False)

    def begin(self, *, has_entries: bool) -> None:
        """Start to read from another place; `has_entries` where a pass may begin at keyframes that are to be checked."""
        self._has_entries = has_entries
        self._entries: set[int | None] = set()
        self._latest_s: float | None = None

    def break_off(self) -> None:
        """Note that something was lost."""
        self.intact = False

    def add_packet(self, packet: Any) -> None:
        """Note a packet that was decoded."""
        if packet.is_keyframe and self._has_entries:
            self._entries.add(packet.pts)

    def add_frame(self, frame: Any, time_s: float) -> None:
        """Note a frame that is given out at `time_s`."""
        if self._latest_s is not None and abs(time_s - self._latest_s) > _RUN_UP_S:
            self.break_off()
        self._latest_s = time_s
        # Some encoders renew the picture strip by strip, with entries at pictures that rest on others.
        if frame.pts in self._entries:
            self._entries.remove(frame.pts)
            if frame.pict_type != PictureType.I:
                self.break_off()


class _Losses:
    """What is stored and never comes out of the decoder.

    Args:
        track: the stream that is decoded.
        lost_s: takes the times of what is lost.
    """

    def __init__(self, track: _Track, lost_s: list[float]) -> None:
        self._track, self._lost_s = track, lost_s
        self._pending: set[int | None] = set()
        self._last_dts: int | None = None

    def add(self, timestamp: int | None) -> None:
        """Note something that is lost, by its time in the stream's time base."""
        if timestamp is not None:
            self._lost_s.append(float(timestamp * self._track.stream.time_base - self._track.zero))

    def add_packet(self, packet: Any, *, decoded: bool) -> None:
        """Note a packet that was given to the decoder, or left out after damage."""
        self._last_dts = packet.dts if packet.dts is not None else self._last_dts
        if decoded:
            self._pending.add(packet.pts)
        elif packet.size:
            self.add(packet.pts if packet.pts is not None else packet.dts)

    def add_frame(self, frame: Any) -> None:
        """Note a frame that came out."""
        self._pending.discard(frame.pts)

    def end(self) -> None:
        """Note what did not come out to the end of the stream, and what its index names behind it."""
        if self._lost_s and not self._track.is_stored_unordered:
            for pts in self._pending:  # a decoder that met damage is silent on what it drops
                self.add(pts)
        if self._last_dts is not None:
            for entry in self._track.stream.index_entries:
                if entry.timestamp > self._last_dts:
                    self.add(entry.timestamp)


def _decoded_frames(
    packets: Iterator[Any], clock: _FrameClock, continuity: _Continuity, losses: _Losses
) -> Iterator[Any]:
    """The frames of the packets; after one that cannot be decoded, those from the next keyframe on."""
    after_damage = False
    for packet in packets:
        if packet.is_corrupt:
            continuity.break_off()
        if after_damage and not packet.is_keyframe:
            losses.add_packet(packet, decoded=False)
            continue
        clock.add(packet)
        try:
            frames = packet.decode()
        except FFmpegError:
            clock.drop(packet)
            continuity.break_off()
            losses.add_packet(packet, decoded=False)
            after_damage = True
            continue
        after_damage = False
        continuity.add_packet(packet)
        losses.add_packet(packet, decoded=True)
        for frame in frames:
            losses.add_frame(frame)
            yield frame


def _lacks_times(container: Any, stream: Any) -> bool:
    """Whether pictures are stored out of order in a container that has no times of display.

    AVI counts pictures as they are stored. What FFmpeg guesses from that for pictures between two others is a few pictures off, and
    goes back and forth. But a decoder gives pictures out in the order of display, so the earliest count that is still
    open belongs to the next of them, provided that all were counted from the start.
    """
    return container.format.name == "avi" and bool(stream.codec_context.has_b_frames)


def _check_frame(path: Path, frame: Any, aspect: Fraction) -> None:
    """Refuse what crashes the process, cannot be read, or would fill the memory once it is resampled or put into square pixels."""
    if isinstance(frame, av.AudioFrame):
        n_channels = frame.layout.nb_channels
        if frame.format.is_planar and n_channels > _MOST_PLANES:
            raise MediaError(
                f"{path}: its sound has {n_channels} channels; expected at most {_MOST_PLANES}: it may be damaged; mix it down "
                "with ffmpeg or leave it out"
            )
        if frame.format.name not in _SAMPLE_FORMATS:
            raise MediaError(
                f"{path}: its sound has samples in {frame.format.name}, which cannot be read; convert it with ffmpeg or leave it out"
            )
        if frame.sample_rate not in _SAMPLE_RATES_HZ:
            raise MediaError(
                f"{path}: its sound has {frame.sample_rate} samples a second; expected {_SAMPLE_RATES_HZ.start} to "
                f"{_SAMPLE_RATES_HZ.stop - 1}: export it again or leave it out"
            )
    elif frame.width * aspect * frame.height > MAX_PIXELS:
        raise MediaError(
            f"{path}: its pictures of {frame.width}×{frame.height}, with pixels {float(aspect):g} times as wide as high, are "
            "too large; convert it with ffmpeg or leave it out"
        )

"""Open a recording, find its streams, and decode one of them in a single linear pass on one clock."""

import errno
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from heapq import heapify, heappop, heappush
from pathlib import Path
from typing import Any, Literal

import av
from av.error import FFmpegError
from av.stream import Disposition
from av.video.frame import PictureType

from pipeline.artifacts.foreign import head_of, stand_in
from pipeline.errors import PipelineError, machine_error

Kind = Literal["audio", "video"]

# Containers that hold what they show. FFmpeg knows others, found by a look at the file whatever its name is, that point to
# further files or addresses: playlists (HLS, concat, DASH), session descriptions, numbered pictures. A corpus could then open
# files outside of it, or call a server, and a recording's digest would not be that of what was extracted.
_FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,dv,eac3,flac,flv,gif,gxf,h261,h263,h264,hevc,ivf,m4v,matroska,mjpeg,"
    "mov,mp3,mpc,mpc8,mpeg,mpegts,mpegvideo,mxf,nistsphere,nut,obu,ogg,rm,swf,tak,truehd,tta,vc1,vc1test,voc,vvc,w64,wav,wtv,"
    "wv,yuv4mpegpipe"
)
_PLAYLISTS = (b"#EXTM3U", b"ffconcat version")

# Four times the picture of an 8K camera; a damaged header can ask for more than there is memory.
MAX_PIXELS = 2**27
"""Pictures with more pixels than this are not decoded."""

# Below there is no speech, above no microphone; a second of the one would take hours of the other.
_SAMPLE_RATES_HZ = range(1000, 768_001)

_CODEC_OPTIONS = {"max_pixels": str(MAX_PIXELS)}
_OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": "file", **_CODEC_OPTIONS}

# Decoding starts this much before the wanted time: pictures are stored out of order around a keyframe, and sound
# decoders need a few packets to settle.
_RUN_UP_S = 1.0

# Where this much can be had, there is memory left.
_FREE_BYTES = 1 << 26


class MediaError(PipelineError):
    """A recording that cannot be used, or not for what was asked; one sentence with the file and what to do."""


@dataclass(frozen=True)
class Decoded:
    """One decoded picture or block of sound, and when it starts in seconds from the start of the recording.

    `pixel_aspect` is the width of a pixel over its height, 1 for sound.
    """

    time_s: float
    frame: Any
    pixel_aspect: Fraction


@contextmanager
def open_media(path: Path) -> Iterator[Any]:
    """Open a recording for reading; what FFmpeg cannot make sense of becomes a sentence.

    Raises:
        MediaError: the file is missing, empty, unreadable, or no recording.
    """
    try:
        if path.stat().st_size == 0:
            raise MediaError(f"{path}: the file is empty; copy it again or leave it out")
        # The prefix keeps a name such as "10:30 interview.mp4" from being read as a protocol.
        container = av.open(f"file:{path}", metadata_errors="ignore", options=_OPTIONS)
    except FFmpegError as error:
        _refuse_machine_faults(path, error)
        reason = stand_in(head_of(path))
        if reason is not None:
            raise MediaError(f"{path}: {reason}") from error
        if _is_playlist(path):
            raise MediaError(
                f"{path}: is a list of other recordings, which are not followed; join them into one file with ffmpeg"
            ) from error
        raise MediaError(
            f"{path}: no sound or video could be found in it ({error.strerror}); it is damaged, cut short or of another "
            "kind: copy it again, convert it with ffmpeg, or leave it out"
        ) from error
    except OSError as error:
        _refuse_machine_faults(path, error)
        raise MediaError(
            f"{path}: cannot be read ({error.strerror}); check the path and its permissions"
        ) from error
    with container:
        yield container


def identity(path: Path) -> tuple[int, ...]:
    """What tells that a file is still the same; empty where there is none."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _refuse_machine_faults(path: Path, error: FFmpegError | OSError) -> None:
    """End the run where the machine is at fault: no recording is to be rejected because of it.

    FFmpeg also says "no memory" and "input/output error" of damaged files, so those are tried again without it.

    Raises:
        MachineError: the error is one of the machine.
    """
    if isinstance(error, FFmpegError) and error.errno == errno.ENOMEM:
        try:
            bytearray(_FREE_BYTES)
        except MemoryError:
            pass
        else:
            return
    if isinstance(error, FFmpegError) and error.errno in (errno.EIO, errno.EPERM):
        try:
            with path.open("rb") as file:
                while file.read(_FREE_BYTES):
                    pass
        except OSError as found:
            error = found
        else:
            return
    fault = machine_error(error, path)
    if fault is not None:
        raise fault from error


def _is_playlist(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(64).lstrip(b"\xef\xbb\xbf \r\n").startswith(_PLAYLISTS)
    except OSError:
        return False


def streams_of(container: Any, kind: Kind) -> list[Any]:
    """The streams of a kind that can be decoded, the one marked as default first. A cover picture is no video."""
    streams = [
        stream
        for stream in container.streams
        if stream.type == kind
        and stream.codec_context is not None
        and not stream.disposition & Disposition.attached_pic
    ]
    return sorted(streams, key=lambda stream: not stream.disposition & Disposition.default)


def main_stream(container: Any, kind: Kind) -> Any | None:
    """The stream marked as default, else the first one; None without any. A cover picture is no video."""
    return next(iter(streams_of(container, kind)), None)


def time_zero(container: Any) -> Fraction:
    """Where the recording's clock starts: the earliest start over its sound and video streams, seconds."""
    starts = [
        stream.start_time * stream.time_base
        for stream in container.streams
        if stream.type in ("audio", "video")
        and stream.start_time is not None
        and not stream.disposition & Disposition.attached_pic
    ]
    return Fraction(min(starts, default=0))


def _ends_s(container: Any, zero: Fraction) -> float | None:
    """Where the recording ends: by its header or the header of its last stream; None where no header says."""
    ends = [container.duration / 1e6] if container.duration else []
    for stream in container.streams:
        if stream.type in ("audio", "video") and stream.duration:
            ends.append(float(((stream.start_time or 0) + stream.duration) * stream.time_base - zero))
    return max(ends, default=None)


def decode(path: Path, kind: Kind, *, start_s: float, rank: int = 0) -> "LinearPass":
    """Decode one stream from a little before `start_s` to its end, in one linear pass.

    A packet that cannot be decoded leaves a gap, which ends at the next keyframe: pictures between the two would be made
    of damaged ones. Where the container itself cannot be read on, the stream ends with what came before.

    Args:
        path: the recording.
        kind: which stream.
        start_s: seconds from the start of the recording. What is wanted lies at or after it; earlier frames come too.
        rank: which of several streams of the kind, in the order of `streams_of`.

    Raises:
        MediaError: while frames are taken: the file cannot be opened, has no such stream, or has a sample rate or a shape of
            pixels that nobody meant.
    """
    return LinearPass(path, kind, start_s, rank)


class LinearPass:
    """The frames that `decode` finds, one after the other; made by `decode`.

    Attributes:
        intact: whether a pass that began at a later keyframe would have come to the same frames so far: nothing was lost,
            no time left out, and each keyframe was a picture of its own.
        lost_s: the times of what is stored but could not be decoded, as far as it was read, in seconds from the start of the
            recording; what a file that was cut off lacks, as far as its index tells.
        n_streams: how many streams of the kind there are; 0 before the first frame was taken.
        ends_s: where the recording ends by its header, likewise; None where the header does not say.
    """

    def __init__(self, path: Path, kind: Kind, start_s: float, rank: int = 0) -> None:
        self.intact = True
        self.n_streams = 0
        self.lost_s: list[float] = []
        self.ends_s: float | None = None
        self._path, self._kind, self._rank = path, kind, rank
        self._stream: Any = None
        self._stored_unordered = False
        self._zero = Fraction(0)
        self._frames = self._run(start_s)

    def __iter__(self) -> Iterator[Decoded]:
        return self

    def __next__(self) -> Decoded:
        return next(self._frames)

    def close(self) -> None:
        """Close the recording; no frame comes any more."""
        self._frames.close()

    def entry_s(self, start_s: float) -> float | None:
        """Where a pass for `start_s` would begin to decode, as far as the container's index knows.

        Returns:
            Seconds from the start of the recording; None without an index, or where `start_s` lies behind its last entry.
        """
        if self._stored_unordered:
            return None
        index = self._stream.index_entries
        position = index.search_timestamp(self._timestamp(start_s - _RUN_UP_S))
        if not 0 <= position < len(index) - 1:
            return None
        return float(index[position].timestamp * self._stream.time_base - self._zero)

    def _timestamp(self, time_s: float) -> int:
        return int((Fraction(time_s) + self._zero) / self._stream.time_base)

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
            self.n_streams, stream = len(streams), next(iter(streams[self._rank :]), None)
            if stream is None:
                raise MediaError(
                    f"{self._path}: has no {self._kind} stream; leave it out where {self._kind} is needed"
                )
            stream.codec_context.thread_count = 1  # segments are spread over processes, not threads
            stream.codec_context.options = _CODEC_OPTIONS
            self._stream, self._zero = stream, time_zero(container)
            self.ends_s = _ends_s(container, self._zero)
            aspect = Fraction((stream.sample_aspect_ratio if self._kind == "video" else None) or 1)
            self._stored_unordered = self._kind == "video" and _lacks_times(container, stream)
            waiting: list[int] = []
            if seek_s > 0 and not self._stored_unordered:
                try:
                    container.seek(self._timestamp(seek_s), stream=stream)
                except FFmpegError:
                    return
            after_damage, last_s = False, None
            last_dts: int | None = None
            pending: set[int | None] = set()
            entries: set[int | None] = set()
            for packet in _packets(self._path, container, stream):
                self.intact &= not packet.is_corrupt
                last_dts = packet.dts if packet.dts is not None else last_dts
                if after_damage and not packet.is_keyframe:
                    self._lose(packet.pts, packet.dts, size=packet.size)
                    continue
                if packet.size and packet.dts is not None:
                    heappush(waiting, packet.dts)
                try:
                    frames = packet.decode()
                except FFmpegError:
                    if packet.dts in waiting:
                        waiting.remove(packet.dts)
                        heapify(waiting)
                    self.intact, after_damage = False, True
                    self._lose(packet.pts, packet.dts, size=packet.size)
                    continue
                after_damage = False
                pending.add(packet.pts)
                if packet.is_keyframe and self._kind == "video" and not self._stored_unordered:
                    entries.add(packet.pts)
                for frame in frames:
                    pending.discard(frame.pts)
                    _check_frame(self._path, frame, aspect)
                    pts = frame.pts if frame.pts is not None else frame.dts
                    if self._stored_unordered:
                        pts = heappop(waiting) if waiting else None
                    if pts is None or frame.is_corrupt:
                        self.intact = False
                        self._lose(pts, None, size=1)
                        continue
                    time_s = float(pts * frame.time_base - self._zero)
                    self.intact &= last_s is None or abs(time_s - last_s) <= _RUN_UP_S
                    # Some encoders renew the picture strip by strip, with entries at pictures that rest on others.
                    if frame.pts in entries:
                        entries.remove(frame.pts)
                        self.intact &= frame.pict_type == PictureType.I
                    last_s = time_s
                    yield Decoded(time_s, frame, aspect)
            if self._kind == "video" and self.lost_s and not self._stored_unordered:
                for pts in pending:  # a decoder that met damage is silent on what it drops
                    self._lose(pts, None, size=1)
            if last_dts is not None:
                for entry in stream.index_entries:
                    if entry.timestamp > last_dts:
                        self._lose(entry.timestamp, None, size=entry.size)

    def _lose(self, pts: int | None, dts: int | None, *, size: int) -> None:
        timestamp = pts if pts is not None else dts
        if size and timestamp is not None:
            self.lost_s.append(float(timestamp * self._stream.time_base - self._zero))


def _lacks_times(container: Any, stream: Any) -> bool:
    """Whether pictures are stored out of order in a container that has no times of display.

    AVI counts pictures as they are stored. What FFmpeg guesses from that for pictures between two others is a few pictures off, and
    goes back and forth. But a decoder gives pictures out in the order of display, so the earliest count that is still
    open belongs to the next of them, provided that all were counted from the start.
    """
    return container.format.name == "avi" and bool(stream.codec_context.has_b_frames)


def _check_frame(path: Path, frame: Any, aspect: Fraction) -> None:
    """Refuse what would fill the memory once it is resampled or put into square pixels."""
    if isinstance(frame, av.AudioFrame):
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


def _packets(path: Path, container: Any, stream: Any) -> Iterator[Any]:
    try:
        yield from container.demux(stream)
    except IndexError:  # a damaged Flash file loses its streams when it is wound
        return
    except FFmpegError as error:
        _refuse_machine_faults(path, error)
        return

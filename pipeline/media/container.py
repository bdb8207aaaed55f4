"""Open a recording, and find its streams and its clock."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
from av.error import FFmpegError
from av.stream import Disposition

from pipeline.artifacts.formats.foreign import head_of, stand_in
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
_PICTURES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"8BPS": "Photoshop",
    b"BM": "BMP",
}

# Four times the picture of an 8K camera; a damaged header can ask for more than there is memory.
MAX_PIXELS = 2**27
"""Pictures with more pixels than this are not decoded."""

CODEC_OPTIONS = {"max_pixels": str(MAX_PIXELS)}
_OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": "file", **CODEC_OPTIONS}

# Where this much can be had, there is memory left.
_FREE_BYTES = 1 << 26


class MediaError(PipelineError):
    """A recording that cannot be used, or not for what was asked; one sentence with the file and what to do."""


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
        picture = _still_picture(head_of(path))
        if picture is not None:
            raise MediaError(
                f"{path}: is a still picture ({picture}), whatever its name is; expected a recording: leave it out"
            ) from error
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


def _still_picture(head: bytes) -> str | None:
    """What kind of picture a file is that FFmpeg does not read as a recording, by its first bytes; None where it is none."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    return next((name for start, name in _PICTURES.items() if head.startswith(start)), None)


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


def read_packets(path: Path, container: Any, stream: Any) -> Iterator[Any]:
    """The packets of a stream, or of a list of them, up to where the container cannot be read on.

    Raises:
        MachineError: it is the machine that cannot read on.
    """
    try:
        yield from container.demux(stream)
    except IndexError:  # a damaged Flash file loses its streams when it is wound
        return
    except FFmpegError as error:
        _refuse_machine_faults(path, error)
        return

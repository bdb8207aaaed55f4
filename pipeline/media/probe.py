"""What a recording holds, found by decoding a little of it, so that a broken file is refused before any work starts."""

from dataclasses import dataclass
from pathlib import Path

from av.error import FFmpegError

from pipeline.media.container import (
    MAX_PIXELS,
    Kind,
    MediaError,
    main_stream,
    open_media,
    read_packets,
    streams_of,
)
from pipeline.media.length import duration_s
from pipeline.media.linear_pass import Decoded, decode
from pipeline.media.restarts import refuse_restart
from pipeline.media.video import display_size

# Nothing that can be seen or heard has less than 100 bit/s: memory is set aside for that length before it is decoded.
_LEAST_BYTES_PER_S = 12.5
_SHORTEST_S = 1e-3


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """A readable recording.

    `width` and `height` are those of the picture as it is shown, in square pixels: after rotation, 0 without video.
    `frame_rate_hz` is the average, None without video or where the container does not know it.
    """

    duration_s: float
    has_audio: bool
    has_video: bool
    width: int
    height: int
    frame_rate_hz: float | None


def probe(path: Path) -> MediaInfo:
    """Read a recording's length and streams, and decode the first piece of each stream.

    A stream without a single packet counts as absent; of several sound tracks, that is where all are so. A recording that is damaged further on is accepted: its features
    stop, or have a gap, where decoding does.

    Raises:
        MediaError: the file cannot be opened, has neither sound nor video, holds a stream of which nothing decodes, claims a
            length that it cannot have, or has a clock that begins anew in the middle, see `refuse_restart`.
    """
    picture, sound = _first(path, "video"), _first(path, "audio")
    if picture is None and sound is None:
        raise MediaError(f"{path}: holds neither sound nor video; leave it out or export it again")
    with open_media(path) as container:
        video = main_stream(container, "video")
        rate = None if video is None or picture is None else video.average_rate
    lasts_s = duration_s(path)
    if lasts_s < _SHORTEST_S:
        raise MediaError(f"{path}: lasts {lasts_s:g} s; export it again or leave it out")
    n_bytes = path.stat().st_size
    if n_bytes < _LEAST_BYTES_PER_S * lasts_s:
        raise MediaError(
            f"{path}: says that it lasts {lasts_s:,.0f} s, but has {n_bytes:,} bytes; its times are damaged: convert it with "
            "ffmpeg or leave it out"
        )
    refuse_restart(path)
    width, height = (0, 0) if picture is None else display_size(picture)
    return MediaInfo(
        lasts_s, sound is not None, picture is not None, width, height, float(rate) if rate else None
    )


def _first(path: Path, kind: Kind) -> Decoded | None:
    with open_media(path) as container:
        stream = main_stream(container, kind)
        if stream is None:
            return None
        codec = stream.codec_context
        named, n_pixels = (
            f"{kind} stream ({codec.name})",
            codec.width * codec.height if kind == "video" else 0,
        )
    first = next(decode(path, kind, start_s=0.0), None)
    if first is None and _has_packets(path, kind):
        if n_pixels > MAX_PIXELS:
            raise MediaError(
                f"{path}: its {named} has pictures of {n_pixels / 1e6:,.0f} megapixels; expected at most {MAX_PIXELS / 1e6:.0f}: "
                "make them smaller with ffmpeg or leave it out"
            )
        if kind == "video" and not _has_times(path, kind):
            raise MediaError(
                f"{path}: its {named} is bare, without a container that says when each picture is shown; make a recording of it "
                "with its pictures per second, by `ffmpeg -r RATE -i FILE OTHER.mp4`, or leave it out"
            )
        # A picture without a size may have been too large to set one aside for.
        within = (
            f" as pictures of at most {MAX_PIXELS / 1e6:.0f} megapixels"
            if kind == "video" and not n_pixels
            else ""
        )
        raise MediaError(
            f"{path}: nothing of its {named} can be decoded{within}; convert it with ffmpeg or leave it out"
        )
    return first if first is not None or kind == "video" else _first_of_further_tracks(path)


def _first_of_further_tracks(path: Path) -> Decoded | None:
    """The first sound of a recording whose default track is empty, as recorders leave one that nothing was played to."""
    with open_media(path) as container:
        n_tracks = len(streams_of(container, "audio"))
    found = (next(decode(path, "audio", start_s=0.0, rank=rank), None) for rank in range(1, n_tracks))
    return next((first for first in found if first is not None), None)


def _has_times(path: Path, kind: Kind) -> bool:
    with open_media(path) as container:
        packets = read_packets(path, container, main_stream(container, kind))
        return any(packet.pts is not None or packet.dts is not None for packet in packets if packet.size)


def _has_packets(path: Path, kind: Kind) -> bool:
    with open_media(path) as container:
        try:
            return any(packet.size for packet in container.demux(main_stream(container, kind)))
        except FFmpegError:
            return True

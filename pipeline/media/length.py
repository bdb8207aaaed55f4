"""How long a recording is: by its header, where its header can be believed, and else by its packets."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from av.error import FFmpegError

from pipeline.media.container import Kind, identity, main_stream, open_media, read_packets, time_zero

# A length in a header may be wrong. Recordings of less than 64 kbit/s are small enough to be read to their end, to see.
_LENGTH_IN_DOUBT_BYTES_PER_S = 8000
# The headers of these say how long a recording lasts, or when it ends on a clock that need not start at 0: FFmpeg writes the one into
# Matroska, mkvmerge the other, and Ogg and ASF have the end alone. Where the clock starts late, the two differ.
_LENGTH_OR_END = frozenset(("matroska", "webm", "nut", "ogg", "asf", "wtv", "flv", "live_flv"))
# The header of these counts pictures, whatever time they have.
_COUNT_OF_PICTURES = frozenset(("ivf",))
# These have no header. FFmpeg guesses their length from the bytes and the bit rate of the first packets, but for an MP3 that begins with
# a frame of its own that says it; where the rate varies, a seventh of a recording may be missing.
_GUESSED = frozenset(("aac", "ac3", "amr", "amrnb", "amrwb", "dts", "eac3", "mp3", "truehd"))
# A clock that starts earlier makes no difference of more than a picture.
_LATE_S = 0.05
_LONGEST_PACKET_S = 0.1
_KINDS: tuple[Kind, ...] = ("audio", "video")


def ends_s(path: Path, container: Any) -> float | None:
    """Where a recording ends, in seconds from its start: by its header or the header of its last stream.

    Where a header of its kind cannot be believed, it ends with the last packet, which is looked for in a container of its own.

    Args:
        path: the recording.
        container: the same, opened; it stays at its place.

    Returns:
        None where no header says.
    """
    zero = time_zero(container)
    ends = [container.duration / 1e6] if container.duration else []
    for stream in container.streams:
        if stream.type in _KINDS and stream.duration:
            ends.append(float(((stream.start_time or 0) + stream.duration) * stream.time_base - zero))
    if ends and _header_misleads(container):
        return _by_packets(path, said_s=max(ends), zero_s=float(zero))
    return max(ends, default=None)


def duration_s(path: Path) -> float:
    """How long a recording lasts, in seconds: what the header says, or where the last packet ends.

    The packets count where there is no header, or it says nothing, cannot be believed, or says more than its bytes make likely.

    Raises:
        MediaError: the file cannot be opened.
    """
    with open_media(path) as container:
        said_s: float | None = container.duration / 1e6 if container.duration else None
        misleads, zero_s, n_bytes = _header_misleads(container), float(time_zero(container)), container.size
        is_guessed = not _GUESSED.isdisjoint(container.format.name.split(","))
    if said_s is None:
        return _end_of_last_packet_s(path, identity(path))
    if misleads:
        return _by_packets(path, said_s=said_s, zero_s=zero_s)
    if is_guessed:
        end_s = _end_of_last_packet_s(path, identity(path))
        # What an encoder adds at the end is in the last packet, and no part of the length.
        return said_s if abs(end_s - said_s) < _LONGEST_PACKET_S else end_s
    if n_bytes < _LENGTH_IN_DOUBT_BYTES_PER_S * said_s:
        end_s = _end_of_last_packet_s(path, identity(path))
        # A last packet need not say how long it lasts, so a little less is no contradiction.
        return end_s if end_s < said_s / 2 else said_s
    return said_s


def _header_misleads(container: Any) -> bool:
    kinds = frozenset(container.format.name.split(","))
    return not kinds.isdisjoint(_COUNT_OF_PICTURES) or (
        not kinds.isdisjoint(_LENGTH_OR_END) and time_zero(container) > _LATE_S
    )


def _by_packets(path: Path, *, said_s: float, zero_s: float) -> float:
    """Where the last packet ends, or a little behind it where the header, read as a length or as an end, says so."""
    end_s = _end_of_last_packet_s(path, identity(path), zero_s + said_s)
    # A last packet need not say how long it lasts.
    read_s = (said_s - zero_s, said_s)
    return min((each_s for each_s in read_s if -1e-6 < each_s - end_s < _LONGEST_PACKET_S), default=end_s)


@lru_cache(maxsize=64)
def _end_of_last_packet_s(path: Path, _: tuple[int, ...], near_s: float | None = None) -> float:
    """End of the last packet, in seconds from the start of the recording; 0 without a packet that has a time.

    Packets lie in the order of their times, so those from the last keyframe before `near_s`, on the clock of the container, are
    enough where the container leads there.
    """
    if near_s is not None:
        with open_media(path) as container:
            try:
                container.seek(int(near_s * 1e6))
            except FFmpegError:
                pass
            else:
                end_s = max(_packet_ends_s(path, container), default=0.0)
                if end_s > 0:
                    return end_s
    with open_media(path) as container:
        return max(_packet_ends_s(path, container), default=0.0)


def _packet_ends_s(path: Path, container: Any) -> Iterator[float]:
    """Where each packet of the main streams ends, up to where the container can be read."""
    zero = time_zero(container)
    streams = [stream for kind in _KINDS if (stream := main_stream(container, kind)) is not None]
    for packet in read_packets(path, container, streams):
        if packet.pts is not None:
            yield float((packet.pts + (packet.duration or 0)) * packet.time_base - zero)

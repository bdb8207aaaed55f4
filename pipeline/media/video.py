"""Pictures of a recording with their true times, a few a second, one at a time."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.error import FFmpegError
from jaxtyping import UInt8

from pipeline.media.container import MediaError
from pipeline.media.linear_pass import Decoded
from pipeline.media.shared_decoding import TOLERANCE_S, decode_span


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture as it is shown; `time_s` is seconds from the start of the span that was asked for."""

    time_s: float
    image: UInt8[np.ndarray, "height width 3"]


def read_frames(path: Path, *, start_s: float, end_s: float, frame_rate_hz: float) -> Iterator[Frame]:
    """Decode a span of video in one linear pass and pass on at most `frame_rate_hz` pictures a second.

    Spans of one recording that are read in order share the pass, see `decode_span`.

    The span is cut into ticks of 1 / `frame_rate_hz` seconds, and the first picture at or after each tick is taken, never
    one twice. Times are those of the container, so a variable frame rate is followed. Pictures come with increasing
    times; one that the container puts before its predecessor is left out. One picture is held at a time.

    Args:
        path: the recording.
        start_s: start of the span in seconds from the start of the recording.
        end_s: end of the span, likewise; a picture at `end_s` is outside.
        frame_rate_hz: pictures a second, at most.

    Yields:
        RGB pictures, rotated upright, in square pixels.

    Raises:
        MediaError: the file cannot be opened, has no video, or holds a picture that cannot be converted to RGB.
    """
    previous_s, tick = -math.inf, 0
    for decoded in decode_span(path, start_s=start_s, end_s=end_s):
        time_s = decoded.time_s - start_s
        if time_s <= previous_s or time_s < tick / frame_rate_hz - TOLERANCE_S:
            continue
        previous_s, tick = time_s, math.floor((time_s + TOLERANCE_S) * frame_rate_hz) + 1
        yield Frame(max(time_s, 0.0), _upright_rgb(path, decoded))


def display_size(decoded: Decoded) -> tuple[int, int]:
    """Width and height of a picture as it is shown: upright and in square pixels."""
    size = (_square_width(decoded), int(decoded.frame.height))
    return size[::-1] if _quarter_turns(decoded) % 2 else size


def _upright_rgb(path: Path, decoded: Decoded) -> UInt8[np.ndarray, "height width 3"]:
    try:
        image = decoded.frame.to_ndarray(format="rgb24", width=_square_width(decoded))
    except (FFmpegError, ValueError) as error:
        raise MediaError(
            f"{path}: a picture in {decoded.frame.format.name} at {decoded.time_s:.3f} s cannot be converted to RGB; "
            "convert the file with ffmpeg or leave it out"
        ) from error
    return np.ascontiguousarray(np.rot90(image, _quarter_turns(decoded)))


def _square_width(decoded: Decoded) -> int:
    width: int = round(decoded.frame.width * decoded.pixel_aspect)
    return max(width, 1)


def _quarter_turns(decoded: Decoded) -> int:
    """Counterclockwise quarter turns that put the picture upright, from the recording's display matrix."""
    turns: int = round(decoded.frame.rotation / 90) % 4
    return turns

"""Pictures of a recording with their true times, a few a second, one at a time."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.error import FFmpegError
from av.sidedata.sidedata import Type as SideData
from av.video.reformatter import VideoReformatter
from jaxtyping import Int64, UInt8

from pipeline.media.container import MediaError
from pipeline.media.linear_pass import Decoded
from pipeline.media.shared_decoding import TOLERANCE_S, SpanFacts, decode_span


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture as it is shown; `time_s` is seconds from the start of the span that was asked for."""

    time_s: float
    image: UInt8[np.ndarray, "height width 3"]


# A frame that converts itself makes a converter for it, with its tables and with threads, which takes longer than the conversion.
_CONVERTER = VideoReformatter()

# A picture that is shown for long is looked at again so often, at most: a word of 0.1 s has one.
_AGAIN_S = 0.1
# Recorders stop sound and pictures at different moments: after pictures that were not rare, less than this is no still.
_REMAINDER_S = 1.0

# Row and column of a display matrix for each way in which a camera can be held, mirrored or not: where the axes of the stored
# picture, rightwards and downwards, point to when it is shown.
_ORIENTATIONS = np.array(
    [[[a, 0], [0, d]] for a in (1, -1) for d in (1, -1)]
    + [[[0, b], [c, 0]] for b in (1, -1) for c in (1, -1)]
)


@dataclass
class PictureCount:
    """What became of the pictures of a span; complete once all of them were taken.

    Attributes:
        decoded: pictures that were decoded, looked at or not.
        lost: pictures that are stored but could not be decoded.
    """

    decoded: int = 0
    lost: int = 0


def read_frames(
    path: Path,
    *,
    start_s: float,
    end_s: float,
    frame_rate_hz: float,
    count: PictureCount | None = None,
) -> Iterator[Frame]:
    """Decode a span of video in one linear pass and pass on at most `frame_rate_hz` pictures a second.

    Spans of one recording that are read in order share the pass, see `decode_span`.

    The span is cut into ticks of 1 / `frame_rate_hz` seconds, and the first picture at or after each tick is taken, never
    one twice. Times are those of the container, so a variable frame rate is followed. Pictures come with increasing
    times; one that the container puts before its predecessor is left out. One picture is held at a time.

    Where the next picture is more than two ticks and 0.2 s away, as in the recording of a screen or a still with sound, the one
    that is shown comes again at each tick, though only every 0.1 s, and the last one until the recording ends (but for less than a
    second at the end of a moving picture): it is what a viewer sees. A gap in which pictures cannot be decoded stays one.

    Args:
        path: the recording.
        start_s: start of the span in seconds from the start of the recording.
        end_s: end of the span, likewise; a picture at `end_s` is outside.
        frame_rate_hz: pictures a second, at most.
        count: filled while pictures are taken.

    Yields:
        RGB pictures, upright and not mirrored, in square pixels. One that comes again is the same array.

    Raises:
        MediaError: the file cannot be opened, has no video, or holds a picture that cannot be converted to RGB.
    """
    count, facts = count or PictureCount(), SpanFacts()
    ticks = _Ticks(frame_rate_hz)
    shown: Decoded | None = None
    image: UInt8[np.ndarray, "height width 3"] | None = None
    gap_s = math.inf

    def again(next_s: float, until_s: float) -> Iterator[Frame]:
        nonlocal image
        if shown is None or not ticks.is_rare(next_s - shown.time_s):
            return
        if any(shown.time_s < lost_s < next_s for lost_s in facts.lost_s):
            return
        for time_s in ticks.until(until_s - start_s, next_s=next_s - start_s):
            image = _upright_rgb(path, shown) if image is None else image
            yield Frame(time_s, image)

    for decoded in decode_span(path, start_s=start_s, end_s=end_s, facts=facts):
        time_s = decoded.time_s - start_s
        if shown is not None and decoded.time_s <= shown.time_s:
            continue
        if time_s >= -TOLERANCE_S:
            count.decoded += 1
            yield from again(decoded.time_s, end_s)
        gap_s = decoded.time_s - shown.time_s if shown is not None else gap_s
        shown, image = decoded, None
        if ticks.due(time_s):
            image = _upright_rgb(path, decoded)
            yield Frame(max(time_s, 0.0), image)
    until_s = min(end_s, math.inf if facts.ends_s is None else facts.ends_s)
    if facts.next_s is not None:
        yield from again(facts.next_s, until_s)
    elif shown is not None and (ticks.is_rare(gap_s) or until_s - shown.time_s > _REMAINDER_S):
        yield from again(until_s, until_s)
    count.lost = sum(start_s <= lost_s < end_s for lost_s in facts.lost_s)


class _Ticks:
    """The moments of a span at which a picture is looked at, in seconds from its start."""

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._step = max(math.ceil(_AGAIN_S * rate_hz - TOLERANCE_S), 1)
        self._next = self._again = 0

    def due(self, time_s: float) -> bool:
        """Whether a picture that is first shown at `time_s` is taken."""
        if time_s < self._next / self._rate_hz - TOLERANCE_S:
            return False
        self._take(math.floor((time_s + TOLERANCE_S) * self._rate_hz))
        return True

    def is_rare(self, gap_s: float) -> bool:
        """Whether a picture that is shown for so long is looked at again."""
        return gap_s > 2 * self._step / self._rate_hz + TOLERANCE_S

    def until(self, until_s: float, *, next_s: float) -> Iterator[float]:
        """The ticks before `until_s` at which the last picture is looked at again: not where another is due at `next_s`."""
        while self._again / self._rate_hz < until_s - TOLERANCE_S:
            tick = self._again
            if next_s < until_s and (tick + self._step) / self._rate_hz > next_s + TOLERANCE_S:
                return
            self._take(tick)
            yield tick / self._rate_hz

    def _take(self, tick: int) -> None:
        self._next, self._again = tick + 1, tick + self._step


def display_size(decoded: Decoded) -> tuple[int, int]:
    """Width and height of a picture as it is shown: upright and in square pixels."""
    size = (_square_width(decoded), int(decoded.frame.height))
    return size[::-1] if _orientation(decoded)[0, 0] == 0 else size


def _upright_rgb(path: Path, decoded: Decoded) -> UInt8[np.ndarray, "height width 3"]:
    try:
        rgb = _CONVERTER.reformat(decoded.frame, width=_square_width(decoded), format="rgb24", threads=1)
        image = rgb.to_ndarray()
    except (FFmpegError, ValueError) as error:
        raise MediaError(
            f"{path}: a picture in {decoded.frame.format.name} at {decoded.time_s:.3f} s cannot be converted to RGB; "
            "convert the file with ffmpeg or leave it out"
        ) from error
    axes = _orientation(decoded)
    if axes[0, 0] == 0:
        image, axes = image.swapaxes(0, 1), axes[::-1]
    return np.ascontiguousarray(image[:: axes[1, 1], :: axes[0, 0]])


def _square_width(decoded: Decoded) -> int:
    width: int = round(decoded.frame.width * decoded.pixel_aspect)
    return max(width, 1)


def _orientation(decoded: Decoded) -> Int64[np.ndarray, "2 2"]:
    """Where the axes of the stored picture point to when it is shown, by the recording's display matrix.

    Of a matrix that turns by another angle than a multiple of 90°, the nearest of the eight orientations; scales count for nothing.
    """
    matrix, nearest = decoded.frame.side_data.get(SideData.DISPLAYMATRIX), 0
    if matrix is not None:
        axes = np.frombuffer(bytes(matrix), np.int32).reshape(3, 3)[:2, :2].astype(np.float64)
        nearest = int((_ORIENTATIONS * axes).sum(axis=(1, 2)).argmax())
    orientation: np.ndarray = _ORIENTATIONS[nearest]
    return orientation

"""What the extractors saw of a recording: a few of its pictures with the face's points, the words of the moment, numbers."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float64, UInt8

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.words import SegmentWords, Word
from pipeline.errors import PipelineError
from pipeline.extract.tokens import sentence_of
from pipeline.extract.visual.landmarks import FACE_COLUMNS
from pipeline.extract.visual.mesh import FaceFrame, FaceSettings, find_faces

TILE_WIDTH, _TALLEST = 360, 480
# A face that takes less of the picture than this is too small to see its points in a tile.
_SMALL_FACE, _CUT_OUT = 0.25, 2.2
_LINES, _IRIS, _NOSE = (255, 214, 0), (0, 229, 255), (255, 64, 129)  # RGB
_NOSE_TIP = 4


@dataclass(frozen=True, eq=False)
class Tile:
    """One picture that the extractor looked at.

    `before`, `word` and `after` are what was said around it, `word` empty in a pause. `pose` are yaw, pitch and roll in degrees
    as `describe_face` means them, None where no face was found. `face_size` is the side of the face as a share of the picture's.
    """

    time_s: float
    image: UInt8[np.ndarray, "height width 3"]
    before: str
    word: str
    after: str
    valid: bool
    pose: tuple[float, float, float] | None
    face_size: float | None
    zoomed: bool


@dataclass(frozen=True, eq=False)
class Sheet:
    """The tiles of one segment, and how many pictures were looked at and showed a face."""

    segment: Segment
    spoken: SegmentWords
    tiles: Sequence[Tile]
    n_frames: int
    n_faces: int


def preview(segment: Segment, spoken: SegmentWords, *, faces: FaceSettings, n_tiles: int) -> Sheet:
    """Look at all pictures as the extractor does, because it follows the face from one to the next, and keep some.

    Args:
        segment: segment to show.
        spoken: words of the segment.
        faces: settings of the choice of the face and of the rate of pictures.
        n_tiles: number of pictures to keep, evenly over the segment; fewer where the segment has fewer.

    Raises:
        PipelineError: no video, or no picture in the span.
    """
    if not segment.has_video:
        raise PipelineError(
            f"{segment.media}: has no video, so there is nothing to draw; name a file with pictures"
        )
    wanted_s = (np.arange(n_tiles) + 0.5) / n_tiles * segment.duration_s
    tiles: list[Tile] = []
    n_frames = n_faces = 0
    frames = itertools.chain(find_faces(segment, faces, pictures=True), [None])
    previous: FaceFrame | None = None
    for frame in frames:
        # A picture is shown for the wanted moments from its own time to that of the next one.
        until_s = segment.duration_s if frame is None else frame.time_s
        if previous is not None and len(tiles) < n_tiles and wanted_s[len(tiles)] < until_s:
            tiles.append(_tile(previous, spoken.words))
            wanted_s[len(tiles) :] = np.maximum(wanted_s[len(tiles) :], until_s)
        if frame is not None:
            n_frames += 1
            n_faces += frame.points is not None
        previous = frame
    if not tiles:
        raise PipelineError(
            f"{segment.media}: there is no picture from {segment.start_s:g} to {segment.end_s:g} s; check the span"
        )
    return Sheet(segment, spoken, tiles, n_frames, n_faces)


def _tile(frame: FaceFrame, words: Sequence[Word]) -> Tile:
    assert frame.image is not None
    time_s = frame.time_s
    row = dict(zip(FACE_COLUMNS, frame.describe().tolist(), strict=True))
    valid = frame.points is not None
    zoomed = valid and row["face_size"] < _SMALL_FACE
    here = next((n for n, word in enumerate(words) if word.start_s <= time_s < word.end_s), None)
    n_before = sum(word.end_s <= time_s for word in words) if here is None else here
    n_after = n_before if here is None else here + 1
    return Tile(
        time_s=time_s,
        image=_drawn(frame.image, frame.points, zoomed=zoomed, pose=(row["yaw_deg"], row["pitch_deg"])),
        before=_written(words[max(n_before - 2, 0) : n_before]),
        word="" if here is None else words[here].text,
        after=_written(words[n_after : n_after + 2]),
        valid=valid,
        pose=(row["yaw_deg"], row["pitch_deg"], row["roll_deg"]) if valid else None,
        face_size=row["face_size"] if valid else None,
        zoomed=zoomed,
    )


def _written(words: Sequence[Word]) -> str:
    return sentence_of([word.text for word in words])[0]


def _drawn(
    image: UInt8[np.ndarray, "height width 3"],
    points: Float64[np.ndarray, "478 3"] | None,
    *,
    zoomed: bool,
    pose: tuple[float, float],
) -> UInt8[np.ndarray, "tile_height tile_width 3"]:
    """The picture, or the part around a small face, at the size of a tile, with what the mesh found drawn on it."""
    at = None if points is None else points[:, :2].copy()
    if at is not None and zoomed:
        low, high = at.min(axis=0), at.max(axis=0)
        half = _CUT_OUT / 2 * float((high - low).max())
        left, top = np.maximum(np.floor((low + high) / 2 - half), 0).astype(int)
        right, bottom = np.ceil((low + high) / 2 + half).astype(int)
        image, at = image[top:bottom, left:right], at - (left, top)
    height, width, _ = image.shape
    scale = min(TILE_WIDTH / width, _TALLEST / height)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    drawn: np.ndarray = cv2.resize(
        image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    )
    if at is not None:
        _draw_face(drawn, at * (size[0] / width, size[1] / height), pose)
    return drawn


def _draw_face(
    image: UInt8[np.ndarray, "height width 3"],
    points: Float64[np.ndarray, "478 2"],
    pose: tuple[float, float],
) -> None:
    from mediapipe.python.solutions.face_mesh_connections import FACEMESH_CONTOURS, FACEMESH_IRISES

    shift = 3  # fractional bits, so that small faces are not drawn on whole pixels

    def fixed(point: np.ndarray) -> tuple[int, int]:
        return round(float(point[0]) * 2**shift), round(float(point[1]) * 2**shift)

    for point in points:
        cv2.circle(image, fixed(point), 2 ** (shift - 1), _LINES, -1, cv2.LINE_AA, shift)
    for lines, colour in ((FACEMESH_CONTOURS, _LINES), (FACEMESH_IRISES, _IRIS)):
        for start, end in sorted(lines):
            cv2.line(image, fixed(points[start]), fixed(points[end]), colour, 1, cv2.LINE_AA, shift)
    yaw, pitch = np.radians(pose)
    reach = 0.5 * float(np.ptp(points[:, 1]))
    ahead = points[_NOSE_TIP] + reach * np.array([np.sin(yaw) * np.cos(pitch), -np.sin(pitch)])
    cv2.arrowedLine(image, fixed(points[_NOSE_TIP]), fixed(ahead), _NOSE, 2, cv2.LINE_AA, shift, 0.2)

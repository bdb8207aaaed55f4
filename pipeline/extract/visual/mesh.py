"""Facial features of one segment: the face mesh of a few pictures per second, as named numbers."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.extract.extractors import FrameFunction
from pipeline.extract.visual.finder import FaceFinder, face_finder
from pipeline.extract.visual.landmarks import (
    FACE_COLUMNS,
    LANDMARK_COLUMNS,
    describe_face,
    describe_points,
    face_quality,
)
from pipeline.extract.visual.speaking import loudness_db, speaking_face
from pipeline.extract.visual.tracking import LargestFace
from pipeline.media.container import MediaError
from pipeline.media.video import Frame, PictureCount, read_frames

Face = Literal["largest", "speaking"]

# Below this quality lips and lids are a few pixels.
_ROUGH_QUALITY = 0.5


@dataclass(frozen=True, kw_only=True)
class FaceSettings:
    """How the face of a segment is found.

    Attributes:
        face: which of several faces counts: the `largest` of each picture; or the one that is `speaking`, by the motion of its
            mouth and the sound of the segment. That one is followed, and pictures without it count as without a face; see
            `speaking_face`.
        frame_rate_hz: pictures per second, at most.
        min_confidence: a face found with less confidence than this is no face, 0 to 1.
    """

    face: Face
    frame_rate_hz: float
    min_confidence: float


@dataclass(frozen=True, kw_only=True)
class MeshSettings(FaceSettings):
    """What `extract_visual` can be told.

    Attributes:
        landmarks: whether the points of the face follow as further columns.
    """

    landmarks: bool


def mesh_extractor(settings: MeshSettings) -> FrameFunction:
    """`extract_visual` with these settings."""
    return FrameFunction(
        function=partial(extract_visual, settings=settings),
        columns=visual_columns(landmarks=settings.landmarks),
        settings=asdict(settings),
        libraries=("av", "mediapipe", "numpy", "opencv-python-headless"),
        rate_hz=settings.frame_rate_hz,
        preloaded=("pipeline.extract.visual.mesh_graph",),
    )


def visual_columns(*, landmarks: bool) -> tuple[str, ...]:
    """Names of the columns that `extract_visual` fills; `describe_face` and `describe_points` say what each means."""
    return FACE_COLUMNS + LANDMARK_COLUMNS if landmarks else FACE_COLUMNS


def extract_visual(segment: Segment, settings: MeshSettings) -> FeatureSequence:
    """Describe one face in each of the pictures looked at.

    Args:
        segment: segment to describe.
        settings: which face counts, how many pictures are read, and which columns are wanted.

    Returns:
        One row per picture with the columns of `visual_columns`, at the picture's true time, and its `face_quality`; zeros and not
        valid where no face was found. No rows but a reason where the segment has no video, or where it cannot be decoded.
    """
    columns = visual_columns(landmarks=settings.landmarks)
    times_s, rows, quality = [], [], []
    notes: list[str] = []
    try:
        for frame in find_faces(segment, settings, pictures=False, notes=notes):
            row = np.zeros(len(columns), np.float32)
            if frame.points is not None:
                row[: len(FACE_COLUMNS)] = frame.describe()
                if settings.landmarks:
                    row[len(FACE_COLUMNS) :] = describe_points(frame.points)
            times_s.append(frame.time_s)
            rows.append(row)
            quality.append(frame.quality)
    except MediaError as error:
        return FeatureSequence.empty(len(columns), str(error))
    valid = np.array(quality) > 0
    return FeatureSequence(
        np.stack(rows),
        np.array(times_s),
        valid,
        quality=np.array(quality, dtype=np.float32),
        notes=tuple(notes),
    )


@dataclass(frozen=True, eq=False)
class FaceFrame:
    """One picture of a segment and the face in it that counts.

    Attributes:
        time_s: time of the picture from the start of the segment.
        width: width of the picture in pixels.
        height: height of the picture in pixels.
        points: the 478 points of the face, x, y and depth in pixels; None without a face.
        image: the picture in RGB, None where nobody asked for it.
    """

    time_s: float
    width: int
    height: int
    points: Float64[np.ndarray, "478 3"] | None
    image: UInt8[np.ndarray, "height width 3"] | None

    def describe(self) -> Float32[np.ndarray, "column"]:
        """What `describe_face` says of the face; zeros without one."""
        if self.points is None:
            return np.zeros(len(FACE_COLUMNS), np.float32)
        return describe_face(self.points, width=self.width, height=self.height)

    @cached_property
    def quality(self) -> float:
        """See `face_quality`; 0 without a face."""
        return 0.0 if self.points is None else face_quality(self.points)


def find_faces(
    segment: Segment, settings: FaceSettings, *, pictures: bool, notes: list[str] | None = None
) -> Iterator[FaceFrame]:
    """Find the face that counts in one picture of a segment after the other.

    Args:
        segment: segment to search.
        settings: which face counts, and how many pictures are read.
        pictures: whether the pictures are wanted, which costs `speaking` a second pass over the video.
        notes: takes sentences on what was out of the ordinary, when the last picture was taken.

    Raises:
        MediaError: the segment has no video, no picture, or it cannot be decoded.
    """
    if segment.media is None or not segment.has_video:
        raise MediaError(f"segment {segment.id}: there is no video")
    finder, count = face_finder(settings.min_confidence), PictureCount()
    # Who speaks is a question of all faces in all pictures.
    finder.begin(may_rest=settings.face == "largest")
    if settings.face == "largest":
        largest = LargestFace()
        found: Iterator[FaceFrame] = (
            _face_frame(frame, largest.among(finder.faces(frame.image)), pictures)
            for frame in _frames(segment, settings.frame_rate_hz, count)
        )
    else:
        largest = None
        found = _find_speaker(segment, finder, settings.frame_rate_hz, pictures, count)
    n_frames, n_small, n_faces = 0, 0, 0
    for face_frame in found:
        n_frames += 1
        n_faces += face_frame.quality > 0
        n_small += 0 < face_frame.quality < _ROUGH_QUALITY
        yield face_frame
    if notes is not None:
        notes += _notes(count, finder, largest, n_faces=n_faces, n_small=n_small)
    if not n_frames:
        span = f"{segment.start_s:g} to {segment.end_s:g} s"
        raise MediaError(f"{segment.media}: there is no picture from {span}, segment {segment.id}")


def _find_speaker(
    segment: Segment, finder: FaceFinder, frame_rate_hz: float, pictures: bool, count: PictureCount
) -> Iterator[FaceFrame]:
    seen = [
        (_face_frame(frame, None, False), finder.faces(frame.image))
        for frame in _frames(segment, frame_rate_hz, count)
    ]
    times_s = [face_frame.time_s for face_frame, _ in seen]
    chosen = speaking_face([faces for _, faces in seen], times_s, loudness_db(segment, times_s))
    if pictures:
        for frame, points in zip(_frames(segment, frame_rate_hz), chosen, strict=True):
            yield _face_frame(frame, points, True)
    else:
        for (face_frame, _), points in zip(seen, chosen, strict=True):
            yield replace(face_frame, points=points)


def _notes(
    count: PictureCount, finder: FaceFinder, largest: LargestFace | None, *, n_faces: int, n_small: int
) -> Iterator[str]:
    if count.lost:
        yield f"{count.lost} of {count.decoded + count.lost} pictures could not be decoded"
    if finder.n_refused:
        yield (
            f"in {finder.n_refused} pictures a mesh lay on what a fresh look does not take for a face; it was left out"
        )
    if largest is not None and largest.n_changes:
        yield f"the largest face became another one {'once' if largest.n_changes == 1 else f'{largest.n_changes} times'}"
    if 2 * n_small > n_faces:
        yield (
            f"in {n_small} of {n_faces} pictures with a face it is so small that its expression is rough (quality below "
            f"{_ROUGH_QUALITY:g})"
        )


def _frames(segment: Segment, frame_rate_hz: float, count: PictureCount | None = None) -> Iterator[Frame]:
    return read_frames(
        Path(segment.media or ""),
        start_s=segment.start_s,
        end_s=segment.end_s,
        frame_rate_hz=frame_rate_hz,
        count=count,
    )


def _face_frame(frame: Frame, points: Float64[np.ndarray, "478 3"] | None, picture: bool) -> FaceFrame:
    height, width, _ = frame.image.shape
    return FaceFrame(frame.time_s, width, height, points, frame.image if picture else None)

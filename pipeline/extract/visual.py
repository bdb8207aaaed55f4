"""Facial features of one segment: the face mesh of a few pictures a second, as named numbers."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from pipeline.artifacts.segments import Segment
from pipeline.artifacts.sequences import FeatureSequence
from pipeline.extract.face import FACE_COLUMNS, describe_face
from pipeline.media.container import MediaError
from pipeline.media.video import Frame, read_frames

VISUAL_COLUMNS = FACE_COLUMNS
"""Names of the columns that `extract_visual` fills; `describe_face` says what each means."""

# With one face, the detector rests while the mesh can follow; with more, bystanders are seen and the largest is taken.
_MAX_FACES = 3
# The mesh wants a face that fills about half of the picture.
_CUT_OUT_SCALE = 2.0
# A graph starts, and says so, when it sees its first picture.
_NOTHING = np.zeros((16, 16, 3), np.uint8)


def extract_visual(segment: Segment, *, frame_rate_hz: float, min_confidence: float) -> FeatureSequence:
    """Describe the largest face in each of the pictures looked at.

    Args:
        segment: what to describe.
        frame_rate_hz: pictures a second, at most.
        min_confidence: a face found with less confidence than this is no face, 0 to 1.

    Returns:
        A row a picture with the columns of `VISUAL_COLUMNS`, at the picture's true time; zeros and not valid where no face
        was found. No rows but a reason where the segment has no video, or where it cannot be decoded.
    """
    if segment.media is None or not segment.has_video:
        return FeatureSequence.empty(len(VISUAL_COLUMNS), f"segment {segment.id}: there is no video")
    times_s, rows, valid = [], [], []
    try:
        for look in look_at_faces(segment, frame_rate_hz=frame_rate_hz, min_confidence=min_confidence):
            times_s.append(look.frame.time_s)
            rows.append(look.row)
            valid.append(look.points is not None)
    except MediaError as error:
        return FeatureSequence.empty(len(VISUAL_COLUMNS), str(error))
    if not rows:
        span = f"{segment.start_s:g} to {segment.end_s:g} s"
        return FeatureSequence.empty(
            len(VISUAL_COLUMNS), f"{segment.media}: there is no picture from {span}, segment {segment.id}"
        )
    return FeatureSequence(np.stack(rows), np.array(times_s), np.array(valid))


@dataclass(frozen=True, eq=False)
class Look:
    """One picture that was looked at: the points of its largest face, None without one, and what `describe_face` says."""

    frame: Frame
    points: Float64[np.ndarray, "478 3"] | None
    row: Float32[np.ndarray, "column"]


def look_at_faces(segment: Segment, *, frame_rate_hz: float, min_confidence: float) -> Iterator[Look]:
    """Look for the largest face in one picture after the other, as `extract_visual` does.

    Raises:
        MediaError: the segment has no video, or it cannot be decoded.
    """
    finder = _face_finder(min_confidence)
    finder.forget()
    for frame in read_frames(
        Path(segment.media or ""),
        start_s=segment.start_s,
        end_s=segment.end_s,
        frame_rate_hz=frame_rate_hz,
    ):
        height, width, _ = frame.image.shape
        points = finder.largest_face(frame.image)
        row = np.zeros(len(VISUAL_COLUMNS), np.float32)
        if points is not None:
            row = describe_face(points, width=width, height=height)
        yield Look(frame, points, row)


class _FaceFinder:
    """MediaPipe's face mesh, with a second look for small faces.

    The mesh follows a face from picture to picture, and finds one that takes a tenth of the picture's longer side or more.
    Where it finds none, the full-range detector looks for faces down to half of that, and the mesh is put on a cut-out.
    """

    def __init__(self, min_confidence: float) -> None:
        # Loading takes a second: only where a face is looked for, not where this module's names are needed.
        from mediapipe.python.solutions.face_detection import FaceDetection
        from mediapipe.python.solutions.face_mesh import FaceMesh

        self._following = FaceMesh(
            max_num_faces=_MAX_FACES,
            refine_landmarks=True,
            min_detection_confidence=min_confidence,
            min_tracking_confidence=min_confidence,
        )
        self._single = FaceMesh(
            static_image_mode=True, refine_landmarks=True, min_detection_confidence=min_confidence
        )
        self._far = FaceDetection(model_selection=1, min_detection_confidence=min_confidence)
        for graph in (self._single, self._far):
            _process(graph, _NOTHING)

    def forget(self) -> None:
        """Start anew, so that the face of the last segment is not looked for in the next."""
        with _native_log_discarded():
            self._following.reset()
            _process(self._following, _NOTHING)

    def largest_face(self, image: UInt8[np.ndarray, "height width 3"]) -> Float64[np.ndarray, "478 3"] | None:
        """The points of the largest face, x, y and depth in pixels; None without a face."""
        faces = _meshes(self._following, image)
        if not faces:
            faces = self._far_faces(image)
        # A mesh can collapse into a point, which has no expression.
        return max((face for face in faces if _box_area(face) > 1), key=_box_area, default=None)

    def _far_faces(self, image: UInt8[np.ndarray, "height width 3"]) -> list[Float64[np.ndarray, "478 3"]]:
        """The largest face that the full-range detector finds, if any, by a mesh on a cut-out around it."""
        found = _process(self._far, image).detections or []
        boxes = [detection.location_data.relative_bounding_box for detection in found]
        if not boxes:
            return []
        height, width, _ = image.shape
        box = max(boxes, key=lambda box: box.width * box.height)
        middle = np.array([(box.xmin + box.width / 2) * width, (box.ymin + box.height / 2) * height])
        half = _CUT_OUT_SCALE / 2 * max(box.width * width, box.height * height)
        left, top = np.maximum(np.floor(middle - half), 0).astype(int)
        right, bottom = np.minimum(np.ceil(middle + half), (width, height)).astype(int)
        if left >= right or top >= bottom:
            return []
        cut_out = np.ascontiguousarray(image[top:bottom, left:right])
        offset = np.array([left, top, 0.0])
        return [face + offset for face in _meshes(self._single, cut_out)]


@lru_cache(maxsize=1)
def _face_finder(min_confidence: float) -> _FaceFinder:
    """One for the process: it takes a second to load, and its threads do not survive a fork."""
    with _native_log_discarded():
        return _FaceFinder(min_confidence)


def _meshes(mesh: Any, image: UInt8[np.ndarray, "height width 3"]) -> list[Float64[np.ndarray, "478 3"]]:
    height, width, _ = image.shape
    faces = _process(mesh, image).multi_face_landmarks or []
    # MediaPipe measures depth on the scale of the width.
    return [
        np.array([(point.x, point.y, point.z) for point in face.landmark]) * (width, height, width)
        for face in faces
    ]


def _process(graph: Any, image: UInt8[np.ndarray, "height width 3"]) -> Any:
    with warnings.catch_warnings():
        # MediaPipe 0.10.14 reads its results in a way that protobuf 4 would like to retire.
        warnings.filterwarnings("ignore", message=r"SymbolDatabase\.GetPrototype")
        return graph.process(image)


def _box_area(points: Float64[np.ndarray, "478 3"]) -> float:
    return float(np.prod(np.ptp(points[:, :2], axis=0)))


@contextmanager
def _native_log_discarded() -> Iterator[None]:
    """Hide what MediaPipe's C++ says whenever a graph starts; no variable or flag turns it off (0.10.14)."""
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)

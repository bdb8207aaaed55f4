"""The faces in the pictures of a recording: the mesh follows them, and what it cannot see is looked for by other means."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, UInt8

from pipeline.extract.visual.resting import DetectorRest
from pipeline.extract.visual.tracking import ConfirmedFaces, Points, is_possible

# With one face, the detector would rest whenever the mesh can follow; with more, bystanders are seen and the largest is taken.
_MAX_FACES = 3
# The mesh wants a face that fills about half of the picture.
_CUT_OUT_SCALE = 2.0
# A graph starts, and says so, when it sees its first picture.
_NOTHING = np.zeros((16, 16, 3), np.uint8)


class FaceFinder:
    """MediaPipe's face mesh, with a second search for small faces.

    The mesh follows a face from picture to picture, and finds one that takes a tenth of the picture's longer side or more.
    Where it finds none, the full-range detector looks for faces down to half of that, and the mesh is put on a cut-out.
    What it follows counts only as long as a fresh look confirms it now and then, see `ConfirmedFaces`.

    Args:
        min_confidence: a face found with less confidence than this is no face, 0 to 1.

    Attributes:
        n_refused: in how many pictures since `begin` a mesh was left out because a fresh look did not confirm it.
    """

    def __init__(self, min_confidence: float) -> None:
        # Loading takes a second: only where a face is looked for, not where this module's names are needed.
        from pipeline.extract.visual.mesh_graph import MeshGraph

        self._following = MeshGraph(max_faces=_MAX_FACES, min_confidence=min_confidence)
        self._single = MeshGraph(max_faces=1, min_confidence=min_confidence)
        for graph in (self._following, self._single):
            graph.find(_NOTHING)
        from mediapipe.python.solutions.face_detection import FaceDetection

        self._far = FaceDetection(model_selection=1, min_detection_confidence=min_confidence)
        _process(self._far, _NOTHING)
        self.begin(may_rest=False)

    def begin(self, *, may_rest: bool) -> None:
        """Start anew, so that the face of the last segment is not looked for in the next.

        Args:
            may_rest: whether the detector rests where no further face can have come into the picture, see `DetectorRest`.
        """
        self.n_refused = 0
        self._confirmed = ConfirmedFaces(self._look_again)
        self._rest = DetectorRest() if may_rest else None
        self._places: Any | None = None
        self._image, self._faces = _NOTHING, list[Points]()

    def faces(self, image: UInt8[np.ndarray, "height width 3"]) -> list[Points]:
        """The points of each face, x, y and depth in pixels."""
        if image is not self._image:  # one that is held for long is looked at once
            self._image = image
            searches = self._rest is None or not self._rest.allows(image)
            found = self._following.find(image, places=self._places, detect=searches)
            if not searches and len(found.faces) != 1:  # lost: as if it had been searched at once
                searches, found = True, self._following.find(image, places=self._places)
            self._places = found.places
            confirmed = self._confirmed.among([face for face in found.faces if is_possible(face)])
            self.n_refused += len(confirmed) < len(found.faces)
            if self._rest is not None:
                alone = len(found.faces) == len(confirmed) == 1
                self._rest.note(image, confirmed[0] if alone else None, searched=searches)
            self._faces = confirmed or [face for face in self._far_faces(image) if is_possible(face)]
        return self._faces

    def _look_again(self, points: Points) -> Points | None:
        """The face in the box around a mesh, found anew; the one nearest to its middle."""
        low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
        middle = (low + high) / 2
        found = self._in_cut_out(self._image, middle, float((high - low).max()))
        return min(
            found, key=lambda face: float(np.linalg.norm(face[:, :2].mean(axis=0) - middle)), default=None
        )

    def _far_faces(self, image: UInt8[np.ndarray, "height width 3"]) -> list[Points]:
        """The largest face that the full-range detector finds, if any, by a mesh on a cut-out around it."""
        found = _process(self._far, image).detections or []
        boxes = [detection.location_data.relative_bounding_box for detection in found]
        if not boxes:
            return []
        height, width, _ = image.shape
        box = max(boxes, key=lambda box: box.width * box.height)
        middle = np.array([(box.xmin + box.width / 2) * width, (box.ymin + box.height / 2) * height])
        return self._in_cut_out(image, middle, max(box.width * width, box.height * height))

    def _in_cut_out(
        self, image: UInt8[np.ndarray, "height width 3"], middle: Float64[np.ndarray, "2"], side: float
    ) -> list[Points]:
        """The face that a mesh of its own finds in the square around a box of a given side, if any."""
        height, width, _ = image.shape
        half = _CUT_OUT_SCALE / 2 * side
        left, top = np.maximum(np.floor(middle - half), 0).astype(int)
        right, bottom = np.minimum(np.ceil(middle + half), (width, height)).astype(int)
        if left >= right or top >= bottom:
            return []
        cut_out = np.ascontiguousarray(image[top:bottom, left:right])
        offset = np.array([left, top, 0.0])
        return [face + offset for face in self._single.find(cut_out).faces]


@lru_cache(maxsize=1)
def face_finder(min_confidence: float) -> FaceFinder:
    """One for the process: it takes a second to load, and its threads do not survive a fork."""
    with _native_log_discarded():
        return FaceFinder(min_confidence)


def _process(graph: Any, image: UInt8[np.ndarray, "height width 3"]) -> Any:
    with warnings.catch_warnings():
        # MediaPipe 0.10.14 reads its results in a way that protobuf 4 would like to retire.
        warnings.filterwarnings("ignore", message=r"SymbolDatabase\.GetPrototype")
        return graph.process(image)


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

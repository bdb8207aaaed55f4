"""When the detector of faces may rest: as long as one face is followed and little else in the picture changes."""

import math

import cv2
import numpy as np
from jaxtyping import UInt8

from pipeline.extract.visual.landmarks import face_box, head_rotation
from pipeline.extract.visual.tracking import Points, side

# It searches again after so many pictures, whatever they show.
_SEARCH_EVERY = 10
# Only a face in front of its camera is left to the mesh: its side is at least so much of the picture's, and it is turned away no
# further. Of other heads, mesh and detector do not always agree where the face is, and a search may change what is found.
_LEAST_SIDE, _LARGEST_TURN_DEG = 0.25, 45.0
# A cell is so many samples wide and high, of so many samples along the longer side.
_SAMPLES, _CELL = 96, 4
# A cell has changed where its mean has by more than this, in levels of 0 to 255: noise and coding stay below.
_CHANGED = 8
# Hair moves with a face: so much is added around it, in parts of its sides.
_MARGIN = 0.25
# What a larger face would change of the cells beyond, at the least, in parts of the box of the one that is followed. Shoulders and
# hands stay below, a cut and a camera that moves do not.
_LEAST_CHANGE = 0.25


class DetectorRest:
    """Says for each picture whether a search for further faces could find one that counts.

    That is the largest one. While a face is followed and confirmed, another one takes its place only if it is clearly larger, see
    `LargestFace`, and a face of that size changes much of the picture when it comes. So a search is left out where little has
    changed beyond the face since the picture that was searched last. A cut, a camera that moves, or somebody who passes in front
    brings the detector back, and so do ten pictures without a search. While there are two faces, or a small one, or one in profile, it does not rest at all.
    """

    def __init__(self) -> None:
        self._face: Points | None = None
        self._searched: UInt8[np.ndarray, "row column 3"] | None = None
        self._since = 0

    def allows(self, image: UInt8[np.ndarray, "height width 3"]) -> bool:
        """Whether no larger face can have come into the picture since the last search."""
        if self._face is None or self._searched is None or self._since >= _SEARCH_EVERY:
            return False
        height, width, _ = image.shape
        low, high = face_box(self._face)
        if side(self._face) < _LEAST_SIDE * math.sqrt(width * height):
            return False
        if head_rotation(self._face)[2, 2] < math.cos(math.radians(_LARGEST_TURN_DEG)):
            return False
        cells = _cells(image)
        if cells.shape != self._searched.shape:
            return False
        changed = cv2.absdiff(cells, self._searched).max(axis=2) > _CHANGED
        margin, cell = _MARGIN * (high - low), _CELL * _step(image)
        left, top = np.maximum((low - margin) // cell, 0).astype(int)
        right, bottom = ((high + margin) // cell).astype(int) + 1
        changed[top : max(bottom, 0), left : max(right, 0)] = False
        return bool(changed.sum() < _LEAST_CHANGE * float(np.prod((high - low) / cell)))

    def note(
        self, image: UInt8[np.ndarray, "height width 3"], face: Points | None, *, searched: bool
    ) -> None:
        """What came of a picture.

        Args:
            image: the picture.
            face: the only face in it, if it has one alone and that was confirmed.
            searched: whether the detector has looked at it.
        """
        self._face = face
        if searched:
            self._searched = None if face is None else _cells(image)
            self._since = 0
        else:
            self._since += 1


def _step(image: UInt8[np.ndarray, "height width 3"]) -> int:
    """Distance between two samples in pixels."""
    height, width, _ = image.shape
    return int(max(max(height, width) // _SAMPLES, 1))


def _cells(image: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "row column 3"]:
    """Mean colour of each cell, from samples of the picture."""
    step = _step(image)
    samples = np.ascontiguousarray(image[::step, ::step])
    rows, columns = (-(-size // _CELL) for size in samples.shape[:2])
    cells: np.ndarray = cv2.resize(samples, (columns, rows), interpolation=cv2.INTER_AREA)
    return cells

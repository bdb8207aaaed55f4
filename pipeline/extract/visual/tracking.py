"""Faces from one picture to the next: which is which, which of them a fresh look confirms, and which one is the largest."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from pipeline.extract.visual.landmarks import face_box, head_rotation

Points = Float64[np.ndarray, "478 3"]

# A face does not jump further than this part of its side, or change its size more than so many times, from one picture to the next.
_LARGEST_JUMP, _LARGEST_GROWTH = 0.75, 1.6
# A face that was not seen in so many pictures is another one when it comes back.
_FORGOTTEN_PICTURES = 5

# A mesh that follows what it found drifts onto the back of a head or a lamp and stays there. So a fresh look has to find it again:
# when it is new, after so many pictures, after such a turn or move, and always beyond such a tilt.
_CHECKED_EVERY = 20
_TURN_DEG, _MOVE = 20.0, 0.5
_TILT_DEG = 45.0
# What was refused is looked at again every so many pictures while there is another face.
_REFUSED_EVERY = 5
# The two agree where their middles lie so close, in sides of the face, where neither is so many times larger, and by their turn.
_AGREES_WITHIN, _AGREES_SIZE, _AGREES_DEG = 0.3, 1.5, 30.0
# No head is tilted further than that in front of a camera, nor is a face seen that is turned away so far.
_LARGEST_TILT_DEG = 90.0

# Another face is the largest only where its side is so many times that of the one that is followed.
_CLEARLY_LARGER = 1.2


@dataclass(frozen=True, eq=False)
class _Place:
    """Where a face is in the picture and how the head is turned, computed once per mesh."""

    middle: Float64[np.ndarray, "2"]
    side: float
    rotation: Float64[np.ndarray, "3 3"]

    @classmethod
    def of(cls, points: Points) -> "_Place":
        low, high = face_box(points)
        return cls((low + high) / 2, _side_of(high - low), head_rotation(points))

    def distance(self, other: "_Place") -> float:
        """Between the middles, in units of the larger side."""
        return math.dist(self.middle, other.middle) / max(self.side, other.side, 1e-9)

    def growth(self, other: "_Place") -> float:
        """How many times the larger one is as large."""
        return max(self.side, other.side) / max(min(self.side, other.side), 1e-9)

    def turn_deg(self, other: "_Place") -> float:
        """Angle of the turn that takes one head into the other."""
        cosine = (float((self.rotation * other.rotation).sum()) - 1) / 2
        return math.degrees(math.acos(min(max(cosine, -1.0), 1.0)))

    def agrees(self, other: "_Place") -> bool:
        """See `agree`."""
        return (
            self.distance(other) <= _AGREES_WITHIN
            and self.growth(other) <= _AGREES_SIZE
            and self.turn_deg(other) <= _AGREES_DEG
        )


def _side_of(extent: Float64[np.ndarray, "2"]) -> float:
    return math.sqrt(float(extent[0]) * float(extent[1]))


def side(points: Points) -> float:
    """Side of a square with the area of the box around a face, pixels."""
    low, high = face_box(points)
    return _side_of(high - low)


def jump(last: Points, points: Points) -> float | None:
    """How far a face moved in units of its side; None where it cannot be the same one."""
    return _jump(_Place.of(last), _Place.of(points))


def _jump(last: _Place, place: _Place) -> float | None:
    distance = last.distance(place)
    return distance if distance <= _LARGEST_JUMP and last.growth(place) <= _LARGEST_GROWTH else None


def is_possible(points: Points) -> bool:
    """Whether a mesh can be a face at all: it has an extent, and its head is neither upside down nor turned away."""
    if side(points) <= 1:
        return False
    rotation = head_rotation(points)
    # Upwards of the head points up, and the face looks out of the picture.
    return bool(rotation[1, 1] > math.cos(math.radians(_LARGEST_TILT_DEG)) and rotation[2, 2] > 0)


def agree(points: Points, fresh: Points) -> bool:
    """Whether a fresh look sees the same face in the same place, of the same size and turned alike."""
    return _Place.of(points).agrees(_Place.of(fresh))


@dataclass(eq=False)
class _Followed:
    """A mesh that is followed: where it was last, and where a fresh look was taken last."""

    place: _Place
    picture: int
    checked: _Place
    since: int = 0
    trusted: bool = False


class ConfirmedFaces:
    """The meshes that a fresh look confirms, picture by picture.

    Args:
        look: finds the face in the box around a mesh anew, in the picture that is at hand; None where there is none.
    """

    def __init__(self, look: Callable[[Points], Points | None]) -> None:
        self._look = look
        self._followed: list[_Followed] = []
        self._picture = 0

    def among(self, found: Sequence[Points]) -> list[Points]:
        """Those of the meshes of the next picture that can be trusted."""
        self._picture += 1
        waiting = [
            followed for followed in self._followed if self._picture - followed.picture <= _FORGOTTEN_PICTURES
        ]
        self._followed, confirmed = [], []
        for points in found:
            place = _Place.of(points)
            near = [
                (distance, number)
                for number, followed in enumerate(waiting)
                if (distance := _jump(followed.place, place)) is not None
            ]
            if near:
                followed = waiting.pop(min(near)[1])
                followed.place, followed.picture, followed.since = place, self._picture, followed.since + 1
            else:
                followed = _Followed(place, self._picture, place, since=_CHECKED_EVERY)
            self._followed.append(followed)
            if _is_due(followed, alone=len(found) == 1):
                fresh = self._look(points)
                followed.trusted = fresh is not None and place.agrees(_Place.of(fresh))
                followed.checked, followed.since = place, 0
            if followed.trusted:
                confirmed.append(points)
        self._followed += waiting
        return confirmed


def _is_due(followed: _Followed, *, alone: bool) -> bool:
    """Whether a fresh look is to be taken."""
    if not followed.trusted:
        return alone or followed.since >= _REFUSED_EVERY
    place, checked = followed.place, followed.checked
    return (
        followed.since >= _CHECKED_EVERY
        or math.dist(place.middle, checked.middle) > _MOVE * checked.side
        or place.turn_deg(checked) > _TURN_DEG
        or float(place.rotation[1, 1]) < math.cos(math.radians(_TILT_DEG))
    )


class LargestFace:
    """The largest face of each picture; of faces of one size the one that was taken before.

    Attributes:
        n_changes: how often another face took the place of one.
    """

    def __init__(self) -> None:
        self.n_changes = 0
        self._last: Points | None = None

    def among(self, faces: Sequence[Points]) -> Points | None:
        """The face that counts in the next picture; None where there is none."""
        largest = max(faces, key=side, default=None)
        if largest is None:
            return None
        chosen = largest
        if self._last is not None:
            near = [
                (distance, n)
                for n, face in enumerate(faces)
                if (distance := jump(self._last, face)) is not None
            ]
            same = faces[min(near)[1]] if near else None
            if same is None or side(largest) > _CLEARLY_LARGER * side(same):
                self.n_changes += largest is not same
            else:
                chosen = same
        self._last = chosen
        return chosen

"""Faces from one picture to the next: which is which, which of them a fresh look confirms, and which one is the largest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from pipeline.extract.visual.landmarks import head_rotation

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


def side(points: Points) -> float:
    """Side of a square with the area of the box around a face, pixels."""
    return float(np.sqrt(np.prod(np.ptp(points[:, :2], axis=0))))


def jump(last: Points, points: Points) -> float | None:
    """How far a face moved in units of its side; None where it cannot be the same one."""
    sides = side(last), side(points)
    distance = float(np.linalg.norm(_middle(last) - _middle(points))) / max(sides)
    return distance if distance <= _LARGEST_JUMP and max(sides) <= _LARGEST_GROWTH * min(sides) else None


def is_possible(points: Points) -> bool:
    """Whether a mesh can be a face at all: it has an extent, and its head is neither upside down nor turned away."""
    if side(points) <= 1:
        return False
    rotation = head_rotation(points)
    # Upwards of the head points up, and the face looks out of the picture.
    return bool(rotation[1, 1] > np.cos(np.radians(_LARGEST_TILT_DEG)) and rotation[2, 2] > 0)


def agree(points: Points, fresh: Points) -> bool:
    """Whether a fresh look sees the same face in the same place, of the same size and turned alike."""
    sides = side(points), side(fresh)
    apart = float(np.linalg.norm(_middle(points) - _middle(fresh))) / max(sides)
    return bool(
        apart <= _AGREES_WITHIN
        and max(sides) <= _AGREES_SIZE * min(sides)
        and _turn_deg(points, fresh) <= _AGREES_DEG
    )


@dataclass(eq=False)
class _Followed:
    """A mesh that is followed: where it was last, and where a fresh look was taken last."""

    points: Points
    picture: int
    checked: Points
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
            near = [
                (distance, number)
                for number, followed in enumerate(waiting)
                if (distance := jump(followed.points, points)) is not None
            ]
            if near:
                followed = waiting.pop(min(near)[1])
                followed.points, followed.picture, followed.since = points, self._picture, followed.since + 1
            else:
                followed = _Followed(points, self._picture, points, since=_CHECKED_EVERY)
            self._followed.append(followed)
            if self._is_due(followed, alone=len(found) == 1):
                fresh = self._look(points)
                followed.trusted = fresh is not None and agree(points, fresh)
                followed.checked, followed.since = points, 0
            if followed.trusted:
                confirmed.append(points)
        self._followed += waiting
        return confirmed

    def _is_due(self, followed: _Followed, *, alone: bool) -> bool:
        if not followed.trusted:
            return alone or followed.since >= _REFUSED_EVERY
        moved = float(np.linalg.norm(_middle(followed.points) - _middle(followed.checked)))
        return bool(
            followed.since >= _CHECKED_EVERY
            or moved > _MOVE * side(followed.checked)
            or _turn_deg(followed.points, followed.checked) > _TURN_DEG
            or head_rotation(followed.points)[1, 1] < np.cos(np.radians(_TILT_DEG))
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


def _middle(points: Points) -> Float64[np.ndarray, "2"]:
    middle: np.ndarray = (points[:, :2].min(axis=0) + points[:, :2].max(axis=0)) / 2
    return middle


def _turn_deg(points: Points, other: Points) -> float:
    """Angle of the turn that takes one head into the other."""
    cosine = (np.trace(head_rotation(points).T @ head_rotation(other)) - 1) / 2
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))

"""Expression, pose and position of a face as numbers, from the 478 points of MediaPipe's face mesh."""

from collections import deque
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float32, Float64

Result = TypeVar("Result")

# Points that expressions leave where they are, and where they lie on MediaPipe's canonical face (centimetres, Apache-2.0,
# canonical_face_model.obj): x to the left side of the face, y up, z forward.
_RIGID = {
    4: (0.0, -0.463, 7.587),  # tip of the nose
    6: (0.0, 2.473, 5.789),
    168: (0.0, 3.271, 5.236),  # root of the nose
    10: (0.0, 8.262, 4.482),  # top of the forehead
    33: (-4.446, 2.664, 3.173),  # corners of the right eye
    133: (-1.856, 2.585, 3.758),
    362: (1.856, 2.585, 3.758),  # corners of the left eye
    263: (4.446, 2.664, 3.173),
    129: (-1.786, -0.978, 4.850),  # wings of the nose
    358: (1.786, -0.978, 4.850),
    127: (-7.743, 2.365, -2.005),  # temples
    356: (7.743, 2.365, -2.005),
    234: (-7.664, 0.673, -2.436),  # in front of the ears
    454: (7.664, 0.673, -2.436),
}
_RIGID_POINTS = list(_RIGID)
_RIGID_SHAPE = np.array(list(_RIGID.values()))
# From the picture's axes (x right, y down, z away) to those of a face that looks at the camera, and back.
_FLIP = np.array([1.0, -1.0, -1.0])

_LEFT_EYE, _RIGHT_EYE = [362, 263], [33, 133]
_LEFT_LIDS, _RIGHT_LIDS = ([385, 386, 387], [380, 374, 373]), ([160, 159, 158], [144, 145, 153])
_LEFT_BROW, _RIGHT_BROW = [296, 334, 293], [66, 105, 63]
_LEFT_BROW_END, _RIGHT_BROW_END = [336, 285], [107, 55]
_LEFT_IRIS, _RIGHT_IRIS = 473, 468
_LEFT_MOUTH_CORNER, _RIGHT_MOUTH_CORNER = 291, 61
_UPPER_LIP, _UPPER_LIP_EDGE, _LOWER_LIP_EDGE, _LOWER_LIP = 0, 13, 14, 17
_NOSE_BASE, _CHIN = 2, 152

FACE_COLUMNS = (
    "mouth_open",
    "mouth_width",
    "mouth_corner_left",
    "mouth_corner_right",
    "lip_protrusion",
    "lip_thickness",
    "jaw_drop",
    "brow_raise_left",
    "brow_raise_right",
    "brow_inner_raise",
    "brow_gap",
    "eye_open_left",
    "eye_open_right",
    "gaze_left",
    "gaze_up",
    "yaw_deg",
    "pitch_deg",
    "roll_deg",
    "face_x",
    "face_y",
    "face_size",
)
N_POINTS = 478
LANDMARK_COLUMNS = tuple(f"point_{i}_{axis}" for i in range(N_POINTS) for axis in "xyz")
"""Names of the values of `describe_points`; the numbers are those of MediaPipe's face mesh."""
# Width and height of the picture of a face that the mesh reads; a smaller face is scaled up.
_MESH_PX = 192

# So many faces are at hand at a time: those of a picture, and one of the picture before.
_REMEMBERED = 4


def _remembered(
    compute: Callable[[Float64[np.ndarray, "478 3"]], Result],
) -> Callable[[Float64[np.ndarray, "478 3"]], Result]:
    """Compute it once for each of the last faces, whoever asks; for arrays that nobody can write to."""
    recent: deque[tuple[np.ndarray, Result]] = deque(maxlen=_REMEMBERED)

    @wraps(compute)
    def remembering(points: Float64[np.ndarray, "478 3"]) -> Result:
        if points.flags.writeable or points.base is not None:
            return compute(points)
        for known, result in recent:
            if known is points:
                return result
        result = compute(points)
        recent.append((points, result))
        return result

    return remembering


def _mean(values: np.ndarray) -> Any:
    """As `values.mean(axis=0)`, the same bits without its overhead, which is most of its time for three numbers."""
    return np.add.reduce(values, axis=0) / len(values)


def describe_face(
    points: Float64[np.ndarray, "478 3"], *, width: int, height: int
) -> Float32[np.ndarray, "column"]:
    """Turn the points of one face into the values of `FACE_COLUMNS`.

    Left and right are those of the person. Lengths are in units of the distance between the eyes, in a frame that moves
    and turns with the head, so that neither the camera's distance nor a turned or tilted head changes them:

    | column | meaning |
    |---|---|
    | `mouth_open` | gap between the lips |
    | `mouth_width` | distance of the mouth's corners |
    | `mouth_corner_left`, `_right` | height of the corner over the base of the nose, negative: up in a smile, which takes the lips along |
    | `lip_protrusion` | how far the lips stand before the corners: pursed lips |
    | `lip_thickness` | visible height of both lips: small when pressed |
    | `jaw_drop` | base of the nose to chin |
    | `brow_raise_left`, `_right` | height of the brow over the eye |
    | `brow_inner_raise` | height of the inner ends of the brows over the eyes |
    | `brow_gap` | distance of these ends: small in a frown |
    | `eye_open_left`, `_right` | distance of the lids |
    | `gaze_left`, `gaze_up` | where the irises are, from the middles of the eyes: to the person's left, upwards |
    | `yaw_deg` | head turned to its left, degrees; 0 faces the camera |
    | `pitch_deg` | head turned up, degrees |
    | `roll_deg` | head tilted to its left shoulder, degrees |
    | `face_x`, `face_y` | middle of the face in the picture: 0 is left or top, 1 is right or bottom |
    | `face_size` | square root of the area of the box around the face over that of the picture |

    Args:
        points: x, y and depth of each point in pixels; x to the right, y down, depth away from the camera on the scale of x.
        width: width of the picture in pixels.
        height: height of the picture in pixels.
    """
    head, rotation = _in_head(points)
    x, y, z = head.T

    def lid_gap(lids: tuple[list[int], list[int]]) -> float:
        upper, lower = lids
        return float(_mean(y[upper] - y[lower]))

    corners = [_LEFT_MOUTH_CORNER, _RIGHT_MOUTH_CORNER]
    low, high = face_box(points)
    middle = (low + high) / 2
    values = (
        y[_UPPER_LIP_EDGE] - y[_LOWER_LIP_EDGE],
        x[_LEFT_MOUTH_CORNER] - x[_RIGHT_MOUTH_CORNER],
        y[_LEFT_MOUTH_CORNER] - y[_NOSE_BASE],
        y[_RIGHT_MOUTH_CORNER] - y[_NOSE_BASE],
        _mean(z[[_UPPER_LIP, _LOWER_LIP]]) - _mean(z[corners]),
        y[_UPPER_LIP] - y[_UPPER_LIP_EDGE] + y[_LOWER_LIP_EDGE] - y[_LOWER_LIP],
        y[_NOSE_BASE] - y[_CHIN],
        _mean(y[_LEFT_BROW]) - _mean(y[_LEFT_EYE]),
        _mean(y[_RIGHT_BROW]) - _mean(y[_RIGHT_EYE]),
        _mean(y[_LEFT_BROW_END + _RIGHT_BROW_END]) - _mean(y[_LEFT_EYE + _RIGHT_EYE]),
        _mean(x[_LEFT_BROW_END]) - _mean(x[_RIGHT_BROW_END]),
        lid_gap(_LEFT_LIDS),
        lid_gap(_RIGHT_LIDS),
        _mean(x[[_LEFT_IRIS, _RIGHT_IRIS]]) - _mean(x[_LEFT_EYE + _RIGHT_EYE]),
        _mean(y[[_LEFT_IRIS, _RIGHT_IRIS]]) - _mean(y[_LEFT_EYE + _RIGHT_EYE]),
        *_yaw_pitch_roll_deg(rotation),
        middle[0] / width,
        middle[1] / height,
        np.sqrt(np.prod(high - low) / (width * height)),
    )
    return np.array(values, dtype=np.float32)


def describe_points(points: Float64[np.ndarray, "478 3"]) -> Float32[np.ndarray, "column"]:
    """Turn the points of one face into the values of `LANDMARK_COLUMNS`: where each lies, however the head is turned.

    The origin is between the eyes, x points to the person's left, y up and z forward, in units of the distance between the eyes.
    """
    head, _ = _in_head(points)
    return head.astype(np.float32).ravel()


def face_quality(points: Float64[np.ndarray, "478 3"]) -> float:
    """How well a face fills the resolution of the mesh, 0 to 1: its side in pixels over that of the mesh's input.

    MediaPipe's mesh reports no confidence; below about a half, lips and lids are a few pixels and their ratios are rough.
    """
    low, high = face_box(points)
    return min(float(np.sqrt(np.prod(high - low))) / _MESH_PX, 1.0)


@_remembered
def face_box(
    points: Float64[np.ndarray, "478 3"],
) -> tuple[Float64[np.ndarray, "2"], Float64[np.ndarray, "2"]]:
    """The left upper and the right lower corner of the box around a face, pixels."""
    return points[:, :2].min(axis=0), points[:, :2].max(axis=0)


def mouth_gap(points: Float64[np.ndarray, "478 3"]) -> float:
    """Distance between the lips in units of the distance between the eyes, whichever way the head is turned."""
    lips = float(np.linalg.norm(points[_UPPER_LIP_EDGE] - points[_LOWER_LIP_EDGE]))
    eyes = _mean(points[_LEFT_EYE]) - _mean(points[_RIGHT_EYE])
    return lips / float(np.linalg.norm(eyes))


def _in_head(
    points: Float64[np.ndarray, "478 3"],
) -> tuple[Float64[np.ndarray, "478 3"], Float64[np.ndarray, "3 3"]]:
    """The points in a frame that moves and turns with the head, in units of the distance between the eyes, and its turn."""
    rotation = head_rotation(points)
    eyes = _mean(points[_LEFT_EYE]), _mean(points[_RIGHT_EYE])
    unit = float(np.linalg.norm(eyes[0] - eyes[1]))
    return (points - (eyes[0] + eyes[1]) / 2) * _FLIP @ rotation / unit, rotation


@_remembered
def head_rotation(points: Float64[np.ndarray, "478 3"]) -> Float64[np.ndarray, "3 3"]:
    """The turn that takes the canonical face to this one, the best in least squares (Kabsch, 1976).

    Column 2 is where the face looks, column 1 its upwards; axes as in `_RIGID`.
    """
    here = points[_RIGID_POINTS] * _FLIP
    covariance = (here - here.mean(axis=0)).T @ (_RIGID_SHAPE - _RIGID_SHAPE.mean(axis=0))
    u, _, vt = np.linalg.svd(covariance)
    handedness = np.diag([1.0, 1.0, np.linalg.det(u @ vt)])
    rotation: np.ndarray = u @ handedness @ vt
    return rotation


def _yaw_pitch_roll_deg(rotation: Float64[np.ndarray, "3 3"]) -> tuple[float, float, float]:
    """Turns about the upright, the sideways and the forward axis, in that order from the outside in."""
    yaw = np.arctan2(rotation[0, 2], rotation[2, 2])
    pitch = np.arcsin(np.clip(rotation[1, 2], -1, 1))
    roll = np.arctan2(-rotation[1, 0], rotation[1, 1])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))

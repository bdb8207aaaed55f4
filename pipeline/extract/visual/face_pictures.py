"""Faces cut out of the pictures of a segment, for encoders of images."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from pipeline.artifacts.segments import Segment
from pipeline.extract.visual.mesh import Face, look_at_faces
from pipeline.media.container import MediaError

# Side of the cut-out over the longer side of the box around the mesh, which ends at forehead and chin: hair and ears are in it.
_MARGIN = 1.5


@dataclass(frozen=True, eq=False)
class FacePictures:
    """The faces of one segment: `pictures` has one for each valid row."""

    times_s: Float64[np.ndarray, "row"]
    valid: Bool[np.ndarray, "row"]
    quality: Float32[np.ndarray, "row"]
    pictures: UInt8[np.ndarray, "face side side 3"]
    failure: str | None


def picture_faces(
    segment: Segment, *, side: int, face: Face, frame_rate_hz: float, min_confidence: float
) -> FacePictures:
    """The face of each picture of a segment, found as `extract_visual` does.

    Args:
        segment: where to look.
        side: of the square cut-outs, pixels.
        face: which face, where there are several.
        frame_rate_hz: pictures a second, at most.
        min_confidence: a face found with less confidence than this is no face, 0 to 1.
    """
    times_s, quality, pictures, failure = [], [], [], None
    try:
        for look in look_at_faces(
            segment, face=face, frame_rate_hz=frame_rate_hz, min_confidence=min_confidence, pictures=True
        ):
            times_s.append(look.time_s)
            quality.append(look.quality)
            if look.points is not None and look.image is not None:
                pictures.append(cut_out(look.image, look.points, side=side))
    except MediaError as error:
        times_s, quality, pictures, failure = [], [], [], str(error)
    return FacePictures(
        np.array(times_s, np.float64),
        np.array(quality) > 0,
        np.array(quality, dtype=np.float32),
        np.stack(pictures) if pictures else np.zeros((0, side, side, 3), np.uint8),
        failure,
    )


def cut_out(
    image: UInt8[np.ndarray, "height width 3"], points: Float64[np.ndarray, "478 3"], *, side: int
) -> UInt8[np.ndarray, "side side 3"]:
    """The square around a face, scaled to `side` pixels; what lies beyond the picture repeats its edge."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    wanted = max(round(_MARGIN * float((high - low).max())), 1)
    left, top = (int(at) for at in np.round((low + high - wanted) / 2))
    height, width, _ = image.shape
    beyond = max(0, -left, -top, left + wanted - width, top + wanted - height)
    rows, columns = (
        np.arange(first, first + wanted).clip(0, size - 1) for first, size in ((top, height), (left, width))
    )
    square = image[rows][:, columns] if beyond else image[top : top + wanted, left : left + wanted]
    smaller = wanted > side
    scaled: np.ndarray = cv2.resize(
        np.ascontiguousarray(square),
        (side, side),
        interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC,
    )
    return scaled

"""Faces cut out of the pictures of a segment, for encoders of images."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from pipeline.artifacts.corpus.segments import Segment
from pipeline.extract.visual.mesh import FaceSettings, find_faces
from pipeline.media.container import MediaError

# Side of the cut-out over the longer side of the box around the mesh, which ends at forehead and chin: hair and ears are in it.
_MARGIN = 1.5


@dataclass(frozen=True, eq=False)
class FacePictures:
    """The faces of one segment, with a row for each picture that was searched.

    Attributes:
        times_s: time of each picture from the start of the segment.
        valid: whether a face was found.
        quality: `face_quality` of each face, 0 without one.
        pictures: cut-out of the face for each valid row, RGB.
        failure: why there are no rows, None where there are.
        notes: sentences on faults in spite of which pictures were read.
    """

    times_s: Float64[np.ndarray, "row"]
    valid: Bool[np.ndarray, "row"]
    quality: Float32[np.ndarray, "row"]
    pictures: UInt8[np.ndarray, "face side side 3"]
    failure: str | None
    notes: tuple[str, ...] = ()


def picture_faces(segment: Segment, settings: FaceSettings, *, side: int) -> FacePictures:
    """The face of each picture of a segment, found as `extract_visual` does.

    Args:
        segment: segment to search.
        settings: settings of the choice of the face and of the rate of pictures.
        side: width and height of the square cut-outs in pixels.
    """
    times_s, quality, pictures, failure = [], [], [], None
    notes: list[str] = []
    try:
        for frame in find_faces(segment, settings, pictures=True, notes=notes):
            times_s.append(frame.time_s)
            quality.append(frame.quality)
            if frame.points is not None and frame.image is not None:
                pictures.append(cut_out(frame.image, frame.points, side=side))
    except MediaError as error:
        times_s, quality, pictures, failure = [], [], [], str(error)
    return FacePictures(
        np.array(times_s, np.float64),
        np.array(quality) > 0,
        np.array(quality, dtype=np.float32),
        np.stack(pictures) if pictures else np.zeros((0, side, side, 3), np.uint8),
        failure,
        tuple(notes),
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

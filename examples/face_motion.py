"""An extractor of the face: how much it moves from one picture to the next.

`dvc exp run -S visual.encoder=face_motion.py:face_motion`

The face is found as the stage `visual` finds it. A package of one's own, such as py-feat with its action units, goes in the same way:
give it the pictures that `find_faces(…, pictures=True)` has, name its distribution in `libraries`, and import it inside the function.
"""

from itertools import pairwise

import numpy as np

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.extract.extractors import FrameFunction
from pipeline.extract.visual.mesh import FaceSettings, find_faces
from pipeline.media.container import MediaError

_FACES = FaceSettings(face="largest", frame_rate_hz=10.0, min_confidence=0.5)


def describe(segment: Segment) -> FeatureSequence:
    """A row per picture: the median distance that the points of the face went since the one before, in sizes of the face a second.

    Not valid where there is no face, or none in the picture before. No rows but a reason where there are no pictures.
    """
    notes: list[str] = []
    try:
        frames = list(find_faces(segment, _FACES, pictures=False, notes=notes))
    except MediaError as error:
        return FeatureSequence.empty(1, str(error))
    speed = np.full(len(frames), np.nan)
    for index, (before, frame) in enumerate(pairwise(frames), start=1):
        if before.points is not None and frame.points is not None:
            size = np.ptp(frame.points[:, 1])
            moved = np.median(np.linalg.norm(frame.points[:, :2] - before.points[:, :2], axis=1))
            speed[index] = moved / size / (frame.time_s - before.time_s)
    valid = np.isfinite(speed)
    values = np.where(valid, speed, 0).astype(np.float32)[:, None]
    return FeatureSequence(values, np.array([frame.time_s for frame in frames]), valid, notes=tuple(notes))


face_motion = FrameFunction(
    function=describe,
    columns=("face_speed",),
    settings={"face": _FACES.face, "min_confidence": _FACES.min_confidence},
    libraries=("av", "mediapipe", "numpy"),
    rate_hz=_FACES.frame_rate_hz,
)

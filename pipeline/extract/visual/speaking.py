"""Which of several faces speaks: the one whose mouth moves while there is sound."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from pipeline.artifacts.corpus.segments import Segment
from pipeline.extract.sound import hear, is_muted
from pipeline.extract.visual.landmarks import mouth_gap
from pipeline.extract.visual.tracking import Points, jump, side
from pipeline.media.container import MediaError

_SAMPLE_RATE_HZ = 16000
# Sound this much below the loudest moment is no speech; see also `voiced_bounds_s`.
_BELOW_LOUDEST_DB = 30.0
_FLOOR_DB = -100.0
# A face that was not seen for longer is another one when it comes back.
_FORGOTTEN_S = 1.0


def loudness_db(segment: Segment, times_s: Sequence[float]) -> Float64[np.ndarray, "interval"] | None:
    """Level of the sound between each two pictures, dB below full scale; None where there is no sound.

    Args:
        segment: segment whose sound is measured.
        times_s: times of its pictures in seconds from its start.
    """
    try:
        sound = hear(
            segment, sample_rate_hz=_SAMPLE_RATE_HZ, n_samples=round(segment.duration_s * _SAMPLE_RATE_HZ)
        )
    except MediaError:
        return None
    if is_muted(sound.samples):
        return None
    power = np.concatenate([[0.0], np.cumsum(np.square(sound.samples, dtype=np.float64))])
    at = np.round(np.asarray(times_s) * _SAMPLE_RATE_HZ).astype(int).clip(0, len(sound.samples))
    mean = np.diff(power[at]) / np.maximum(np.diff(at), 1)
    return np.asarray(10 * np.log10(np.maximum(mean, 10 ** (_FLOOR_DB / 10))))


def speaking_face(
    faces: Sequence[Sequence[Points]],
    times_s: Sequence[float],
    loudness: Float64[np.ndarray, "interval"] | None,
) -> list[Points | None]:
    """Follow all faces from picture to picture and keep the one that speaks.

    The motion of a mouth between two pictures counts for a face by how loud it is meanwhile: from +1 at the loudest moment to -1
    at 30 dB below that and less. The face with the largest sum is taken; without sound, or where no mouth moves with it, the one
    that is largest over the whole segment. In pictures without it, as after a cut, another face takes its place that never is
    beside it and has at least half its sum per picture; somebody who only listens there has not.

    Args:
        faces: points of the faces in each picture, in any order.
        times_s: times of the pictures, increasing.
        loudness: level of the sound between each two pictures, dB; None without sound.

    Returns:
        the points of the face in each picture; None where it is not seen.
    """
    tracks = _follow(faces, times_s)
    scores = [0.0] * len(tracks)
    if loudness is not None and len(loudness):
        weight = 2 * ((loudness - loudness.max()) / _BELOW_LOUDEST_DB + 1).clip(0, 1) - 1
        scores = [float((track.motion(len(faces)) * weight).sum()) for track in tracks]
    if max(scores, default=0) <= 0:
        scores = [sum(side(points) for points in track.seen.values()) for track in tracks]
    chosen: dict[int, Points] = {}
    least = 0.0
    for score, track in sorted(zip(scores, tracks, strict=True), key=lambda pair: -pair[0]):
        if score / len(track.seen) >= least and not chosen.keys() & track.seen.keys():
            least = least or score / len(track.seen) / 2
            chosen |= track.seen
    return [chosen.get(picture) for picture in range(len(faces))]


@dataclass(eq=False)
class _Track:
    """One face, by the number of the picture."""

    seen: dict[int, Points] = field(default_factory=dict)

    def last(self) -> tuple[int, Points]:
        picture = next(reversed(self.seen))
        return picture, self.seen[picture]

    def motion(self, n_pictures: int) -> Float64[np.ndarray, "interval"]:
        """How far the mouth opened or closed between each two pictures; 0 where the face is not in both."""
        gap = {picture: mouth_gap(points) for picture, points in self.seen.items()}
        moved = [
            abs(gap[after] - gap[before]) if before in gap and after in gap else 0.0
            for before, after in itertools.pairwise(range(n_pictures))
        ]
        return np.array(moved, np.float64)


def _follow(faces: Sequence[Sequence[Points]], times_s: Sequence[float]) -> list[_Track]:
    """Join each face to the nearest of the picture before that it can be, nearest pairs first."""
    tracks: list[_Track] = []
    for picture, found in enumerate(faces):
        pairs = []
        for number, track in enumerate(tracks):
            before, last = track.last()
            if times_s[picture] - times_s[before] > _FORGOTTEN_S:
                continue
            for index, points in enumerate(found):
                distance = jump(last, points)
                if distance is not None:
                    pairs.append((distance, number, index))
        joined: dict[int, int] = {}
        for _, number, index in sorted(pairs):
            if number not in joined.values() and index not in joined:
                joined[index] = number
        for index, points in enumerate(found):
            if index not in joined:
                tracks.append(_Track())
                joined[index] = len(tracks) - 1
            tracks[joined[index]].seen[picture] = points
    return tracks

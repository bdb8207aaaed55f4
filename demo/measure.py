"""Can the signals of the demo corpus be measured? `python -m demo.measure data/raw/demo`.

Compares what the design asked of every voice and face with what librosa and MediaPipe find in the clips, and the rating
of every sentence with what its words give away. It looks at no label and at no model of sentiment.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import av
import librosa
import mediapipe
import numpy as np
from jaxtyping import Float

from demo import wording
from demo.design import Clip, corpus, delivery
from demo.generate import media_path

_FRAME_STEP = 3
# Landmarks of the face mesh: outer eye corners, mouth corners, inner lips, inner brows, outer cheeks.
_EYES, _MOUTH, _LIPS, _BROWS, _CHEEKS = (33, 263), (61, 291), (13, 14), (55, 285), (234, 454)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the words of the script and every clip, and print correlations, those of the clips within speakers."""
    parser = argparse.ArgumentParser(prog="python -m demo.measure", description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, help="folder of the corpus")
    folder = parser.parse_args(arguments).corpus
    wording.report()
    clips = [clip for clip in corpus() if (folder / media_path(clip)).exists()]
    mesh = mediapipe.solutions.face_mesh.FaceMesh(refine_landmarks=True)
    rows: dict[str, list[float]] = defaultdict(list)
    for clip in clips:
        voice = delivery(clip)
        asked = {
            "face": clip.face_view,
            "voice": clip.voice_view,
            "rate": voice.rate_wpm,
            "pitch": voice.pitch,
            "range": voice.pitch_range,
            "gain": voice.gain_db,
        }
        path = folder / media_path(clip)
        found = _heard(path, clip) | _seen(path, mesh)
        for name, value in (asked | found).items():
            rows[name].append(value)
    table = {name: np.array(values) for name, values in rows.items()}
    print(f"{len(clips)} clips, {np.mean(table['duration_s']):.2f} s on average")
    print(
        f"a face in {100 * np.sum(table['n_found']) / np.sum(table['n_looked_at']):.2f} % of the frames looked at"
    )
    print(
        f"face width: {np.min(table['face_width']):.2f} to {np.max(table['face_width']):.2f} of the picture's"
    )
    print(f"peak level: {np.min(table['peak']):.2f} to {np.max(table['peak']):.2f} of full scale")
    speakers = [clip.speaker.id for clip in clips]
    for asked_name, found_name in (
        ("face", "corner_height"),
        ("face", "mouth_width"),
        ("face", "brow_height"),
        ("rate", "words_per_s"),
        ("pitch", "f0_median"),
        ("range", "f0_spread"),
        ("gain", "level_db"),
        ("voice", "f0_median"),
        ("voice", "f0_spread"),
        ("voice", "level_db"),
        ("voice", "words_per_s"),
    ):
        r = _correlation_within(speakers, table[asked_name], table[found_name])
        print(f"{asked_name:>6} and {found_name:<14} r = {r:+.2f}")


def _heard(path: Path, clip: Clip) -> dict[str, float]:
    with av.open(str(path)) as file:
        rate_hz = file.streams.audio[0].rate
        blocks = [frame.to_ndarray() for frame in file.decode(audio=0)]
    samples = np.concatenate(blocks, axis=1)[0].astype(np.float32)
    level = librosa.feature.rms(y=samples)[0]
    f0_hz = librosa.yin(samples, fmin=60, fmax=450, sr=rate_hz)[: len(level)]
    loud = level > 0.3 * level.max()
    spoken_s = np.ptp(np.flatnonzero(level > 0.05 * level.max())) * 512 / rate_hz
    low, middle, high = np.percentile(np.log2(f0_hz[loud]), (15, 50, 85))
    return {
        "duration_s": len(samples) / rate_hz,
        "peak": float(np.abs(samples).max()),
        "words_per_s": len(clip.sentence.text.split()) / spoken_s,
        "f0_median": middle,
        "f0_spread": high - low,
        "level_db": float(20 * np.log10(np.sqrt(np.mean(level[loud] ** 2)))),
    }


def _seen(path: Path, mesh: "mediapipe.solutions.face_mesh.FaceMesh") -> dict[str, float]:
    """Means over the frames of landmark distances, in units of the distance between the eyes."""
    mesh.reset()
    n_looked_at, measures = 0, []
    with av.open(str(path)) as file:
        for i, frame in enumerate(file.decode(video=0)):
            if i % _FRAME_STEP:
                continue
            n_looked_at += 1
            faces = mesh.process(frame.to_ndarray(format="rgb24")).multi_face_landmarks
            if faces:
                places = np.array([(p.x * frame.width, p.y * frame.height) for p in faces[0].landmark])
                measures.append((*_proportions(places), np.ptp(places[list(_CHEEKS), 0]) / frame.width))
    names = ("corner_height", "mouth_width", "brow_height", "face_width")
    return dict(zip(names, np.mean(measures, axis=0), strict=True)) | {
        "n_looked_at": n_looked_at,
        "n_found": len(measures),
    }


def _proportions(places: Float[np.ndarray, "landmark xy=2"]) -> tuple[float, float, float]:
    """Height of the mouth's corners over the lips, width of the mouth, height of the brows over the eyes."""
    left_eye, right_eye = places[list(_EYES)]
    across = (right_eye - left_eye) / np.linalg.norm(right_eye - left_eye)
    down = np.array([-across[1], across[0]])
    unit = float(np.linalg.norm(right_eye - left_eye))
    corners, lips, brows, eyes = (places[list(pair)].mean(axis=0) for pair in (_MOUTH, _LIPS, _BROWS, _EYES))
    width = float(np.linalg.norm(np.diff(places[list(_MOUTH)], axis=0)))
    return float((lips - corners) @ down) / unit, width / unit, float((eyes - brows) @ down) / unit


def _correlation_within(
    groups: Sequence[str], x: Float[np.ndarray, " clip"], y: Float[np.ndarray, " clip"]
) -> float:
    """Pearson's r after the mean of each group is taken off."""
    index = np.unique(groups, return_inverse=True)[1]
    n = np.bincount(index)
    x, y = (v - (np.bincount(index, v) / n)[index] for v in (x, y))
    return float(np.corrcoef(x, y)[0, 1])


if __name__ == "__main__":
    main()

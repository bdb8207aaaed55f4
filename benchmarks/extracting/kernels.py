"""The libraries alone: decode, face mesh and acoustic features of whole files, in one process, without this pipeline.

`python -m benchmarks.extracting.kernels MANIFEST PARAMS` prints the processor seconds of each part. The settings are those of
the stages: as many pictures a second, the same mesh, the same rows a second. What the stages do beside (clocks, gaps, masks,
the second look for small faces, named ratios of landmarks, a cache) is absent; so is the voicing, which librosa does not have.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import av
import librosa
import numpy as np
from mediapipe.python.solutions.face_mesh import FaceMesh

from pipeline.yaml12 import parse_yaml

# As the stage: with one face the detector would rest, and a bystander might be taken for the speaker.
_MAX_FACES = 3


def face_points(media: str, mesh: Any, *, frame_rate_hz: float) -> list[np.ndarray]:
    """Landmarks of the pictures of one file."""
    mesh.reset()
    found, tick = [], 0
    with av.open(media) as container:
        if not container.streams.video:
            return []
        container.streams.video[0].codec_context.thread_count = 1
        for frame in container.decode(video=0):
            if frame.time * frame_rate_hz < tick:
                continue
            tick = int(frame.time * frame_rate_hz) + 1
            faces = mesh.process(frame.to_ndarray(format="rgb24")).multi_face_landmarks or []
            found += [np.array([(point.x, point.y, point.z) for point in face.landmark]) for face in faces]
    return found


def sound_of(media: str, *, sample_rate_hz: int) -> np.ndarray | None:
    """Mono, resampled."""
    with av.open(media) as container:
        if not container.streams.audio:
            return None
        resampler = av.AudioResampler(format="flt", layout="mono", rate=sample_rate_hz)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def acoustic_rows(wave: np.ndarray, settings: dict[str, Any]) -> np.ndarray:
    """Pitch, level, centroid, flatness, MFCC and chroma, by librosa."""
    rate_hz, hop = settings["sample_rate_hz"], round(settings["hop_s"] * settings["sample_rate_hz"])
    window = round(0.04 * rate_hz)
    f0 = librosa.yin(
        wave,
        fmin=settings["f0_min_hz"],
        fmax=settings["f0_max_hz"],
        sr=rate_hz,
        frame_length=2 * round(1.5 * rate_hz / settings["f0_min_hz"]),
        hop_length=hop,
    )
    spectrum = np.abs(librosa.stft(wave, n_fft=window, hop_length=hop))
    fine = np.abs(librosa.stft(wave, n_fft=round(0.128 * rate_hz), hop_length=hop))
    mel = librosa.feature.melspectrogram(S=spectrum**2, sr=rate_hz, n_mels=max(40, settings["n_mfcc"]))
    parts = [
        f0[None],
        librosa.feature.rms(S=spectrum, frame_length=window),
        librosa.feature.spectral_centroid(S=spectrum, sr=rate_hz),
        librosa.feature.spectral_flatness(S=spectrum),
        librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=settings["n_mfcc"]),
        librosa.feature.chroma_stft(S=fine**2, sr=rate_hz, tuning=0.0, n_chroma=settings["n_chroma"]),
    ]
    n_rows = min(part.shape[1] for part in parts)
    rows: np.ndarray = np.concatenate([part[:, :n_rows] for part in parts]).T
    return rows


def main() -> None:
    segments = [json.loads(line) for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
    params = parse_yaml(Path(sys.argv[2]).read_text(encoding="utf-8"))
    media = [segment["media"] for segment in segments if segment["media"]]
    mesh = FaceMesh(max_num_faces=_MAX_FACES, refine_landmarks=True)
    started = time.process_time()
    n_faces = sum(
        len(face_points(file, mesh, frame_rate_hz=params["visual"]["frame_rate_hz"])) for file in media
    )
    seen = time.process_time()
    n_rows = 0
    for file in media:
        wave = sound_of(file, sample_rate_hz=params["audio"]["sample_rate_hz"])
        n_rows += 0 if wave is None else len(acoustic_rows(wave, params["audio"]))
    heard = time.process_time()
    print(
        json.dumps(
            {
                "start": started,
                "visual": seen - started,
                "audio": heard - seen,
                "faces": n_faces,
                "rows": n_rows,
            }
        )
    )


if __name__ == "__main__":
    main()

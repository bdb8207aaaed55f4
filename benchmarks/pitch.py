"""Octave flips, and distance from pYIN: `python -m benchmarks.pitch RECORDING ...`.

Each recording is described by the extractor `classic`, with the defaults of `params.yaml`, and by librosa's pYIN on the same rows. A
flip is a step of more than 900 cents between two neighbouring rows that both have a voice. YIN without a path (librosa's, a row at a
time) stands beside. Recordings are the user's own, so the table is printed and not kept.
"""

import argparse
import math
import time
from pathlib import Path

import librosa
import numpy as np

from pipeline.extract.audio.pitch import reach_rows, track_pitch, window_length
from pipeline.media.audio import read_audio
from pipeline.media.probe import probe

RATE_HZ, HOP, F0_MIN_HZ, F0_MAX_HZ = 16_000, 320, 60.0, 450.0
FLIP_CENTS, FAR_CENTS, VOICED = 900.0, 300.0, 0.5


def windows_of(path: Path) -> np.ndarray:
    """The windows of all rows of a recording, and of the rows within reach before and after it."""
    n_rows, reach = int(probe(path).duration_s * RATE_HZ) // HOP, reach_rows(HOP / RATE_HZ)
    window = window_length(sample_rate_hz=RATE_HZ, f0_min_hz=F0_MIN_HZ)
    start = -reach * HOP - (window - HOP) // 2
    end = start + (n_rows + 2 * reach - 1) * HOP + window
    sound = read_audio(path, start_s=start / RATE_HZ, end_s=end / RATE_HZ, sample_rate_hz=RATE_HZ)
    return np.lib.stride_tricks.sliding_window_view(sound.samples.astype(np.float64), window)[::HOP]


def flip_share(f0_hz: np.ndarray, voiced: np.ndarray) -> float:
    """Share of the steps between voiced rows that are flips."""
    both = voiced[1:] & voiced[:-1]
    steps = np.abs(1200 * np.log2(f0_hz[1:] / f0_hz[:-1]))[both]
    return float((steps > FLIP_CENTS).mean()) if both.any() else math.nan


def far_share(f0_hz: np.ndarray, voiced: np.ndarray, reference_hz: np.ndarray) -> float:
    """Share of the rows with a voice in both that are far from the reference."""
    both = voiced & np.isfinite(reference_hz)
    off = np.abs(1200 * np.log2(f0_hz[both] / reference_hz[both]))
    return float((off > FAR_CENTS).mean()) if both.any() else math.nan


def main() -> None:
    """Print a row per recording."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recordings", nargs="+", type=Path)
    print(f"{'recording':24}{'flips':>8}{'alone':>8}{'far':>8}{'alone':>8}{'CPU s':>8}{'alone':>8}")
    for path in parser.parse_args().recordings:
        windows, reach = windows_of(path), reach_rows(HOP / RATE_HZ)
        begun = time.process_time()
        f0_hz, _, voiced = track_pitch(
            windows, sample_rate_hz=RATE_HZ, hop_s=HOP / RATE_HZ, f0_min_hz=F0_MIN_HZ, f0_max_hz=F0_MAX_HZ
        )
        own_s = time.process_time() - begun
        inner = windows[reach : len(windows) - reach]
        stretch = np.concatenate([inner[:, :HOP].ravel(), inner[-1, HOP:]])
        settings = {"fmin": F0_MIN_HZ, "fmax": F0_MAX_HZ, "sr": RATE_HZ, "hop_length": HOP, "center": False}
        begun = time.process_time()
        alone_hz = librosa.yin(stretch, frame_length=windows.shape[1], **settings)
        alone_s = time.process_time() - begun
        margin = (1024 - windows.shape[1]) // 2
        reference_hz, _, _ = librosa.pyin(np.pad(stretch, margin), frame_length=1024, **settings)
        n_rows = min(len(f0_hz), len(alone_hz), len(reference_hz))
        period = np.round(RATE_HZ / alone_hz).astype(int)
        alone = np.array(
            [
                np.corrcoef(row[:-lag], row[lag:])[0, 1] if row.any() else 0.0
                for row, lag in zip(inner, period, strict=False)
            ]
        )
        tracks = ((f0_hz[:n_rows], voiced[:n_rows]), (alone_hz[:n_rows], alone[:n_rows] >= VOICED))
        shares = [flip_share(hz, voice) for hz, voice in tracks]
        shares += [far_share(hz, voice, reference_hz[:n_rows]) for hz, voice in tracks]
        cells = "".join(f"{share:8.1%}" for share in shares)
        print(f"{path.name:24}{cells}{own_s:8.2f}{alone_s:8.2f}")


if __name__ == "__main__":
    main()

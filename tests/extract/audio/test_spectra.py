"""The spectra are those of librosa, which is the reference here and needed nowhere else in the pipeline."""

import subprocess
import sys
from pathlib import Path

import librosa
import numpy as np
import pytest

from pipeline.extract.audio.spectra import (
    centroid_hz,
    cepstrum,
    chroma,
    chroma_bands,
    flatness,
    magnitudes,
    mel_bands,
)

RATE_HZ = 16000
HOP = 320


@pytest.fixture(scope="module")
def samples():
    """Noise, a chirp and silence, a second each."""
    rng = np.random.default_rng(3)
    times_s = np.arange(RATE_HZ) / RATE_HZ
    chirp = 0.3 * np.sin(2 * np.pi * (200 + 900 * times_s) * times_s)
    return np.concatenate([rng.normal(scale=0.1, size=RATE_HZ), chirp, np.zeros(RATE_HZ)])


@pytest.fixture(scope="module", params=[640, 2048, 1058])
def spectrum(request, samples):
    return magnitudes(samples, window=request.param, hop=HOP)


def test_magnitudes_are_those_of_librosa(samples, spectrum):
    window = 2 * (len(spectrum) - 1)
    expected = np.abs(librosa.stft(samples, n_fft=window, hop_length=HOP, center=False, dtype=np.complex128))
    np.testing.assert_array_equal(spectrum, expected)


@pytest.mark.parametrize(("n_mels", "n_mfcc"), [(40, 20), (41, 41), (64, 13), (1, 1), (2, 2), (3, 3)])
def test_the_cepstrum_is_that_of_librosa(spectrum, n_mels, n_mfcc):
    mel = librosa.feature.melspectrogram(S=spectrum**2, sr=RATE_HZ, n_mels=n_mels)
    expected = librosa.feature.mfcc(S=librosa.power_to_db(mel, top_db=None), n_mfcc=n_mfcc)

    found = cepstrum(spectrum, sample_rate_hz=RATE_HZ, n_mels=n_mels, n_mfcc=n_mfcc)

    np.testing.assert_array_equal(found.astype(np.float32), expected.astype(np.float32))


@pytest.mark.parametrize("n_chroma", [12, 24, 7])
def test_pitch_classes_are_those_of_librosa(spectrum, n_chroma):
    expected = librosa.feature.chroma_stft(S=spectrum**2, sr=RATE_HZ, tuning=0.0, n_chroma=n_chroma)
    found = chroma(spectrum, sample_rate_hz=RATE_HZ, n_chroma=n_chroma)
    np.testing.assert_array_equal(found, expected)


def test_centroid_and_flatness_are_those_of_librosa(spectrum):
    np.testing.assert_array_equal(
        centroid_hz(spectrum, RATE_HZ), librosa.feature.spectral_centroid(S=spectrum, sr=RATE_HZ)[0]
    )
    np.testing.assert_array_equal(flatness(spectrum), librosa.feature.spectral_flatness(S=spectrum)[0])


@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100])
def test_bands_are_those_of_librosa(rate_hz):
    np.testing.assert_array_equal(
        mel_bands(513, sample_rate_hz=rate_hz, n_mels=40),
        librosa.filters.mel(sr=rate_hz, n_fft=1024, n_mels=40),
    )
    np.testing.assert_array_equal(
        chroma_bands(513, sample_rate_hz=rate_hz, n_chroma=12),
        librosa.filters.chroma(sr=rate_hz, n_fft=1024, tuning=0.0, n_chroma=12),
    )


def test_sound_is_described_without_librosa_numba_and_scipy():
    """They would take longer to load in every worker than most recordings take to describe."""
    code = (
        "import sys, numpy as np; from pipeline.extract.audio import classic, spectra; "
        "spectra.cepstrum(np.ones((321, 2)), sample_rate_hz=16000, n_mels=40, n_mfcc=20); "
        "print(*{'librosa', 'numba', 'scipy'} & set(sys.modules))"
    )
    root = Path(__file__).parents[3]
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    ).stdout
    assert printed.split() == []

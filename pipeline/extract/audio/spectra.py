"""Short-time spectra, and what the bands of mel and the pitch classes hold of them, by NumPy alone.

The definitions, and the order of the operations, are those of librosa 0.11 (McFee et al.), so the values are its values. Its own functions rest on
scipy and numba, which take ten times longer to load than a short recording takes to describe.
"""

import math
from functools import lru_cache

import numpy as np
from jaxtyping import Float32, Float64

# Slaney's scale of mel (Auditory Toolbox, 1998): straight up to 1 kHz, then 27 steps to 6.4 kHz by equal ratios.
_MEL_HZ, _STRAIGHT_UP_TO_HZ = 200 / 3, 1000.0
_STRAIGHT_UP_TO_MEL = _STRAIGHT_UP_TO_HZ / _MEL_HZ
_LOG_STEP = math.log(6.4) / 27
# Below this power there is silence: -100 dB.
_LEAST_POWER = 1e-10
# The bands of pitch classes weigh octaves by their distance from this one, in octaves over 27.5 Hz, with this standard deviation.
_MIDDLE_OCTAVE, _OCTAVES = 5.0, 2.0
_LOWEST_A_HZ = 27.5


def magnitudes(
    samples: Float64[np.ndarray, "sample"], *, window: int, hop: int
) -> Float64[np.ndarray, "frequency frame"]:
    """Magnitudes of Hann windows, the first of which begins with the first sample.

    Args:
        samples: the sound, at least one window.
        window: length of a window in samples, even.
        hop: samples between two windows.

    Returns:
        `window` / 2 + 1 frequencies from 0 up to half the sample rate for each window that lies in the sound.
    """
    frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop]
    found: np.ndarray = np.abs(np.fft.rfft(_hann(window) * frames, axis=1))
    return found.T


def frequencies_hz(n_frequencies: int, sample_rate_hz: int) -> Float64[np.ndarray, "frequency"]:
    """The frequencies of the rows of `magnitudes`."""
    found: np.ndarray = np.fft.rfftfreq(2 * (n_frequencies - 1), 1.0 / sample_rate_hz)
    return found


def centroid_hz(
    magnitude: Float64[np.ndarray, "frequency frame"], sample_rate_hz: int
) -> Float64[np.ndarray, "frame"]:
    """Mean frequency, weighted by magnitude; 0 where there is none."""
    shares = _over(magnitude, magnitude.sum(axis=0))
    mean: np.ndarray = (frequencies_hz(len(magnitude), sample_rate_hz)[:, None] * shares).sum(axis=0)
    return mean


def flatness(magnitude: Float64[np.ndarray, "frequency frame"]) -> Float64[np.ndarray, "frame"]:
    """Geometric over arithmetic mean of the power, 0 (a tone) to 1 (white noise)."""
    power = np.maximum(_LEAST_POWER, magnitude**2)
    ratio: np.ndarray = np.exp(np.log(power).mean(axis=0)) / power.mean(axis=0)
    return ratio


def cepstrum(
    magnitude: Float64[np.ndarray, "frequency frame"], *, sample_rate_hz: int, n_mels: int, n_mfcc: int
) -> Float64[np.ndarray, "coefficient frame"]:
    """Mel-frequency cepstral coefficients from the zeroth up: the orthonormal cosine transform of the bands in decibels."""
    bands = mel_bands(len(magnitude), sample_rate_hz=sample_rate_hz, n_mels=n_mels)
    power = np.einsum("ft,mf->mt", magnitude**2, bands, optimize=True)
    level_db = 10.0 * np.log10(np.maximum(_LEAST_POWER, power))
    coefficients: np.ndarray = _cosine_transform(level_db)[:n_mfcc]
    return coefficients


def chroma(
    magnitude: Float64[np.ndarray, "frequency frame"], *, sample_rate_hz: int, n_chroma: int
) -> Float64[np.ndarray, "pitch_class frame"]:
    """Strength of each pitch class from C up, 1 for the strongest of the frame; an A has 440 Hz."""
    bands = chroma_bands(len(magnitude), sample_rate_hz=sample_rate_hz, n_chroma=n_chroma)
    power: np.ndarray = np.einsum("cf,ft->ct", bands, magnitude**2, optimize=True)
    strength: np.ndarray = _over(power, power.max(axis=0))
    return strength


@lru_cache(maxsize=4)
def mel_bands(
    n_frequencies: int, *, sample_rate_hz: int, n_mels: int
) -> Float32[np.ndarray, "band frequency"]:
    """Triangles on Slaney's scale from 0 to half the sample rate, each of the same area."""
    corners_hz = _mel_to_hz(np.linspace(0.0, _hz_to_mel(sample_rate_hz / 2), n_mels + 2))
    widths_hz = np.diff(corners_hz)
    distances_hz = corners_hz[:, None] - frequencies_hz(n_frequencies, sample_rate_hz)
    rising = -distances_hz[:-2] / widths_hz[:-1, None]
    falling = distances_hz[2:] / widths_hz[1:, None]
    bands: np.ndarray = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    bands *= (2.0 / (corners_hz[2:] - corners_hz[:-2]))[:, None]
    bands.setflags(write=False)
    return bands


@lru_cache(maxsize=4)
def chroma_bands(
    n_frequencies: int, *, sample_rate_hz: int, n_chroma: int
) -> Float32[np.ndarray, "pitch_class frequency"]:
    """How much each frequency counts for each pitch class: a bump around it in every octave, wider where frequencies are rare.

    The method of Ellis, "Chroma feature analysis and synthesis" (2007).
    """
    n_fft = 2 * (n_frequencies - 1)
    above_dc_hz = np.linspace(0, sample_rate_hz, n_fft, endpoint=False)[1:]
    classes = n_chroma * np.log2(above_dc_hz / _LOWEST_A_HZ)
    classes = np.concatenate(
        [[classes[0] - 1.5 * n_chroma], classes]
    )  # a place for 0 Hz, far from the next one
    widths = np.concatenate([np.maximum(np.diff(classes), 1.0), [1]])
    half = np.round(n_chroma / 2)
    distance = (classes - np.arange(n_chroma, dtype=np.float64)[:, None]) + half + 10 * n_chroma
    distance = np.remainder(distance, n_chroma) - half
    bumps = np.exp(-0.5 * (2 * distance / widths) ** 2)
    bumps = _over(bumps, np.sqrt((bumps**2).sum(axis=0)))
    bumps *= np.exp(-0.5 * ((classes / n_chroma - _MIDDLE_OCTAVE) / _OCTAVES) ** 2)
    from_c = np.roll(bumps, -3 * (n_chroma // 12), axis=0)
    bands = np.ascontiguousarray(from_c[:, :n_frequencies], dtype=np.float32)
    bands.setflags(write=False)
    return bands


def _over(
    values: Float64[np.ndarray, "row column"], size: Float64[np.ndarray, "column"]
) -> Float64[np.ndarray, "row column"]:
    """Values over a size of their column; as they are where that is nothing."""
    divided: np.ndarray = values / np.where(size < np.finfo(np.float64).tiny, 1.0, size)
    return divided


@lru_cache(maxsize=4)
def _hann(length: int) -> Float64[np.ndarray, "sample"]:
    window: np.ndarray = 0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, length + 1))
    return window[:-1]


def _cosine_transform(values: Float64[np.ndarray, "row column"]) -> Float64[np.ndarray, "row column"]:
    """The orthonormal cosine transform (DCT-II) of each column.

    Neighbours are joined to the bins of a real sequence, which is turned back. The order of the operations is that of pocketfft,
    scipy's and NumPy's library: with a matrix of cosines, the coefficients of silence would be 10⁻¹³ in place of its rounding errors.
    """
    length = len(values)
    n_pairs, even = (length - 1) // 2, length % 2 == 0
    first, second = values[1 : 2 * n_pairs : 2], values[2 : 2 * n_pairs + 1 : 2]
    bins = np.zeros((length // 2 + 1, values.shape[1]), np.complex128)
    bins[0] = 2 * values[0]
    bins.real[1 : n_pairs + 1], bins.imag[1 : n_pairs + 1] = first + second, second - first
    if even:
        bins[-1] = 2 * values[-1]
    turned: np.ndarray = np.fft.irfft(bins, length, axis=0, norm="forward") / np.sqrt(2.0 * length)
    cosines = np.cos(np.pi * np.arange(length) / (2 * length))[:, None]
    up = np.arange(1, (length + 1) // 2)
    down = length - up
    sums = cosines[up] * turned[down] + cosines[down] * turned[up]
    differences = cosines[up] * turned[up] - cosines[down] * turned[down]
    turned[up], turned[down] = 0.5 * (sums + differences), 0.5 * (sums - differences)
    if even:
        turned[length // 2] *= cosines[length // 2]
    turned[0] *= np.sqrt(0.5)
    return turned


def _hz_to_mel(hz: float) -> float:
    if hz < _STRAIGHT_UP_TO_HZ:
        return hz / _MEL_HZ
    return _STRAIGHT_UP_TO_MEL + math.log(hz / _STRAIGHT_UP_TO_HZ) / _LOG_STEP


def _mel_to_hz(mel: Float64[np.ndarray, "step"]) -> Float64[np.ndarray, "step"]:
    hz: np.ndarray = np.where(
        mel < _STRAIGHT_UP_TO_MEL,
        _MEL_HZ * mel,
        _STRAIGHT_UP_TO_HZ * np.exp(_LOG_STEP * (mel - _STRAIGHT_UP_TO_MEL)),
    )
    return hz

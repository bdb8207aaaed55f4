"""Where in a sound somebody speaks, by its energy alone."""

import numpy as np
from jaxtyping import Bool, Float32

_SILENT = 3e-4  # about ten steps of 16 bits
_WINDOW_S, _HOP_S = 0.025, 0.01
_MEDIAN_WINDOWS = 7  # a click fills at most three windows, a syllable more than seven
# Speech is what is louder than the middle between the loudest syllable and the noise, but never more than this below the
# former: above the silence of a studio the middle would let breath and reverberation pass.
_BELOW_LOUDEST_DB = 30.0
_NOISE_PERCENTILE = 2


def is_silent(samples: Float32[np.ndarray, "sample"]) -> bool:
    """Whether a sound holds nothing but zeros or the last bits of its quantisation."""
    return not len(samples) or float(np.abs(samples).max()) < _SILENT


def voiced_bounds_s(samples: Float32[np.ndarray, "sample"], *, sample_rate_hz: int) -> tuple[float, float]:
    """First and last moment of speech.

    Args:
        samples: mono sound in [-1, 1], not all of it zero.
        sample_rate_hz: rate of `samples`.

    Returns:
        `(start_s, end_s)` in seconds from the first sample; the whole sound where it is shorter than a window.
    """
    loud = np.flatnonzero(_is_loud(samples, sample_rate_hz))
    if not len(loud):
        return 0.0, len(samples) / sample_rate_hz
    end_s = loud[-1] * _HOP_S + _WINDOW_S
    return float(loud[0] * _HOP_S), float(min(end_s, len(samples) / sample_rate_hz))


def _is_loud(samples: Float32[np.ndarray, "sample"], sample_rate_hz: int) -> Bool[np.ndarray, "window"]:
    window, hop = round(_WINDOW_S * sample_rate_hz), round(_HOP_S * sample_rate_hz)
    if len(samples) < window:
        return np.zeros(0, bool)
    power = np.square(samples, dtype=np.float64)
    energy = np.lib.stride_tricks.sliding_window_view(power, window)[::hop].mean(axis=1)
    level_db = 10 * np.log10(energy + 1e-10)
    edges = np.pad(level_db, _MEDIAN_WINDOWS // 2, mode="edge")
    smooth_db = np.median(np.lib.stride_tricks.sliding_window_view(edges, _MEDIAN_WINDOWS), axis=1)
    loudest_db, noise_db = smooth_db.max(), np.percentile(smooth_db, _NOISE_PERCENTILE)
    loud: Bool[np.ndarray, window] = smooth_db >= max(
        (loudest_db + noise_db) / 2, loudest_db - _BELOW_LOUDEST_DB
    )
    return loud

"""The fundamental frequency of a voice: the dips of YIN in every row, and the likeliest path through them."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

# A window holds so many periods of the lowest frequency: at the longest lag, two thirds of it are compared.
WINDOW_PERIODS = 3
# A row is judged by the rows of so many seconds before and after it, and by no others: its pitch does not depend on where a
# segment begins. A path that is wrong for longer is wrong by itself.
REACH_S = 0.3
# Dips that are considered in a row, the deepest ones.
_N_DIPS = 8

# Costs of a path, in units of YIN's normalised difference: about 0 for a voice, about 1 for noise.
_NO_VOICE = 0.5
"""What a row costs that is left without a voice: dips that are shallower than this are no voice."""
_CHANGE = 0.1
"""What it costs to begin or to end a voice, at two rows 0.02 s apart."""
_OCTAVE_JUMP = 1.0
"""What an octave between two rows 0.02 s apart costs; parts of it in proportion."""
_LOWER_OCTAVE = 0.02
"""What each octave down costs a candidate: a sound with a period also has its multiples."""
# YIN takes the shortest period whose dip is deeper than a threshold; here a longer one pays by how far below it the shorter one is.
_THRESHOLD, _LONGER_PERIOD = 0.1, 0.1
_COST_HOP_S = 0.02


def window_length(*, sample_rate_hz: int, f0_min_hz: float) -> int:
    """Samples in the window around each row; even."""
    return 2 * math.ceil(WINDOW_PERIODS * sample_rate_hz / f0_min_hz / 2)


def reach_rows(hop_s: float) -> int:
    """How many rows before and after a row decide with it."""
    return max(round(REACH_S / hop_s), 1)


def track_pitch(
    windows: Float64[np.ndarray, "row sample"],
    *,
    sample_rate_hz: int,
    hop_s: float,
    f0_min_hz: float,
    f0_max_hz: float,
) -> tuple[Float64[np.ndarray, "inner_row"], Float64[np.ndarray, "inner_row"], Bool[np.ndarray, "inner_row"]]:
    """Fundamental frequency of each row that has `reach_rows` others on both sides.

    The candidates of a row are the local minima of the cumulative mean normalised difference of YIN (de Cheveigné and Kawahara,
    2002), in the window around the row. Of all paths through the candidates, or through "no voice", the cheapest is sought, where a
    path pays for shallow dips, for jumps and for long periods, as in Boersma (1993) and in pYIN (Mauch and Dixon, 2014). A row
    takes what the cheapest path within its reach takes there, by dynamic programming from both ends of that reach.

    Args:
        windows: the sound around the middle of each row, `window_length` samples each.
        sample_rate_hz: its rate.
        hop_s: time between two rows.
        f0_min_hz: lowest fundamental frequency looked for.
        f0_max_hz: highest fundamental frequency looked for.

    Returns:
        the frequency in Hz of the best candidate of each inner row, voice or not; the correlation of the window with itself one
        period later, 0 to 1; and whether the path runs through a voice there.
    """
    shortest, longest = int(sample_rate_hz // f0_max_hz), math.ceil(sample_rate_hz / f0_min_hz)
    dips = _dips(_normalised_difference(windows, longest + 1), shortest=shortest, longest=longest + 1)
    reach = reach_rows(hop_s)
    totals = _cheapest_through(dips, shortest=shortest, hop_s=hop_s, reach=reach)[
        reach : len(windows) - reach
    ]
    inner = slice(reach, len(windows) - reach)
    chosen = totals[:, :-1].argmin(axis=1)
    period = np.take_along_axis(dips.period[inner], chosen[:, None], axis=1)[:, 0]
    voiced = totals.min(axis=1) < totals[:, -1]
    n_compared = windows.shape[1] - longest - 1
    correlation = _correlation(windows[inner], np.round(period).astype(int).clip(1, longest), n_compared)
    return sample_rate_hz / period, correlation, voiced


@dataclass(frozen=True, eq=False)
class _Dips:
    """Candidates of each row, by increasing period: `period` in samples, `depth` the difference there, infinite for none."""

    period: Float64[np.ndarray, "row dip"]
    depth: Float64[np.ndarray, "row dip"]


def _normalised_difference(
    windows: Float64[np.ndarray, "row sample"], longest: int
) -> Float64[np.ndarray, "row lag"]:
    """YIN's difference of a window with itself, lags 0 to `longest`, over its mean up to that lag; 1 at lag 0.

    All pairs within the window count, so that each lag is about its middle, and a lag with fewer pairs is scaled to as many.
    """
    n_rows, length = windows.shape
    lags = np.arange(longest + 1)
    n_fft = 1 << (length + longest).bit_length()
    spectrum = np.fft.rfft(windows, n_fft)
    product = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, n_fft)[:, lags]
    energy = np.concatenate([np.zeros((n_rows, 1)), np.cumsum(np.square(windows), axis=1)], axis=1)
    both = energy[:, length - lags] + energy[:, -1:] - energy[:, lags]
    difference = np.maximum(both - 2 * product, 0)[:, 1:] * (length / (length - lags[1:]))
    mean = np.cumsum(difference, axis=1) / lags[1:]
    tiny = np.finfo(np.float64).tiny
    return np.concatenate([np.ones((n_rows, 1)), difference / np.maximum(mean, tiny)], axis=1)


def _dips(difference: Float64[np.ndarray, "row lag"], *, shortest: int, longest: int) -> _Dips:
    """Local minima from `shortest` up to before `longest`, refined by a parabola through their neighbours."""
    before, here, after = (difference[:, shortest + shift : longest + shift] for shift in (-1, 0, 1))
    depth = np.where((here <= before) & (here < after), here, np.inf)
    n_dips = min(_N_DIPS, depth.shape[1])
    lags = np.sort(np.argpartition(depth, n_dips - 1, axis=1)[:, :n_dips], axis=1)
    before, here, after, depth = (
        np.take_along_axis(values, lags, axis=1) for values in (before, here, after, depth)
    )
    curvature, slope = before + after - 2 * here, (before - after) / 2
    bent = np.abs(slope) < curvature
    shift = np.where(bent, slope / np.where(bent, curvature, 1), 0.0)
    return _Dips(lags + shortest + shift, depth)


def _cheapest_through(
    dips: _Dips, *, shortest: int, hop_s: float, reach: int
) -> Float64[np.ndarray, "row state"]:
    """Cost of the cheapest path through each candidate of each row, over `reach` rows before and after; last: no voice."""
    n_rows, n_dips = dips.depth.shape
    octaves = np.log2(dips.period)
    depth = np.where(np.isfinite(dips.depth), dips.depth, 10.0)
    shorter = np.minimum.accumulate(
        np.concatenate([np.full((n_rows, 1), np.inf), depth[:, :-1]], axis=1), axis=1
    )
    longer = _LONGER_PERIOD * np.maximum(1 - shorter / _THRESHOLD, 0)
    voice = depth + longer + _LOWER_OCTAVE * (octaves - math.log2(shortest))
    cost = np.concatenate([voice, np.full((n_rows, 1), _NO_VOICE)], axis=1)

    # Slower steps may go further, at one price per second.
    scale = _COST_HOP_S / hop_s
    step = np.full((n_rows - 1, n_dips + 1, n_dips + 1), _CHANGE * scale)
    step[:, :-1, :-1] = _OCTAVE_JUMP * scale * np.abs(octaves[:-1, :, None] - octaves[1:, None, :])
    step[:, -1, -1] = 0
    forward = backward = cost
    for _ in range(reach):
        forward = np.concatenate([cost[:1], cost[1:] + (forward[:-1, :, None] + step).min(axis=1)], axis=0)
        backward = np.concatenate([cost[:-1] + (backward[1:, None, :] + step).min(axis=2), cost[-1:]], axis=0)
    total: np.ndarray = forward + backward - cost
    return total


def _correlation(
    windows: Float64[np.ndarray, "row sample"], period: np.ndarray, n_compared: int
) -> Float64[np.ndarray, "row"]:
    """Correlation of the start of each window with what lies `period` samples later, clipped to [0, 1]."""
    compared = np.arange(n_compared)
    now = windows[:, :n_compared]
    later = np.take_along_axis(windows, period[:, None] + compared, axis=1)
    now, later = now - now.mean(axis=1, keepdims=True), later - later.mean(axis=1, keepdims=True)
    energy = np.sqrt(np.square(now).sum(axis=1) * np.square(later).sum(axis=1))
    correlation: np.ndarray = ((now * later).sum(axis=1) / np.maximum(energy, 1e-12)).clip(0, 1)
    return correlation

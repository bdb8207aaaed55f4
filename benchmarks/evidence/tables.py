"""From predictions to rows and comparisons: means over seeds, and paired intervals over seeds and videos."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

Predictions = Float64[np.ndarray, "seed segment"]

_N_RESAMPLES = 2000
METRICS = ("mae", "pearson")


def values_of(truth: Float64[np.ndarray, "segment"], predictions: Predictions, metric: str) -> np.ndarray:
    """One value per seed."""
    if metric == "mae":
        return np.asarray(np.abs(predictions - truth).mean(axis=1))
    return np.array([np.corrcoef(truth, row)[0, 1] for row in predictions])


def row_of(where: Mapping[str, str], method: str, metric: str, values: np.ndarray) -> dict[str, Any]:
    """Mean and standard deviation over seeds."""
    sd = float(values.std(ddof=1)) if len(values) > 1 else None
    return {
        **where,
        "method": method,
        "metric": metric,
        "mean": float(values.mean()),
        "sd": sd,
        "n": len(values),
    }


def comparison_of(
    where: Mapping[str, str],
    pair: tuple[str, str],
    truth: Float64[np.ndarray, "segment"],
    predictions: tuple[Predictions, Predictions],
    videos: Sequence[str],
    metric: str,
) -> dict[str, Any]:
    """One method minus another, with the 95 % percentile bootstrap over seeds and videos, both paired."""
    difference = values_of(truth, predictions[0], metric) - values_of(truth, predictions[1], metric)
    sums, counts = _by_video(truth, predictions, videos, metric)
    rng = np.random.default_rng(0)
    n_videos, n_seeds = counts.shape[0], len(difference)
    resampled = np.empty(_N_RESAMPLES)
    for i in range(_N_RESAMPLES):
        drawn = np.bincount(rng.integers(n_videos, size=n_videos), minlength=n_videos)
        seeds = rng.integers(n_seeds, size=n_seeds)
        totals = np.tensordot(drawn, sums, axes=1) / (drawn @ counts)
        resampled[i] = (_metric(totals[0], metric) - _metric(totals[1], metric))[seeds].mean()
    low, high = np.quantile(resampled, [0.025, 0.975])
    return {
        **where,
        "a": pair[0],
        "b": pair[1],
        "metric": metric,
        "difference": float(difference.mean()),
        "low": float(low),
        "high": float(high),
        "n_seeds": n_seeds,
        "n_videos": n_videos,
    }


def _by_video(
    truth: np.ndarray, predictions: tuple[Predictions, Predictions], videos: Sequence[str], metric: str
) -> tuple[np.ndarray, np.ndarray]:
    """Sums over the segments of each video, from which a metric of any sample of videos follows; and their number."""
    names, member = np.unique(videos, return_inverse=True)
    n_videos = len(names)
    moments = 1 if metric == "mae" else 5
    sums = np.zeros((n_videos, 2, moments, predictions[0].shape[0]))
    for side, rows in enumerate(predictions):
        y = np.broadcast_to(truth, rows.shape)
        terms = [np.abs(rows - y)] if metric == "mae" else [rows, y, rows * rows, y * y, rows * y]
        for moment, values in enumerate(terms):
            np.add.at(sums[:, side, moment], member, values.T)
    return sums, np.bincount(member, minlength=n_videos).astype(float)


def _metric(totals: np.ndarray, metric: str) -> np.ndarray:
    """The metric of each seed, from means over the segments drawn."""
    if metric == "mae":
        return np.asarray(totals[0])
    p, y, pp, yy, py = totals
    return np.asarray((py - p * y) / np.sqrt((pp - p * p) * (yy - y * y)))

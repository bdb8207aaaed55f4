"""From predictions to rows and comparisons: means over models, and paired intervals over draws, seeds and videos."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

Predictions = Float64[np.ndarray, "model segment"]

_N_RESAMPLES = 2000
METRICS = ("mae", "pearson")
Models = Sequence[tuple[int, int]]
"""The seed and the draw of each model."""

EQUIVALENT = 0.005
"""A difference in mean absolute error below which two methods count as equally good, label units."""


def values_of(truth: Float64[np.ndarray, "segment"], predictions: Predictions, metric: str) -> np.ndarray:
    """One value per model."""
    if metric == "mae":
        return np.asarray(np.abs(predictions - truth).mean(axis=1))
    return np.array([np.corrcoef(truth, row)[0, 1] for row in predictions])


def row_of(
    where: Mapping[str, str], method: str, metric: str, values: np.ndarray, *, models: Models
) -> dict[str, Any]:
    """Mean and standard deviation over models."""
    sd = float(values.std(ddof=1)) if len(values) > 1 else None
    return {
        **where,
        "method": method,
        "metric": metric,
        "mean": float(values.mean()),
        "sd": sd,
        "n": len(values),
        **_described(models),
    }


def comparison_of(
    where: Mapping[str, str],
    pair: tuple[str, str],
    truth: Float64[np.ndarray, "segment"],
    predictions: tuple[Predictions, Predictions],
    videos: Sequence[str],
    metric: str,
    *,
    models: Models,
) -> dict[str, Any]:
    """One method minus another, with percentile bootstraps over draws, seeds and videos, all of them paired.

    The 95 % interval is for the question whether they differ. The 90 % interval is that of two one-sided tests at 5 %: they
    are equivalent where it lies within ±`EQUIVALENT` (Schuirmann, J Pharmacokinet Biopharm 1987).

    Args:
        where: corpus, split and condition.
        pair: names of the two methods.
        truth: labels of test.
        predictions: predictions of both, one row per model.
        videos: video of each segment.
        metric: "mae" or "pearson".
        models: seed and draw of each model; models of one draw share its raters, replaced labels or videos.
    """
    difference = values_of(truth, predictions[0], metric) - values_of(truth, predictions[1], metric)
    sums, counts = _by_video(truth, predictions, videos, metric)
    rng = np.random.default_rng(0)
    resampled = np.empty(_N_RESAMPLES)
    draws = [draw for _, draw in models]
    for position, chosen in enumerate(_resampled_models(draws, n_resamples=_N_RESAMPLES, rng=rng)):
        drawn = np.bincount(rng.integers(len(counts), size=len(counts)), minlength=len(counts))
        totals = np.tensordot(drawn, sums, axes=1) / (drawn @ counts)
        resampled[position] = (_metric(totals[0], metric) - _metric(totals[1], metric))[chosen].mean()
    low, low_90, high_90, high = (float(q) for q in np.quantile(resampled, [0.025, 0.05, 0.95, 0.975]))
    return {
        **where,
        "a": pair[0],
        "b": pair[1],
        "metric": metric,
        "difference": float(difference.mean()),
        "low": low,
        "high": high,
        "low_90": low_90,
        "high_90": high_90,
        "n_seeds": len({seed for seed, _ in models}),
        "n_videos": len(counts),
        **_described(models),
    }


def is_equivalent(comparison: Mapping[str, Any]) -> bool:
    """Whether two one-sided tests at 5 % find a difference of less than ±`EQUIVALENT`."""
    return bool(comparison["low_90"] > -EQUIVALENT and comparison["high_90"] < EQUIVALENT)


def _described(models: Models) -> dict[str, Any]:
    """Which models: their seeds in order, and the draws that these meet in turn."""
    seeds, draws = zip(*models, strict=True)
    met = list(dict.fromkeys(draws))
    return {"seeds": spans(seeds), "draws": spans(met), "n_draws": len(met)}


def spans(numbers: Sequence[int]) -> str:
    """Whole numbers as a person writes them.

    >>> spans([1, 2, 3, 7]), spans([4])
    ('1-3,7', '4')
    """
    ends: list[list[int]] = []
    for number in numbers:
        if ends and number == ends[-1][1] + 1:
            ends[-1][1] = number
        else:
            ends.append([number, number])
    return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in ends)


def _resampled_models(
    draws: Sequence[int], *, n_resamples: int, rng: np.random.Generator
) -> Iterator[Int64[np.ndarray, "drawn"]]:
    """Positions of models: of one draw, models are resampled; of several, draws, and then the models of each draw that is met."""
    members = [np.flatnonzero(np.equal(draws, draw)) for draw in sorted(set(draws))]
    for _ in range(n_resamples):
        chosen = [members[draw] for draw in rng.integers(len(members), size=len(members))]
        yield np.concatenate([rng.choice(models, len(models)) for models in chosen])


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
    """The metric of each model, from means over the segments drawn."""
    if metric == "mae":
        return np.asarray(totals[0])
    p, y, pp, yy, py = totals
    return np.asarray((py - p * y) / np.sqrt((pp - p * p) * (yy - y * y)))

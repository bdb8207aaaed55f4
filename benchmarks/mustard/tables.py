"""From outcomes to what the benchmark reports: aggregates only, never a segment."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.trials import Outcome
from pipeline.artifacts.evaluated.evaluation import Difference
from pipeline.evaluation.metrics import Undefined
from pipeline.evaluation.protocols import BINARY, measure
from pipeline.evaluation.samples import Samples
from pipeline.evaluation.selection import mean_absolute_error
from pipeline.evaluation.statistics import paired_differences, summarise
from pipeline.evaluation.tables import model_table

CONFIDENCE = 0.95
_N_RESAMPLES = 2000

Outcomes = Mapping[str, Sequence[Sequence[Outcome]]]
"""By row: an outcome a fold and seed."""


def pooled(rows: Sequence[Sequence[Outcome]], split: str = "test") -> tuple[np.ndarray, np.ndarray]:
    """Labels of all segments, each from the fold that it is tested in, and predictions, one row per seed."""
    truth = np.concatenate([fold[0].truth[split] for fold in rows])
    prediction = np.concatenate(
        [np.stack([outcome.prediction[split] for outcome in fold]) for fold in rows], axis=1
    )
    return truth, prediction


def constant_rows(rows: Sequence[Sequence[Outcome]]) -> list[list[Outcome]]:
    """What always saying the share of ones in train gives: an outcome a fold, without seeds."""
    return [
        [
            Outcome(
                fold[0].truth,
                {},
                {
                    split: np.full(len(of), fold[0].truth["train"].mean())
                    for split, of in fold[0].truth.items()
                },
            )
        ]
        for fold in rows
    ]


def pooled_table(outcomes: Outcomes) -> dict[str, dict[str, Any]]:
    """Every metric over all segments, each predicted by the models that never heard its speaker."""
    truth = pooled(next(iter(outcomes.values())))[0]
    models = {name: pooled(rows)[1] for name, rows in outcomes.items()}
    table = model_table(truth, models, protocol=BINARY, confidence=CONFIDENCE)
    return {
        model: {metric: summary.as_json() for metric, summary in rows.items()}
        for model, rows in table.items()
    }


def fold_table(outcomes: Outcomes) -> dict[str, dict[str, Any]]:
    """Every metric within each fold, a mean over the folds, then summarised over seeds."""
    table: dict[str, dict[str, Any]] = {}
    for name, rows in outcomes.items():
        by_seed = [
            [
                measure(fold[seed].truth["test"], fold[seed].prediction["test"], protocol=BINARY)
                for fold in rows
            ]
            for seed in range(len(rows[0]))
        ]
        table[name] = {
            metric.name: summarise(
                [mean_over_folds([values[metric.name] for values in folds]) for folds in by_seed],
                confidence=CONFIDENCE,
            ).as_json()
            for metric in BINARY.metrics
        }
    return table


def mean_over_folds(values: Sequence[float | Undefined]) -> float | Undefined:
    """The mean, or the reason of the first fold that has no value."""
    numbers = []
    for value in values:
        if isinstance(value, Undefined):
            return value
        numbers.append(value)
    return float(np.mean(numbers))


def compare(first: Sequence[Sequence[Outcome]], second: Sequence[Sequence[Outcome]]) -> dict[str, Any]:
    """The first minus the second on the pooled segments, with intervals over seeds and segments."""
    truth, predictions = pooled(first)
    differences = paired_differences(
        truth,
        predictions,
        pooled(second)[1],
        metrics=BINARY.metrics,
        n_resamples=_N_RESAMPLES,
        confidence=CONFIDENCE,
        seed=0,
        over="both",
    )
    return {name: difference.as_json() for name, difference in differences.items()}


def compare_within_folds(
    first: Sequence[Sequence[Outcome]],
    second: Sequence[Sequence[Outcome]],
    *,
    n_resamples: int = _N_RESAMPLES,
) -> dict[str, Any]:
    """The first minus the second, a mean over folds: offsets between folds, which pooled orders see, do not count.

    Each resample draws the segments of every fold with replacement, and seeds, the same ones in every fold.
    """
    random = np.random.default_rng(0)
    n_seeds, n_segments = len(first[0]), sum(len(fold[0].truth["test"]) for fold in first)
    drawn = random.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=n_resamples) / n_seeds
    observed = {metric.name: np.zeros(n_seeds) for metric in BINARY.metrics}
    resampled = {metric.name: np.zeros(n_resamples) for metric in BINARY.metrics}
    for ours, theirs in zip(first, second, strict=True):
        truth = ours[0].truth["test"]
        once = np.ones((1, len(truth)))
        counts = random.multinomial(len(truth), np.full(len(truth), 1 / len(truth)), size=n_resamples)
        both = Samples(np.concatenate([once, counts.astype(np.float64)]))
        for metric in BINARY.metrics:
            for seed, pair in enumerate(zip(ours, theirs, strict=True)):
                a, b = (outcome.prediction["test"] for outcome in pair)
                less = metric.resampled(truth, a, both) - metric.resampled(truth, b, both)
                observed[metric.name][seed] += less[0] / len(first)
                resampled[metric.name] += drawn[:, seed] * less[1:] / len(first)
    method = f"percentile bootstrap, {n_resamples} resamples, segments within folds and seeds drawn with replacement; seeds paired"
    found = {}
    for name, values in resampled.items():
        low, high = np.nanquantile(values, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2])
        mean = float(observed[name].mean())
        found[name] = Difference(mean, float(low), float(high), n_seeds, n_segments, "both", method).as_json()
    return found


def largest_difference(first: Sequence[Sequence[Outcome]], second: Sequence[Sequence[Outcome]]) -> float:
    """The largest mean distance between two rows' predictions over the seeds: 0 where they are the same model."""
    pairs = zip(pooled(first)[1], pooled(second)[1], strict=True)
    return max(mean_absolute_error(one, other) or 0.0 for one, other in pairs)

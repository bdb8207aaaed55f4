"""From outcomes to what the benchmark reports: aggregates only, never a segment."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.mosi.trial import Outcome
from pipeline.evaluation.metrics import BINARY, Undefined, measure
from pipeline.evaluation.selection import mean_absolute_error
from pipeline.evaluation.statistics import paired_differences, summarise
from pipeline.evaluation.tables import model_table

CONFIDENCE = 0.95
_N_RESAMPLES = 2000

Outcomes = Mapping[str, Sequence[Sequence[Outcome]]]
"""By row: an outcome a fold and seed."""


def pooled(rows: Sequence[Sequence[Outcome]], split: str = "test") -> tuple[np.ndarray, np.ndarray]:
    """Labels of all segments, each from the fold that it is tested in, and predictions, a row a seed."""
    truth = np.concatenate([fold[0].truth[split] for fold in rows])
    prediction = np.concatenate(
        [np.stack([outcome.prediction[split] for outcome in fold]) for fold in rows], axis=1
    )
    return truth, prediction


def pooled_table(outcomes: Outcomes) -> dict[str, dict[str, Any]]:
    """Every metric over all segments, each predicted by the models that never heard its speaker."""
    truth = pooled(next(iter(outcomes.values())))[0]
    models = {name: pooled(rows)[1] for name, rows in outcomes.items()}
    return model_table(truth, models, protocol=BINARY, confidence=CONFIDENCE)


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
    """The first less the second on the pooled segments, with intervals over seeds and segments."""
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


def largest_difference(first: Sequence[Sequence[Outcome]], second: Sequence[Sequence[Outcome]]) -> float:
    """The largest mean distance between two rows' predictions over the seeds: 0 where they are the same model."""
    pairs = zip(pooled(first)[1], pooled(second)[1], strict=True)
    return max(mean_absolute_error(one, other) or 0.0 for one, other in pairs)

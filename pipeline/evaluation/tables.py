"""From predictions over seeds to the tables that reports are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from jaxtyping import Float

from pipeline.evaluation.calibration import calibration_line, expected_calibration_error, reliability
from pipeline.evaluation.metrics import Protocol, Undefined, require_comparable
from pipeline.evaluation.protocols import measure
from pipeline.evaluation.statistics import paired_differences, summarise

Truth = Float[np.ndarray, "segment"]
Predictions = Float[np.ndarray, "seed segment"]


def model_table(
    truth: Truth, models: Mapping[str, Predictions], *, protocol: Protocol, confidence: float
) -> dict[str, dict[str, Any]]:
    """Each metric of each model over its seeds: `{model: {metric: {mean, sd, ci_low, ci_high, n}}}`.

    The interval is over seeds alone; `null` comes with a `reason`.
    """
    table: dict[str, dict[str, Any]] = {}
    for model, predictions in models.items():
        by_seed = [measure(truth, row, protocol=protocol) for row in predictions]
        table[model] = {
            metric: summarise([values[metric] for values in by_seed], confidence=confidence).as_json()
            for metric in by_seed[0]
        }
    return table


def difference_table(
    truth: Truth,
    pairs: Mapping[str, tuple[Predictions, Predictions]],
    *,
    protocol: Protocol,
    confidence: float,
    n_resamples: int,
) -> dict[str, dict[str, Any]]:
    """Each compared metric of the first model less that of the second, with paired intervals over seeds and segments."""
    metrics = [metric for metric in protocol.metrics if metric.compared]
    return {
        name: {
            metric: difference.as_json()
            for metric, difference in paired_differences(
                truth,
                first,
                second,
                metrics=metrics,
                n_resamples=n_resamples,
                confidence=confidence,
                seed=0,
                over="both",
            ).items()
        }
        for name, (first, second) in pairs.items()
    }


def order_table(
    truth: Truth, scores: Mapping[str, Predictions], *, protocol: Protocol, confidence: float
) -> dict[str, dict[str, Any]]:
    """The metrics that need no magnitude, for scores of any scale: what each stage makes of the order."""
    metrics = [protocol.metric(name) for name in protocol.order]
    for rows in scores.values():
        require_comparable(truth, rows)
    return {
        name: {
            metric.name: summarise(
                [metric.function(truth, row) for row in rows], confidence=confidence
            ).as_json()
            for metric in metrics
        }
        for name, rows in scores.items()
    }


def headline(
    metrics: Mapping[str, Mapping[str, Mapping[str, Any]]], *, protocol: Protocol
) -> dict[str, float | None]:
    """The few numbers that `dvc metrics` shows: valid first, since it is what choices go by.

    Args:
        metrics: split to model to metric to summary, as in `reports/metrics.json`.
        protocol: By which definitions was measured.
    """
    return {
        f"{split}_{model}_{metric}": metrics[split][model][metric]["mean"]
        for split in ("valid", "test")
        for model in ("grcf", "pointwise")
        for metric in protocol.headline
    }


def reliability_table(
    truth: Truth, models: Mapping[str, Predictions], *, n_bins: int
) -> dict[str, dict[str, Any]]:
    """Reliability of each model's mean over seeds: its bins, their expected calibration error, and slope and offset."""
    table = {}
    for model, predictions in models.items():
        mean = predictions.mean(axis=0)
        bins: Sequence[Any] = reliability(truth, mean, n_bins=n_bins)
        error, line = expected_calibration_error(bins), calibration_line(truth, mean)
        slope, offset = (None, None) if isinstance(line, Undefined) else line
        table[model] = {
            "bins": [asdict(row) for row in bins],
            "expected_calibration_error": None if isinstance(error, Undefined) else error,
            "slope": slope,
            "offset": offset,
        }
    return table

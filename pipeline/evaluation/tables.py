"""From predictions over seeds to the summaries and differences that reports are made of."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from pipeline.artifacts.evaluated.evaluation import Differences, Metrics, Reliability, Summaries
from pipeline.artifacts.evaluated.models import COMPARED, ensemble_of
from pipeline.evaluation.calibration import calibration_line, expected_calibration_error, reliability
from pipeline.evaluation.class_formulas import confidence_of
from pipeline.evaluation.metrics import Protocol, Undefined, require_comparable
from pipeline.evaluation.protocols import measure
from pipeline.evaluation.resampling import Resamples, generators
from pipeline.evaluation.statistics import paired_differences, segment_intervals, summarise

Truth = Float[np.ndarray, "segment"]
Predictions = Float[np.ndarray, "seed segment *class"]

_SEED = 0
"""Seed of the bootstrap."""


def model_table(
    truth: Truth, models: Mapping[str, Predictions], *, protocol: Protocol, confidence: float
) -> dict[str, Summaries]:
    """Each metric of each model, over its seeds; the intervals are over seeds alone."""
    table: dict[str, Summaries] = {}
    for model, predictions in models.items():
        by_seed = [measure(truth, row, protocol=protocol) for row in predictions]
        table[model] = {
            metric: summarise([values[metric] for values in by_seed], confidence=confidence)
            for metric in by_seed[0]
        }
    return table


def ensemble_table(
    truth: Truth,
    models: Mapping[str, Predictions],
    *,
    protocol: Protocol,
    confidence: float,
    n_resamples: int,
) -> dict[str, Summaries]:
    """Each metric of the mean of each model's seeds, by the ensemble's name; the intervals are over segments.

    A model without several seeds has no ensemble.
    """
    return {
        ensemble_of(model): segment_intervals(
            truth,
            predictions.mean(axis=0),
            metrics=protocol.metrics,
            n_averaged=len(predictions),
            n_resamples=n_resamples,
            confidence=confidence,
            seed=0,
        )
        for model, predictions in models.items()
        if len(predictions) > 1
    }


def result_table(
    truth: Truth,
    models: Mapping[str, Predictions],
    *,
    protocol: Protocol,
    confidence: float,
    n_resamples: int,
) -> dict[str, Summaries]:
    """Each metric of each model over its seeds, and of the ensembles; see `model_table` and `ensemble_table`."""
    return model_table(truth, models, protocol=protocol, confidence=confidence) | ensemble_table(
        truth, models, protocol=protocol, confidence=confidence, n_resamples=n_resamples
    )


def paired_resamples(truth: Truth, *, n_resamples: int) -> Resamples:
    """The samples of the segments of a split in which all its differences are measured."""
    return Resamples(truth, n_resamples=n_resamples, rng=generators(_SEED)[0])


def difference_table(
    truth: Truth,
    pairs: Mapping[str, tuple[Predictions, Predictions]],
    *,
    protocol: Protocol,
    confidence: float,
    resamples: Resamples,
) -> dict[str, Differences]:
    """Each compared metric of the first of a pair minus that of the second, with paired intervals.

    They are over seeds and segments; over segments alone where there is one seed, which cannot be resampled. The samples are those
    of `paired_resamples`; tables of one split share them, since to draw them and to measure a row in them takes long.
    """
    metrics = [metric for metric in protocol.metrics if metric.compared]
    return {
        name: paired_differences(
            truth,
            first,
            second,
            metrics=metrics,
            n_resamples=len(resamples),
            confidence=confidence,
            seed=_SEED,
            over="both" if max(len(first), len(second)) > 1 else "segments",
            resamples=resamples,
        )
        for name, (first, second) in pairs.items()
    }


def order_table(
    truth: Truth, scores: Mapping[str, Predictions], *, protocol: Protocol, confidence: float
) -> dict[str, Summaries]:
    """The metrics of the order alone, for scores of any scale: what each stage of training makes of the order."""
    metrics = [protocol.metric(name) for name in protocol.order]
    for rows in scores.values():
        require_comparable(truth, rows, axis=1)
    return {
        name: {
            metric.name: summarise([metric.function(truth, row) for row in rows], confidence=confidence)
            for metric in metrics
        }
        for name, rows in scores.items()
    }


def headline(metrics: Metrics, *, protocol: Protocol) -> dict[str, float | None]:
    """The few numbers that `dvc metrics` shows: valid first, since it is what choices go by.

    Args:
        metrics: split to model to metric to summary, of both splits.
        protocol: protocol by which was measured.
    """
    return {
        f"{split}_{model}_{metric}": metrics[split][model][metric].mean
        for split in metrics
        for model in COMPARED
        for metric in protocol.headline
    }


def reliability_table(
    truth: Truth, models: Mapping[str, Predictions], *, n_bins: int
) -> dict[str, Reliability]:
    """How well each model's mean over seeds is calibrated; of classes, the probability of the one that is predicted."""
    table = {}
    for model, predictions in models.items():
        mean, label = predictions.mean(axis=0), truth
        if mean.ndim == 2:
            label, mean = confidence_of(truth, mean)
        bins = reliability(label, mean, n_bins=n_bins)
        error, line = expected_calibration_error(bins), calibration_line(label, mean)
        slope, offset = (None, None) if isinstance(line, Undefined) else line
        table[model] = Reliability(bins, None if isinstance(error, Undefined) else error, slope, offset)
    return table

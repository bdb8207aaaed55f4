"""The metrics of one model in two runs, and how sure their difference is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

from pipeline.artifacts.predictions import SplitPredictions
from pipeline.comparison.layout import rounded
from pipeline.errors import PipelineError
from pipeline.evaluation.metrics import Metric
from pipeline.evaluation.statistics import Difference, Summary, paired_differences, summarise

Rows = Float64[np.ndarray, "seed segment"]


@dataclass(frozen=True)
class Measured:
    """One metric in both runs.

    Attributes:
        metric: What was measured.
        base: Mean over the seeds of the first run; None where the metric is undefined.
        experiment: The same of the second run.
        difference: `experiment - base`; None where one of them is.
        ci_low: Lower end of the interval of the difference; None where there is none.
        ci_high: Upper end of it.
        reason: Why something is None; None where nothing is.
    """

    metric: Metric
    base: float | None
    experiment: float | None
    difference: float | None
    ci_low: float | None
    ci_high: float | None
    reason: str | None

    @property
    def direction(self) -> Literal["better", "worse", "same"] | None:
        """What became of the metric by its own idea of better, as far as four digits show it."""
        if self.base is None or self.experiment is None:
            return None
        nearer = rounded(self.metric.distance(self.base) - self.metric.distance(self.experiment))
        return "same" if nearer == 0 else "better" if nearer > 0 else "worse"

    @property
    def is_clear(self) -> bool:
        """Whether the interval exists and excludes zero."""
        return self.ci_low is not None and self.ci_high is not None and not self.ci_low <= 0 <= self.ci_high


@dataclass(frozen=True)
class ModelComparison:
    """One model on one split, in both runs.

    Attributes:
        model: Its name in the predictions.
        split: `valid` or `test`.
        measured: A row for each metric.
        basis: What was compared with what, and what the intervals are over, in words.
    """

    model: str
    split: str
    measured: tuple[Measured, ...]
    basis: str


def data_difference(base: SplitPredictions, experiment: SplitPredictions) -> str | None:
    """What is different about the segments and labels of two runs, in words; None where nothing is."""
    before, after = (
        dict(zip(base.ids, base.truth, strict=True)),
        dict(zip(experiment.ids, experiment.truth, strict=True)),
    )
    gone, new = sorted(before.keys() - after.keys()), sorted(after.keys() - before.keys())
    relabelled = sorted(id_ for id_ in before.keys() & after.keys() if before[id_] != after[id_])
    said = [
        f"{_count(len(ids), 'segment')} {what} (such as {ids[0]})"
        for ids, what in (
            (gone, "only in the base"),
            (new, "only in the experiment"),
            (relabelled, "with another label"),
        )
        if ids
    ]
    return ", ".join(said) or None


def compare_model(
    base: SplitPredictions,
    experiment: SplitPredictions,
    *,
    model: str,
    metrics: Sequence[Metric],
    confidence: float,
    n_resamples: int,
) -> ModelComparison:
    """Measure one model in both runs, by the same code and where possible on the same seeds.

    On the same segments, the runs are paired by their common seeds, and each difference has a paired interval
    over seeds and segments (over segments alone where there is one row to a run). On other segments or without a
    common seed there is nothing to pair: means over all seeds, their difference, and no interval.

    Args:
        base: Predictions of the first run.
        experiment: Predictions of the second run, of the same split.
        model: Which model.
        metrics: What is measured, in this order.
        confidence: Level of the intervals, in (0, 1).
        n_resamples: Number of bootstrap resamples.

    Raises:
        PipelineError: a run has no such model, or predictions that are not finite.
    """
    for split, what in ((base, "base"), (experiment, "experiment")):
        if model not in split.models:
            raise PipelineError(
                f"the predictions of the {what} hold no model {model!r}, only {', '.join(split.models)}; "
                "compare runs of the same pipeline"
            )
    experiment = _in_order_of(base, experiment)
    seeds = sorted(set(base.seeds[model]) & set(experiment.seeds[model]))
    without_seeds = not base.seeds[model] and not experiment.seeds[model]
    changed = data_difference(base, experiment)
    if changed is not None or not (seeds or without_seeds):
        why = f"The data changed: {changed}" if changed is not None else "The runs have no seed in common"
        return _unpaired(base, experiment, model, metrics, confidence, why)
    before, after = (_of_seeds(split, model, seeds) for split in (base, experiment))
    differences = paired_differences(
        base.truth,
        after,
        before,
        metrics=metrics,
        n_resamples=n_resamples,
        confidence=confidence,
        seed=0,
        over="both" if len(before) > 1 else "segments",
    )
    return ModelComparison(
        model,
        base.split,
        tuple(
            _measured(
                metric,
                _mean(metric, base.truth, before, confidence),
                _mean(metric, base.truth, after, confidence),
                differences[metric.name],
            )
            for metric in metrics
        ),
        _paired_basis(base, experiment, model, seeds, n_resamples),
    )


def _unpaired(
    base: SplitPredictions,
    experiment: SplitPredictions,
    model: str,
    metrics: Sequence[Metric],
    confidence: float,
    why: str,
) -> ModelComparison:
    measured = []
    for metric in metrics:
        before, after = (
            _mean(metric, split.truth, np.asarray(split.models[model]), confidence)
            for split in (base, experiment)
        )
        measured.append(_measured(metric, before, after, None))
    sizes = " against ".join(
        f"{_count(len(split.models[model]), 'seed')} on {_count(len(split.ids), 'segment')}"
        for split in (base, experiment)
    )
    return ModelComparison(
        model, base.split, tuple(measured), f"{why}. Not paired ({sizes}), hence no intervals."
    )


def _measured(metric: Metric, base: Summary, experiment: Summary, paired: Difference | None) -> Measured:
    reason = next((one.reason for one in (base, experiment) if one.mean is None), None)
    if reason is None and paired is not None:
        reason = paired.reason
    difference = None if base.mean is None or experiment.mean is None else experiment.mean - base.mean
    low, high = (None, None) if paired is None else (paired.ci_low, paired.ci_high)
    return Measured(metric, base.mean, experiment.mean, difference, low, high, reason)


def _mean(metric: Metric, truth: Float64[np.ndarray, "segment"], rows: Rows, confidence: float) -> Summary:
    return summarise([metric.function(truth, row) for row in rows], confidence=confidence)


def _of_seeds(split: SplitPredictions, model: str, seeds: Sequence[int]) -> Rows:
    if not seeds:
        return np.asarray(split.models[model])
    where = {seed: row for row, seed in enumerate(split.seeds[model])}
    return np.asarray(split.models[model])[[where[seed] for seed in seeds]]


def _in_order_of(base: SplitPredictions, experiment: SplitPredictions) -> SplitPredictions:
    """The same segments in another order are the same data."""
    if experiment.ids == base.ids or sorted(experiment.ids) != sorted(base.ids):
        return experiment
    where = {id_: column for column, id_ in enumerate(experiment.ids)}
    columns = [where[id_] for id_ in base.ids]
    models = {model: rows[:, columns] for model, rows in experiment.models.items()}
    return SplitPredictions(experiment.split, base.ids, experiment.truth[columns], models, experiment.seeds)


def _paired_basis(
    base: SplitPredictions,
    experiment: SplitPredictions,
    model: str,
    seeds: Sequence[int],
    n_resamples: int,
) -> str:
    n_base, n_experiment = len(base.seeds[model]), len(experiment.seeds[model])
    paired = f"Paired over {_count(len(base.ids), 'segment')}"
    if seeds:
        paired += f" and {_count(len(seeds), 'seed')}"
    if max(n_base, n_experiment) > len(seeds):
        paired += f" (those in common: the base has {n_base}, the experiment {n_experiment})"
    over = "seeds and segments" if len(seeds) > 1 else "segments alone"
    return (
        f"{paired}; intervals by percentile bootstrap over {over}, {n_resamples} resamples, "
        "not corrected for the number of rows."
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

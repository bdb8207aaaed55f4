"""The metrics of one model in two runs, and how sure their difference is."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from pipeline.artifacts.models import ensemble_of
from pipeline.artifacts.predictions import SplitPredictions
from pipeline.comparison.bootstrap import Bootstrap, Rows, Side
from pipeline.comparison.measured import Measured, ModelComparison
from pipeline.errors import PipelineError
from pipeline.evaluation.metrics import Metric, Undefined, require_comparable
from pipeline.evaluation.selection import Values
from pipeline.evaluation.statistics import MOST_DROPPED
from pipeline.pages.numbers import level, plural


def data_difference(base: SplitPredictions, experiment: SplitPredictions) -> str | None:
    """What is different about the segments and labels of two runs, in words; None where nothing is."""
    before, after = (
        dict(zip(base.ids, base.labels, strict=True)),
        dict(zip(experiment.ids, experiment.labels, strict=True)),
    )
    gone, new = sorted(before.keys() - after.keys()), sorted(after.keys() - before.keys())
    relabelled = sorted(id_ for id_ in before.keys() & after.keys() if before[id_] != after[id_])
    changes = [
        f"{plural(len(ids), 'segment')} {what} (such as {ids[0]})"
        for ids, what in (
            (gone, "only in the base"),
            (new, "only in the experiment"),
            (relabelled, "with another label"),
        )
        if ids
    ]
    return ", ".join(changes) or None


def with_ensemble(split: SplitPredictions, model: str) -> SplitPredictions:
    """The predictions with the mean of a model's seeds as a further model without seeds, where it has several."""
    rows = split.models.get(model)
    if rows is None or len(rows) < 2:
        return split
    name = ensemble_of(model)
    models = {**split.models, name: rows.mean(axis=0, keepdims=True)}
    return replace(split, models=models, seeds={**split.seeds, name: ()})


def compare_model(
    base: SplitPredictions,
    experiment: SplitPredictions,
    *,
    model: str,
    metrics: Sequence[Metric],
    confidence: float,
    bootstrap: Bootstrap,
) -> ModelComparison:
    """Measure one model in both runs, by the same code and where possible on the same segments and seeds.

    Runs on the same segments are paired by their common seeds, and each difference has a paired interval over seeds
    and segments. Without a common seed the segments alone are paired. On other segments or labels nothing can be:
    then either side is drawn on its own, and the interval of their difference is wider, but it is one. Seeds are
    drawn wherever a side has more than one row.

    Args:
        base: predictions of the first run.
        experiment: predictions of the second run, of the same split.
        model: name of the model.
        metrics: metrics to measure, in the order of the rows.
        confidence: level of the intervals, in (0, 1).
        bootstrap: the resamples; one for all that is compared saves what they have in common.

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
    changed = data_difference(base, experiment)
    paired: Literal["segments and seeds", "segments", "nothing"] = "segments"
    if changed is not None:
        paired, seeds = "nothing", []
    elif seeds or not (base.seeds[model] or experiment.seeds[model]):
        paired = "segments and seeds"
    before, after = (Side(split.truth, _of_seeds(split, model, seeds)) for split in (base, experiment))
    for side in (before, after):
        require_comparable(side.truth, side.rows, axis=1)
    is_same = paired == "segments and seeds" and np.array_equal(before.rows, after.rows)
    # What is the same in both runs differs by nothing in every resample, and need not be drawn to know it.
    nothing = {metric.name: np.zeros(1) for metric in metrics}
    resampled = (
        nothing if is_same else bootstrap.means(before, metrics),
        nothing
        if is_same
        else bootstrap.means(
            after,
            metrics,
            other_segments=paired == "nothing",
            other_seeds=paired != "segments and seeds",
        ),
    )
    measured = tuple(
        _measured(metric, before, after, confidence, resampled[0][metric.name], resampled[1][metric.name])
        for metric in metrics
    )
    if changed is not None:
        basis = _unpaired_basis(base, experiment, model, changed)
    else:
        basis = _paired_basis(base, experiment, model, seeds)
    basis += f", {bootstrap.n_resamples} resamples, {level(confidence)} each, not corrected for the number of rows."
    return ModelComparison(model, base.split, measured, paired, basis)


def _measured(
    metric: Metric,
    before: Side,
    after: Side,
    confidence: float,
    at_base: Values,
    at_experiment: Values,
) -> Measured:
    base, experiment = _mean(metric, before), _mean(metric, after)
    base_mean, experiment_mean = (
        None if isinstance(mean, Undefined) else mean for mean in (base, experiment)
    )
    is_kept = np.isfinite(at_base) & np.isfinite(at_experiment)
    n_dropped = len(is_kept) - int(is_kept.sum())
    reason = _why_undefined(base, experiment)
    if reason is None and min(len(before.truth), len(after.truth)) == 1:
        reason = "one segment cannot be resampled"
    elif reason is None and n_dropped > MOST_DROPPED * len(is_kept):
        reason = f"the metric is undefined in {n_dropped} of {len(is_kept)} resamples"
    difference = None if base_mean is None or experiment_mean is None else experiment_mean - base_mean
    if reason is not None:
        return Measured(metric, base_mean, experiment_mean, difference, None, None, None, None, None, reason)
    at_base, at_experiment = at_base[is_kept], at_experiment[is_kept]
    gains = metric.distance(at_base) - metric.distance(at_experiment)
    ends = [0.5 - confidence / 2.0, 0.5 + confidence / 2.0]
    low, high = (float(end) for end in np.quantile(at_experiment - at_base, ends))
    gain_low, gain_high = (float(end) for end in np.quantile(gains, ends))
    p_value = min(1.0, 2.0 * min(float(np.mean(gains <= 0)), float(np.mean(gains >= 0))))
    return Measured(
        metric, base_mean, experiment_mean, difference, low, high, gain_low, gain_high, p_value, None
    )


def _mean(metric: Metric, side: Side) -> float | Undefined:
    """Over the seeds; one undefined seed makes it undefined, for the mean of the others would be of another population."""
    values = [metric.function(side.truth, row) for row in side.rows]
    undefined = [value for value in values if isinstance(value, Undefined)]
    if undefined:
        share = f" for {len(undefined)} of {len(values)} seeds" * (len(values) > 1)
        return Undefined(f"undefined{share}: {undefined[0].reason}")
    return math.fsum(value for value in values if not isinstance(value, Undefined)) / len(values)


def _why_undefined(base: float | Undefined, experiment: float | Undefined) -> str | None:
    match base, experiment:
        case Undefined(before), Undefined(after):
            return before if before == after else f"{before} in the base, {after} in the experiment"
        case Undefined(before), _:
            return f"{before}, in the base only"
        case _, Undefined(after):
            return f"{after}, in the experiment only"
    return None


def _of_seeds(split: SplitPredictions, model: str, seeds: Sequence[int]) -> Rows:
    """The rows of these seeds; all of them where none is named."""
    rows = np.asarray(split.models[model])
    where = {seed: row for row, seed in enumerate(split.seeds[model])}
    return rows[[where[seed] for seed in seeds]] if seeds else rows


def _in_order_of(base: SplitPredictions, experiment: SplitPredictions) -> SplitPredictions:
    """The same segments in another order are the same data."""
    if experiment.ids == base.ids or sorted(experiment.ids) != sorted(base.ids):
        return experiment
    where = {id_: column for column, id_ in enumerate(experiment.ids)}
    columns = [where[id_] for id_ in base.ids]
    models = {model: rows[:, columns] for model, rows in experiment.models.items()}
    return SplitPredictions(experiment.split, base.ids, experiment.truth[columns], models, experiment.seeds)


def _paired_basis(
    base: SplitPredictions, experiment: SplitPredictions, model: str, seeds: Sequence[int]
) -> str:
    n_base, n_experiment = len(base.seeds[model]), len(experiment.seeds[model])
    segments = plural(len(base.ids), "segment")
    if not seeds and (n_base or n_experiment):
        return (
            f"The runs have no seed in common. Paired over {segments}, but not over seeds ({n_base} against {n_experiment}); "
            "intervals by percentile bootstrap over segments, and over the seeds of either run on its own"
        )
    paired = f"Paired over {segments}"
    if seeds:
        paired += f" and {plural(len(seeds), 'seed')}"
    if max(n_base, n_experiment) > len(seeds):
        paired += f" (those in common: the base has {n_base}, the experiment {n_experiment})"
    over = "seeds and segments" if len(seeds) > 1 else "segments alone"
    return f"{paired}; intervals by percentile bootstrap over {over}"


def _unpaired_basis(base: SplitPredictions, experiment: SplitPredictions, model: str, changed: str) -> str:
    sizes = " against ".join(
        f"{plural(len(split.models[model]), 'seed')} on {plural(len(split.ids), 'segment')}"
        for split in (base, experiment)
    )
    return (
        f"The data changed: {changed}. Unpaired ({sizes}), so a difference may be that of the data; intervals by "
        "percentile bootstrap over the seeds and segments of either run on its own"
    )

"""The metrics of one model in two runs, and how sure their difference is."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.artifacts.evaluated.models import ensemble_of
from pipeline.artifacts.evaluated.predictions import SplitPredictions
from pipeline.comparison.bootstrap import Bootstrap, Rows, Side
from pipeline.comparison.measured import ModelComparison
from pipeline.comparison.pairs import Pair, Paired
from pipeline.errors import PipelineError
from pipeline.evaluation.clusters import (
    Clusters,
    clusters_of,
    few_clusters,
)
from pipeline.evaluation.metrics import Metric, require_comparable
from pipeline.pages.numbers import level, plural

_OF_BOTH = "either run on its own"


def data_difference(
    base: SplitPredictions,
    experiment: SplitPredictions,
    *,
    names: tuple[str, str] = ("the base", "the experiment"),
) -> str | None:
    """What is different about the segments and labels of two runs, in words; None where nothing is.

    Args:
        base: predictions of the first run.
        experiment: predictions of the second run, of the same split.
        names: what the two runs are called in these words.
    """
    before, after = (
        dict(zip(base.ids, base.labels, strict=True)),
        dict(zip(experiment.ids, experiment.labels, strict=True)),
    )
    gone, new = sorted(before.keys() - after.keys()), sorted(after.keys() - before.keys())
    relabelled = sorted(id_ for id_ in before.keys() & after.keys() if before[id_] != after[id_])
    changes = [
        f"{plural(len(ids), 'segment')} {what} (such as {ids[0]})"
        for ids, what in (
            (gone, f"only in {names[0]}"),
            (new, f"only in {names[1]}"),
            (relabelled, "with another label"),
        )
        if ids
    ]
    return ", ".join(changes) or None


def with_ensembles(
    base: SplitPredictions, experiment: SplitPredictions, model: str
) -> tuple[SplitPredictions, SplitPredictions, str | None]:
    """Both predictions with the mean of a model's seeds as a further model without seeds, and whose mean it is.

    More seeds make a better mean, so both sides average the same number of them: the seeds in common, or else the first of
    each side, as many as the smaller one has.

    Args:
        base: predictions of the first run.
        experiment: predictions of the second run, of the same split.
        model: name of the model.

    Returns:
        The two sides as they are, where either would average fewer than two seeds. The sentence about the seeds is None where both
        sides average all of theirs.
    """
    if not all(model in split.models for split in (base, experiment)):
        return base, experiment, None
    common = sorted(set(base.seeds[model]) & set(experiment.seeds[model]))
    fewest = min(len(split.seeds[model]) for split in (base, experiment))
    chosen = [common or sorted(split.seeds[model])[:fewest] for split in (base, experiment)]
    if len(chosen[0]) < 2:
        return base, experiment, None
    averaged = [
        _with_mean(split, model, seeds) for split, seeds in zip((base, experiment), chosen, strict=True)
    ]
    note = None
    if any(len(split.seeds[model]) > len(chosen[0]) for split in (base, experiment)):
        which = "the seeds in common" if common else "the first of each, for an ensemble of more is better"
        note = f"Both are ensembles of {plural(len(chosen[0]), 'seed')} ({which})."
    return averaged[0], averaged[1], note


def _with_mean(split: SplitPredictions, model: str, seeds: Sequence[int]) -> SplitPredictions:
    name = ensemble_of(model)
    mean = _of_seeds(split, model, seeds).mean(axis=0, keepdims=True)
    return replace(split, models={**split.models, name: mean}, seeds={**split.seeds, name: ()})


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
    experiment = in_order_of(base, experiment)
    seeds = sorted(set(base.seeds[model]) & set(experiment.seeds[model]))
    changed = data_difference(base, experiment)
    paired: Paired = "segments"
    if changed is not None:
        paired, seeds = "nothing", []
    elif seeds or not (base.seeds[model] or experiment.seeds[model]):
        paired = "segments and seeds"
    clusters = [clusters_of(base), clusters_of(experiment)]
    if changed is None:
        # Of the same segments, one run may be older than the columns that say whose they are.
        clusters = [clusters[0] or clusters[1]] * 2
    before, after = (
        Side(split.truth, _of_seeds(split, model, seeds), groups)
        for split, groups in zip((base, experiment), clusters, strict=True)
    )
    for side in (before, after):
        require_comparable(side.truth, side.rows, axis=1)
    pair = Pair(before, after, paired, bootstrap, tuple(metrics), confidence)
    if changed is not None:
        basis = _unpaired_basis(base, experiment, model, changed)
    else:
        basis = _paired_basis(base, experiment, model, seeds)
    basis += f", {bootstrap.n_resamples} resamples, {level(confidence)} each, not corrected for the number of rows."
    found = [side.clusters for side in (before, after) if side.clusters is not None]
    if pair.over_clusters:
        basis += f" {_clusters_basis(found)}"
    elif found:
        basis += f" {few_clusters(min(found, key=lambda each: each.n), split=base.split)}."
    return ModelComparison(
        model,
        base.split,
        tuple(pair.measured()),
        paired,
        basis,
        units=pair.units,
        n_seeds=min(len(before.rows), len(after.rows)),
    )


def _of_seeds(split: SplitPredictions, model: str, seeds: Sequence[int]) -> Rows:
    """The rows of these seeds; all of them where none is named."""
    rows = np.asarray(split.models[model])
    where = {seed: row for row, seed in enumerate(split.seeds[model])}
    return rows[[where[seed] for seed in seeds]] if seeds else rows


def in_order_of(base: SplitPredictions, experiment: SplitPredictions) -> SplitPredictions:
    """The experiment with its segments in the order of the base: in another order they are the same data."""
    if experiment.ids == base.ids or sorted(experiment.ids) != sorted(base.ids):
        return experiment
    where = {id_: column for column, id_ in enumerate(experiment.ids)}
    columns = [where[id_] for id_ in base.ids]
    models = {model: rows[:, columns] for model, rows in experiment.models.items()}
    return replace(
        experiment,
        ids=base.ids,
        truth=experiment.truth[columns],
        models=models,
        corpus=_at(experiment.names_of("corpus"), columns),
        speaker=_at(experiment.names_of("speaker"), columns),
        video=_at(experiment.names_of("video"), columns),
        rater=_at(experiment.names_of("rater"), columns),
    )


def _at(names: Sequence[str], columns: Sequence[int]) -> tuple[str, ...]:
    return tuple(names[column] for column in columns)


def _paired_basis(
    base: SplitPredictions, experiment: SplitPredictions, model: str, seeds: Sequence[int]
) -> str:
    n_base, n_experiment = len(base.seeds[model]), len(experiment.seeds[model])
    segments = plural(len(base.ids), "segment")
    if not seeds and (n_base or n_experiment):
        drawn = _over_seeds_of(base, experiment, model)
        over = f"over segments, and over the seeds of {drawn}" if drawn else "over segments alone"
        return (
            f"The runs have no seed in common. Paired over {segments}, but not over seeds ({n_base} against {n_experiment}); "
            f"intervals by percentile bootstrap {over}"
        )
    paired = f"Paired over {segments}"
    if seeds:
        paired += f" and {plural(len(seeds), 'seed')}"
    if max(n_base, n_experiment) > len(seeds):
        paired += f" (those in common: the base has {n_base}, the experiment {n_experiment})"
    over = "seeds and segments" if len(seeds) > 1 else "segments alone"
    return f"{paired}; intervals by percentile bootstrap over {over}"


def _unpaired_basis(base: SplitPredictions, experiment: SplitPredictions, model: str, changed: str) -> str:
    # A constant and the mean of several seeds have none of their own.
    sizes = " against ".join(
        f"{plural(len(split.seeds[model]), 'seed')} on {segments}" if split.seeds[model] else segments
        for split in (base, experiment)
        for segments in (plural(len(split.ids), "segment"),)
    )
    drawn = _over_seeds_of(base, experiment, model)
    over = "over the segments of either run on its own"
    if drawn == _OF_BOTH:
        over = "over the seeds and segments of either run on its own"
    elif drawn:
        over += f", and over the seeds of {drawn}"
    return (
        f"The data changed: {changed}. Unpaired ({sizes}), so a difference may be that of the data; intervals by "
        f"percentile bootstrap {over}"
    )


def _over_seeds_of(base: SplitPredictions, experiment: SplitPredictions, model: str) -> str:
    """Whose seeds are drawn where they are not paired: a single row cannot be; empty where neither side has more."""
    drawn = [
        what
        for split, what in ((base, "the base"), (experiment, "the experiment"))
        if len(split.models[model]) > 1
    ]
    return _OF_BOTH if len(drawn) == 2 else "".join(f"{what} alone" for what in drawn)


def _clusters_basis(found: Sequence[Clusters]) -> str:
    """What intervals over speakers say, and where those over segments stand."""
    unit = found[0].unit
    n = " and ".join(dict.fromkeys(str(clusters.n) for clusters in found))
    return (
        f"Intervals and verdicts are over {n} {unit}s, drawn with all their segments (t interval by their standard error), so that "
        "they hold for others too; those over segments stand beside them."
    )

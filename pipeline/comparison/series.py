"""One metric over the runs of a branch: which runs can be held against each other, and where the metric changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from pipeline.artifacts.evaluated.models import METHOD
from pipeline.artifacts.evaluated.predictions import SplitPredictions
from pipeline.comparison.bootstrap import Bootstrap, Side
from pipeline.comparison.comparable import other_machine, why_incomparable
from pipeline.comparison.comparing import JUDGED_ON
from pipeline.comparison.differences import data_difference, in_order_of
from pipeline.comparison.page import written
from pipeline.comparison.parameters import parameter_changes
from pipeline.comparison.runs import LeftOut, Run, read_run
from pipeline.comparison.stages import is_the_machine_alone, stage_changes
from pipeline.comparison.steps import LEAST_RUNS_OF_ONE_SEED, Segmentation, Step, find_steps, series_noise
from pipeline.errors import PipelineError
from pipeline.evaluation.clusters import clusters_of, few_clusters
from pipeline.evaluation.metrics import Metric, Protocol, Undefined, require_comparable
from pipeline.evaluation.statistics import MOST_DROPPED
from pipeline.history.revisions import Revision
from pipeline.pages.numbers import plural

_ORIGINS = ("command", "inputs (", "outputs alone", "added", "removed")
"""How the words begin that say where a change began; what follows from another stage is left out."""


@dataclass(frozen=True)
class Entry:
    """A commit of the branch that may hold a run, or the files on disk.

    Attributes:
        revision: revision that it is read from.
        date: day of the commit; empty for the files on disk.
        subject: first line of the commit's message; empty for the files on disk.
    """

    revision: Revision
    date: str
    subject: str


@dataclass(frozen=True, eq=False)
class TrackedRun:
    """A run of the branch, measured.

    Attributes:
        entry: commit that it was read from.
        run: what the commit recorded.
        split: its predictions on `JUDGED_ON`.
        protocol: the protocol that it was measured by.
        values: the metric of each seed, by rising seed; one value for a model without seeds.
    """

    entry: Entry
    run: Run
    split: SplitPredictions
    protocol: Protocol
    values: Float[NDArray[np.float64], "seed"]

    @property
    def mean(self) -> float:
        """The metric, as reports show it: the mean over the seeds."""
        return float(self.values.mean())


@dataclass(frozen=True, eq=False)
class Part:
    """Runs in a row that are of the same segments and labels, so that their values can be compared.

    Attributes:
        runs: the runs, the oldest first.
        metric: the metric.
        segmentation: its steps; None where nothing can be said of noise.
        reason: why a new part begins here, in words that follow "because"; empty for the first. Without a full stop.
        remarks: sentences about what the steps rest on.
    """

    runs: tuple[TrackedRun, ...]
    metric: Metric
    segmentation: Segmentation | None
    reason: str
    remarks: tuple[str, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps, the oldest first."""
        return () if self.segmentation is None else self.segmentation.steps

    def gain(self, step: Step) -> float:
        """How much nearer to the metric's best value the level came; below 0 where it got worse."""
        return self.metric.distance(step.before) - self.metric.distance(step.after)

    def causes(self, step: Step) -> list[str]:
        """What the first run of the new level changed since the run before it."""
        return causes(self.runs[step.at - 1].run, self.runs[step.at].run)


@dataclass(frozen=True, eq=False)
class Series:
    """A metric over the runs of a branch.

    Attributes:
        name: what the person called the branch, with its newest commit.
        metric: name of the metric.
        confidence: level of intervals, and 1 minus the level at which a step is looked for.
        n_resamples: number of resamples of the segments.
        parts: the runs that can be compared, the oldest part first, at least one.
        skipped: sentences about commits that hold no run that could be measured, the oldest first.
        newest_skipped: whether the newest commit is one of them, so that nothing is known of it.
    """

    name: str
    metric: str
    confidence: float
    n_resamples: int
    parts: tuple[Part, ...]
    skipped: tuple[str, ...]
    newest_skipped: bool

    @property
    def steps(self) -> list[tuple[Part, Step]]:
        """Every step with its part, the oldest first."""
        return [(part, step) for part in self.parts for step in part.steps]


def read_series(
    entries: Sequence[Entry],
    *,
    name: str,
    metric: str | None,
    protocol_of: Callable[[Run], Protocol],
    confidence: float,
    n_resamples: int,
) -> Series:
    """Read and measure the runs of a branch, all by today's code, and look for steps.

    Args:
        entries: commits that may hold a run, the oldest first.
        name: what the branch is called.
        metric: name of the metric; None for the first headline metric of the newest run.
        protocol_of: the protocol to measure a run by.
        confidence: level of the intervals, in (0, 1).
        n_resamples: number of resamples of the segments, at least 1.

    Raises:
        PipelineError: no commit holds a run that could be measured.
    """
    skipped: dict[int, str] = {}
    read: list[tuple[int, Run, Protocol]] = []
    for position, entry in enumerate(entries):
        try:
            run = read_run(entry.revision)
            read.append((position, run, protocol_of(run)))
        except PipelineError as error:
            skipped[position] = LeftOut.because(entry.revision, error).sentence
    if metric is None and read:
        metric = read[-1][2].headline[0]
    tracked = []
    for position, run, protocol in read:
        entry = entries[position]
        try:
            tracked.append(_tracked(entry, run, metric or "", protocol))
        except PipelineError as error:
            skipped[position] = LeftOut.because(entry.revision, error).sentence
    if not tracked:
        raise PipelineError(f"{name}: no run could be measured; {skipped[max(skipped)]}")
    bootstrap = Bootstrap(n_resamples=n_resamples)
    return Series(
        name=name,
        metric=metric or "",
        confidence=confidence,
        n_resamples=n_resamples,
        parts=tuple(
            _part(
                runs,
                reason,
                metric=runs[0].protocol.metric(metric or ""),
                bootstrap=bootstrap,
                confidence=confidence,
            )
            for runs, reason in _split(tracked)
        ),
        skipped=tuple(skipped[position] for position in sorted(skipped)),
        newest_skipped=tracked[-1].entry is not entries[-1],
    )


def causes(before: Run, after: Run) -> list[str]:
    """What a run changed since the one before it: parameters, and where else a change began."""
    found = [
        f"{change.key} {written(change.base)} → {written(change.experiment)}"
        for change in parameter_changes(before.parameters, after.parameters)
    ]
    changes = stage_changes(before.stages, after.stages, same_libraries=before.libraries == after.libraries)
    if not found and is_the_machine_alone(changes):
        return [other_machine(before, after)]
    for change in changes:
        began = [
            words
            for words in change.differences
            if words.startswith(_ORIGINS) and not words.startswith("inputs (from ")
        ]
        if began:
            found.append(f"{change.name}: {'; '.join(began)}")
    return found


def _tracked(entry: Entry, run: Run, metric: str, protocol: Protocol) -> TrackedRun:
    kind = run.task.get("kind")
    if kind and kind != protocol.task:
        raise PipelineError(
            f"the run is of the kind {kind}, but evaluate.protocol in params.yaml is {protocol.name}; leave it empty to measure "
            "each run by its own"
        )
    split = run.predictions.get(JUDGED_ON)
    if split is None or METHOD not in split.models:
        what = f"rows of the split {JUDGED_ON!r}" if split is None else f"predictions of {METHOD}"
        raise PipelineError(f"reports/predictions.csv has no {what}; run `dvc repro` there to make it anew")
    split = _by_rising_seed(split)
    rows = split.models[METHOD]
    require_comparable(split.truth, rows, axis=1)
    measured = protocol.metric(metric)
    values = [measured.function(split.truth, row) for row in rows]
    undefined = [value for value in values if isinstance(value, Undefined)]
    if undefined:
        raise PipelineError(f"{metric} of {METHOD} on {JUDGED_ON} is undefined: {undefined[0].reason}")
    return TrackedRun(entry, run, split, protocol, np.array(values, dtype=np.float64))


def _by_rising_seed(split: SplitPredictions) -> SplitPredictions:
    """The same seeds in another order are the same seeds."""
    seeds = split.seeds[METHOD]
    if list(seeds) == sorted(seeds):
        return split
    order = sorted(range(len(seeds)), key=seeds.__getitem__)
    return replace(
        split,
        models={**split.models, METHOD: split.models[METHOD][order]},
        seeds={**split.seeds, METHOD: tuple(seeds[row] for row in order)},
    )


def _split(tracked: Sequence[TrackedRun]) -> list[tuple[list[TrackedRun], str]]:
    """The runs in parts, each with the reason why it does not go on with the one before it."""
    parts: list[tuple[list[TrackedRun], str]] = []
    for run in tracked:
        reason = _why_apart(parts[-1][0][-1], run) if parts else ""
        if reason is None:
            parts[-1][0].append(run)
        else:
            parts.append(([run], reason))
    return parts


def _why_apart(before: TrackedRun, after: TrackedRun) -> str | None:
    """Why two neighbours are of two parts, without a full stop; None where they are of one."""
    reason = why_incomparable(before.run, after.run, splits=(JUDGED_ON,), protocol=after.protocol)
    if reason is not None:
        return reason
    records = (before.run.record, after.run.record)
    corpora = [record.corpus for record in records if record is not None]
    if len(set(corpora)) == 2:
        return f"the corpus is {corpora[0]} in the one and {corpora[1]} in the other"
    names = (before.entry.revision.title, after.entry.revision.title)
    changed = data_difference(before.split, after.split, names=names)
    return None if changed is None else f"the data changed: {changed}"


def _part(
    runs: Sequence[TrackedRun], reason: str, *, metric: Metric, bootstrap: Bootstrap, confidence: float
) -> Part:
    splits = [in_order_of(runs[0].split, run.split) for run in runs]
    # Of the same segments, some runs may be older than the columns that say whose they are.
    clusters = next((found for split in splits if (found := clusters_of(split)) is not None), None)
    over_clusters = clusters is not None and clusters.is_enough
    unit, n_units = "segment", len(splits[0].ids)
    remarks = []
    if clusters is not None and over_clusters:
        unit, n_units = clusters.unit, clusters.n
    elif clusters is not None:
        remarks.append(f"{few_clusters(clusters, split=JUDGED_ON)}.")
    resampled = [
        bootstrap.by_seed(
            Side(split.truth, np.asarray(split.models[METHOD]), clusters), [metric], of_clusters=over_clusters
        )[metric.name]
        for split in splits
    ]
    unknown = _why_unknown(resampled, n_units)
    if unknown is not None:
        return Part(
            tuple(runs), metric, None, reason, (f"No step can be told from noise: {unknown}.", *remarks)
        )
    noise = series_noise(
        [run.values for run in runs],
        resampled,
        same_seeds=len({run.split.seeds[METHOD] for run in runs}) == 1,
        n_units=n_units,
    )
    segmentation = find_steps(np.array([run.mean for run in runs]), noise, confidence=confidence)
    return Part(tuple(runs), metric, segmentation, reason, (_basis(runs, unit, n_units), *remarks))


def _why_unknown(resampled: Sequence[Float[NDArray[np.float64], "resample _"]], n_units: int) -> str | None:
    if n_units < 2:
        return "one segment cannot be resampled"
    is_dropped = ~np.isfinite(np.concatenate(resampled, axis=1)).all(axis=1)
    n_dropped, n_resamples = int(np.sum(is_dropped)), len(resampled[0])
    if n_dropped <= MOST_DROPPED * n_resamples:
        return None
    return f"the metric is undefined in {n_dropped} of {n_resamples} resamples"


def _basis(runs: Sequence[TrackedRun], unit: str, n_units: int) -> str:
    """What the noise is that a step has to exceed."""
    counts = [len(run.values) for run in runs]
    few, many = min(counts), max(counts)
    seeds = plural(many, "seed") if few == many else f"{few} to {many} seeds"
    text = f"Noise of {plural(n_units, unit)} and {seeds} a run, pooled over {plural(len(runs), 'run')}"
    if many > 1:
        return f"{text}."
    if len(runs) >= LEAST_RUNS_OF_ONE_SEED:
        return f"{text}. One seed says nothing of how trainings differ: that is taken from the differences of neighbouring runs."
    return (
        f"{text}. One seed says nothing of how trainings differ, and fewer than {LEAST_RUNS_OF_ONE_SEED} runs do not either: a step "
        "may be another training and nothing more. Run with several seeds."
    )

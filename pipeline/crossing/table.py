"""The table of A × B: what models that were trained on some corpora of a pool reach on each of its corpora."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.artifacts.evaluated.evaluation import EvaluatedSplit, Summary
from pipeline.artifacts.evaluated.models import BASELINE, METHOD
from pipeline.artifacts.evaluated.predictions import SplitPredictions
from pipeline.crossing.recalibration import Labels, draw_labels, recalibrated_draws
from pipeline.errors import PipelineError
from pipeline.evaluation.corpora import BySeed, CorpusSample, Rows
from pipeline.evaluation.metrics import Metric, Protocol, Undefined

CALIBRATED_ON: EvaluatedSplit = "valid"
"""The split whose labels calibrate."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """One metric of one model on one corpus.

    Attributes:
        trained_on: names of the corpora that the model was trained on.
        measured_on: name of the corpus that it is measured on.
        model: name of the model.
        metric: the metric.
        n_labels: number of labels of `measured_on` that calibrated the predictions; None for predictions as they were trained.
        summary: mean and standard deviation over seeds; the interval is over seeds and units.
        n_segments: number of segments.
        unit: what the interval draws: segments, or speakers or videos with all of theirs.
        n_units: number of these.
    """

    trained_on: tuple[str, ...]
    measured_on: str
    model: str
    metric: Metric
    n_labels: int | None
    summary: Summary
    n_segments: int
    unit: str
    n_units: int

    @property
    def is_within(self) -> bool:
        """Whether the model was trained on the corpus that it is measured on."""
        return self.measured_on in self.trained_on


@dataclass(frozen=True, slots=True)
class Contrast:
    """One cell minus another of the same column, paired by seed, and by the units that both were measured on.

    Attributes:
        one: the cell that is subtracted from.
        other: the cell that is subtracted; of the same corpus, metric and number of labels.
        summary: mean and standard deviation of the difference over seeds; the interval is over seeds and units.
    """

    one: Crossing
    other: Crossing
    summary: Summary


@dataclass(frozen=True)
class Crossed:
    """What models of every run reach on every corpus.

    Attributes:
        cells: one for each run, corpus, model, metric and way of calibration.
        contrasts: of each run GRCF minus the baseline, and of each model a run minus the one that was trained on the corpus alone.
    """

    cells: list[Crossing]
    contrasts: list[Contrast]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How is measured.

    Attributes:
        split: split that is measured.
        protocol: protocol whose headline is measured, and metrics of one's own that it has.
        confidence: level of the intervals, in (0, 1).
        n_resamples: number of bootstrap resamples, at least 1.
        n_labels: number of labels of each corpus that calibrate, at least 2; None leaves that out.
        parts: names of the corpora of the pool, in the order of the columns.
        own_metrics: names of metrics of one's own that are measured beside the headline; whether these need the scale of the
            labels is not known, so they count as if they did.
    """

    split: EvaluatedSplit
    protocol: Protocol
    confidence: float
    n_resamples: int
    n_labels: int | None
    parts: tuple[str, ...]
    own_metrics: tuple[str, ...] = ()

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of all that is measured."""
        return (*self.protocol.headline, *self.own_metrics)


def cross(runs: Mapping[tuple[str, ...], Mapping[str, SplitPredictions]], settings: Settings) -> Crossed:
    """Measure the models of every run on every corpus, and what differs between them.

    All metrics are of predictions as they were trained. Those that need the scale of the labels
    (`Protocol.scale_free` has the others) are measured after a calibration too where `n_labels` says so.

    Args:
        runs: predictions by split, by the corpora that the run was trained on. All are of one pool.
        settings: how is measured.

    Raises:
        PipelineError: a run lacks a split or has segments of another pool, runs are of different segments, or a corpus has fewer labels than `n_labels`.
    """
    found: list[tuple[Crossing, BySeed]] = []
    samples: dict[str, CorpusSample] = {}
    first: SplitPredictions | None = None
    for trained_on, splits in runs.items():
        split = _of(splits, settings.split, trained_on)
        first = first or split
        if (split.ids, split.corpus) != (first.ids, first.corpus) or not np.array_equal(
            split.truth, first.truth
        ):
            raise PipelineError(
                f"the runs trained on {_named(next(iter(runs)))} and on {_named(trained_on)} have other segments or labels in "
                f"{settings.split}; remove their experiments by `dvc exp remove` and run the same command again"
            )
        strange = [corpus for corpus in split.corpora if corpus not in settings.parts]
        if strange:
            raise PipelineError(
                f"the run trained on {_named(trained_on)} measured {_named(strange)}, but the parts of the pool are "
                f"{', '.join(settings.parts)}; remove the experiment by `dvc exp remove` and run the same command again"
            )
        for corpus in sorted(split.corpora, key=settings.parts.index):
            part = split.of_corpus(corpus)
            sample = samples.setdefault(corpus, CorpusSample(part, n_resamples=settings.n_resamples))
            labels = None
            if settings.n_labels is not None:
                source = _of(splits, CALIBRATED_ON, trained_on).of_corpus(corpus)
                labels = draw_labels(source, settings.n_labels, corpus=corpus)
            found += _of_corpus(trained_on, corpus, part, sample, labels, settings)
    return Crossed([cell for cell, _ in found], _contrasts(found, confidence=settings.confidence))


def _contrasts(found: Sequence[tuple[Crossing, BySeed]], *, confidence: float) -> list[Contrast]:
    measured = {_place(cell): (cell, by_seed) for cell, by_seed in found}
    contrasts = []
    for cell, by_seed in found:
        for trained_on, model in _references(cell):
            other = measured.get((trained_on, model, *_place(cell)[2:]))
            # A seed more on one side is a seed without a partner.
            if other is None or len(other[1].values) != len(by_seed.values):
                continue
            summary = (by_seed - other[1]).summary(n_units=cell.n_units, confidence=confidence)
            contrasts.append(Contrast(cell, other[0], summary))
    return contrasts


def _place(cell: Crossing) -> tuple[tuple[str, ...], str, str, str, int | None]:
    return cell.trained_on, cell.model, cell.measured_on, cell.metric.name, cell.n_labels


def _references(cell: Crossing) -> Iterator[tuple[tuple[str, ...], str]]:
    """The run and the model of each cell that one is compared with."""
    if cell.model == METHOD:
        yield cell.trained_on, BASELINE
    if cell.model in (METHOD, BASELINE) and cell.trained_on != (cell.measured_on,):
        yield (cell.measured_on,), cell.model


def _of_corpus(
    trained_on: tuple[str, ...],
    corpus: str,
    part: SplitPredictions,
    sample: CorpusSample,
    labels: Labels | None,
    settings: Settings,
) -> list[tuple[Crossing, BySeed]]:
    protocol = settings.protocol
    found: list[tuple[Crossing, BySeed]] = []

    def add(model: str, metric: Metric, by_seed: BySeed, *, n_labels: int | None) -> None:
        summary = by_seed.summary(n_units=sample.n_units, confidence=settings.confidence)
        cell = Crossing(
            trained_on,
            corpus,
            model,
            metric,
            n_labels,
            summary,
            len(part.ids),
            sample.unit,
            sample.n_units,
        )
        found.append((cell, by_seed))

    for model in (METHOD, BASELINE, protocol.constant):
        rows = part.models[model]
        for name in settings.metrics:
            add(model, protocol.metric(name), sample.measure(rows, protocol.metric(name)), n_labels=None)
        if labels is None:
            continue
        draws = recalibrated_draws(labels, labels.source.models[model], rows, kind=protocol.task)
        for name in settings.metrics:
            if name not in protocol.scale_free:
                measured = _over_draws(sample, protocol.metric(name), draws)
                add(model, protocol.metric(name), measured, n_labels=labels.n)
    return found


def _over_draws(sample: CorpusSample, metric: Metric, draws: Sequence[Rows]) -> BySeed:
    """A metric of each seed, its mean over the draws of labels."""
    measured = [sample.measure(rows, metric) for rows in draws]
    return BySeed(
        [_mean(values) for values in zip(*(draw.values for draw in measured), strict=True)],
        np.mean([draw.resampled for draw in measured], axis=0),
    )


def _mean(values: Sequence[float | Undefined]) -> float | Undefined:
    total = 0.0
    for value in values:
        if isinstance(value, Undefined):
            return value
        total += value
    return total / len(values)


def _of(
    splits: Mapping[str, SplitPredictions], name: EvaluatedSplit, trained_on: tuple[str, ...]
) -> SplitPredictions:
    if name not in splits:
        raise PipelineError(
            f"the predictions of the run trained on {_named(trained_on)} have no rows of {name}; run it again after `dvc exp remove`"
        )
    return splits[name]


def _named(corpora: Sequence[str]) -> str:
    return " and ".join(corpora)

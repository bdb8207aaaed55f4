"""What models reach on each corpus of a pool, with intervals that cover other seeds and other speakers of that corpus."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from pipeline.artifacts.evaluated.by_corpus import CorpusMetric
from pipeline.artifacts.evaluated.evaluation import Summary
from pipeline.artifacts.evaluated.models import BASELINE, METHOD, minus
from pipeline.artifacts.evaluated.predictions import SplitPredictions
from pipeline.evaluation.clusters import clusters_of, t_interval
from pipeline.evaluation.metrics import Metric, Protocol, Undefined, require_comparable
from pipeline.evaluation.power import noise_of
from pipeline.evaluation.resampling import Resamples, generators
from pipeline.evaluation.statistics import MOST_DROPPED, summarise

_SEED = 0
"""Seed of the bootstrap."""

Rows = Float[NDArray[np.float64], "seed segment *class"]


@dataclass(frozen=True, eq=False)
class BySeed:
    """One metric of one model on one corpus, for each seed.

    Attributes:
        values: the metric on the segments themselves, or the reason why a seed has none.
        resampled: the metric in resamples of the units, a column per seed; NaN where it is undefined.
    """

    values: Sequence[float | Undefined]
    resampled: Float[NDArray[np.float64], "resample seed"]

    def __sub__(self, other: "BySeed") -> "BySeed":
        """The difference by pair of seeds; both sides have the same seeds, or one has a single row."""
        n = max(len(self.values), len(other.values))
        pairs = zip(
            [*self.values] * (n // len(self.values)), [*other.values] * (n // len(other.values)), strict=True
        )
        return BySeed([_difference(one, two) for one, two in pairs], self.resampled - other.resampled)

    def summary(self, *, n_units: int, confidence: float) -> Summary:
        """Mean and standard deviation over the seeds, and a t interval over seeds and units.

        The standard error is that of `power.noise_of`: seeds, units, and what a seed does on a unit alone. For one seed it
        is that of the units.

        Args:
            n_units: number of units that were drawn in a resample.
            confidence: level of the interval, in (0, 1).
        """
        over_seeds = summarise(self.values, confidence=confidence)
        if over_seeds.mean is None:
            return over_seeds

        def without_interval(reason: str) -> Summary:
            return Summary(over_seeds.mean, over_seeds.sd, None, None, over_seeds.n, reason)

        if n_units == 1:
            return without_interval("one segment cannot be resampled")
        n_dropped = int((~np.isfinite(self.resampled).all(axis=1)).sum())
        if n_dropped > MOST_DROPPED * len(self.resampled):
            return without_interval(
                f"the metric is undefined in {n_dropped} of {len(self.resampled)} resamples"
            )
        by_seed = np.array([value for value in self.values if not isinstance(value, Undefined)])
        noise = noise_of(by_seed, self.resampled, n_units=n_units)
        low, high = t_interval(
            over_seeds.mean, error=noise.error, degrees=noise.degrees, confidence=confidence
        )
        return Summary(over_seeds.mean, over_seeds.sd, low, high, over_seeds.n)


class CorpusSample:
    """The segments of one corpus in one split, and resamples of them.

    Speakers are drawn with all their segments, or videos where a segment names no speaker. Where that gives fewer than
    `clusters.LEAST_CLUSTERS` of them, segments are drawn one by one.

    Args:
        part: predictions of the segments of the corpus.
        n_resamples: number of bootstrap resamples, at least 1.
    """

    def __init__(self, part: SplitPredictions, *, n_resamples: int) -> None:
        self.part = part
        self._n_resamples = n_resamples
        clusters = clusters_of(part)
        self._clusters = clusters if clusters is not None and clusters.is_enough else None

    @property
    def unit(self) -> str:
        """What a resample draws."""
        return "segment" if self._clusters is None else self._clusters.unit

    @property
    def n_units(self) -> int:
        """How many of them a resample draws."""
        return len(self.part.ids) if self._clusters is None else self._clusters.n

    @cached_property
    def _resamples(self) -> Resamples:
        return Resamples(
            self.part.truth,
            n_resamples=self._n_resamples,
            rng=generators(_SEED)[0],
            cluster=None if self._clusters is None else self._clusters.of_segment,
        )

    def measure(self, rows: Rows, metric: Metric) -> BySeed:
        """One metric of predictions of these segments.

        Raises:
            PipelineError: the segments differ in number, or a prediction is not finite.
        """
        require_comparable(self.part.truth, rows, axis=1)
        return BySeed(
            [metric.function(self.part.truth, row) for row in rows],
            np.stack(
                [values[metric.name] for values in self._resamples.values_of_rows(list(rows), [metric])],
                axis=1,
            ),
        )


def corpus_metrics(
    splits: Sequence[SplitPredictions], *, protocol: Protocol, confidence: float, n_resamples: int
) -> list[CorpusMetric]:
    """The headline metrics of every model on every corpus, and GRCF minus the baseline, paired by seed and unit.

    Args:
        splits: predictions, split by split.
        protocol: protocol whose headline is measured.
        confidence: level of the intervals, in (0, 1).
        n_resamples: number of bootstrap resamples, at least 1.

    Returns:
        Rows by split, corpus, model and metric; none where all segments are of one corpus.
    """
    if len({name for split in splits for name in split.corpora}) < 2:
        return []
    metrics = [protocol.metric(name) for name in protocol.headline]
    found: list[CorpusMetric] = []
    for split in splits:
        for corpus in split.corpora:
            sample = CorpusSample(split.of_corpus(corpus), n_resamples=n_resamples)
            for model, by_metric in _measured(sample, metrics).items():
                found += [
                    CorpusMetric(
                        split.split,
                        corpus,
                        model,
                        metric,
                        by_seed.summary(n_units=sample.n_units, confidence=confidence),
                        n_segments=len(sample.part.ids),
                        unit=sample.unit,
                        n_units=sample.n_units,
                    )
                    for metric, by_seed in by_metric.items()
                ]
    return found


def _measured(sample: CorpusSample, metrics: Sequence[Metric]) -> dict[str, Mapping[str, BySeed]]:
    measured: dict[str, Mapping[str, BySeed]] = {
        model: {metric.name: sample.measure(rows, metric) for metric in metrics}
        for model, rows in sample.part.models.items()
    }
    method, baseline = measured[METHOD], measured[BASELINE]
    difference = {name: method[name] - baseline[name] for name in method}
    return {METHOD: method, BASELINE: baseline, minus(BASELINE): difference} | measured


def _difference(one: float | Undefined, two: float | Undefined) -> float | Undefined:
    if isinstance(one, Undefined):
        return one
    return two if isinstance(two, Undefined) else one - two

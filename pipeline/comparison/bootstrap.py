"""Resamples of two runs, drawn alike where the runs share segments or seeds and apart where they do not.

`evaluation.statistics` knows pairs alone and draws anew for every pair. Here what two comparisons have in common (the
base, a baseline that no parameter touched) is computed once, and each side keeps its own values, so that runs on
other data can be held against each other too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from pipeline.evaluation.clusters import Clusters
from pipeline.evaluation.metrics import Metric
from pipeline.evaluation.resampling import Resamples, draw, generators
from pipeline.evaluation.samples import digest_of
from pipeline.evaluation.selection import Segments, Values

Rows = Float64[np.ndarray, "seed segment *class"]
"""Predictions in label units, or a probability for each class; one row for a model without seeds."""

BySeed = Float64[np.ndarray, "resample seed"]
"""A metric in each resample of the segments, for each seed."""

OtherBySeed = Float64[np.ndarray, "resample other_seed"]
"""The same of another run, which may have more seeds or fewer."""


@dataclass(frozen=True, eq=False)
class Side:
    """One model of one run on one split: a row of predictions for each seed, at least one.

    `clusters` says which segments are of one speaker or video; None where nobody says.
    """

    truth: Segments
    rows: Rows
    clusters: Clusters | None = None


class Bootstrap:
    """Means over seeds of resamples of segments and seeds; the same settings draw the same resamples.

    Args:
        n_resamples: number of resamples, at least 1.
        seed: seed of the draws; the same seed gives the same resamples.
    """

    def __init__(self, *, n_resamples: int, seed: int = 0) -> None:
        self.n_resamples = n_resamples
        self._seed = seed
        self._drawn: dict[tuple[bytes, bytes, bool], Resamples] = {}

    def means(
        self,
        side: Side,
        metrics: Sequence[Metric],
        *,
        other_segments: bool = False,
        other_seeds: bool = False,
        of_clusters: bool = False,
    ) -> dict[str, Values]:
        """Each metric's mean over the seeds drawn, by resample; NaN where it is undefined for one of them.

        Args:
            side: labels and predictions of the run.
            metrics: metrics to measure.
            other_segments: whether segments are drawn independently of the sides for which this is False.
            other_seeds: whether seeds are drawn independently of the sides for which this is False.
            of_clusters: whether clusters are drawn with all their segments; the side has to have them.
        """
        by_seed = self.by_seed(side, metrics, other_segments=other_segments, of_clusters=of_clusters)
        n_seeds = len(side.rows)
        times = np.ones((self.n_resamples, n_seeds))
        if n_seeds > 1:
            times = draw(self._generators(apart=other_seeds)[1], self.n_resamples, n_seeds)
        # A seed that is not drawn must not spoil the mean where its metric is undefined.
        return {
            name: np.where(times > 0, times * values, 0.0).sum(axis=1) / n_seeds
            for name, values in by_seed.items()
        }

    def measure_together(
        self, sides: Sequence[Side], metrics: Sequence[Metric], *, of_clusters: bool = False
    ) -> None:
        """Measure sides of the same segments at once, so that `means` and `by_seed` find their values in less time.

        Args:
            sides: labels and predictions of the runs; labels and clusters are those of the first.
            metrics: metrics to measure.
            of_clusters: whether clusters are drawn with all their segments; the sides have to have them.
        """
        first = sides[0]
        cluster = first.clusters.of_segment if of_clusters and first.clusters is not None else None
        resamples = self._resamples(first.truth, cluster, apart=False)
        resamples.values_of_rows([row for side in sides for row in side.rows], metrics)

    def by_seed(
        self,
        side: Side,
        metrics: Sequence[Metric],
        *,
        other_segments: bool = False,
        of_clusters: bool = False,
    ) -> dict[str, BySeed]:
        """Each metric of each seed in resamples of the segments alone; the arguments are those of `means`."""
        cluster = side.clusters.of_segment if of_clusters and side.clusters is not None else None
        resamples = self._resamples(side.truth, cluster, apart=other_segments)
        by_row = resamples.values_of_rows(list(side.rows), metrics)
        return {metric.name: np.stack([row[metric.name] for row in by_row], axis=1) for metric in metrics}

    def _resamples(
        self, truth: Segments, cluster: Int64[np.ndarray, "segment"] | None, *, apart: bool
    ) -> Resamples:
        groups = b"" if cluster is None else digest_of(cluster)
        key = digest_of(truth), groups, apart
        if key not in self._drawn:
            rng = self._generators(apart=apart)[0]
            self._drawn[key] = Resamples(truth, n_resamples=self.n_resamples, rng=rng, cluster=cluster)
        return self._drawn[key]

    def _generators(self, *, apart: bool) -> tuple[np.random.Generator, np.random.Generator]:
        """Of segments and of seeds; those for which `apart` is False draw what `paired_differences` draws."""
        return generators([self._seed, 1] if apart else self._seed)

"""One model in two runs, measured in the same resamples: differences, their intervals, and what could have been seen."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool

from pipeline.comparison.bootstrap import Bootstrap, BySeed, OtherBySeed, Side
from pipeline.comparison.measured import Measured
from pipeline.evaluation.clusters import cluster_error, t_interval, t_p_value
from pipeline.evaluation.metrics import Metric, Undefined
from pipeline.evaluation.power import Sensitivity, noise_of, spread_of
from pipeline.evaluation.selection import Outputs, Segments, Values
from pipeline.evaluation.statistics import MOST_DROPPED
from pipeline.pages.numbers import EXACT

Paired = Literal["segments and seeds", "segments", "nothing"]
"""What two runs share, so that their noise in it is one."""


@dataclass(frozen=True, eq=False)
class Pair:
    """One model in both runs, with the resamples that they are measured in."""

    before: Side
    after: Side
    paired: Literal["segments and seeds", "segments", "nothing"]
    bootstrap: Bootstrap
    metrics: tuple[Metric, ...]
    confidence: float

    @property
    def over_clusters(self) -> bool:
        """Whether both runs name enough speakers or videos for an interval over them."""
        found = [side.clusters for side in (self.before, self.after)]
        return all(clusters is not None and clusters.is_enough for clusters in found)

    @property
    def units(self) -> tuple[str, int]:
        """What the intervals that decide draw, and how many; of two runs the one with fewer."""
        sides = (self.before, self.after)
        found = [side.clusters for side in sides if side.clusters is not None]
        if self.over_clusters:
            fewest = min(found, key=lambda clusters: clusters.n)
            return fewest.unit, fewest.n
        return "segment", min(len(side.truth) for side in sides)

    def measured(self) -> Iterator[Measured]:
        """A row per metric."""
        is_same = self.paired == "segments and seeds" and np.array_equal(self.before.rows, self.after.rows)
        # What is the same in both runs differs by nothing in every resample, and need not be drawn to know it.
        if is_same:
            zeros = np.zeros(self.bootstrap.n_resamples)
            for metric in self.metrics:
                row = self._row(metric, zeros, zeros)
                yield row if row.draws is None else replace(row, probability=0.5)
            return
        over_segments = self._means(of_clusters=False)
        over_clusters = self._means(of_clusters=True) if self.over_clusters else None
        by_seed = self._by_seed()
        for metric in self.metrics:
            row = self._row(metric, *(side[metric.name] for side in over_segments))
            if row.draws is not None and over_clusters is not None:
                row = self._by_clusters(row, *(side[metric.name] for side in (*over_clusters, *by_seed)))
            if row.draws is not None:
                row = self._with_sensitivity(row, *(side[metric.name] for side in by_seed))
            yield row

    def _row(self, metric: Metric, at_base: Values, at_experiment: Values) -> Measured:
        base, experiment = _mean(metric, self.before), _mean(metric, self.after)
        base_mean, experiment_mean = (
            None if isinstance(mean, Undefined) else mean for mean in (base, experiment)
        )
        is_kept = np.isfinite(at_base) & np.isfinite(at_experiment)
        reason = _why_undefined(base, experiment)
        if reason is None and min(len(self.before.truth), len(self.after.truth)) == 1:
            reason = "one segment cannot be resampled"
        elif reason is None:
            reason = _too_many_dropped(is_kept)
        difference = None if base_mean is None or experiment_mean is None else experiment_mean - base_mean
        if reason is not None:
            return Measured(
                metric, base_mean, experiment_mean, difference, None, None, None, None, None, reason
            )
        at_base, at_experiment = at_base[is_kept], at_experiment[is_kept]
        # Of seeds that exchange their values the sums differ behind the last digit, and are equal nevertheless.
        gains = np.round(metric.distance(at_base) - metric.distance(at_experiment), EXACT)
        ends = [0.5 - self.confidence / 2.0, 0.5 + self.confidence / 2.0]
        low, high = (float(end) for end in np.quantile(np.round(at_experiment - at_base, EXACT), ends))
        gain_low, gain_high = (float(end) for end in np.quantile(gains, ends))
        p_value = min(1.0, 2.0 * min(float(np.mean(gains <= 0)), float(np.mean(gains >= 0))))
        return Measured(
            metric,
            base_mean,
            experiment_mean,
            difference,
            low,
            high,
            gain_low,
            gain_high,
            p_value,
            None,
            draws=_filled(gains, is_kept),
        )

    def _by_clusters(
        self,
        row: Measured,
        at_base: Values,
        at_experiment: Values,
        base_by_seed: BySeed,
        experiment_by_seed: OtherBySeed,
    ) -> Measured:
        """The row with intervals over speakers in place of those over segments, which it keeps beside them."""
        beside = replace(row, segments_low=row.ci_low, segments_high=row.ci_high)
        is_kept = np.isfinite(at_base) & np.isfinite(at_experiment)
        reason = _too_many_dropped(is_kept)
        if reason is not None:
            return replace(
                beside,
                reason=reason,
                ci_low=None,
                ci_high=None,
                gain_low=None,
                gain_high=None,
                p_value=None,
                draws=None,
            )
        assert row.difference is not None, "a row with draws has values"
        assert row.gain is not None, "a row with draws has values"
        at_base, at_experiment = at_base[is_kept], at_experiment[is_kept]
        gains = row.metric.distance(at_base) - row.metric.distance(at_experiment)
        error, degrees = self._error(
            [after - before for before, after in self._pairs(row.metric)],
            lambda: experiment_by_seed - base_by_seed,
            at_experiment - at_base,
        )
        low, high = t_interval(row.difference, error=error, degrees=degrees, confidence=self.confidence)
        distance = row.metric.distance
        error, degrees = self._error(
            [distance(before) - distance(after) for before, after in self._pairs(row.metric)],
            lambda: distance(base_by_seed) - distance(experiment_by_seed),
            gains,
        )
        gain_low, gain_high = t_interval(row.gain, error=error, degrees=degrees, confidence=self.confidence)
        return replace(
            beside,
            ci_low=low,
            ci_high=high,
            gain_low=gain_low,
            gain_high=gain_high,
            p_value=t_p_value(row.gain, error=error, degrees=degrees),
            draws=_filled(gains, is_kept),
        )

    def _error(
        self, by_pair: Sequence[float], resampled: Callable[[], BySeed], means: Values
    ) -> tuple[float, float]:
        """The standard error over seeds and speakers, and its degrees of freedom.

        Args:
            by_pair: the difference of each pair of seeds; empty where seeds are not paired.
            resampled: the same in resamples of the speakers.
            means: its mean in resamples of speakers and seeds, which is what is left without pairs.
        """
        n_clusters = self.units[1]
        if not by_pair:
            return cluster_error(means, n_clusters), n_clusters - 1.0
        noise = noise_of(np.array(by_pair), resampled(), n_units=n_clusters)
        return noise.error, noise.degrees

    def _with_sensitivity(self, row: Measured, at_base: BySeed, at_experiment: OtherBySeed) -> Measured:
        """The row with what it could have shown, and how likely one training is better than another."""
        assert row.draws is not None, "without draws nothing is known of noise"
        n_units, distance = self.units[1], row.metric.distance
        before, after = distance(at_base), distance(at_experiment)
        by_pair = [distance(one) - distance(other) for one, other in self._pairs(row.metric)]
        noise = noise_of(np.array(by_pair), before - after, n_units=n_units) if by_pair else None
        if not self.over_clusters:
            sensitivity = Sensitivity(noise, spread_of(row.draws))
        elif noise is not None:
            sensitivity = Sensitivity(noise, noise.error, noise.degrees)
        else:
            sensitivity = Sensitivity(None, cluster_error(row.draws, n_units), n_units - 1.0)
        return replace(row, sensitivity=sensitivity, probability=_probability(before, after))

    def _pairs(self, metric: Metric) -> list[tuple[float, float]]:
        """The metric in both runs for each seed that they share; empty where they share none."""
        if self.paired != "segments and seeds":
            return []
        return [
            (_defined(metric, self.before.truth, one), _defined(metric, self.after.truth, other))
            for one, other in zip(self.before.rows, self.after.rows, strict=True)
        ]

    def _means(self, *, of_clusters: bool) -> tuple[dict[str, Values], dict[str, Values]]:
        if self.paired != "nothing":
            sides = (self.before, self.after)
            self.bootstrap.measure_together(sides, self.metrics, of_clusters=of_clusters)
        return (
            self.bootstrap.means(self.before, self.metrics, of_clusters=of_clusters),
            self.bootstrap.means(
                self.after,
                self.metrics,
                other_segments=self.paired == "nothing",
                other_seeds=self.paired != "segments and seeds",
                of_clusters=of_clusters,
            ),
        )

    def _by_seed(self) -> tuple[dict[str, BySeed], dict[str, OtherBySeed]]:
        """In resamples of what the intervals that decide are over."""
        return (
            self.bootstrap.by_seed(self.before, self.metrics, of_clusters=self.over_clusters),
            self.bootstrap.by_seed(
                self.after,
                self.metrics,
                other_segments=self.paired == "nothing",
                of_clusters=self.over_clusters,
            ),
        )


def _defined(metric: Metric, truth: Segments, row: Outputs) -> float:
    value = metric.function(truth, row)
    assert not isinstance(value, Undefined), "what has draws is defined"
    return value


def _too_many_dropped(is_kept: Bool[np.ndarray, "resample"]) -> str | None:
    n_dropped = len(is_kept) - int(is_kept.sum())
    if n_dropped <= MOST_DROPPED * len(is_kept):
        return None
    return f"the metric is undefined in {n_dropped} of {len(is_kept)} resamples"


def _filled(gains: Values, is_kept: Bool[np.ndarray, "resample"]) -> Values:
    """A gain for each resample, the mean of the others where it has none: rows of a leaderboard are compared by resample."""
    filled = np.full(len(is_kept), gains.mean())
    filled[is_kept] = gains
    return filled


def _probability(before: BySeed, after: OtherBySeed) -> float:
    """The share of resamples and pairs of seeds in which the experiment is nearer to the best value; a tie counts one half."""
    gains = before[:, :, None] - after[:, None, :]
    gains = gains[np.isfinite(gains)]
    return float(np.mean(gains > 0) + 0.5 * np.mean(gains == 0))


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

"""Where a series of measurements changed by more than noise: a change-point test, corrected for looking everywhere.

A series is one metric of runs on the same segments, in their order. For each place between two runs the means before and after
it are compared, weighed as in the likelihood-ratio test of Sen and Srivastava (1975). The largest of these differences, in units of its
error, is the statistic. Its distribution without any step is simulated, so the p-value holds for a step that was looked for
everywhere. Further steps are looked for on either side of one that was found, at half the level each (binary segmentation,
Vostrikova 1981).

Noise has two sources. Trainings differ by their seeds: the variance is pooled over all runs, so that five seeds of ten runs tell
more than five seeds. And segments (or speakers) are a sample: resamples of them, the same for all runs, give the covariance of the
runs, in which what is hard for all runs alike cancels. What a seed does on a segment alone is in both; it is taken
off the first, as in `pipeline.evaluation.power`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from pipeline.comparison.measured import DIGITS
from pipeline.evaluation.clusters import t_interval, t_quantile
from pipeline.evaluation.power import POWER

N_DRAWS = 9999
"""Series without a step that are simulated; no p-value is below 1 / (`N_DRAWS` + 1)."""

LEAST_RUNS_OF_ONE_SEED = 6
"""Fewer runs of one seed each say nothing of the noise of training."""

_MEDIAN_OF_SQUARE, _EFFICIENCY_OF_MEDIAN = 0.4549, 0.37
"""Of a squared standard normal variable: its median, and how much of the data an estimate by the median is worth."""

Runs = Float[NDArray[np.float64], "run"]
Contrasts = Float[NDArray[np.float64], "contrast run"]
"""Weights of the runs, a row for each difference of means."""

_ROUNDING = 1e-7
"""Standard error of a run's mean by the six digits of its predictions alone, so that none is without any noise."""

_LEAST_DIFFERENCE = 0.5 * 10.0**-DIGITS
"""Levels that are written alike are no step."""


@dataclass(frozen=True, eq=False)
class SeriesNoise:
    """What runs differ by where none of them is better than another.

    Attributes:
        seeds: variance of each run's mean that comes of its training alone; that of rounding where nothing tells.
        seed_degrees: degrees of freedom of `seeds`; 0 where nothing tells.
        units: covariance of the runs over units, run by run.
        n_units: number of units, at least 2: segments, or speakers with all of their segments.
    """

    seeds: Runs
    seed_degrees: float
    units: Float[NDArray[np.float64], "run run"]
    n_units: int

    def of(self, start: int, end: int) -> "SeriesNoise":
        """The noise of the runs from `start` up to and without `end`."""
        return SeriesNoise(
            self.seeds[start:end], self.seed_degrees, self.units[start:end, start:end], self.n_units
        )

    def variances(self, contrasts: Contrasts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The variance of each contrast that comes of seeds, and that of units."""
        of_units = np.einsum("ci,ij,cj->c", contrasts, self.units, contrasts)
        return contrasts**2 @ self.seeds, np.maximum(0.0, of_units)

    def error(self, contrast: Runs) -> tuple[float, float]:
        """The standard error of one contrast, and its degrees of freedom by Satterthwaite (1946)."""
        of_seeds, of_units = (float(each[0]) for each in self.variances(contrast[None]))
        squares = of_units**2 / (self.n_units - 1)
        if self.seed_degrees:
            squares += of_seeds**2 / self.seed_degrees
        degrees = (of_seeds + of_units) ** 2 / squares if squares else float(self.n_units - 1)
        return math.sqrt(of_seeds + of_units), degrees


def series_noise(
    values: Sequence[Float[NDArray[np.float64], "_"]],
    resampled: Sequence[Float[NDArray[np.float64], "resample _"]],
    *,
    same_seeds: bool,
    n_units: int,
) -> SeriesNoise:
    """The noise of a series, from the metric of each seed and from resamples of the units.

    Args:
        values: the metric of each seed, for each run.
        resampled: the same in resamples of the units, the same resamples for all seeds and runs; a resample with a NaN in any
            of them is left out.
        same_seeds: whether all runs have the same seeds in the same order; what a seed does in all of them then cancels.
        n_units: number of units, at least 2.
    """
    counts = np.array([len(row) for row in values])
    kept = np.isfinite(np.concatenate(resampled, axis=1)).all(axis=1)
    draws = [row[kept] for row in resampled]
    # A bootstrap over n units has the variance of a sample of n with n in the denominator.
    correction = n_units / (n_units - 1)
    means = np.stack([row.mean(axis=1) for row in draws])
    units = np.atleast_2d(np.cov(means, ddof=0)) * correction
    degrees = int((counts - 1).sum())
    paired = same_seeds and len(values) > 1
    if paired:
        degrees -= int(counts[0]) - 1
    if degrees == 0:
        seeds, seed_degrees = _of_neighbours(np.array([row.mean() for row in values]), units)
    else:
        found = sum(float((row**2).sum()) for row in _residuals([row[None] for row in values], paired))
        both = sum(float(row.var(axis=0).sum()) for row in _residuals(draws, paired)) * correction
        seeds, seed_degrees = _difference(found / degrees, both / degrees, float(degrees))
    return SeriesNoise(seeds / counts + _ROUNDING**2, seed_degrees, units, n_units)


def _of_neighbours(values: Runs, units: Float[NDArray[np.float64], "run run"]) -> tuple[float, float]:
    """The variance of a run that comes of its training, and its degrees of freedom, where no run has two seeds.

    Half the median of the squared differences of neighbours, which a step or two leave as it is, in units of the median of a
    squared standard normal variable. What comes of the units is taken off.
    """
    if len(values) < LEAST_RUNS_OF_ONE_SEED:
        return 0.0, 0.0
    differences = np.diff(values)
    of_units = np.diag(units)[1:] + np.diag(units)[:-1] - 2.0 * np.diag(units, 1)
    return _difference(
        float(np.median(differences**2)) / (2.0 * _MEDIAN_OF_SQUARE),
        float(np.median(of_units)) / 2.0,
        _EFFICIENCY_OF_MEDIAN * len(differences),
    )


def _difference(whole: float, part: float, degrees: float) -> tuple[float, float]:
    """A variance without a part of it that is well known, and its degrees of freedom by Satterthwaite (1946)."""
    if whole <= part:
        return 0.0, 0.0
    return whole - part, max(1.0, degrees * (1.0 - part / whole) ** 2)


def _residuals(
    rows: Sequence[Float[NDArray[np.float64], "resample _"]], paired: bool
) -> list[Float[NDArray[np.float64], "resample _"]]:
    """What is left of each seed of each run without the mean of its run, and without that of its seed where runs share seeds."""
    within = [row - row.mean(axis=1, keepdims=True) for row in rows]
    if not paired:
        return within
    of_seed = np.mean(within, axis=0)
    return [row - of_seed for row in within]


@dataclass(frozen=True)
class Step:
    """A change of the level.

    Attributes:
        at: number of the first run of the new level, from 0.
        before: mean of the runs of the level before it.
        after: mean of the runs of the new level.
        low: lower end of the interval of `after - before`.
        high: upper end of that interval.
        p_value: how likely runs without a step have one that is so clear, anywhere among those it was looked for in.
        level: level that the p-value had to reach.
    """

    at: int
    before: float
    after: float
    low: float
    high: float
    p_value: float
    level: float

    @property
    def difference(self) -> float:
        """The new level minus the old one."""
        return self.after - self.before


@dataclass(frozen=True)
class Stretch:
    """Runs of one level, between two steps.

    Attributes:
        start: number of its first run, from 0.
        end: number behind its last run.
        level: mean of its runs.
        half_width: how far a run lies from the mean of the others of its stretch by noise alone, at the confidence level and for
            one look; None for a single run, which has no others.
    """

    start: int
    end: int
    level: float
    half_width: float | None


@dataclass(frozen=True)
class Segmentation:
    """A series cut at its steps.

    Attributes:
        steps: the steps, in the order of the runs.
        stretches: what lies between them, one more than there are steps.
        p_value: p-value of the clearest step of the whole series; None where there is one run.
        detectable: smallest step that `POWER` of such series would show, in the middle and at the last run; None for one run.
    """

    steps: tuple[Step, ...]
    stretches: tuple[Stretch, ...]
    p_value: float | None
    detectable: tuple[float, float] | None


def find_steps(values: Runs, noise: SeriesNoise, *, confidence: float, seed: int = 0) -> Segmentation:
    """Cut a series where its level changed by more than noise.

    Args:
        values: the metric of each run, in the order of the runs.
        noise: the noise of the same runs.
        confidence: 1 minus the level of the first test, in (0, 1); the intervals have it too.
        seed: seed of the simulation; the same seed gives the same p-values.
    """
    n = len(values)
    found: dict[int, tuple[float, float]] = {}
    whole: tuple[float | None, tuple[float, float] | None] = (None, None)
    waiting = [(0, n, 1.0 - confidence)]
    while waiting:
        start, end, level = waiting.pop()
        if end - start < 2:
            continue
        at, p_value, detectable = _clearest(
            values[start:end], noise.of(start, end), level, np.random.default_rng(seed)
        )
        if (start, end) == (0, n):
            whole = p_value, detectable
        if p_value > level:
            continue
        found[start + at] = p_value, level
        waiting += [(start, start + at, level / 2.0), (start + at, end, level / 2.0)]
    edges = [0, *sorted(found), n]
    steps = []
    for before, at, after in zip(edges, edges[1:-1], edges[2:], strict=False):
        contrast = _contrast(n, before, at, after)
        error, degrees = noise.error(contrast)
        low, high = t_interval(float(contrast @ values), error=error, degrees=degrees, confidence=confidence)
        means = float(values[before:at].mean()), float(values[at:after].mean())
        steps.append(Step(at, *means, low, high, *found[at]))
    stretches = tuple(
        Stretch(start, end, float(values[start:end].mean()), _half_width(noise, start, end, confidence))
        for start, end in pairwise(edges)
    )
    return Segmentation(tuple(steps), stretches, *whole)


def _clearest(
    values: Runs, noise: SeriesNoise, level: float, rng: np.random.Generator
) -> tuple[int, float, tuple[float, float]]:
    """The place of the clearest step, its p-value, and what could have been seen in the middle and at the end."""
    n = len(values)
    contrasts = np.stack([_contrast(n, 0, at, n) for at in range(1, n)])
    # Differences of equal errors where all runs are equally noisy, as least squares weigh them. Errors of their own would
    # favour places that share a noisy run among many: not the step at that run, but one before it.
    weights = 1.0 / np.linalg.norm(contrasts, axis=1)
    differences = contrasts @ values
    at = int(np.argmax(np.abs(weights * differences)))
    of_seeds, of_units = noise.variances(contrasts)
    of_seeds_mean, of_units_mean = (float(np.mean(weights**2 * each)) for each in (of_seeds, of_units))
    scale = math.sqrt(of_seeds_mean + of_units_mean)
    simulated = _simulated(weights[:, None] * contrasts, noise, of_seeds_mean, of_units_mean, rng)
    p_value = (1 + int(np.sum(simulated >= abs(weights[at] * differences[at]) / scale))) / (1 + N_DRAWS)
    if abs(differences[at]) < _LEAST_DIFFERENCE:
        p_value = 1.0
    needed = float(np.quantile(simulated, 1.0 - level)) * scale / weights
    detectable = needed + NormalDist().inv_cdf(POWER) * np.sqrt(of_seeds + of_units)
    return at + 1, p_value, (float(detectable[(n - 1) // 2]), float(detectable[-1]))


def _simulated(
    contrasts: Contrasts, noise: SeriesNoise, of_seeds: float, of_units: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """The largest contrast of each of `N_DRAWS` series without a step, in units of their error.

    Noise is drawn with the variances that were found, and divided by variances that are themselves drawn, as often wrong as
    those of so few seeds and units are.
    """
    n = contrasts.shape[1]
    values = rng.normal(size=(N_DRAWS, n)) * np.sqrt(noise.seeds)
    scales, directions = np.linalg.eigh(noise.units)
    values += rng.normal(size=(N_DRAWS, n)) * np.sqrt(np.maximum(0.0, scales)) @ directions.T
    variances = of_units * rng.chisquare(noise.n_units - 1, N_DRAWS) / (noise.n_units - 1)
    if noise.seed_degrees:
        variances += of_seeds * rng.chisquare(noise.seed_degrees, N_DRAWS) / noise.seed_degrees
    else:
        variances += of_seeds
    return np.asarray(np.abs(values @ contrasts.T).max(axis=1) / np.sqrt(variances))


def _contrast(n: int, start: int, at: int, end: int) -> Runs:
    """The mean of the runs from `at` minus that of the runs before it."""
    weights = np.zeros(n)
    weights[start:at] = -1.0 / (at - start)
    weights[at:end] = 1.0 / (end - at)
    return weights


def _half_width(noise: SeriesNoise, start: int, end: int, confidence: float) -> float | None:
    """Of the runs of a stretch, the root of the mean variance of each against the mean of the others, times its t quantile."""
    size = end - start
    if size < 2:
        return None
    within = noise.of(start, end)
    errors, quantiles = [], []
    for run in range(size):
        contrast = np.full(size, -1.0 / (size - 1))
        contrast[run] = 1.0
        error, degrees = within.error(contrast)
        errors.append(error)
        quantiles.append(t_quantile(0.5 + confidence / 2.0, degrees))
    return float(np.sqrt(np.mean(np.square(errors))) * np.mean(quantiles))

"""How large a difference a comparison could have shown, and how much more data would show a smaller one.

A difference is the mean over `S` seeds, measured on `N` segments (or speakers). Its noise has three sources: seeds, segments,
and what a seed does on a segment alone. With a variance of each, for one seed and one segment, the mean has the variance

    V(S, N) = seeds / S + segments / N + both / (S · N)

the two-way layout of Cornfield and Tukey (1956). They are estimated from resamples of the segments, seed by seed. A
difference is beyond chance where it exceeds `q` standard errors; to exceed them in 80 of 100 comparisons, the true one has to be
`(q + q_power)` standard errors: the smallest detectable effect of Bloom (1995).
"""

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from pipeline.evaluation.clusters import t_quantile
from pipeline.evaluation.selection import Values

POWER = 0.8
"""The share of comparisons that would show the smallest detectable difference."""


@dataclass(frozen=True)
class Noise:
    """The noise of a difference: its variance for one seed and one unit, by source.

    Attributes:
        seeds: variance over seeds; None where one seed cannot tell.
        units: variance over units, a unit being a segment, or a speaker with all of its segments.
        both: variance of what a seed does on a unit alone; 0 where one seed cannot tell it from `units`.
        n_seeds: number of seeds that were compared.
        n_units: number of units that were compared.
    """

    seeds: float | None
    units: float
    both: float
    n_seeds: int
    n_units: int

    @property
    def error(self) -> float:
        """The standard error of the mean difference that was measured."""
        return math.sqrt(sum(self._parts()))

    @property
    def percentile_error(self) -> float:
        """The standard deviation of the mean in resamples of both seeds and units, on which an interval by percentiles rests.

        Resampled is the layout of `S x N` differences that were measured, each the sum of what its seed, its unit and the two
        together do. Drawing seeds alone gives the variance `(S - 1)/S · (seeds + both/N) / S`, drawing units alone that of their means,
        `units/N + both/(S·N)`, and that both are drawn once more `(S - 1)/S · both/(S·N)`: `both` counts nearly three times.
        """
        if self.seeds is None:
            return self.error
        of_seeds, of_units = self._parts()
        in_cells = self.both / (self.n_seeds * self.n_units)
        return math.sqrt((of_seeds + 2.0 * in_cells) * (1.0 - 1.0 / self.n_seeds) + of_units)

    @property
    def degrees(self) -> float:
        """The degrees of freedom of `error`, by Satterthwaite (1946)."""
        of_seeds, of_units = self._parts()
        if of_seeds == 0.0:
            return self.n_units - 1.0
        squares = of_seeds**2 / (self.n_seeds - 1) + of_units**2 / (self.n_units - 1)
        return (of_seeds + of_units) ** 2 / squares

    def _parts(self) -> tuple[float, float]:
        """The variance of the mean that comes of the seeds alone, and that of units."""
        of_seeds = 0.0 if self.seeds is None else self.seeds
        return of_seeds / self.n_seeds, (self.units + self.both / self.n_seeds) / self.n_units


@dataclass(frozen=True)
class Sensitivity:
    """What a comparison could have shown.

    Attributes:
        noise: noise of its difference by source; None where runs without a common seed leave no pairs to tell.
        error: standard error of the interval that the verdict rests on.
        degrees: degrees of freedom of that interval, which is a t interval; None for one by percentiles.
    """

    noise: Noise | None
    error: float
    degrees: float | None = None

    def detectable(self, *, alpha: float, power: float = POWER) -> float:
        """The smallest true difference that is beyond chance in a share `power` of such comparisons.

        Half the interval at this level, which the measured difference has to exceed, and what it may fall short of the true one.

        Args:
            alpha: level at which a difference counts as beyond chance, two-sided, in (0, 1).
            power: share of comparisons, in (0.5, 1).
        """
        return self._quantile(1.0 - alpha / 2.0) * self.error + self._quantile(power) * self._spread

    def seeds_for(self, difference: float, *, alpha: float, power: float = POWER) -> int | None:
        """How many seeds would show a true difference on the same units; None where no number would."""
        if self.noise is None or self.noise.seeds is None:
            return None
        noise = self.noise
        left = self._variance_for(difference, alpha, power) - noise.units / noise.n_units
        return _least(self.noise.seeds + noise.both / noise.n_units, left)

    def units_for(self, difference: float, *, alpha: float, power: float = POWER) -> int | None:
        """How many segments or speakers would show a true difference with the same seeds; None where no number would."""
        if self.noise is None:
            return None
        noise = self.noise
        of_seeds = 0.0 if noise.seeds is None else noise.seeds
        left = self._variance_for(difference, alpha, power) - of_seeds / noise.n_seeds
        return _least(noise.units + noise.both / noise.n_seeds, left)

    def with_sizes(self, *, n_seeds: int, n_units: int) -> "Sensitivity":
        """The same noise in a comparison of another size; the interval's error grows or falls with that of the difference.

        Raises:
            ValueError: there are no pairs of seeds to tell the sources of noise apart.
        """
        if self.noise is None:
            raise ValueError("without pairs of seeds, nothing says how noise falls with their number")
        noise = replace(self.noise, n_seeds=n_seeds, n_units=n_units)
        ratio = self.error / self._spread if self._spread else 1.0
        return Sensitivity(noise, noise.error * ratio, None if self.degrees is None else noise.degrees)

    @property
    def _spread(self) -> float:
        """The standard error of the difference itself, which that of a bootstrap over both seeds and segments overstates."""
        if self.noise is None:
            return self.error
        return self.noise.error

    def _quantile(self, probability: float) -> float:
        if self.degrees is None:
            return NormalDist().inv_cdf(probability)
        return t_quantile(probability, self.degrees)

    def _variance_for(self, difference: float, alpha: float, power: float) -> float:
        """The variance at which a difference is the smallest that is detectable."""
        spread = self._spread
        ratio = self.error / spread if spread else 1.0
        return (difference / (self._quantile(1.0 - alpha / 2.0) * ratio + self._quantile(power))) ** 2


def detectable_by_interval(low: float, high: float, *, confidence: float, power: float = POWER) -> float:
    """The smallest true difference that a share `power` of such comparisons would show, by an interval alone.

    Half the interval is `q` standard errors, and a difference has to be `q + q_power` of them. A bootstrap over seeds and segments
    overstates the standard error of the difference, so this is at most somewhat too large.

    Args:
        low: lower end of the interval of a difference.
        high: upper end.
        confidence: level of the interval, in (0, 1).
        power: share of comparisons, in (0.5, 1).

    >>> round(detectable_by_interval(-1.0, 1.0, confidence=0.95), 3)
    1.429
    """
    normal = NormalDist()
    quantile = normal.inv_cdf((1.0 + confidence) / 2.0)
    return (high - low) / 2.0 * (1.0 + normal.inv_cdf(power) / quantile)


def noise_of(
    differences: Float[NDArray[np.float64], "seed"],
    resampled: Float[NDArray[np.float64], "resample seed"],
    *,
    n_units: int,
) -> Noise:
    """The noise of a difference, from its value for each pair of seeds and in resamples of the units.

    The variance over resamples is that of the units for one seed, and of their mean over seeds; the two differ by what is
    a seed's own. A variance that comes out negative, as an estimate may, is 0.

    Args:
        differences: metric of the experiment minus that of the base, for each pair of seeds.
        resampled: the same in resamples of the units, the same resamples for all seeds; rows with NaN are left out.
        n_units: number of units, at least 2.
    """
    n_seeds = len(differences)
    kept = resampled[np.isfinite(resampled).all(axis=1)]
    # A bootstrap over n units has the variance of a sample of n with n in the denominator.
    correction = n_units / (n_units - 1)
    of_mean = float(np.var(kept.mean(axis=1))) * correction
    if n_seeds == 1:
        return Noise(None, of_mean * n_units, 0.0, 1, n_units)
    of_one = float(np.var(kept, axis=0).mean()) * correction
    both = max(0.0, (of_one - of_mean) / (1.0 - 1.0 / n_seeds))
    return Noise(
        seeds=max(0.0, float(np.var(differences, ddof=1)) - both),
        units=max(0.0, of_mean - both / n_seeds) * n_units,
        both=both * n_units,
        n_seeds=n_seeds,
        n_units=n_units,
    )


def noise_between_seeds(
    values: Float[NDArray[np.float64], "seed"],
    resampled: Float[NDArray[np.float64], "resample seed"],
    *,
    n_units: int,
) -> Noise:
    """The noise of the difference between two runs of one quality, from the seeds of one of them.

    The metric of seed s is `mean + a_s + b + c_s`, where `b` is what the units do to every seed, and `c_s` what they do to this one. Of a
    second run of the same quality on the same units, with seeds of its own, `mean` and `b` are the same, so

        difference of a pair = (a_s - a'_s) + (c_s - c'_s)

    has twice the variance of a seed and twice that of a seed on a unit, and `units` is 0: what changes little is taken to change all
    units alike. `noise_of` finds the variances of the metric itself. The differences of each seed from the next one of the same run
    are no pairs of two runs: their mean is 0 whatever the seeds are, and their variance with S - 1 in the denominator is `S / (S - 1)` times
    that of such pairs.

    Args:
        values: the metric for each seed, at least two.
        resampled: the same in resamples of the units, the same resamples for all seeds; rows with NaN are left out.
        n_units: number of units, at least 2.

    Raises:
        ValueError: one seed alone.
    """
    of_one = noise_of(values, resampled, n_units=n_units)
    if of_one.seeds is None:
        raise ValueError("one seed does not tell how seeds differ")
    return replace(of_one, seeds=2.0 * of_one.seeds, units=0.0, both=2.0 * of_one.both)


def spread_of(resampled: Values) -> float:
    """The standard error by resamples; those without a value are left out."""
    return float(np.nanstd(resampled))


def _least(falling: float, left: float) -> int | None:
    """The least whole number n from 1 up with `falling / n <= left`."""
    needed = falling / left if left > 0.0 else math.inf
    # Values near the end of double precision have a variance beyond it.
    if not math.isfinite(needed):
        return None
    return max(1, math.ceil(needed * (1.0 - 1e-12)))

import math

import numpy as np
import pytest

from pipeline.evaluation.power import Noise, Sensitivity, noise_between_seeds, noise_of

NOISE = Noise(seeds=0.04, units=2.0, both=1.0, n_seeds=5, n_units=100)


def test_the_sources_of_noise_are_told_apart():
    rng = np.random.default_rng(0)
    n_seeds, n_units, found = 5, 80, []
    for _ in range(200):
        of_pair = 0.5 * rng.normal(size=(n_seeds, 1)) + 2.0 * rng.normal(size=n_units)
        of_pair = of_pair + 1.0 * rng.normal(size=(n_seeds, n_units))
        counts = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=200)
        noise = noise_of(of_pair.mean(axis=1), counts @ of_pair.T / n_units, n_units=n_units)
        found.append((noise.seeds, noise.units, noise.both))
    assert np.mean(found, axis=0) == pytest.approx([0.25, 4.0, 1.0], rel=0.1)


def values_of_runs(rng, *, n_seeds, n_units, n_runs=1, of_seed=0.25, of_unit=4.0, of_both=1.0):
    """A run's value of each seed on each unit: runs of one quality on the same units, each with seeds of its own."""
    unit = math.sqrt(of_unit) * rng.normal(size=n_units)
    seed = math.sqrt(of_seed) * rng.normal(size=(n_runs, n_seeds, 1))
    return unit + seed + math.sqrt(of_both) * rng.normal(size=(n_runs, n_seeds, n_units))


@pytest.mark.parametrize("n_seeds", [2, 3, 8])
def test_the_noise_between_two_runs_of_one_quality_is_known_from_one_of_them(n_seeds):
    rng = np.random.default_rng(n_seeds)
    n_units, found, differences = 60, [], []
    for _ in range(800):
        one, other = values_of_runs(rng, n_seeds=n_seeds, n_units=n_units, n_runs=2)
        differences.append(one.mean() - other.mean())
        counts = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=100)
        noise = noise_between_seeds(one.mean(axis=1), counts @ one.T / n_units, n_units=n_units)
        found.append((noise.seeds, noise.units, noise.both, noise.error**2))
    seeds, units, both, variance = np.mean(found, axis=0)
    # Of the differences of each seed from the next one they would be S / (S - 1) times as much: twice, for two seeds.
    assert (seeds, both) == (pytest.approx(0.5, rel=0.15), pytest.approx(2.0, rel=0.05))
    assert units == 0.0
    assert variance == pytest.approx(np.var(differences), rel=0.15)


@pytest.mark.parametrize("n_seeds", [2, 5])
def test_resamples_of_seeds_and_units_spread_as_is_said(n_seeds):
    rng = np.random.default_rng(n_seeds)
    n_units, spreads = 60, []
    for _ in range(400):
        (one,) = values_of_runs(rng, n_seeds=n_seeds, n_units=n_units, of_unit=0.5, of_both=30.0)
        of_unit = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=200)
        of_seed = rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=200)
        spreads.append(np.var(np.einsum("rs,su,ru->r", of_seed, one, of_unit) / one.size))
    noise = Noise(seeds=0.25, units=0.5, both=30.0, n_seeds=n_seeds, n_units=n_units)
    assert np.mean(spreads) == pytest.approx(noise.percentile_error**2, rel=0.06)
    assert noise.percentile_error > 1.2 * noise.error


def test_one_seed_does_not_tell_how_seeds_differ():
    with pytest.raises(ValueError, match="one seed does not tell"):
        noise_between_seeds(np.array([0.1]), np.linspace(0, 1, 50)[:, None], n_units=10)


def test_a_difference_as_large_as_is_detectable_takes_no_more_than_there_is():
    sensitivity = Sensitivity(NOISE, NOISE.error)
    least = sensitivity.detectable(alpha=0.05)
    assert least == pytest.approx((1.959964 + 0.841621) * NOISE.error, rel=1e-5)
    assert sensitivity.seeds_for(least, alpha=0.05) == 5
    assert sensitivity.units_for(least, alpha=0.05) == 100


def test_half_of_it_takes_more_and_may_be_out_of_reach():
    sensitivity = Sensitivity(NOISE, NOISE.error)
    least = sensitivity.detectable(alpha=0.05)
    n_seeds = sensitivity.seeds_for(0.9 * least, alpha=0.05)
    assert sensitivity.with_sizes(n_seeds=n_seeds, n_units=100).detectable(alpha=0.05) <= 0.9 * least
    assert sensitivity.with_sizes(n_seeds=n_seeds - 1, n_units=100).detectable(alpha=0.05) > 0.9 * least
    assert sensitivity.seeds_for(0.5 * least, alpha=0.05) is None


def test_one_seed_says_nothing_of_more_seeds():
    noise = noise_of(np.array([0.1]), np.linspace(0, 1, 50)[:, None], n_units=10)
    sensitivity = Sensitivity(noise, noise.error)
    assert noise.seeds is None
    assert sensitivity.seeds_for(0.1, alpha=0.05) is None
    assert sensitivity.units_for(0.1, alpha=0.05) > 10


def test_a_variance_beyond_double_precision_is_out_of_reach():
    noise = Noise(seeds=math.inf, units=math.nan, both=0.0, n_seeds=5, n_units=5)
    sensitivity = Sensitivity(noise, math.inf)
    assert sensitivity.seeds_for(0.1, alpha=0.05) is None
    assert sensitivity.units_for(0.1, alpha=0.05) is None


def test_few_speakers_take_a_t_quantile():
    few = Noise(seeds=0.0, units=1.0, both=0.0, n_seeds=5, n_units=5)
    assert few.degrees == 4
    assert Sensitivity(few, few.error, few.degrees).detectable(alpha=0.05) == pytest.approx(
        (2.776445 + 0.940965) * math.sqrt(1 / 5), rel=1e-4
    )

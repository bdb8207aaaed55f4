"""The test for steps: how often it is wrong about a series without one, and whether it finds one that is there."""

from functools import partial

import numpy as np
import pytest

from benchmarks import steps
from pipeline.comparison.steps import find_steps, series_noise

N_SERIES = 150

errors_of = partial(steps.errors_of, of_training=0.3)
segmented = partial(steps.segmented, n_resamples=100)


@pytest.mark.parametrize(("n_runs", "n_seeds"), [(3, 5), (8, 3), (8, 1)])
def test_a_series_without_a_step_has_one_about_as_often_as_its_level_says(n_runs, n_seeds):
    rng = np.random.default_rng(7)
    found = [
        bool(segmented(rng, errors_of(rng, np.zeros(n_runs), n_seeds=n_seeds)).steps) for _ in range(N_SERIES)
    ]
    # 0.05, known to ± 0.036 by so many series; a run that is taken for noise-free, or one place for all, gives 0.2 and more.
    assert np.mean(found) < 0.11
    if n_seeds > 1:
        assert np.mean(found) > 0.005


def test_looking_at_many_places_does_not_raise_the_rate():
    rng = np.random.default_rng(8)
    p_values = [segmented(rng, errors_of(rng, np.zeros(12), n_seeds=3)).p_value for _ in range(N_SERIES)]
    assert np.mean(np.array(p_values) < 0.5) == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("at", [1, 4, 7])
def test_a_step_is_found_at_its_run(at):
    rng = np.random.default_rng(at)
    found = []
    for _ in range(20):
        levels = np.where(np.arange(8) < at, 0.0, 1.2)
        found.append([step.at for step in segmented(rng, errors_of(rng, levels, n_seeds=5)).steps])
    assert sum(at in steps for steps in found) >= 18


def test_two_steps_are_found_and_the_second_has_half_the_level():
    rng = np.random.default_rng(3)
    found = segmented(rng, errors_of(rng, [0, 0, 0, 2, 2, 2, 4, 4, 4], n_seeds=5))
    assert [step.at for step in found.steps] == [3, 6]
    assert sorted(step.level for step in found.steps) == pytest.approx([0.025, 0.05])
    assert [(each.start, each.end) for each in found.stretches] == [(0, 3), (3, 6), (6, 9)]
    for step in found.steps:
        assert step.low < step.difference < step.high
        assert step.difference == pytest.approx(2.0, abs=0.6)


def test_a_run_lies_within_the_band_of_its_stretch_as_often_as_it_says():
    rng = np.random.default_rng(5)
    outside = total = 0
    for _ in range(60):
        errors = errors_of(rng, np.zeros(8), n_seeds=4)
        found = segmented(rng, errors)
        if len(found.stretches) == 1:
            means = np.array([rows.mean() for rows in errors])
            outside += int((np.abs(means - means.mean()) * 8 / 7 > found.stretches[0].half_width).sum())
            total += len(means)
    assert outside / total == pytest.approx(0.05, abs=0.03)


def test_more_seeds_show_a_smaller_step():
    rng = np.random.default_rng(6)
    few, many = (
        segmented(rng, errors_of(rng, np.zeros(8), n_seeds=n_seeds)).detectable for n_seeds in (2, 20)
    )
    assert many[0] < few[0]
    assert few[0] < few[1]


def test_one_seed_and_few_runs_know_segments_alone():
    rng = np.random.default_rng(1)
    errors = errors_of(rng, np.zeros(5), n_seeds=1)
    values = [rows.mean(axis=1) for rows in errors]
    resampled = [rng.normal(size=(50, 1)) for _ in errors]
    few = series_noise(values, resampled, same_seeds=True, n_units=9)
    assert few.seed_degrees == 0
    assert few.seeds.max() < 1e-12


def test_other_seeds_in_each_run_do_not_cancel():
    """What a seed does in all runs is noise where they have other seeds."""
    shift = np.array([-1.0, 0.0, 1.0])
    values = [shift + noise for noise in np.random.default_rng(0).normal(0, 0.01, size=(6, 3))]
    resampled = [np.tile(row, (10, 1)) for row in values]
    same = series_noise(values, resampled, same_seeds=True, n_units=9)
    other = series_noise(values, resampled, same_seeds=False, n_units=9)
    assert other.seeds[0] > 100 * same.seeds[0]


def test_equal_runs_have_no_step_and_no_noise():
    values = [np.full(3, 0.4)] * 5
    noise = series_noise(values, [np.full((10, 3), 0.4)] * 5, same_seeds=True, n_units=9)
    found = find_steps(np.full(5, 0.4), noise, confidence=0.95)
    assert (found.steps, found.p_value) == ((), 1.0)
    assert found.stretches[0].half_width < 1e-6


def test_a_change_without_any_noise_is_a_step():
    values = [np.full(3, level) for level in (0.4, 0.4, 0.5, 0.5)]
    resampled = [np.tile(row, (10, 1)) for row in values]
    noise = series_noise(values, resampled, same_seeds=True, n_units=9)
    found = find_steps(np.array([0.4, 0.4, 0.5, 0.5]), noise, confidence=0.95)
    assert [step.at for step in found.steps] == [2]


def test_what_is_written_alike_is_no_step():
    values = [np.full(3, level) for level in (0.4, 0.4, 0.40002, 0.40002)]
    resampled = [np.tile(row, (10, 1)) for row in values]
    noise = series_noise(values, resampled, same_seeds=True, n_units=9)
    assert find_steps(np.array([each.mean() for each in values]), noise, confidence=0.95).steps == ()


def test_a_single_run_has_nothing_to_be_compared_with():
    noise = series_noise([np.array([0.4, 0.5])], [np.ones((10, 2))], same_seeds=True, n_units=9)
    found = find_steps(np.array([0.45]), noise, confidence=0.95)
    assert (found.steps, found.p_value, found.detectable) == ((), None, None)
    assert found.stretches[0].half_width is None

"""Tables say which number is whose."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.artifacts.evaluated.predictions import SplitPredictions
from pipeline.evaluation.comparisons import compare_split
from pipeline.evaluation.protocols import MOSI
from pipeline.evaluation.tables import (
    difference_table,
    ensemble_table,
    headline,
    model_table,
    order_table,
    paired_resamples,
    reliability_table,
)

RNG = np.random.default_rng(0)
TRUTH = np.clip(RNG.normal(size=40), -3, 3)
GOOD = TRUTH + RNG.normal(scale=0.2, size=(3, 40))
BAD = TRUTH + RNG.normal(scale=2.0, size=(3, 40))


def test_truth_comes_first():
    # Slope of truth on prediction; the other way round it would be 2.
    truth = np.linspace(-2, 2, 9)
    table = model_table(truth, {"m": 2 * truth[None]}, protocol=MOSI, confidence=0.95)
    assert table["m"]["calibration_slope"].mean == pytest.approx(0.5)


def test_every_model_has_every_metric_of_the_protocol():
    table = model_table(TRUTH, {"a": GOOD, "b": BAD}, protocol=MOSI, confidence=0.95)
    assert list(table) == ["a", "b"]
    assert list(table["a"]) == [metric.name for metric in MOSI.metrics]
    assert table["a"]["mae"].mean < table["b"]["mae"].mean
    assert table["a"]["mae"].n == 3


def test_an_ensemble_is_the_mean_of_the_seeds_and_its_interval_is_over_segments():
    settings = {"protocol": MOSI, "confidence": 0.95, "n_resamples": 400}
    table = ensemble_table(TRUTH, {"a": BAD, "constant": BAD[:1]}, **settings)
    assert list(table) == ["a_ensemble"]
    found = table["a_ensemble"]["mae"]
    errors = np.abs(TRUTH - BAD.mean(axis=0))
    assert found.mean == pytest.approx(errors.mean())
    assert (found.sd, found.n) == (None, 3)
    half_width = 1.96 * errors.std() / np.sqrt(len(errors))
    assert found.ci_low == pytest.approx(errors.mean() - half_width, abs=0.3 * half_width)
    assert found.ci_high == pytest.approx(errors.mean() + half_width, abs=0.3 * half_width)


def test_an_ensemble_that_is_constant_has_no_correlation_and_says_why():
    settings = {"protocol": MOSI, "confidence": 0.95, "n_resamples": 50}
    opposite = np.stack([GOOD[0], -GOOD[0]])
    found = ensemble_table(TRUTH, {"a": opposite}, **settings)["a_ensemble"]["pearson"]
    assert (found.mean, found.reason) == (None, "all predictions are equal")


def test_a_difference_is_the_first_minus_the_second():
    table = difference_table(
        TRUTH,
        {"a - b": (GOOD, BAD)},
        protocol=MOSI,
        confidence=0.95,
        resamples=paired_resamples(TRUTH, n_resamples=200),
    )
    assert table["a - b"]["mae"].ci_high < 0
    assert table["a - b"]["pearson"].ci_low > 0


def test_the_resamples_of_a_split_are_measured_once_for_each_row_of_predictions():
    measured = []

    def counting(truth, prediction, samples):
        if len(samples) > 1:
            measured.append(prediction.tobytes())
        return MOSI.error.formula(truth, prediction, samples)

    metrics = tuple(
        replace(metric, formula=counting) if metric is MOSI.error else metric for metric in MOSI.metrics
    )
    models = {"grcf": GOOD, "pointwise": BAD, "median": np.zeros((1, 40))}
    compare_split(
        SplitPredictions("test", tuple(map(str, range(40))), TRUTH, models, dict.fromkeys(models, (1, 2, 3))),
        subsets={"all": (frozenset({"text"}), GOOD), "nothing": (frozenset(), np.ones((3, 40)))},
        scores=GOOD,
        protocol=replace(MOSI, metrics=metrics),
        confidence=0.95,
        n_resamples=20,
        n_bins=2,
    )
    # Three seeds and their mean of both models, the constant, and what was shown nothing, whose seeds are alike.
    assert len(measured) == len(set(measured)) == 3 + 1 + 3 + 1 + 1 + 1


def test_order_knows_no_magnitude():
    table = order_table(TRUTH, {"rank": GOOD, "calibrate": 5 * GOOD + 7}, protocol=MOSI, confidence=0.95)
    for metric, summary in table["rank"].items():
        assert summary.mean == pytest.approx(table["calibrate"][metric].mean)


def test_the_headline_is_flat_short_and_taken_from_the_table():
    metrics = {
        split: model_table(TRUTH, {"grcf": GOOD, "pointwise": BAD}, protocol=MOSI, confidence=0.95)
        for split in ("valid", "test")
    }
    found = headline(metrics, protocol=MOSI)
    assert len(found) == 4 * len(MOSI.headline) <= 12
    assert found["valid_grcf_mae"] == metrics["valid"]["grcf"]["mae"].mean


def test_reliability_counts_every_segment():
    table = reliability_table(TRUTH, {"a": GOOD}, n_bins=5)
    assert sum(row.n_segments for row in table["a"].bins) == 40
    assert table["a"].expected_calibration_error >= 0


def test_reliability_has_the_line_of_the_mean_over_seeds():
    row = reliability_table(TRUTH, {"a": GOOD}, n_bins=5)["a"]
    assert (row.slope, row.offset) == pytest.approx(tuple(np.polyfit(GOOD.mean(axis=0), TRUTH, 1)))


def test_reliability_of_a_constant_has_no_line():
    row = reliability_table(TRUTH, {"a": np.zeros((1, len(TRUTH)))}, n_bins=5)["a"]
    assert (row.slope, row.offset) == (None, None)

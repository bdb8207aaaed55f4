import dataclasses
import json
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pipeline.artifacts.evaluated.evaluation import Difference, Over
from pipeline.errors import PipelineError
from pipeline.evaluation.metrics import Metric, Undefined
from pipeline.evaluation.protocols import MOSI
from pipeline.evaluation.statistics import paired_differences, summarise

EVERY_OVER: list[Over] = ["seeds", "segments", "both"]
MAE = MOSI.metric("mae")
PEARSON = MOSI.metric("pearson")


def paired_difference(truth, a, b, *, metric, **settings) -> Difference:
    return paired_differences(truth, a, b, metrics=(metric,), **settings)[metric.name]


def models(
    n_segments: int = 80, n_seeds: int = 5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels and two models whose errors share most of their noise: the same segments are hard for both."""
    rng = np.random.default_rng(seed)
    truth = np.round(rng.normal(0.0, 1.5, n_segments), 1)
    shared = truth + rng.normal(0.0, 1.0, n_segments)
    a, b = (shared + rng.normal(0.0, 0.2, (n_seeds, n_segments)) for _ in range(2))
    return truth, a, 1.05 * b


def difference(truth: np.ndarray, a: np.ndarray, b: np.ndarray, **settings: object) -> Difference:
    defaults = {"metric": MAE, "n_resamples": 400, "confidence": 0.95, "seed": 1, "over": "segments"}
    return paired_difference(truth, a, b, **{**defaults, **settings})


def width(result: Difference) -> float:
    assert result.ci_low is not None
    assert result.ci_high is not None
    return result.ci_high - result.ci_low


# ---- summaries over seeds


def test_the_interval_over_seeds_is_the_t_interval() -> None:
    values = [0.81, 0.84, 0.80, 0.86, 0.83]
    low, high = stats.t.interval(0.9, 4, loc=np.mean(values), scale=stats.sem(values))

    found = summarise(values, confidence=0.9)

    assert (found.mean, found.sd) == pytest.approx((np.mean(values), np.std(values, ddof=1)))
    assert (found.ci_low, found.ci_high) == pytest.approx((low, high))
    assert found.n == 5


def test_the_interval_over_seeds_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    summaries = [summarise(list(rng.normal(2.0, 0.5, 5)), confidence=0.8) for _ in range(500)]

    covered = sum(found.ci_low <= 2.0 <= found.ci_high for found in summaries)

    assert 0.75 < covered / 500 < 0.85


def test_one_seed_has_a_mean_and_no_spread() -> None:
    assert summarise([0.5], confidence=0.95).as_json() == {
        "mean": 0.5,
        "sd": None,
        "ci_low": None,
        "ci_high": None,
        "n": 1,
        "reason": "one value has no spread over seeds",
    }


def test_an_undefined_seed_makes_the_summary_null() -> None:
    found = summarise([0.5, Undefined("all predictions are equal"), 0.7], confidence=0.95)

    assert (found.mean, found.sd, found.ci_low, found.ci_high, found.n) == (None, None, None, None, 3)
    assert found.reason == "undefined for 1 of 3 seeds: all predictions are equal"


def test_no_seeds_make_the_summary_null() -> None:
    assert summarise([], confidence=0.95).as_json()["reason"] == "there are no seeds"


def test_a_summary_gives_no_reason_where_nothing_is_null() -> None:
    assert list(summarise([0.5, 0.7], confidence=0.95).as_json()) == ["mean", "sd", "ci_low", "ci_high", "n"]


def test_nan_is_no_value_of_a_metric() -> None:
    with pytest.raises(ValueError, match="finite or Undefined"):
        summarise([0.5, math.nan], confidence=0.95)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_a_confidence_outside_0_to_1_is_refused(confidence: float) -> None:
    with pytest.raises(PipelineError, match="between 0 and 1"):
        summarise([0.5, 0.7], confidence=confidence)


# ---- paired differences: what all intervals share


@pytest.mark.parametrize("over", EVERY_OVER)
@pytest.mark.parametrize("metric", MOSI.metrics, ids=[metric.name for metric in MOSI.metrics])
def test_identical_predictions_differ_by_exactly_nothing(over: Over, metric: Metric) -> None:
    truth, a, _ = models()

    found = difference(truth, a, a.copy(), over=over, metric=metric, n_resamples=50)

    assert (found.mean, found.ci_low, found.ci_high) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("over", EVERY_OVER)
@given(seed=st.integers(0, 1000))
@settings(max_examples=15)
def test_exchanging_the_models_negates_the_difference(over: Over, seed: int) -> None:
    truth, a, b = models(seed=seed)

    forth = difference(truth, a, b, over=over, n_resamples=60)
    back = difference(truth, b, a, over=over, n_resamples=60)

    assert back.mean == -forth.mean
    assert (back.ci_low, back.ci_high) == pytest.approx((-forth.ci_high, -forth.ci_low))


@pytest.mark.parametrize("over", EVERY_OVER)
def test_the_same_seed_gives_the_same_interval(over: Over) -> None:
    assert difference(*models(), over=over) == difference(*models(), over=over)


@pytest.mark.parametrize("over", ["segments", "both"])
def test_another_seed_draws_other_resamples(over: Over) -> None:
    assert difference(*models(), over=over, seed=1) != difference(*models(), over=over, seed=2)


@pytest.mark.parametrize("over", EVERY_OVER)
def test_the_mean_is_that_of_the_metric_over_the_seeds(over: Over) -> None:
    truth, a, b = models()
    expected = np.mean(
        [np.mean(np.abs(x - truth)) - np.mean(np.abs(y - truth)) for x, y in zip(a, b, strict=True)]
    )

    assert difference(truth, a, b, over=over).mean == pytest.approx(expected)


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ("seeds", "t interval of the mean over 5 seeds, segments as they are; seeds paired"),
        (
            "segments",
            "percentile bootstrap, 400 resamples, segments drawn with replacement, seeds as they are; seeds paired",
        ),
        (
            "both",
            "percentile bootstrap, 400 resamples, segments and seeds drawn with replacement; seeds paired",
        ),
    ],
)
def test_a_difference_says_what_it_is_over_and_how_it_was_computed(over: Over, words: str) -> None:
    found = difference(*models(), over=over)

    assert (found.over, found.method, found.n_seeds, found.n_segments) == (over, words, 5, 80)


def test_a_difference_is_json_without_a_reason_where_nothing_is_null() -> None:
    found = difference(*models()).as_json()

    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert list(found) == ["mean", "ci_low", "ci_high", "n_seeds", "n_segments", "over", "method"]


def test_metrics_together_have_the_intervals_that_they_have_alone() -> None:
    truth, a, b = models()
    common = {"n_resamples": 200, "confidence": 0.95, "seed": 1, "over": "both"}

    together = paired_differences(truth, a, b, metrics=MOSI.metrics, **common)

    assert list(together) == [metric.name for metric in MOSI.metrics]
    for metric in (MAE, PEARSON):
        assert together[metric.name] == paired_difference(truth, a, b, metric=metric, **common)


# ---- over seeds


def test_over_seeds_is_the_paired_t_interval() -> None:
    truth, a, b = models()
    of_a, of_b = (np.abs(predictions - truth).mean(axis=1) for predictions in (a, b))
    low, high = stats.ttest_rel(of_a, of_b).confidence_interval(0.9)

    found = difference(truth, a, b, over="seeds", confidence=0.9)

    assert (found.ci_low, found.ci_high) == pytest.approx((low, high))


def test_pairing_seeds_narrows_the_interval_where_they_rise_and_fall_together() -> None:
    truth, a, _ = models()
    a = a + np.array([[0.0], [0.4], [0.1], [0.6], [0.2]])
    b = a + np.random.default_rng(7).normal(0.0, 0.05, a.shape)

    assert width(difference(truth, a, b, over="seeds")) < width(
        difference(truth, a, b[::-1].copy(), over="seeds")
    )


def test_one_seed_each_has_no_interval_over_seeds() -> None:
    truth, a, b = models(n_seeds=1)

    found = difference(truth, a, b, over="seeds")

    assert found.mean is not None
    assert (found.ci_low, found.ci_high, found.reason) == (None, None, "one value has no spread over seeds")


# ---- over segments


def test_over_segments_agrees_with_scipys_bootstrap() -> None:
    truth, a, b = models()
    per_segment = (np.abs(a - truth) - np.abs(b - truth)).mean(axis=0)
    expected = stats.bootstrap(
        (per_segment,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval

    found = difference(truth, a, b, n_resamples=4000)

    assert (found.ci_low, found.ci_high) == pytest.approx(
        (expected.low, expected.high), abs=0.05 * width(found)
    )


def test_over_segments_covers_the_true_difference_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(150):
        truth = rng.normal(size=60)
        a, b = (truth + rng.normal(0.0, scale, (1, 60)) for scale in (1.0, 0.6))
        found = difference(truth, a, b, confidence=0.9, n_resamples=200)
        expected = math.sqrt(2 / math.pi) * (1.0 - 0.6)
        covered += found.ci_low <= expected <= found.ci_high

    assert 0.82 < covered / 150 < 0.96


def test_pairing_segments_narrows_the_interval_where_the_same_are_hard_for_both() -> None:
    truth, a, b = models()
    rng = np.random.default_rng(1)
    draws_a, draws_b = (rng.integers(80, size=(400, 80)) for _ in range(2))
    error_a, error_b = (np.abs(predictions - truth).mean(axis=0) for predictions in (a, b))
    unpaired = np.quantile(error_a[draws_a].mean(axis=1) - error_b[draws_b].mean(axis=1), [0.025, 0.975])

    assert width(difference(truth, a, b)) < 0.5 * (unpaired[1] - unpaired[0])


def test_blocks_of_resamples_cover_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = difference(*models(), over="both")

    monkeypatch.setattr("pipeline.evaluation.resampling._BLOCK_SIZE", 80 * 7)

    in_blocks = difference(*models(), over="both")

    # Matrix products of another shape may differ in the last bit.
    assert (in_blocks.ci_low, in_blocks.ci_high) == pytest.approx((whole.ci_low, whole.ci_high), rel=1e-9)


def test_one_segment_has_no_interval_over_segments() -> None:
    found = difference(np.array([0.5]), np.array([[0.1], [0.2]]), np.array([[0.3], [0.4]]))

    assert found.mean == pytest.approx(0.2)
    assert (found.ci_low, found.ci_high, found.reason) == (None, None, "one segment cannot be resampled")


# ---- over both


def test_over_both_is_wider_than_over_segments_where_seeds_differ() -> None:
    truth, a, b = models()
    a = a + np.array([[0.0], [0.8], [-0.3], [1.2], [0.4]])

    assert width(difference(truth, a, b, over="both")) > 1.3 * width(difference(truth, a, b))


def test_over_both_is_over_segments_where_all_seeds_are_alike() -> None:
    truth, a, b = models(n_seeds=1)
    a, b = np.repeat(a, 5, axis=0), np.repeat(b, 5, axis=0)

    both, segments = difference(truth, a, b, over="both"), difference(truth, a, b)

    assert (both.ci_low, both.ci_high) == pytest.approx((segments.ci_low, segments.ci_high))


def test_over_both_has_no_interval_for_one_seed() -> None:
    found = difference(*models(n_seeds=1), over="both")

    assert (found.ci_low, found.ci_high) == (None, None)
    assert found.reason == "one seed cannot be resampled"


# ---- models without seeds


@pytest.mark.parametrize("over", EVERY_OVER)
def test_a_model_without_seeds_stands_against_every_seed(over: Over) -> None:
    truth, _, b = models()
    baseline = np.full((1, 80), float(np.median(truth)))

    once, repeated = (
        difference(truth, baseline, b, over=over),
        difference(truth, np.repeat(baseline, 5, axis=0), b, over=over),
    )

    assert once.n_seeds == 5
    assert once.method.endswith("; A has one row and stands against every seed of the other")
    assert dataclasses.replace(once, method="") == dataclasses.replace(repeated, method="")


def test_the_row_without_seeds_may_be_either_model() -> None:
    truth, a, b = models()

    assert difference(truth, a, b[:1]).method.endswith(
        "; B has one row and stands against every seed of the other"
    )


# ---- undefined values


@pytest.mark.parametrize("over", EVERY_OVER)
def test_a_difference_from_an_undefined_metric_is_null(over: Over) -> None:
    truth, a, _ = models()
    constant = np.zeros((1, 80))

    found = difference(truth, a, constant, metric=PEARSON, over=over)

    assert (found.mean, found.ci_low, found.ci_high) == (None, None, None)
    assert found.reason == "undefined for 5 of 5 seeds: all predictions are equal"


def nearly_constant(n_segments: int, n_varying: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth, a, _ = models(n_segments=n_segments, n_seeds=2)
    b = np.zeros((2, n_segments))
    b[:, :n_varying] = 1.0
    return truth, a, b


def test_few_resamples_without_a_value_are_dropped_and_counted() -> None:
    found = difference(*nearly_constant(80, 4), metric=PEARSON)

    assert found.ci_low is not None
    assert found.reason is None
    assert "dropped where the metric is undefined" in found.method


def test_many_resamples_without_a_value_leave_no_interval() -> None:
    found = difference(*nearly_constant(80, 1), metric=PEARSON)

    assert found.mean is not None
    assert (found.ci_low, found.ci_high) == (None, None)
    assert found.reason is not None
    assert found.reason.startswith("the metric is undefined in ")
    assert found.reason.endswith(" of 400 resamples")


def test_a_seed_that_is_not_drawn_does_not_spoil_its_resample() -> None:
    truth, a, _ = models(n_seeds=2)
    b = a + 0.5
    b[1] = np.arange(80) < 3

    def n_dropped(over: Over) -> int:
        method = difference(truth, a, b, metric=PEARSON, over=over, n_resamples=2000).method
        return int(method.split(" dropped")[0].split(", ")[-1])

    # One of the two seeds is left out of a resample with probability 1/4.
    assert n_dropped("both") == pytest.approx(0.75 * n_dropped("segments"), rel=0.2)


# ---- refusals


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda truth, a, b: (truth, a[:3], b), "3 seeds and model B of 5"),
        (lambda truth, a, b: (truth, a[:0], b), "0 seeds and model B of 5"),
        (lambda truth, a, b: (truth, a[:, :7], b), "80 labels and 7 predictions"),
        (lambda truth, a, b: (truth, a, np.where(b == b[2, 5], np.nan, b)), "1 of 400 predictions are NaN"),
    ],
    ids=["other seeds", "no seeds", "other segments", "nan"],
)
def test_predictions_that_do_not_fit_are_refused(
    change: Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]], words: str
) -> None:
    with pytest.raises(PipelineError, match=words):
        difference(*change(*models()))


def test_no_resamples_are_refused() -> None:
    with pytest.raises(PipelineError, match="resamples is 0"):
        difference(*models(), n_resamples=0)

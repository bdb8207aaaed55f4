import dataclasses
import math
from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, linregress, pearsonr
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error

from pipeline.errors import PipelineError
from pipeline.evaluation import metrics, selection
from pipeline.evaluation.metrics import Metric, Protocol, Undefined
from pipeline.evaluation.protocols import BINARY, METRICS, MOSI, PROTOCOLS, SIMS, measure, protocol_named
from pipeline.evaluation.samples import Samples

EVERY_METRIC = [(protocol, metric) for protocol in (MOSI, SIMS, BINARY) for metric in protocol.metrics]
IDS = [f"{protocol.name}-{metric.name}" for protocol, metric in EVERY_METRIC]


def sample(protocol: Protocol, n_segments: int = 700, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels on a grid of tenths, zeros and halves among them; predictions that leave the range and meet it."""
    rng = np.random.default_rng(seed)
    if protocol.is_binary:
        truth = (rng.random(n_segments) < 0.4).astype(np.float64)
        return truth, np.round(np.clip(truth + rng.normal(0, 0.6, n_segments), 0, 1), 2)
    truth = np.round(rng.normal(0.1, protocol.label_max / 2, n_segments), 1)
    truth = np.clip(truth, protocol.label_min, protocol.label_max)
    prediction = 0.8 * truth + rng.normal(0.0, protocol.label_max / 2, n_segments)
    prediction[::5] = np.round(prediction[::5], 1)
    return truth, prediction


# The field's definitions, as MMSA's metric file computes them, written out once more and never to be touched.


def frozen_mosi(truth: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    non_zero = np.array([i for i, label in enumerate(truth) if label != 0])

    def multiclass(limit: float) -> float:
        p, t = np.clip(prediction, a_min=-limit, a_max=limit), np.clip(truth, a_min=-limit, a_max=limit)
        return float(np.sum(np.round(p) == np.round(t)) / float(len(t)))

    return {
        "mae": float(np.mean(np.absolute(prediction - truth)).astype(np.float64)),
        "pearson": float(np.corrcoef(prediction, truth)[0][1]),
        "acc7": multiclass(3.0),
        "acc5": multiclass(2.0),
        "acc2_negative_nonnegative": float(accuracy_score(truth >= 0, prediction >= 0)),
        "f1_negative_nonnegative": float(f1_score(truth >= 0, prediction >= 0, average="weighted")),
        "acc2_negative_positive": float(accuracy_score(truth[non_zero] > 0, prediction[non_zero] > 0)),
        "f1_negative_positive": float(
            f1_score(truth[non_zero] > 0, prediction[non_zero] > 0, average="weighted")
        ),
    }


def frozen_sims(truth: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    # In single precision, as the field's data loaders hold them.
    p, t = (np.clip(values.astype(np.float32), a_min=-1.0, a_max=1.0) for values in (prediction, truth))

    def classes(values: np.ndarray, edges: list[float]) -> np.ndarray:
        result = values.copy()
        for i in range(len(edges) - 1):
            result[np.logical_and(values > np.float32(edges[i]), values <= np.float32(edges[i + 1]))] = i
        return result

    two, three, five = [-1.01, 0.0, 1.01], [-1.01, -0.1, 0.1, 1.01], [-1.01, -0.7, -0.1, 0.1, 0.7, 1.01]
    return {
        "mae": float(np.mean(np.absolute(p - t))),
        "pearson": float(np.corrcoef(p, t)[0][1]),
        "acc5": float(np.mean(classes(p, five) == classes(t, five))),
        "acc3": float(np.mean(classes(p, three) == classes(t, three))),
        "acc2": float(np.mean(classes(p, two) == classes(t, two))),
        "f1": float(f1_score(classes(t, two), classes(p, two), average="weighted")),
    }


@pytest.mark.parametrize(
    ("protocol", "frozen"), [(MOSI, frozen_mosi), (SIMS, frozen_sims)], ids=["mosi", "sims"]
)
@pytest.mark.parametrize("seed", range(5))
def test_the_numbers_are_those_of_the_fields_definitions(
    protocol: Protocol, frozen: Callable[[np.ndarray, np.ndarray], dict[str, float]], seed: int
) -> None:
    truth, prediction = sample(protocol, seed=seed)
    expected = frozen(truth, prediction)

    found = measure(truth, prediction, protocol=protocol)

    # Single precision in the frozen SIMS definitions leaves 1e-7 in error and correlation.
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=2e-7)


@pytest.mark.parametrize("seed", range(5))
def test_order_and_calibration_are_those_of_scipy(seed: int) -> None:
    truth, prediction = sample(MOSI, seed=seed)
    line = linregress(prediction, truth)

    found = measure(truth, prediction, protocol=MOSI)

    assert found["kendall_tau"] == pytest.approx(kendalltau(truth, prediction).statistic, abs=1e-12)
    assert found["pearson"] == pytest.approx(pearsonr(truth, prediction).statistic, abs=1e-12)
    assert found["mae"] == pytest.approx(mean_absolute_error(truth, prediction), abs=1e-12)
    assert found["calibration_slope"] == pytest.approx(line.slope, abs=1e-12)
    assert found["calibration_offset"] == pytest.approx(line.intercept, abs=1e-12)
    assert found["ordered_pair_accuracy"] == selection.ordered_pair_accuracy(truth, prediction)


def test_metrics_come_in_a_fixed_order() -> None:
    assert list(measure(*sample(MOSI), protocol=MOSI)) == [
        "mae",
        "pearson",
        "ordered_pair_accuracy",
        "kendall_tau",
        "acc7",
        "acc5",
        "acc2_negative_nonnegative",
        "f1_negative_nonnegative",
        "acc2_negative_positive",
        "f1_negative_positive",
        "calibration_slope",
        "calibration_offset",
    ]


def test_halves_round_to_even() -> None:
    truth = np.array([0.0, 2.0, 2.0, -2.0])
    prediction = np.array([0.5, 1.5, 2.5, -2.5])

    assert MOSI.metric("acc7").function(truth, prediction) == 1.0


def test_acc7_and_acc5_clip_what_lies_outside() -> None:
    truth, prediction = np.array([3.0, 2.0, -2.0]), np.array([7.0, 3.0, -9.0])

    assert MOSI.metric("acc7").function(truth, prediction) == pytest.approx(1 / 3)
    assert MOSI.metric("acc5").function(truth, prediction) == 1.0


def test_zero_labels_count_as_nonnegative_or_are_dropped() -> None:
    truth = np.array([0.0, 0.0, 1.0, -1.0])
    prediction = np.array([-0.1, 0.1, 0.5, 0.5])

    assert MOSI.metric("acc2_negative_nonnegative").function(truth, prediction) == 0.5
    assert MOSI.metric("acc2_negative_positive").function(truth, prediction) == 0.5
    assert MOSI.metric("acc2_negative_positive").function(truth[:3], prediction[:3]) == 1.0


def test_a_prediction_of_zero_is_nonnegative_but_not_positive() -> None:
    truth, prediction = np.array([1.0]), np.array([0.0])

    assert MOSI.metric("acc2_negative_nonnegative").function(truth, prediction) == 1.0
    assert MOSI.metric("acc2_negative_positive").function(truth, prediction) == 0.0


@pytest.mark.parametrize("name", ["f1_negative_nonnegative", "f1_negative_positive"])
def test_weighted_f1_takes_the_truth_first(name: str) -> None:
    truth = np.where(np.arange(100) < 72, 1.0, -1.0)
    always_positive = np.ones(100)

    right = MOSI.metric(name).function(truth, always_positive)
    swapped = MOSI.metric(name).function(always_positive, truth)

    assert right == pytest.approx(0.72 * 1.44 / 1.72)
    assert swapped == pytest.approx(1.44 / 1.72)


def test_sims_f1_takes_the_truth_first() -> None:
    truth = np.where(np.arange(100) < 72, 0.4, -0.4)

    assert SIMS.metric("f1").function(truth, np.ones(100)) == pytest.approx(0.72 * 1.44 / 1.72)


def test_a_value_on_a_cut_belongs_to_the_class_below() -> None:
    on_cuts = np.array([-0.7, -0.1, 0.0, 0.1, 0.7])
    below = np.array([-0.9, -0.4, -0.05, 0.05, 0.5])

    assert SIMS.metric("acc5").function(on_cuts, below) == 1.0
    assert SIMS.metric("acc3").function(on_cuts, below) == 1.0
    assert SIMS.metric("acc2").function(np.zeros(1), np.full(1, -0.3)) == 1.0


def test_a_label_on_a_cut_keeps_its_class_through_single_precision() -> None:
    cuts = np.array([-0.7, -0.1, 0.1, 0.7])
    through_float32 = cuts.astype(np.float32).astype(np.float64)

    assert not np.array_equal(cuts, through_float32)
    assert SIMS.metric("acc5").function(cuts, through_float32) == 1.0


def test_sims_clips_error_and_correlation_but_not_order_and_scale() -> None:
    truth, prediction = np.array([-1.0, 0.2, 0.8, 1.0]), np.array([-5.0, 0.1, 2.0, 3.0])
    clipped = np.clip(prediction, -1, 1)

    found, of_clipped = (measure(truth, p, protocol=SIMS) for p in (prediction, clipped))

    assert found["mae"] == of_clipped["mae"] == pytest.approx(0.075)
    assert found["pearson"] == of_clipped["pearson"]
    assert found["ordered_pair_accuracy"] == 1.0
    assert of_clipped["ordered_pair_accuracy"] == pytest.approx(5.5 / 6)
    assert found["calibration_slope"] != of_clipped["calibration_slope"]


def test_predictions_that_clipping_makes_equal_have_no_sims_correlation() -> None:
    found = measure(np.array([0.1, 0.5, 0.9]), np.array([2.0, 3.0, 4.0]), protocol=SIMS)

    assert found["pearson"] == Undefined("all predictions are equal")
    assert found["kendall_tau"] == 1.0


def test_calibration_regresses_truth_on_prediction() -> None:
    prediction = np.array([-2.0, 0.0, 1.0, 5.0])

    found = measure(0.5 * prediction + 0.25, prediction, protocol=MOSI)

    assert found["calibration_slope"] == pytest.approx(0.5)
    assert found["calibration_offset"] == pytest.approx(0.25)


# 0.1 repeated has a mean of 0.09999999999999999 for some lengths, so its computed variance is not zero.
@pytest.mark.parametrize("n_segments", [3, 10, 700])
def test_a_constant_prediction_has_no_correlation_and_no_calibration(n_segments: int) -> None:
    truth = sample(MOSI, n_segments)[0]

    found = measure(truth, np.full(n_segments, 0.1), protocol=MOSI)

    undefined = {name: value for name, value in found.items() if isinstance(value, Undefined)}
    assert undefined == dict.fromkeys(
        ["pearson", "kendall_tau", "calibration_slope", "calibration_offset"],
        Undefined("all predictions are equal"),
    )
    assert found["ordered_pair_accuracy"] == 0.5


def test_constant_labels_have_no_order() -> None:
    found = measure(np.full(5, 0.1), np.arange(5.0), protocol=MOSI)

    assert found["ordered_pair_accuracy"] == Undefined("all labels are equal")
    assert found["kendall_tau"] == found["pearson"] == Undefined("all labels are equal")
    assert found["calibration_slope"] == pytest.approx(0.0, abs=1e-12)
    assert found["calibration_offset"] == pytest.approx(0.1)


def test_all_zero_labels_leave_nothing_to_tell_apart() -> None:
    found = measure(np.zeros(4), np.arange(4.0), protocol=MOSI)

    assert (
        found["acc2_negative_positive"] == found["f1_negative_positive"] == Undefined("every label is zero")
    )
    assert found["acc2_negative_nonnegative"] == 1.0


@pytest.mark.parametrize("protocol", [MOSI, SIMS], ids=["mosi", "sims"])
def test_no_segments_leave_every_metric_undefined(protocol: Protocol) -> None:
    found = measure(np.zeros(0), np.zeros(0), protocol=protocol)

    assert set(found.values()) == {Undefined("there are no segments")}


def test_one_segment_has_an_error_and_no_order() -> None:
    found = measure(np.array([1.0]), np.array([0.4]), protocol=MOSI)

    assert found["mae"] == pytest.approx(0.6)
    assert found["acc2_negative_positive"] == found["f1_negative_positive"] == 1.0
    assert isinstance(found["ordered_pair_accuracy"], Undefined)
    assert isinstance(found["calibration_slope"], Undefined)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_predictions_that_are_not_finite_are_refused_with_their_number(bad: float) -> None:
    truth, prediction = sample(MOSI)
    prediction[[3, 50]] = bad

    with pytest.raises(PipelineError, match="2 of 700 predictions are NaN or infinite"):
        measure(truth, prediction, protocol=MOSI)


def test_labels_that_are_not_finite_are_refused_with_their_number() -> None:
    truth, prediction = sample(MOSI)
    truth[7] = np.nan

    with pytest.raises(PipelineError, match="1 of 700 labels are NaN"):
        measure(truth, prediction, protocol=MOSI)


def test_one_prediction_is_not_stretched_over_many_labels() -> None:
    with pytest.raises(PipelineError, match="3 labels and 1 predictions"):
        measure(np.arange(3.0), np.zeros(1), protocol=MOSI)


FINITE = st.floats(-1e300, 1e300)
MANY = st.lists(st.tuples(FINITE, FINITE), max_size=12)


@pytest.mark.parametrize("protocol", [MOSI, SIMS], ids=["mosi", "sims"])
@given(pairs=MANY)
@settings(max_examples=80)
def test_every_value_is_finite_or_undefined(protocol: Protocol, pairs: list[tuple[float, float]]) -> None:
    values = np.array(pairs, dtype=np.float64).reshape(-1, 2)

    found = measure(values[:, 0], values[:, 1], protocol=protocol)

    assert all(
        isinstance(value, Undefined) or (type(value) is float and math.isfinite(value))
        for value in found.values()
    )


GRID = st.lists(st.tuples(st.integers(-30, 30), st.integers(-40, 40)), min_size=1, max_size=30)


def on_grid(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    values = np.array(pairs, dtype=np.float64) / 10
    return values[:, 0].copy(), values[:, 1].copy()


@pytest.mark.parametrize("protocol", [MOSI, SIMS], ids=["mosi", "sims"])
@given(pairs=GRID, random=st.randoms())
@settings(max_examples=40)
def test_the_order_of_the_segments_does_not_matter(
    protocol: Protocol, pairs: list[tuple[int, int]], random: Random
) -> None:
    found = measure(*on_grid(pairs), protocol=protocol)
    random.shuffle(pairs)
    shuffled = measure(*on_grid(pairs), protocol=protocol)

    for name, value in found.items():
        same = (
            shuffled[name] == value
            if isinstance(value, Undefined)
            else shuffled[name] == pytest.approx(value, abs=1e-9)
        )
        assert same, name


@given(pairs=GRID)
@settings(max_examples=60)
def test_tau_ignores_a_strictly_increasing_map(pairs: list[tuple[int, int]]) -> None:
    truth, prediction = on_grid(pairs)
    tau = MOSI.metric("kendall_tau").function

    assert tau(truth, prediction**3 + prediction) == tau(truth, prediction)


@pytest.mark.filterwarnings("ignore:One or more sample arguments")
@given(pairs=GRID)
@settings(max_examples=60)
def test_tau_is_that_of_scipy_with_ties(pairs: list[tuple[int, int]]) -> None:
    truth, prediction = on_grid(pairs)
    expected = kendalltau(truth, prediction).statistic

    found = MOSI.metric("kendall_tau").function(truth, prediction)

    assert isinstance(found, Undefined) if np.isnan(expected) else found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("protocol", "metric"), EVERY_METRIC, ids=IDS)
def test_a_resample_has_the_value_of_the_segments_written_out(protocol: Protocol, metric: Metric) -> None:
    truth, prediction = sample(protocol, n_segments=40)
    counts = np.random.default_rng(1).multinomial(40, np.full(40, 1 / 40), size=20)

    found = metric.resampled(truth, prediction, Samples(counts.astype(np.float64)))

    written_out = [metric.function(np.repeat(truth, row), np.repeat(prediction, row)) for row in counts]
    assert found.tolist() == pytest.approx(written_out, abs=1e-10)


def test_a_resample_without_a_value_is_marked() -> None:
    truth, prediction = np.array([-1.0, 0.0, 1.0]), np.array([0.1, 0.1, 0.3])
    counts = np.array([[2.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 3.0]])

    found = MOSI.metric("pearson").resampled(truth, prediction, Samples(counts))

    assert np.isnan(found).tolist() == [True, False, True]


@pytest.mark.parametrize("name", ["pearson", "kendall_tau", "calibration_slope", "calibration_offset"])
def test_a_resample_of_equal_predictions_has_no_value_whatever_rounding_leaves(name: str) -> None:
    rng = np.random.default_rng(0)
    truth, prediction = rng.normal(size=60), rng.normal(size=60)
    prediction[:20] = 0.1
    counts = np.zeros((200, 60))
    counts[:, :20] = rng.multinomial(60, np.full(20, 1 / 20), size=200)

    assert np.isnan(MOSI.metric(name).resampled(truth, prediction, Samples(counts))).all()


def test_the_registry_knows_the_metrics_of_every_protocol() -> None:
    every = {metric.name for protocol in PROTOCOLS.values() for metric in protocol.metrics}
    assert every == set(METRICS)


@pytest.mark.parametrize(("protocol", "metric"), EVERY_METRIC, ids=IDS)
def test_direction_and_unit_do_not_depend_on_the_protocol(protocol: Protocol, metric: Metric) -> None:
    assert (metric.better, metric.unit) == (METRICS[metric.name].better, METRICS[metric.name].unit)


@pytest.mark.parametrize(("protocol", "metric"), EVERY_METRIC, ids=IDS)
def test_a_perfect_prediction_is_better_than_a_poor_one(protocol: Protocol, metric: Metric) -> None:
    truth, prediction = sample(protocol)

    perfect, poor = (
        metric.function(truth, truth),
        metric.function(truth, (1.0 if protocol.is_binary else 0.5) - prediction),
    )

    assert isinstance(perfect, float)
    assert isinstance(poor, float)
    assert metric.distance(perfect) < metric.distance(poor)


@pytest.mark.parametrize(
    ("better", "order"), [("higher", [3, 1, 0]), ("lower", [0, 1, 3]), ("one", [1, 0, 3])]
)
def test_distance_sorts_the_best_value_first(better: metrics.Better, order: list[float]) -> None:
    metric = dataclasses.replace(MOSI.metric("mae"), better=better)

    assert sorted([0.0, 1.0, 3.0], key=metric.distance) == order


def test_protocols_are_found_by_name() -> None:
    assert protocol_named("mosi") is MOSI
    assert protocol_named("sims") is SIMS


def test_an_unknown_protocol_is_refused_with_the_known_ones() -> None:
    with pytest.raises(PipelineError, match="no protocol 'moss'; choose one of mosi, sims"):
        protocol_named("moss")


def test_an_unknown_metric_is_refused_with_the_known_ones() -> None:
    with pytest.raises(PipelineError, match="no metric 'acc3'; choose one of mae, "):
        MOSI.metric("acc3")

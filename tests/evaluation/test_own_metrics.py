"""A metric of one's own is measured, resampled and compared as those of the field, and what is none is a sentence."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from pipeline.errors import PipelineError
from pipeline.evaluation.metrics import Metric, Undefined
from pipeline.evaluation.own_metrics import OwnMetric, with_own_metrics
from pipeline.evaluation.protocols import MOSI, PROTOCOLS, measure
from pipeline.evaluation.resampling import draw
from pipeline.evaluation.samples import Samples
from pipeline.evaluation.statistics import paired_differences

EXAMPLE = "examples.concordance:concordance"
ROOT = Path(__file__).parents[2]


def own(function=lambda label, prediction: 0.0, **fields) -> OwnMetric:
    given = {"better": "higher", "title": "Own", "description": "One of one's own."}
    return OwnMetric(function=function, **(given | fields))


@pytest.fixture
def named(monkeypatch):
    """The protocol MOSI with one metric, as if a file of `plugins/` held it."""

    def protocol(metric, *names: str):
        monkeypatch.setattr("pipeline.evaluation.own_metrics.load_plugin", lambda reference, **_: metric)
        return with_own_metrics(MOSI, [f"file.py:{name}" for name in names or ("own",)])

    return protocol


@pytest.fixture
def data():
    rng = np.random.default_rng(1)
    label = rng.normal(size=40)
    return label, label + rng.normal(size=40)


def test_the_example_is_the_coefficient_of_lin(data):
    label, prediction = data
    protocol = with_own_metrics(MOSI, [EXAMPLE])
    assert [metric.name for metric in protocol.metrics] == [
        *(metric.name for metric in MOSI.metrics),
        "concordance",
    ]
    assert protocol.metric("concordance").better == "higher"
    found = measure(label, prediction, protocol=protocol)["concordance"]
    r = stats.pearsonr(label, prediction).statistic
    expected = (
        2
        * r
        * label.std()
        * prediction.std()
        / (label.var() + prediction.var() + (label.mean() - prediction.mean()) ** 2)
    )
    assert found == pytest.approx(expected)
    assert measure(label, label, protocol=protocol)["concordance"] == pytest.approx(1.0)
    assert measure(label, label + 1, protocol=protocol)["concordance"] < 1.0
    constant = measure(np.ones(3), np.ones(3), protocol=protocol)["concordance"]
    assert constant == Undefined("its function gave no finite number")


def test_the_example_is_short():
    assert len((ROOT / "examples/concordance.py").read_text().splitlines()) < 60


def test_in_a_resample_segments_occur_as_often_as_they_were_drawn(named, data):
    """The same error as the project's own formula for it, resample by resample, also where a sample is empty."""
    label, prediction = data
    metric = named(own(lambda label, prediction: np.abs(label - prediction).mean(), better="lower")).metric(
        "own"
    )
    counts = np.concatenate([draw(np.random.default_rng(2), 20, len(label)), np.zeros((1, len(label)))])
    np.testing.assert_allclose(
        metric.resampled(label, prediction, Samples(counts)),
        MOSI.metric("mae").resampled(label, prediction, Samples(counts)),
    )


@pytest.mark.parametrize(("better", "gain"), [("higher", 0.3), ("lower", -0.3), ("one", 0.3), ("zero", -0.3)])
def test_its_direction_decides_what_is_nearer_to_the_best(named, better, gain):
    metric = named(own(better=better)).metric("own")
    assert metric.distance(0.2) - metric.distance(0.5) == pytest.approx(gain)


def test_it_is_compared_with_intervals_or_not(named, data):
    label, prediction = data
    metrics = [
        metric
        for metric in named(own(lambda label, prediction: prediction.mean())).metrics
        if metric.compared
    ]
    assert "own" in [metric.name for metric in metrics]
    (found,) = paired_differences(
        label,
        prediction[None] + 1,
        prediction[None],
        metrics=metrics[-1:],
        n_resamples=100,
        confidence=0.95,
        seed=0,
        over="segments",
    ).values()
    assert (found.mean, found.ci_low, found.ci_high) == pytest.approx((1.0, 1.0, 1.0))
    assert not named(own(compared=False)).metric("own").compared


def test_what_a_function_prints_is_no_part_of_the_answer(named, data, capsys):
    def loud(label, prediction):
        print("measuring")
        return 1.0

    assert measure(*data, protocol=named(own(loud)))["own"] == 1.0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "measuring\n")


def test_a_function_that_sorts_in_place_spoils_nothing(named, data):
    label, prediction = data
    before = label.copy(), prediction.copy()

    def careless(label, prediction):
        label.sort()
        prediction.sort()
        return float(label[0])

    protocol = named(own(careless))
    assert measure(label, prediction, protocol=protocol)["own"] == label.min()
    np.testing.assert_array_equal((label, prediction), before)


def test_probabilities_of_classes_come_with_a_column_for_each(named):
    metric = named(own(lambda label, prediction: (prediction.argmax(axis=1) == label).mean())).metric("own")
    protocol = replace(PROTOCOLS["classes"], metrics=(*PROTOCOLS["classes"].metrics, metric)).of_classes("ab")
    found = measure(
        np.array([0.0, 1.0, 1.0]), np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]]), protocol=protocol
    )
    assert found["own"] == found["accuracy"]


def test_a_metric_of_the_projects_own_kind_takes_the_name_of_its_reference(named, data):
    counted = Metric(
        "other", "Count", "higher", "How many.", "1", lambda truth, prediction, samples: samples.n_segments
    )
    assert measure(*data, protocol=named(counted))["own"] == 40.0


@pytest.mark.parametrize("value", [np.float32(0.5), np.array(0.5), np.int64(1), True, 1])
def test_any_number_is_one(named, data, value):
    assert measure(*data, protocol=named(own(lambda *_: value)))["own"] == float(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float64("-inf")])
def test_no_finite_number_is_no_value(named, data, value):
    assert isinstance(measure(*data, protocol=named(own(lambda *_: value)))["own"], Undefined)


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda *_: None, r"file\.py:own gave None; expected one number"),
        (lambda label, prediction: prediction, r"gave an array of shape \(40,\); expected one number"),
        (lambda *_: "0.5", "gave '0.5'"),
        (lambda *_: 1j, "gave 1j"),
        (lambda label: 0.0, r"failed on 40 segments \(TypeError.*let it give NaN where it is not defined"),
        (lambda *_: 1 / 0, r"failed on 40 segments \(ZeroDivisionError: division by zero\)"),
    ],
)  # fmt: skip
def test_a_function_that_gives_no_number_is_a_sentence(named, data, function, sentence):
    with pytest.raises(PipelineError, match=sentence):
        measure(*data, protocol=named(own(function)))


@pytest.mark.parametrize("found", [lambda label, prediction: 0.0, OwnMetric, 3, "mae"])
def test_what_is_no_metric_is_refused(named, found):
    with pytest.raises(
        PipelineError,
        match=r"evaluate\.metrics is 'file\.py:own', which is .*; expected an OwnMetric or a Metric",
    ):
        named(found)


WRONG = """
from pipeline.errors import PipelineError
from pipeline.evaluation.own_metrics import OwnMetric

given = {"function": max, "better": "higher", "title": "Own", "description": "Mine."}
for field, value in {"function": 3, "better": "more", "unit": "%", "title": " ", "description": None}.items():
    try:
        OwnMetric(**{**given, field: value})
    except PipelineError as error:
        print(error)
"""


def test_a_field_without_such_a_value_is_refused():
    """In a process where no test checks the types of arguments before the class does."""
    done = subprocess.run([sys.executable, "-c", WRONG], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "function is 3; expected a function of labels and predictions",
        "better is 'more'; expected higher, lower, one, zero",
        "unit is '%'; expected label, share, 1",
        "title is ' '; expected a text",
        "description is None; expected a text",
    ]


@pytest.mark.parametrize("names", [("mae",), ("own", "own")])
def test_a_name_that_is_taken_is_refused(named, names):
    with pytest.raises(PipelineError, match=f"but there is a metric '{names[-1]}' already"):
        named(own(), *names)


def test_none_leaves_the_protocol_as_it_is():
    assert with_own_metrics(MOSI, ()) is MOSI

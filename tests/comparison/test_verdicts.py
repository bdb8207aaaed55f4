import pytest

from pipeline.comparison.measured import Measured
from pipeline.comparison.verdicts import judge
from pipeline.evaluation.protocols import MOSI

NAMES = MOSI.headline
BETTER, WORSE, UNSURE, NOTHING = 0.1, -0.1, -0.01, 0.0


def measured(name, gain, p_value):
    """A metric whose mean moved by `gain` towards better, with an interval that agrees with `p_value`."""
    metric = MOSI.metric(name)
    experiment = 0.5 - gain if metric.better == "lower" else 0.5 + gain
    width = 0.5 * abs(gain) if p_value <= 0.05 else 2 * abs(gain)
    return Measured(
        metric, 0.5, experiment, experiment - 0.5, None, None, gain - width, gain + width, p_value, None
    )


def undefined(name, base=0.5):
    return Measured(
        MOSI.metric(name),
        base,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        "undefined: all predictions are equal",
    )


def verdict(*rows):
    headline = [measured(name, *row) for name, row in zip(NAMES, rows, strict=True)]
    return judge(headline, confidence=0.95).verdict


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(NOTHING, 1.0)] * 3, "same"),
        ([(BETTER, 0.3)] * 3, "same"),
        ([(BETTER, 0.001), (NOTHING, 1.0), (UNSURE, 0.5)], "better"),
        ([(WORSE, 0.001), (NOTHING, 1.0), (BETTER, 0.5)], "regression"),
        ([(UNSURE, 0.5), (BETTER, 0.5), (BETTER, 0.5)], "worse within noise"),
        ([(BETTER, 0.5), (UNSURE, 0.5), (UNSURE, 0.5)], "same"),
    ],
)
def test_the_whole_follows_its_clear_metrics_and_else_the_first(rows, expected):
    assert verdict(*rows) == expected


def test_one_regression_outweighs_what_got_better():
    assert verdict((BETTER, 0.001), (BETTER, 0.001), (WORSE, 0.001)) == "regression"


@pytest.mark.parametrize(("p_value", "expected"), [(0.016, "regression"), (0.018, "worse within noise")])
def test_one_of_three_metrics_has_to_be_three_times_as_clear(p_value, expected):
    assert verdict((WORSE, p_value), (BETTER, 0.5), (BETTER, 0.5)) == expected


def test_after_the_clearest_metric_the_next_has_an_easier_level():
    assert verdict((BETTER, 0.3), (BETTER, 0.010), (WORSE, 0.024)) == "regression"
    assert verdict((BETTER, 0.3), (BETTER, 0.018), (WORSE, 0.024)) == "same"


def test_a_metric_that_is_worse_by_its_own_interval_alone_is_explained():
    rows = [
        measured(name, gain, p)
        for name, gain, p in zip(NAMES, (WORSE, 0.0, 0.0), (0.03, 1.0, 1.0), strict=True)
    ]
    judgement = judge(rows, confidence=0.95)
    assert judgement.verdict == "worse within noise"
    assert "once it counts as one of 3 looks" in judgement.reason


def test_a_metric_that_became_undefined_is_a_regression():
    judgement = judge([measured("mae", BETTER, 0.001), undefined("pearson")], confidence=0.95)
    assert judgement.verdict == "regression"
    assert "pearson became undefined (undefined: all predictions are equal)" in judgement.reason


def test_what_was_undefined_before_is_left_out():
    rows = [measured("mae", BETTER, 0.001), undefined("pearson", base=None)]
    assert judge(rows, confidence=0.95).verdict == "better"


def test_without_any_metric_there_is_no_verdict_but_a_reason():
    judgement = judge([undefined(name, base=None) for name in NAMES], confidence=0.95)
    assert judgement.verdict is None
    assert judgement.reason.startswith("mae: undefined")


def test_a_stricter_confidence_asks_for_more():
    rows = [measured(name, WORSE, 0.01) for name in NAMES]
    assert judge(rows, confidence=0.95).verdict == "regression"
    assert judge(rows, confidence=0.995).verdict == "worse within noise"

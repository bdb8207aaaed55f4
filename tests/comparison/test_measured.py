import pytest

from pipeline.comparison.measured import Measured
from pipeline.evaluation.protocols import MOSI


def measured(name, base, experiment, *, gain=(None, None)):
    difference = None if base is None or experiment is None else experiment - base
    return Measured(MOSI.metric(name), base, experiment, difference, None, None, *gain, None, None)


@pytest.mark.parametrize(
    ("name", "base", "experiment", "direction"),
    [
        ("mae", 0.8, 0.7, "better"),
        ("mae", 0.7, 0.8, "worse"),
        ("pearson", 0.7, 0.8, "better"),
        ("calibration_slope", 0.8, 1.1, "better"),
        ("calibration_slope", 1.1, 0.8, "worse"),
        ("calibration_slope", 0.9, 1.1, "same"),
        ("calibration_offset", -0.3, 0.1, "better"),
        ("calibration_offset", 0.1, -0.3, "worse"),
        ("mae", 0.8, 0.80001, "same"),
        ("pearson", None, 0.5, None),
    ],
)
def test_the_direction_follows_what_is_better_for_the_metric(name, base, experiment, direction):
    assert measured(name, base, experiment).direction == direction


@pytest.mark.parametrize(
    ("experiment", "gain", "verdict"),
    [
        (0.6, (0.1, 0.3), "better"),
        (0.7, (-0.1, 0.3), "same"),
        (0.7, (0.0, 0.2), "same"),
        (0.7, (3e-17, 0.2), "same"),
        (0.8, (0.0, 0.0), "same"),
        (0.9, (-0.3, 0.1), "worse within noise"),
        (0.9, (-0.2, 0.0), "worse within noise"),
        (0.9, (-0.2, -3e-17), "worse within noise"),
        (1.0, (-0.3, -0.1), "regression"),
        (0.80001, (-0.00002, -0.00001), "same"),
        (1.0, (None, None), None),
    ],
)
def test_the_verdict_follows_direction_and_interval(experiment, gain, verdict):
    assert measured("mae", 0.8, experiment, gain=gain).verdict == verdict


def test_only_what_was_there_can_become_undefined():
    assert measured("pearson", 0.5, None).became_undefined
    assert not measured("pearson", None, None).became_undefined
    assert not measured("pearson", None, 0.5).became_undefined

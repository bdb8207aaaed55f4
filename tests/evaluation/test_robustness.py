import numpy as np
import pytest

from pipeline.evaluation.protocols import BINARY, MOSI
from pipeline.evaluation.robustness import mean_height, measure_rate, robustness_curves

RATES = np.array([0.0, 0.5, 0.9])


def test_a_curve_is_measured_seed_by_seed_and_level_by_level():
    truth = np.array([-1.0, 0.0, 2.0])
    asked = []

    def predict(seed):
        asked.append(seed)
        return {"grcf": np.stack([truth, truth + seed * 0.5]), "pointwise": np.stack([truth, truth])}

    grcf, pointwise = robustness_curves(
        "valid", "text", truth, predict, levels=[0.0, 0.5], seeds=[1, 2], protocol=MOSI
    )

    assert asked == [1, 2]
    assert (grcf.split, grcf.modality, grcf.model, grcf.seeds) == ("valid", "text", "grcf", (1, 2))
    assert grcf.error.tolist() == [[0.0, 0.5], [0.0, 1.0]]
    assert pointwise.error.tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_the_area_of_a_level_curve_is_its_height():
    assert mean_height(RATES, np.full((2, 3), 0.7)) == pytest.approx([0.7, 0.7])


def test_a_rate_is_measured_by_the_headline_of_the_protocol():
    truth, prediction = np.array([-1.0, 0.0, 2.0]), np.array([-1.0, 1.0, 0.5])
    assert measure_rate(truth, prediction, protocol=MOSI) == pytest.approx((2.5 / 3, 2 / 3))
    assert measure_rate(np.array([0.0, 1.0]), np.array([0.1, 0.6]), protocol=BINARY) == pytest.approx(
        (0.085, 1.0)
    )


def test_no_segments_have_neither_error_nor_order():
    assert np.isnan(measure_rate(np.zeros(0), np.zeros(0), protocol=MOSI)).all()

import numpy as np
import pytest

from pipeline.errors import PipelineError
from pipeline.evaluation.metrics import Undefined
from pipeline.evaluation.protocols import BINARY, MOSI
from pipeline.evaluation.robustness import (
    NOISE_NAMES,
    RobustnessCurve,
    mean_height,
    measure_rate,
    robustness_from_csv,
    robustness_to_csv,
)

RATES = np.array([0.0, 0.5, 0.9])


def curve(missing="text", model="grcf", seeds=(1, 2)):
    random = np.random.default_rng(len(missing + model))
    error, order = random.random((2, len(seeds), len(RATES)))
    return RobustnessCurve("valid", missing, model, RATES, seeds, error, order)


def test_curves_survive_a_round_trip():
    curves = [curve(), curve("all", "pointwise")]
    found = robustness_from_csv(robustness_to_csv(curves), source="x.csv")
    assert [(each.split, each.missing, each.model, each.seeds) for each in found] == [
        ("valid", "text", "grcf", (1, 2)),
        ("valid", "all", "pointwise", (1, 2)),
    ]
    for one, other in zip(curves, found, strict=True):
        np.testing.assert_allclose(one.error, other.error, atol=1e-6)
        np.testing.assert_allclose(one.order, other.order, atol=1e-6)
        np.testing.assert_array_equal(one.rates, other.rates)


def test_a_table_of_noise_has_its_own_names():
    text = robustness_to_csv([curve()], names=NOISE_NAMES)
    assert text.startswith("split,noisy,model,scale,error,")
    (found,) = robustness_from_csv(text, source="x.csv", names=NOISE_NAMES)
    np.testing.assert_array_equal(found.rates, RATES)
    with pytest.raises(PipelineError, match="not a table of robustness"):
        robustness_from_csv(text, source="x.csv")


def test_no_curves_are_a_table_without_rows():
    text = robustness_to_csv([])
    assert text == "split,missing,model,rate,error,order\n"
    assert robustness_from_csv(text, source="x.csv") == []


def test_what_is_undefined_stays_undefined():
    gap = curve()
    gap.error[0, 1] = np.nan
    (found,) = robustness_from_csv(robustness_to_csv([gap]), source="x.csv")
    assert np.isnan(found.error[0, 1])
    areas = mean_height(found.rates, found.error)
    assert isinstance(areas[0], Undefined)
    assert isinstance(areas[1], float)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "split,missing,model,rate,error_seed_1\nv,t,g,0,1\n"])
def test_another_table_is_refused_by_name(text):
    with pytest.raises(PipelineError, match=r"x\.csv: not a table of robustness"):
        robustness_from_csv(text, source="x.csv")


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

"""The report and the card say the same of what was chosen on valid, for every way of training."""

from pathlib import Path

import pytest

from pipeline.grcf.loss.objectives import OBJECTIVES
from pipeline.reporting.chosen_on_valid import WITHOUT_ORDER, ChosenOnValid
from pipeline.yaml12 import parse_yaml

PARAMETERS = {
    f"{section}.{key}": value
    for section, values in parse_yaml((Path(__file__).parents[2] / "params.yaml").read_text(encoding="utf-8")).items()
    for key, value in values.items()
}  # fmt: skip


def chosen(**changes):
    return ChosenOnValid.of(PARAMETERS | {key.replace("__", "."): value for key, value in changes.items()})


def test_the_default_chooses_epochs_and_fits_the_curve_of_grcf():
    found = chosen()
    assert found.for_report == (
        "The epoch of both models was chosen and the calibration curve of GRCF was fitted on valid, so errors on valid are slightly "
        "optimistic. Nothing was chosen on test."
    )
    assert found.for_card == (
        "The epoch of every model is chosen on valid, and the curve of the calibration is fitted there. Numbers on valid are\n"
        "  therefore slightly optimistic, for the baseline too. The pipeline uses test for measuring only."
    )


@pytest.mark.parametrize("scope", ["head", "all"])
def test_tuning_starts_from_a_curve_that_is_fitted_on_valid(scope):
    found = chosen(training__epoch="last", calibrate__scope=scope)
    assert found.for_report.startswith("The calibration curve of GRCF was fitted on valid")
    assert found.for_card.startswith("The curve of the calibration is fitted on valid. Numbers on valid")
    assert "baseline" not in found.for_card


@pytest.mark.parametrize("calibration", ["affine", "monotone", "head", "all"])
@pytest.mark.parametrize("epoch", ["best", "last"])
def test_the_curve_of_the_baseline_is_told_of(calibration, epoch):
    found = chosen(training__epoch=epoch, pointwise__calibration=calibration)
    assert (
        "the calibration curves of GRCF and of the baseline were fitted on valid"
        in found.for_report.replace("The", "the")
    )
    assert "curves of the calibration of GRCF and of the baseline are fitted" in found.for_card
    assert "for the baseline too" in found.for_card


def test_only_where_nothing_was_chosen_nothing_is_said():
    changes = {"training__epoch": "last", "calibrate__scope": "all", "rank__objective": "none"}
    assert chosen(**changes).for_report == "Neither an epoch nor a curve was chosen on valid or on test."
    assert chosen(**changes).for_card is None
    of_baseline = chosen(**changes, pointwise__calibration="affine")
    assert "The calibration curve of the baseline was fitted on valid" in of_baseline.for_report


def test_trusted_labels_are_told_of_where_they_take_part():
    sentence = "The curve of GRCF takes the trusted labels of valid alone"
    found = chosen(calibrate__labels="trusted", pointwise__labels="trusted")
    assert sentence in found.for_report
    assert sentence in found.for_card
    assert "trusted" not in chosen(pointwise__labels="trusted").for_report


def test_objectives_without_an_order_are_those_of_stage_one():
    assert {name for name, objective in OBJECTIVES.items() if not objective.leaves_order} == set(
        WITHOUT_ORDER
    )

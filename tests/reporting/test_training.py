from dataclasses import replace
from itertools import pairwise

import pytest

from pipeline.reporting.document import Grid, Paragraph
from pipeline.reporting.training import (
    budget_warning,
    budgets_section,
    curves_section,
    gradient_epochs,
    group_names,
    group_pairs_section,
)

AFFINE = {
    "rank.objective": "groupwise",
    "calibrate.scope": "affine",
    "calibrate.epochs": 20,
    "training.epochs": 60,
    "pointwise.extra_epochs": 0,
}


def test_a_fitted_curve_takes_no_gradient_epochs():
    assert gradient_epochs(AFFINE) == {"rank": 60, "calibrate": 0, "pointwise": 60}
    assert budget_warning(AFFINE) is None


def test_a_stage_two_without_a_stage_one_is_all_there_is():
    joint = AFFINE | {"rank.objective": "none", "calibrate.scope": "all", "calibrate.epochs": 60}
    assert gradient_epochs(joint) == {"rank": 0, "calibrate": 60, "pointwise": 60}


@pytest.mark.parametrize("scope", ["head", "all"])
@pytest.mark.parametrize(("extra", "more"), [(0, "20 epochs"), (19, "1 epoch")])
def test_more_epochs_than_the_baseline_are_a_warning(scope, extra, more):
    parameters = AFFINE | {"calibrate.scope": scope, "pointwise.extra_epochs": extra}
    warning = budget_warning(parameters)
    assert f"{more} more than the point-wise baseline" in warning
    assert "pointwise.extra_epochs to 20" in warning


@pytest.mark.parametrize("extra", [20, 30])
def test_as_many_epochs_as_the_baseline_or_fewer_are_none(extra):
    assert budget_warning(AFFINE | {"calibrate.scope": "all", "pointwise.extra_epochs": extra}) is None


def test_budgets_list_every_stage(inputs):
    tuned = inputs.parameters | {"calibrate.scope": "head", "pointwise.extra_epochs": 20}
    section = budgets_section(replace(inputs, parameters=tuned))
    assert [row[1].text for row in section.blocks[0].rows] == ["60", "20", "80"]
    assert (
        "trained for 80 epochs in all; the point-wise baseline got the same number" in section.blocks[1].text
    )


def figures(section):
    return [figure.name for block in section.blocks if isinstance(block, Grid) for figure in block.blocks]


def test_a_fitted_curve_is_told_in_a_sentence(inputs):
    section = curves_section(inputs)
    sentences = [block.text for block in section.blocks if isinstance(block, Paragraph)]
    mae = float(inputs.curves["calibrate"]["valid_error"].iloc[0])
    assert any(
        "was fitted without epochs" in text and f"MAE on valid {mae:.3f}" in text for text in sentences
    )
    assert not any("calibrate" in name for name in figures(section))


def test_a_tuned_stage_2_has_curves(read_run):
    names = figures(curves_section(read_run(params={"calibrate.scope": "head"})))
    assert "curve-calibrate-valid-error" in names


def test_a_measure_that_a_stage_does_not_take_has_no_figure(inputs):
    names = figures(curves_section(inputs))
    assert "curve-rank-valid-ordered-pair-accuracy" in names
    assert "curve-rank-valid-error" not in names


def test_every_pair_of_groups_stands_where_its_groups_meet(inputs):
    tables = {table.caption: table for table in group_pairs_section(inputs).blocks[0].blocks}
    weights = tables["Mean weight"]
    assert weights.header[1:] == ("−3", "−2", "−1", "0", "+1", "+2")
    assert [row[0].text for row in weights.rows] == ["+3", "+2", "+1", "0", "−1", "−2"]
    pairs = inputs.group_pairs
    mean = pairs[(pairs["group_above"] == 2) & (pairs["group_below"] == -1)]["weight"].mean()
    assert weights.rows[1][3].text == f"{mean:.2f}"
    assert [cell.text for cell in weights.rows[-1][2:]] == [""] * 5


def test_cut_groups_are_named_by_their_intervals(read_run):
    cuts = [-0.7, -0.1, 0.1, 0.7]
    tables = group_pairs_section(read_run(params={"margin.groups": cuts})).blocks[0].blocks
    assert tables[0].header[1:] == ("≤ −0.7", "−0.7 … −0.1", "−0.1 … 0.1", "0.1 … 0.7")
    assert tables[0].rows[0][0].text == "> 0.7"


def test_every_group_has_its_own_name():
    names = group_names(range(-3, 4), "integer")
    assert all(one != other for one, other in pairwise(names))


def test_no_pairs_is_a_sentence(inputs):
    without = replace(inputs, group_pairs=inputs.group_pairs.iloc[:0])
    assert isinstance(group_pairs_section(without).blocks[0], Paragraph)

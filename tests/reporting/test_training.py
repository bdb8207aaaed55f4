import pytest

from pipeline.pages.blocks import Grid, Paragraph
from pipeline.reporting.budgets import budget_warning, gradient_epochs
from pipeline.reporting.training import budgets_section, curves_section

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


def test_budgets_list_every_stage(read_run):
    section = budgets_section(read_run(params={"calibrate.scope": "head", "pointwise.extra_epochs": 6}))
    assert [row[1].text for row in section.blocks[0].rows] == ["8", "6", "14"]
    assert (
        "trained for 14 epochs in all; the point-wise baseline got the same number" in section.blocks[1].text
    )


def figures(section):
    return [figure.name for block in section.blocks if isinstance(block, Grid) for figure in block.blocks]


def test_a_fitted_curve_is_told_in_a_sentence(inputs):
    section = curves_section(inputs)
    sentences = [block.text for block in section.blocks if isinstance(block, Paragraph)]
    mae = float(inputs.curves["calibrate"].means["valid_error"][0])
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


def dots(section):
    """Epochs that are marked, by name of the figure."""
    return {
        figure.name: [
            dot["epoch"] for layer in figure.spec["layer"] for dot in layer.get("data", {}).get("values", [])
        ]
        for block in section.blocks
        if isinstance(block, Grid)
        for figure in block.blocks
    }


def test_dots_are_the_best_epochs_on_the_measure_that_chooses(inputs):
    section = curves_section(inputs)
    found = dots(section)
    accuracy = inputs.curves["rank"].by_seed["valid_ordered_pair_accuracy"].values()
    assert found["curve-rank-valid-ordered-pair-accuracy"] == [row.argmax() + 1 for row in accuracy]
    assert found["curve-rank-train-loss"] == []
    assert "the best epoch" in section.blocks[-1].text


@pytest.mark.parametrize(
    ("calibration", "chosen_by"),
    [("none", "order"), ("affine", "order"), ("head", "magnitude"), ("all", "magnitude")],
)
def test_a_baseline_that_is_tuned_is_chosen_by_magnitude_whatever_chose_it_before(
    read_run, calibration, chosen_by
):
    choices = {
        "pointwise.select_by": "order",
        "pointwise.calibration": calibration,
        "pointwise.extra_epochs": 6,
    }
    inputs = read_run(params=choices)
    found, curves = dots(curves_section(inputs)), inputs.curves["pointwise"]
    accuracy, error = (
        curves.by_seed[name].values() for name in ("valid_ordered_pair_accuracy", "valid_error")
    )
    by_order, by_magnitude = (
        found[f"curve-pointwise-valid-{name}"] for name in ("ordered-pair-accuracy", "error")
    )
    if chosen_by == "order":
        assert (by_order, by_magnitude) == ([curves.epochs[row.argmax()] for row in accuracy], [])
    else:
        assert (by_order, by_magnitude) == ([], [curves.epochs[row.argmin()] for row in error])


def test_the_last_epoch_is_marked_where_it_was_kept(read_run):
    inputs = read_run(params={"training.epoch": "last"})
    section = curves_section(inputs)
    for stage in ("rank", "pointwise"):
        last = inputs.curves[stage].epochs[-1]
        of_stage = [epochs for name, epochs in dots(section).items() if name.startswith(f"curve-{stage}")]
        assert of_stage
        assert all(epochs == [last] * inputs.n_seeds for epochs in of_stage)
    assert "the last epoch, whose weights each seed kept" in section.blocks[-1].text


def test_no_epoch_is_marked_where_the_weights_are_a_mean_over_several(read_run):
    section = curves_section(read_run(params={"training.epoch": "average"}))
    assert set(map(tuple, dots(section).values())) == {()}
    assert section.blocks[-1].text.endswith("which are those of none.")

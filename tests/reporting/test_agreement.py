import re
from dataclasses import replace

import numpy as np
import pytest

from pipeline.reporting import agreement
from pipeline.reporting.agreement import confusion, confusion_section, reliability_section, scatter_section

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("model", ["grcf", "pointwise"])
def test_the_diagonal_of_the_confusion_is_the_accuracy(inputs, model):
    predicted = inputs.predicted("test")
    shares = confusion(predicted, model, inputs.protocol)
    n_true = np.bincount(np.round(predicted.truth).astype(int) + 3, minlength=7)
    accuracy = np.nansum(np.diag(shares) * n_true) / len(predicted.truth)
    assert accuracy == pytest.approx(inputs.evaluation.metrics["test"][model]["acc7"].mean, abs=1e-6)


def test_rows_of_the_confusion_add_up_or_are_empty(inputs):
    predicted = inputs.predicted("valid")
    only = replace(predicted, truth=np.full_like(predicted.truth, 2.0))
    shares = confusion(only, "grcf", inputs.protocol)
    assert shares[5].sum() == pytest.approx(1.0)
    assert np.isnan(np.delete(shares, 5, axis=0)).all()


def test_confusion_has_a_table_for_each_model_and_split(inputs):
    captions = [table.caption for grid in confusion_section(inputs).blocks[:-1] for table in grid.blocks]
    assert [re.match(r"(.*) on (\w+)", caption).groups() for caption in captions] == [
        ("GRCF", "valid"),
        ("Point-wise regression", "valid"),
        ("GRCF", "test"),
        ("Point-wise regression", "test"),
    ]


def test_sims_has_five_classes(read_run):
    sims = {
        "evaluate.protocol": "sims",
        "task.label_min": -1.0,
        "task.label_max": 1.0,
        "margin.groups": [-0.7, -0.1, 0.1, 0.7],
    }
    section = confusion_section(read_run(params=sims, grcf_sd=0.2, pointwise_sd=0.3))
    assert section.heading == "Confusion over 5 groups"
    assert len(section.blocks[0].blocks[0].header) == 6


def dots(figure):
    return figure.spec["layer"][-1]["data"]["values"]


def test_every_segment_is_a_dot_that_says_which_it_is(inputs):
    grids = scatter_section(inputs).blocks[:-1]
    assert [len(dots(figure)) for grid in grids for figure in grid.blocks] == [40, 40, 50, 50]
    predicted = inputs.predicted("test")
    dot = next(each for each in dots(grids[1].blocks[0]) if each["id"] == "test_007")
    at = predicted.ids.index("test_007")
    assert dot["y"] == pytest.approx(predicted.truth[at])
    assert dot["x"] == pytest.approx(predicted.models["grcf"][:, at].mean(), rel=1e-4)


def test_many_segments_are_thinned_evenly_and_it_is_said(inputs, monkeypatch):
    monkeypatch.setattr(agreement, "MOST_POINTS", 20)
    figure = scatter_section(inputs).blocks[1].blocks[0]
    assert figure.caption == "GRCF on test: 50 segments, 20 of them drawn, evenly along the labels."
    labels = [each["y"] for each in dots(figure)]
    assert len(labels) == 20
    truth = inputs.predicted("test").truth
    assert (labels[0], labels[-1]) == (truth.min(), truth.max())


def test_the_calibration_of_each_model_and_split_is_that_of_the_comparisons_file(inputs):
    table = reliability_section(inputs).blocks[1]
    assert [row[0].text for row in table.rows] == [
        "GRCF, valid",
        "Point-wise regression, valid",
        "GRCF, test",
        "Point-wise regression, test",
    ]
    held = inputs.comparisons("test").reliability["grcf"]
    wanted = [f"{getattr(held, name):.3f}" for name in ("slope", "offset", "expected_calibration_error")]
    assert [cell.text.replace("−", "-") for cell in table.rows[2][1:]] == wanted


def test_the_line_of_a_reliability_figure_is_the_least_squares_line(inputs):
    figure = reliability_section(inputs).blocks[0].blocks[1]
    ends = [each for each in figure.spec["layer"][1]["data"]["values"] if each["model"] == "GRCF"]
    predicted = inputs.predicted("test")
    slope, offset = np.polyfit(predicted.models["grcf"].mean(axis=0), predicted.truth, 1)
    assert [each["y"] for each in ends] == pytest.approx(
        [slope * each["x"] + offset for each in ends], abs=1e-3
    )


def test_a_constant_model_has_no_slope_and_says_why(read_run):
    table = reliability_section(read_run(constant_grcf=True)).blocks[1]
    assert [cell.text for cell in table.rows[0][1:3]] == ["n/a", "n/a"]
    assert table.rows[0][1].note == "all predictions are equal"

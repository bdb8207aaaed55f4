import re
from dataclasses import replace

import numpy as np
import pytest

from pipeline.reporting import agreement
from pipeline.reporting.agreement import confusion, confusion_section, reliability_section, scatter_section


@pytest.mark.parametrize("model", ["grcf", "pointwise"])
def test_the_diagonal_of_the_confusion_is_the_accuracy(inputs, model):
    predicted = inputs.predicted("test")
    shares = confusion(predicted, model, inputs.protocol)
    n_true = np.bincount(np.round(predicted.truth).astype(int) + 3, minlength=7)
    accuracy = np.nansum(np.diag(shares) * n_true) / len(predicted.truth)
    assert accuracy == pytest.approx(inputs.metrics["test"][model]["acc7"]["mean"], abs=1e-6)


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
        "corpus.label_min": -1.0,
        "corpus.label_max": 1.0,
        "margin.groups": [-0.7, -0.1, 0.1, 0.7],
    }
    section = confusion_section(read_run(params=sims, grcf_sd=0.2, pointwise_sd=0.3))
    assert section.heading == "Confusion over 5 groups"
    assert len(section.blocks[0].blocks[0].header) == 6


def test_every_segment_is_a_dot(inputs):
    grids = scatter_section(inputs).blocks[:-1]
    n_dots = [figure.svg.count("<use ") for grid in grids for figure in grid.blocks]
    # Ticks are drawn by reference too, as many on the four figures of one scale.
    n_ticks = n_dots[0] - 40
    assert n_dots == [40 + n_ticks, 40 + n_ticks, 50 + n_ticks, 50 + n_ticks]


def test_many_segments_are_thinned_and_it_is_said(inputs, monkeypatch):
    monkeypatch.setattr(agreement, "MOST_POINTS", 20)
    figure = scatter_section(inputs).blocks[1].blocks[0]
    assert figure.caption == "GRCF on test: 50 segments, 20 of them drawn."


def test_the_calibration_error_is_that_of_the_comparisons_file(inputs):
    table = reliability_section(inputs).blocks[1]
    held = inputs.comparisons["test"]["reliability"]["grcf"]["expected_calibration_error"]
    assert table.rows[0][2].text == f"{held:.3f}"

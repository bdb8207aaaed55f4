from dataclasses import replace

import numpy as np
import pytest

from pipeline.evaluation.formulas import ordered_pair_accuracy
from pipeline.evaluation.samples import Samples
from pipeline.reporting.matrices import classes_of
from pipeline.reporting.order import group_order_section, order_by_class


@pytest.mark.parametrize("model", ["grcf", "pointwise"])
def test_a_cell_is_the_share_of_its_pairs_in_the_right_order(inputs, model):
    predicted = inputs.predicted("test")
    right, n_pairs = order_by_class(predicted, model, inputs.protocol)
    classes = classes_of(predicted.truth, inputs.protocol)
    for above, below in ((4, 3), (6, 0), (3, 2)):
        high, low = classes == above, classes == below
        assert n_pairs[above, below] == high.sum() * low.sum()
        gaps = predicted.models[model][:, high][:, :, None] - predicted.models[model][:, low][:, None, :]
        assert right[above, below] == pytest.approx((np.sign(gaps) / 2 + 0.5).mean())


def test_all_cells_together_are_the_ordered_pair_accuracy_of_the_classes(inputs):
    predicted = inputs.predicted("valid")
    right, n_pairs = order_by_class(predicted, "grcf", inputs.protocol)
    classes = classes_of(predicted.truth, inputs.protocol).astype(np.float64)
    once = Samples(np.ones((1, len(classes))))
    whole = [ordered_pair_accuracy(classes, row, once)[0] for row in predicted.models["grcf"]]
    assert np.nansum(right * n_pairs) / n_pairs.sum() == pytest.approx(np.mean(whole))


def test_a_tie_counts_half(inputs):
    predicted = inputs.predicted("valid")
    tied = replace(predicted, models={"grcf": np.zeros((2, len(predicted.truth)))})
    right, n_pairs = order_by_class(tied, "grcf", inputs.protocol)
    assert (right[n_pairs > 0] == 0.5).all()
    assert np.isnan(right[n_pairs == 0]).all()


def test_the_caption_names_the_cell_that_breaks_most(inputs):
    predicted = inputs.predicted("test")
    right, n_pairs = order_by_class(predicted, "grcf", inputs.protocol)
    above, below = np.unravel_index(np.nanargmin(right), right.shape)
    figure = group_order_section(inputs).blocks[1].blocks[0]
    assert f"{100 * right[above, below]:.1f} % of {n_pairs[above, below]} pair" in figure.caption


def test_equal_labels_leave_no_pairs_and_it_is_said(inputs):
    alike = [replace(each, truth=np.ones_like(each.truth)) for each in inputs.predictions]
    figure = group_order_section(replace(inputs, predictions=alike)).blocks[0].blocks[0]
    assert figure.caption.endswith("there are no pairs.")

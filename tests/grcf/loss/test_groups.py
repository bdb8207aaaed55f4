"""Sentiment groups of tensors are those of arrays: one rule for the loss, the metrics and the pages."""

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.evaluation.groups import group_of as group_of_array
from pipeline.grcf.loss.groups import group_of

CUTS = (-0.7, -0.1, 0.1, 0.7)
# On the cuts and right beside them, where float32 and float64 disagree.
BORDERS = [float(np.float32(cut)) for cut in CUTS] + list(CUTS)
LABELS = st.lists(
    st.one_of(
        st.floats(-3, 3, allow_nan=False), st.floats(-3, 3, width=32), st.sampled_from([*BORDERS, 0.5, 1.5])
    ),
    min_size=1,
    max_size=20,
)


@pytest.mark.parametrize("groups", ["integer", CUTS])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(labels=LABELS)
@example(labels=BORDERS)
def test_tensors_and_arrays_have_the_same_groups(groups, dtype, labels):
    wanted = group_of_array(np.array(labels), groups=groups)
    assert group_of(torch.tensor(labels, dtype=dtype), groups=groups).tolist() == wanted.tolist()
    single = group_of_array(np.array(labels, np.float32), groups=groups)
    assert single.tolist() == wanted.tolist()


def test_a_label_on_a_cut_belongs_below_it_in_either_precision():
    for array in (np.array([0.1, -0.7]), np.array([0.1, -0.7], np.float32)):
        assert group_of(torch.from_numpy(array), groups=CUTS).tolist() == [2, 0]

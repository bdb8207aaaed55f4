"""Wrong pairs are those that a double loop finds, whatever the blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inspector.discordant_pairs import discordant_pairs, largest_errors

# Few different values, so that labels and predictions tie.
VALUES = st.lists(
    st.tuples(st.integers(-3, 3).map(float), st.integers(-6, 6).map(lambda n: n / 2)), max_size=25
)


def by_double_loop(truth, prediction):
    found = []
    n_comparable = 0
    for i in range(len(truth)):
        for j in range(len(truth)):
            if truth[i] > truth[j]:
                n_comparable += 1
                if prediction[i] < prediction[j]:
                    width = (truth[i] - truth[j]) + (prediction[j] - prediction[i])
                    found.append((-width, i, j))
    return n_comparable, sorted(found)


@given(VALUES, st.integers(1, 30), st.sampled_from([1, 40, 2**22]))
def test_the_widest_wrong_pairs_are_those_of_a_double_loop(rows, at_most, at_once):
    truth, prediction = np.array(rows, np.float64).reshape(-1, 2).T
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.inspector.discordant_pairs._AT_ONCE", at_once)
        found = discordant_pairs(truth.copy(), prediction.copy(), at_most=at_most)
    n_comparable, wanted = by_double_loop(truth, prediction)
    assert (found.n_comparable, found.n_wrong) == (n_comparable, len(wanted))
    assert list(zip(found.above, found.below, strict=True)) == [(i, j) for _, i, j in wanted[:at_most]]


def test_equal_predictions_are_not_in_the_wrong_order():
    found = discordant_pairs(np.array([0.0, 1.0]), np.array([0.5, 0.5]), at_most=5)
    assert (found.n_comparable, found.n_wrong, len(found.above)) == (1, 0, 0)


def test_largest_errors_come_first_and_equals_by_position():
    truth, prediction = np.array([0.0, 1.0, 2.0, -1.0]), np.array([0.5, -1.0, 0.0, -1.0])
    assert largest_errors(truth, prediction, at_most=3).tolist() == [1, 2, 0]

"""Wrong pairs are those that a double loop finds, whatever the blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inspector import discordant_pairs as discordant_pairs_module
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


@given(VALUES, st.integers(1, 30), st.sampled_from([1, 40, 2**22]), st.sampled_from([1, 3, 2**11]))
def test_the_widest_wrong_pairs_are_those_of_a_double_loop(rows, at_most, at_once, at_first):
    truth, prediction = np.array(rows, np.float64).reshape(-1, 2).T
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.inspector.discordant_pairs._AT_ONCE", at_once)
        patch.setattr("pipeline.inspector.discordant_pairs._AT_FIRST", at_first)
        found = discordant_pairs(truth.copy(), prediction.copy(), at_most=at_most)
    n_comparable, wanted = by_double_loop(truth, prediction)
    assert (found.n_comparable, found.n_wrong) == (n_comparable, len(wanted))
    assert list(zip(found.above, found.below, strict=True)) == [(i, j) for _, i, j in wanted[:at_most]]


def test_of_many_segments_few_are_paired(monkeypatch):
    rng = np.random.default_rng(2)
    truth = np.clip(rng.normal(0, 1.4, 50_000), -3, 3).round(1)
    prediction = 0.6 * truth + rng.normal(0, 0.8, len(truth))
    n_paired = []

    def counted(truth, prediction, above, below, **settings):
        n_paired.append(len(above) * len(below))
        return widest(truth, prediction, above, below, **settings)

    widest = discordant_pairs_module._widest
    monkeypatch.setattr(discordant_pairs_module, "_widest", counted)
    found = discordant_pairs(truth, prediction, at_most=100)
    assert len(found.above) == 100
    assert sum(n_paired) < len(truth) ** 2 / 50


def test_equal_predictions_are_not_in_the_wrong_order():
    found = discordant_pairs(np.array([0.0, 1.0]), np.array([0.5, 0.5]), at_most=5)
    assert (found.n_comparable, found.n_wrong, len(found.above)) == (1, 0, 0)


def test_largest_errors_come_first_and_equals_by_position():
    truth, prediction = np.array([0.0, 1.0, 2.0, -1.0]), np.array([0.5, -1.0, 0.0, -1.0])
    assert largest_errors(truth, prediction, at_most=3).tolist() == [1, 2, 0]

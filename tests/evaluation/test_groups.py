import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.groups import Grouping, group_of, interval_of
from pipeline.pages.numbers import group_names, interval_names

SIMS_CUTS = (-0.7, -0.1, 0.1, 0.7)
GROUPINGS = ["integer", SIMS_CUTS, (0.0,), (0.5,)]


@pytest.mark.parametrize(("cut", "group"), [(-0.7, 0), (-0.1, 1), (0.1, 2), (0.7, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_label_on_a_cut_belongs_below_in_either_precision(
    cut: float, group: int, dtype: type[np.floating]
) -> None:
    assert group_of(np.array([cut], dtype), groups=SIMS_CUTS).tolist() == [group]


def test_whole_numbers_round_halves_to_even() -> None:
    labels = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])

    assert group_of(labels, groups="integer").tolist() == [-2, -2, 0, 0, 2, 2]


@pytest.mark.parametrize("groups", GROUPINGS)
@given(label=st.floats(-3.0, 3.0))
def test_a_label_keeps_its_group_when_it_is_stored_in_single_precision(
    groups: Grouping, label: float
) -> None:
    double = np.array([label])

    assert group_of(double, groups=groups) == group_of(double.astype(np.float32), groups=groups)


@given(
    cuts=st.lists(st.integers(-30, 30), min_size=1, max_size=6, unique=True).map(sorted),
    labels=st.lists(st.integers(-30, 30), max_size=20),
)
def test_the_group_is_the_number_of_cuts_below_the_label(cuts: list[int], labels: list[int]) -> None:
    tenths = [cut / 10 for cut in cuts]

    found = interval_of(np.array([label / 10 for label in labels]), tenths)

    assert found.tolist() == [sum(cut < label for cut in cuts) for label in labels]


def test_groups_are_named_by_number_or_by_interval() -> None:
    assert group_names(range(-1, 2), groups="integer") == ("−1", "0", "+1")
    assert group_names([4, 0], groups=SIMS_CUTS) == ("> 0.7", "≤ −0.7")
    assert group_names([0, 1], groups="integer", binary=True) == ("0", "1")
    assert interval_names([0.0]) == ("≤ 0", "> 0")

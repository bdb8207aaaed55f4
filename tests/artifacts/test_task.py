"""A task is what it says, or a sentence; only its own fields travel to training."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.artifacts.corpus.task import Task, groups_of_range, read_task, write_task
from pipeline.errors import PipelineError

MOSI = {"kind": "regression", "label": "label", "label_min": -3.0, "label_max": 3.0, "protocol": "mosi"}


def task(**changes) -> Task:
    return Task(**MOSI | {"groups": "integer"} | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"groups": (-0.5, 0.5)},
        {"kind": "binary", "label_min": 0.0, "label_max": 1.0, "protocol": "binary"},
        {
            "kind": "classes", "classes": ("joy", "anger", "“none”"), "label_min": 0.0, "label_max": 2.0,
            "protocol": "classes", "ordered": True,
        },
    ],
)  # fmt: skip
def test_a_task_comes_back_from_its_file(tmp_path, changes):
    write_task(tmp_path / "task.json", task(**changes))
    assert read_task(tmp_path / "task.json") == task(**changes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"protocol": "sims"}, "measures labels from -1 to 1 and cuts others off"),
        ({"protocol": "binary"}, "kind regression; choose mosi or sims or regression"),
        ({"kind": "binary", "protocol": "binary"}, "labels reach from -3 to 3; expected 0 to 1"),
        ({"label_max": -3.0}, "expected a least label below the greatest"),
        (
            {
                "kind": "classes",
                "protocol": "ordered_classes",
                "label_min": 0.0,
                "label_max": 1.0,
                "classes": ("a", "b"),
            },
            "the classes have no order",
        ),
        ({"groups": (0.5, 0.5)}, "a list of increasing cuts"),
        ({"groups": ()}, "a list of increasing cuts"),
        (
            {"kind": "classes", "protocol": "classes", "label_min": 0.0, "classes": ("a", "b")},
            "kind is classes with 2 names",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(changes, sentence):
    with pytest.raises(PipelineError, match=sentence):
        task(**changes)


def test_an_experiment_chooses_groups_and_protocol():
    chosen = task().chosen(groups=(0.0,), protocol="regression", source="params.yaml")
    assert (chosen.groups, chosen.protocol) == ((0.0,), "regression")
    assert task().chosen(groups=None, protocol=None, source="params.yaml") == task()
    with pytest.raises(PipelineError, match=r"^params\.yaml: evaluate\.protocol is 'sims'"):
        task().chosen(groups=None, protocol="sims", source="params.yaml")


def test_the_same_model_has_the_same_key_wherever_its_groups_are_named():
    chosen = task(groups=(0.0,))
    assert chosen.settle({"margin.groups": None, "margin.base": 0.2}) == chosen.settle(
        {"margin.groups": [0.0], "margin.base": 0.2}
    )


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e6))
def test_groups_of_any_range_cut_it(offset, width):
    low = offset * width
    groups = groups_of_range(low, low + width)
    if groups != "integer":
        assert low < groups[0] < groups[-1] < low + width
        assert all(below < above for below, above in itertools.pairwise(groups))


@pytest.mark.parametrize(
    ("limits", "groups"),
    [
        ((1.0, 5.0), "integer"),
        ((0.0, 9.0), "integer"),
        ((0.0, 100.0), (20.0, 40.0, 60.0, 80.0)),
        ((0.0, 1.0), (0.2, 0.4, 0.6, 0.8)),
    ],
)
def test_scales_of_the_field_have_the_groups_that_one_expects(limits, groups):
    assert groups_of_range(*limits) == groups

import subprocess
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import params
from pipeline.errors import PipelineError
from pipeline.sweeping.points import Point, grid, split_axis, written
from pipeline.yaml12 import parse_yaml

ROOT = Path(__file__).parent.parent.parent
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(max_codepoint=0x2FF, categories=("L", "N", "P", "S")), max_size=12),
    st.sampled_from(["1e-3", "true", "null", "a b", "it's", "C:\\x", "12:30", "~", "org/x:v1", "0x1F"]),
)


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch):
    monkeypatch.chdir(ROOT)


def points(*axes: str) -> list[dict]:
    return [dict(point.values) for point in grid(axes, check=params.checked)]


def test_a_grid_is_every_combination_and_the_last_key_changes_fastest():
    found = points("rank.learning_rate=1e-4,1e-3", "margin.base=0.1,0.3")
    assert [(point["rank.learning_rate"], point["margin.base"]) for point in found] == [
        (1e-4, 0.1),
        (1e-4, 0.3),
        (1e-3, 0.1),
        (1e-3, 0.3),
    ]


def test_commas_within_brackets_and_quotes_belong_to_a_value():
    assert split_axis("a.b=[1,2],'x,y',\"p,q\"") == ("a.b", ["[1,2]", "'x,y'", '"p,q"'])


def test_what_is_written_in_two_ways_is_one_point():
    assert points("margin.base=0.1,0.10,1e-1") == [{"margin.base": 0.1}]


@pytest.mark.parametrize(
    ("axes", "sentence"),
    [
        (["margin.bass=0.1"], "params.yaml has no parameter margin.bass; did you mean margin.base?"),
        (["margin.base=0.1,abc"], "margin.base is 'abc': input should be a valid number"),
        (["margin.base=-1"], "margin.base is -1: input should be greater than or equal to 0"),
        (["margin.base"], "'margin.base' is not a parameter with values"),
        (["margin.base=0.1,"], "is not a parameter with values"),
        (["margin.base=0.1", "margin.base=0.3"], "margin.base is given twice"),
        (["training.seeds=[1"], "no value of YAML"),
        (["audio.f0_max_hz=300.0", "audio.f0_min_hz=200.0,400.0"], "expected f0_min_hz < f0_max_hz"),
        (["evaluate.protocol=binry"], "evaluate.protocol is 'binry': input should be"),
    ],
)
def test_a_mistake_is_a_sentence(axes, sentence):
    with pytest.raises(PipelineError) as raised:
        points(*axes)
    assert sentence in str(raised.value)


def test_values_are_checked_together_as_they_would_be_in_the_file():
    assert len(points("audio.f0_max_hz=90.0", "audio.f0_min_hz=50.0")) == 1


def test_a_name_shows_the_values_and_does_not_depend_on_the_order_of_the_keys():
    one = Point.of({"margin.base": 0.1, "rank.learning_rate": 1e-5})
    other = Point.of({"rank.learning_rate": 0.00001, "margin.base": 0.1})
    assert one.name("sweep") == other.name("sweep") == "sweep-margin.base=0.1-rank.learning_rate=1e-05"


def test_names_of_different_points_differ_where_they_cannot_show_the_values():
    texts = ["a/b", "a_b", "a:b", "x" * 200, "x" * 201, "..", "a.lock"]
    names = {Point.of({"text.model": text}).name("sweep") for text in texts}
    assert len(names) == len(texts)


def test_uncommitted_changes_make_another_name():
    point = Point.of({"margin.base": 0.1})
    assert point.name("sweep", changes="abc123") == "sweep-margin.base=0.1-with-abc123"


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(["a.b", "margin.base"]), SCALARS, min_size=1))
def test_git_takes_every_name_for_a_reference(values):
    name = Point.of(values).name("sweep")
    subprocess.run(["git", "check-ref-format", f"refs/exps/ab/cdef/{name}"], check=True)
    assert len(name) < 80


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.one_of(SCALARS, st.lists(st.integers(0, 99), max_size=3)))
def test_dvc_reads_what_is_written_as_the_same_value(value, tmp_path):
    file = tmp_path / "params.yaml"
    file.write_text("a:\n  b: 0\n")
    apply_overrides(str(file), [f"a.b={written(value)}"])
    found = parse_yaml(file.read_text())["a"]["b"]
    assert found == value
    assert type(found) is type(value)

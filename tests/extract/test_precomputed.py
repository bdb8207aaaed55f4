"""Features from a file of the corpus: what is taken, and what is refused in a sentence."""

import os

import numpy as np
import pytest

from pipeline.artifacts.segments import Segment
from pipeline.errors import PipelineError
from pipeline.extract.precomputed import read_npz
from tests.segments import make_segment


def segment(id_: str) -> Segment:
    return make_segment(id=id_, text="a word", start_s=10.0, end_s=14.0)


SEGMENTS = [segment("b"), segment("a")]
VALUES = np.arange(6, dtype=np.float32).reshape(3, 2)


def read(folder, name="rows.npz"):
    return read_npz("audio", SEGMENTS, folder=folder, name=name)


def test_a_row_a_segment_lies_in_its_middle(tmp_path):
    np.savez(tmp_path / "rows.npz", ids=["a", "b", "c"], values=VALUES)
    packed = read(tmp_path)
    assert packed.ids == ("b", "a")
    assert packed["b"].values.tolist() == [[2, 3]]
    assert packed["b"].times_s.tolist() == [2.0]
    assert packed["b"].valid.tolist() == [True]


def test_offsets_give_a_segment_several_rows_at_their_times(tmp_path):
    np.savez(
        tmp_path / "rows.npz", ids=["a", "b"], values=VALUES, offsets=[0, 2, 3], times_s=[0.5, 1.5, 0.25]
    )
    packed = read(tmp_path)
    assert packed["a"].values.tolist() == [[0, 1], [2, 3]]
    assert packed["a"].times_s.tolist() == [0.5, 1.5]
    assert packed["b"].times_s.tolist() == [0.25]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_is_invalid(tmp_path, bad):
    values = VALUES.copy()
    values[0, 1] = bad
    np.savez(tmp_path / "rows.npz", ids=["a", "b", "c"], values=values)
    assert read(tmp_path)["a"].valid.tolist() == [False]
    assert read(tmp_path)["a"].values.tolist() == [[0, 0]]


def test_a_segment_without_rows_says_so(tmp_path):
    np.savez(tmp_path / "rows.npz", ids=["a"], values=VALUES[:1])
    packed = read(tmp_path)
    assert len(packed["b"].values) == 0
    assert "has no rows for segment b" in packed.failures["b"]


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"ids": ["a"]}, "'values' is missing"),
        ({"ids": ["a", "b"], "values": VALUES}, "do not fit together"),
        ({"ids": ["a", "a", "b"], "values": VALUES}, "an id occurs twice"),
        ({"ids": ["x", "y", "z"], "values": VALUES}, "has none of the 2 segments"),
        ({"ids": ["a", "b", "c"], "values": VALUES.astype(int)}, "expected floating point"),
        ({"ids": ["a", "b", "c"], "values": VALUES[:, 0]}, "expected floating point of shape"),
        ({"ids": ["a", "b"], "values": VALUES, "offsets": [0, 2, 3]}, "do not fit together"),
        ({"ids": ["a", "b"], "values": VALUES, "offsets": [0, 3, 2], "times_s": [0, 1, 2]}, "do not fit"),
        ({"ids": ["a", "b", "c"], "values": VALUES, "columns": ["x"]}, "do not fit together"),
    ],
)
def test_arrays_that_mean_nothing_are_a_sentence(tmp_path, arrays, sentence):
    np.savez(tmp_path / "rows.npz", **arrays)
    with pytest.raises(PipelineError, match=sentence):
        read(tmp_path)


class Attack:
    def __reduce__(self):
        return os.mkdir, ("attacked",)


def test_a_pickle_inside_is_refused_and_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez(
        tmp_path / "rows.npz",
        ids=["a"],
        values=np.array([[Attack()]], dtype=object),
    )
    with pytest.raises(PipelineError, match="plain arrays"):
        read(tmp_path)
    assert not (tmp_path / "attacked").exists()


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut short"])
def test_another_kind_of_file_is_a_sentence(tmp_path, content):
    (tmp_path / "rows.npz").write_bytes(content)
    with pytest.raises(PipelineError, match=r"rows\.npz"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["../rows.npz", "/etc/rows.npz"])
def test_a_name_cannot_leave_the_corpus_folder(tmp_path, name):
    with pytest.raises(PipelineError, match="leads out of the corpus folder"):
        read(tmp_path, name)


def test_a_missing_file_is_a_sentence(tmp_path):
    with pytest.raises(PipelineError, match="not found"):
        read(tmp_path)

"""Features from a file of the corpus: what is taken, and what is refused in a sentence."""

import os
import re
import zipfile

import numpy as np
import pytest

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.words import SegmentWords, Word
from pipeline.errors import PipelineError
from pipeline.extract.precomputed import read_npz, rows_of_words
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


@pytest.mark.parametrize("others", [["x", "x"], [b"\xb0x", b"\xb1x"], [b"x", b"x"]])
def test_ids_that_nobody_asks_for_may_be_there_twice_or_be_no_text(tmp_path, others):
    ids = np.array([others[0], "a" if isinstance(others[0], str) else b"a", others[1]])
    np.savez(tmp_path / "rows.npz", ids=ids, values=VALUES)
    assert read(tmp_path)["a"].values.tolist() == [[2, 3]]


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
        ({"ids": ["a", "a", "b"], "values": VALUES}, "names the segment 'a' twice"),
        ({"ids": ["x", "y", "z"], "values": VALUES}, "has none of the 2 segments"),
        ({"ids": ["a", "b", "c"], "values": VALUES.astype(int)}, "expected floating point"),
        ({"ids": ["a", "b", "c"], "values": VALUES[:, 0]}, "expected floating point of shape"),
        ({"ids": ["a", "b"], "values": VALUES, "offsets": [0, 2, 3]}, "do not fit together"),
        ({"ids": ["a", "b"], "values": VALUES, "offsets": [0, 3, 2], "times_s": [0, 1, 2]}, "do not fit"),
        ({"ids": ["a", "b", "c"], "values": VALUES, "columns": ["x"]}, "do not fit together"),
        ({"ids": ["a", "b", "c"], "values": VALUES, "spans_s": np.zeros(3)}, "spans_s is float64 of shape"),
        (
            {"ids": ["a", "b", "c"], "values": VALUES, "spans_s": np.array([[1.0, 0.0]] * 3)},
            "the start first",
        ),
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


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"ids": np.array("a")}, "ids is <U1 of shape () beside values of shape (3, 2); expected one text per segment"),
        ({"ids": [["a"], ["b"], ["c"]]}, "ids is <U1 of shape (3, 1)"),
        ({"ids": [1.5, 2.5, 3.5]}, "ids is float64"),
        ({"ids": ["a", "b"], "offsets": ["0", "1", "3"], "times_s": [0, 1, 2]}, "offsets is <U1"),
        ({"ids": ["a", "b"], "offsets": [[0, 1, 3]], "times_s": [0, 1, 2]}, "offsets is int64 of shape (1, 3)"),
        ({"ids": ["a", "b"], "offsets": [0, 5, 3], "times_s": [0, 1, 2]}, "expected them to rise from 0 to the 3 rows"),
        ({"ids": ["a", "b"], "offsets": [0, 1, 3], "times_s": [0, 1, np.nan]}, "1 of 3 times_s are not finite"),
        ({"ids": ["a", "b"], "offsets": [0, 1, 3], "times_s": [0, 2, 1]}, "1 of 3 times_s are before the one in front"),
        ({"ids": ["a", "b"], "offsets": [0, 1, 3]}, "has offsets and no times_s"),
        ({"columns": np.array("x")}, "columns is <U1 of shape ()"),
        ({"valid": np.array(True)}, "valid is bool of shape ()"),
        ({"values": np.zeros((3, 0), np.float32)}, "values is float32 of shape (3, 0)"),
        ({"values": np.zeros(3, np.float32)}, "values is float32 of shape (3,)"),
        ({"values": np.zeros((3, 2), complex)}, "holds complex128, which is neither numbers nor text"),
    ],
)  # fmt: skip
def test_arrays_of_another_form_are_named(tmp_path, arrays, sentence):
    np.savez(tmp_path / "rows.npz", **({"ids": ["a", "b", "c"], "values": VALUES} | arrays))
    with pytest.raises(PipelineError, match=re.escape(sentence)):
        read(tmp_path)


def with_header(folder, name: str, header: bytes, content: bytes = b"") -> None:
    head = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with zipfile.ZipFile(folder / "rows.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.npy", head + content)


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000), }\n",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2), }\n",
        b"{'descr': '|O', 'fortran_order': False, 'shape': (1, 1), }\n",
        b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1, 1), }\n",
        b"['a', 'list']\n",
        b"(" * 4000,
        b"",
    ],
)
def test_headers_that_announce_what_is_not_there_are_refused(tmp_path, header):
    with_header(tmp_path, "values", header)
    with pytest.raises(PipelineError, match=r"rows\.npz: not an \.npz file of plain arrays"):
        read(tmp_path)


def test_an_array_that_unpacks_to_gigabytes_is_refused(tmp_path):
    shape = (1 << 15, 1 << 12)
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    with_header(tmp_path, "values", header, bytes(4 * shape[0] * shape[1]))
    with pytest.raises(PipelineError, match="says that it unpacks to"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        (b"<html>", "is a web page"),
        (b"\x93NUMPY\x01\x00", r"is a NumPy array \(.npy\)"),
    ],
)
def test_another_file_is_named(tmp_path, content, sentence):
    (tmp_path / "rows.npz").write_bytes(content)
    with pytest.raises(PipelineError, match=sentence):
        read(tmp_path)


def test_a_link_out_of_the_corpus_is_refused(tmp_path):
    np.savez(tmp_path / "secret.npz", ids=["a"], values=VALUES[:1])
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/rows.npz").symlink_to(tmp_path / "secret.npz")
    with pytest.raises(PipelineError, match=r"is a link to .*secret\.npz, outside of the corpus folder"):
        read(tmp_path / "corpus")


def test_segments_without_rows_are_told(tmp_path, capsys):
    np.savez(tmp_path / "rows.npz", ids=["a"], values=VALUES[:1])
    read(tmp_path)
    assert "has no rows for 1 of 2 segments, such as 'b'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("times_s", "spans_s"),
    [
        ([10.5, 12.0, 13.5, 10.5], None),  # seconds of the recording
        ([500.0, 2000.0, 3500.0, 500.0], None),  # milliseconds
        ([-9.5, -8.0, -6.5, -9.5], None),
        ([0.5, 2.0, 3.5, 0.5], [[10, 11], [11, 13], [13, 14], [10, 14]]),
    ],
)
def test_times_that_are_not_seconds_of_the_segment_are_refused(tmp_path, times_s, spans_s):
    spans = {} if spans_s is None else {"spans_s": np.array(spans_s, float)}
    values = np.ones((4, 2), np.float32)
    np.savez(
        tmp_path / "rows.npz", ids=["a", "b"], values=values, offsets=[0, 3, 4], times_s=times_s, **spans
    )
    with pytest.raises(
        PipelineError, match=r"2 of 2 segments all rows lie outside .*'b'.* from the start of the segment"
    ):
        read(tmp_path)


def test_rows_behind_the_end_of_a_segment_are_told(tmp_path, capsys):
    values = np.ones((3, 2), np.float32)
    arrays = {"ids": ["a", "b"], "values": values, "offsets": [0, 2, 3]}
    np.savez(tmp_path / "rows.npz", times_s=[0.5, 9.5, 4.2], **arrays)
    assert read(tmp_path)["a"].times_s.tolist() == [0.5, 9.5]
    assert "1 of 2 segments have rows behind their end, such as 'a' up to 9.5 s" in capsys.readouterr().err
    np.savez(tmp_path / "rows.npz", times_s=[0.5, 3.5, 4.2], **arrays)
    read(tmp_path)
    assert "behind" not in capsys.readouterr().err


def test_the_only_row_of_a_segment_covers_all_of_it_and_rare_rows_reach_half_way(tmp_path):
    np.savez(tmp_path / "rows.npz", ids=["a", "b"], values=VALUES[:2])
    assert read(tmp_path)["a"].spans_s.tolist() == [[0.0, 4.0]]
    np.savez(tmp_path / "rows.npz", ids=["a", "b"], values=VALUES, offsets=[0, 2, 3], times_s=[1, 2, 0.25])
    packed = read(tmp_path)
    assert packed["a"].spans_s.tolist() == [[0.0, 1.5], [1.5, 4.0]]
    assert packed["b"].spans_s.tolist() == [[0.0, 4.0]]
    np.savez(tmp_path / "rows.npz", ids=["a", "b"], values=VALUES, offsets=[0, 3, 3], times_s=[1, 1.1, 1.2])
    assert read(tmp_path)["a"].spans_s is None


def test_a_moment_among_stretches_leaves_the_stretches_of_its_segment_as_they_are(tmp_path):
    np.savez(
        tmp_path / "rows.npz",
        ids=["a", "b"],
        values=np.arange(8, dtype=np.float32).reshape(4, 2),
        offsets=[0, 3, 4],
        times_s=[0.5, 1.5, 2.0, 1.0],
        spans_s=[[0.0, 1.0], [1.0, 2.0], [np.nan, np.nan], [np.nan, np.nan]],
    )
    packed = read(tmp_path)
    assert packed["a"].spans_s.tolist() == [[0.0, 1.0], [1.0, 2.0], [2.0, 2.0]]
    assert packed["b"].spans_s is None


def test_text_features_of_a_segment_describe_each_of_its_words(tmp_path):
    spoken = [
        SegmentWords("a", "given", (Word("x", 0.0, 1.0), Word("y", 1.0, 3.0))),
        SegmentWords("b", "given", (Word("z", 0.0, 4.0),)),
    ]
    np.savez(tmp_path / "rows.npz", ids=["a"], values=VALUES[:1])
    given = read_npz("text", [segment("a"), segment("b")], folder=tmp_path, name="rows.npz")
    packed = rows_of_words(given, spoken)
    assert packed.ids == ("a", "b")
    np.testing.assert_array_equal(packed["a"].values, np.repeat(VALUES[:1], 2, axis=0))
    assert packed["a"].times_s.tolist() == [0.5, 2.0]
    assert packed["a"].valid.all()
    # A segment that the file does not have has a row per word too, and none of them is valid.
    assert packed["b"].valid.tolist() == [False]
    assert "has no rows for segment b" in packed.failures["b"]


def test_text_features_of_other_words_are_refused_and_those_of_the_words_stay(tmp_path):
    np.savez(tmp_path / "rows.npz", ids=["a", "b"], values=VALUES, offsets=[0, 2, 3], times_s=[1, 2, 0.25])
    given = read_npz("text", [segment("a"), segment("b")], folder=tmp_path, name="rows.npz")
    words = (Word("x", 0.0, 1.0), Word("y", 1.0, 3.0))
    assert (
        rows_of_words(given, [SegmentWords("a", "given", words), SegmentWords("b", "given", words[:1])])
        is given
    )
    with pytest.raises(
        PipelineError, match=r"has 1 rows for segment b, which has 2 words; expected one row per word"
    ):
        rows_of_words(given, [SegmentWords("a", "given", words), SegmentWords("b", "given", words)])


def test_rows_of_a_segment_whose_length_nobody_gave_are_taken(tmp_path):
    unknown = make_segment(
        id="a", text="a word", media=None, media_sha256=None, start_s=0.0, end_s=1.0, has_length=False
    )
    values = np.ones((1, 2), np.float32)
    np.savez(tmp_path / "rows.npz", ids=["a"], values=values, times_s=[3.5], offsets=[0, 1])
    found = read_npz("audio", [unknown], folder=tmp_path, name="rows.npz")
    assert found["a"].valid.tolist() == [True]
    assert found["a"].spans_s.tolist() == [[0.0, 3.5]]
    by_recording = make_segment(
        id="a", text="a word", media="a.wav", media_sha256="0" * 64, start_s=0.0, end_s=1.0
    )
    # A table may say of a segment without a recording that it lasts a second.
    by_table = make_segment(id="a", text="a word", media=None, media_sha256=None, start_s=2.0, end_s=3.0)
    for known in (by_recording, by_table):
        with pytest.raises(PipelineError, match="all rows lie outside"):
            read_npz("audio", [known], folder=tmp_path, name="rows.npz")

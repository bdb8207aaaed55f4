"""Wrong words and errors of times, counted on what can be counted by hand."""

import pytest

from benchmarks.recognition import matched, normalised, recordings
from pipeline.artifacts.corpus.words import SegmentWords, Word


@pytest.mark.parametrize(
    ("spoken", "heard", "n_wrong", "pairs"),
    [
        ("set white with p two soon", "set white with p two soon", 0, [(i, i) for i in range(6)]),
        ("set white with p two soon", "white with b two soon now", 3, [(1, 0), (2, 1), (4, 3), (5, 4)]),
        ("a b", "", 2, []),
        ("a b c", "x a b c", 1, [(0, 1), (1, 2), (2, 3)]),
    ],
)
def test_wrong_words_are_the_fewest_that_explain_the_difference(spoken, heard, n_wrong, pairs):
    assert matched(spoken.split(), heard.split()) == (n_wrong, pairs)


def test_digits_and_letters_count_as_the_words_that_they_are():
    words = SegmentWords("a", "recognised", (Word("P2", 0.0, 1.0), Word("Soon", 1.0, 2.0)), 0.9)
    assert normalised(words) == [("p", 0.0, 0.5), ("two", 0.5, 1.0), ("soon", 1.0, 2.0)]


def test_names_of_grid_say_what_is_spoken_and_alignments_when(tmp_path):
    (tmp_path / "id2_vcd_swwp2s.mpg").touch()
    (tmp_path / "holiday.mpg").touch()
    (tmp_path / "swwp2s.align").write_text("0 12250 sil\n12250 19250 set\n19250 25000 white\n")
    (spoken,) = recordings(tmp_path)
    assert list(spoken.words) == ["set", "white", "with", "p", "two", "soon"]
    assert spoken.times_s == [(0.49, 0.77), (0.77, 1.0)]

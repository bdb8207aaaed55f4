"""Who labelled a segment, and whose it is: from the tables of a corpus to the manifest."""

from pathlib import Path, PurePosixPath

import pytest

from pipeline.artifacts.segments import read_segments, write_segments
from pipeline.corpus.folder import read_folder
from pipeline.corpus.manifest import build_segment, check_table
from pipeline.errors import PipelineError
from tests.tasks import MOSI


def folder(tmp_path: Path, **tables: str) -> Path:
    for name, text in tables.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    return tmp_path


def segments_of(candidates):
    return [build_segment(row, "train", PurePosixPath("data/raw/own"), {}, "en") for row in candidates]


def test_a_rater_and_trust_are_columns(tmp_path):
    rows = read_folder(
        folder(
            tmp_path,
            segments="id,label,text,rater,trusted\na,1,x,ada,1\nb,2,x,,0\nc,2,x,ben,True\nd,2,x,ben,\n",
        )
    )
    assert [row.rater for row in rows] == ["ada", None, "ben", "ben"]
    assert [row.trusted for row in rows] == [True, False, True, False]


def test_trust_is_yes_or_no(tmp_path):
    with pytest.raises(PipelineError, match=r"line 2: trusted is 'maybe'; expected 1 or true, 0 or false"):
        read_folder(folder(tmp_path, segments="id,label,text,trusted\na,1,x,maybe\n"))


def test_ratings_in_long_form_are_the_labels_of_raters(tmp_path):
    rows = read_folder(
        folder(
            tmp_path,
            segments="id,text\na,x\nb,x\n",
            ratings="id,rater,label\na,ben,1\na,ada,2\nb,ada,-1\n",
        )
    )
    assert [row.label for row in rows] == [1.5, -1.0]
    assert [dict(row.ratings) for row in rows] == [{"ada": 2.0, "ben": 1.0}, {"ada": -1.0}]
    assert rows[0].spread == pytest.approx(0.5**0.5)
    assert rows[1].spread is None
    assert [row.rater for row in rows] == [None, "ada"]


def test_columns_of_labels_are_raters_too(tmp_path):
    (row,) = read_folder(folder(tmp_path, segments="id,text,label_1,label_2,label_7\na,x,2,,1\n"))
    assert (row.label, dict(row.ratings)) == (1.5, {"1": 2.0, "7": 1.0})


def test_a_label_of_its_own_stands_before_the_mean_of_the_ratings(tmp_path):
    (row,) = read_folder(
        folder(tmp_path, segments="id,text,label\na,x,0.5\n", ratings="id,rater,label\na,ada,2\na,ben,1\n")
    )
    assert (row.label, dict(row.ratings)) == (0.5, {"ada": 2.0, "ben": 1.0})


@pytest.mark.parametrize(
    ("ratings", "sentence"),
    [
        ("a,ada,2\na,ada,1\n", r"ratings\.csv, line 3: 'ada' labels 'a' a second time"),
        ("a,,2\n", r"ratings\.csv, line 2: the rater of 'a' is empty"),
        ("z,ada,2\n", r"1 of its 1 ids are none of segments\.csv, such as 'z'"),
        ("a,ada,high\n", r"ratings\.csv, line 2: label is 'high'; expected a number"),
        ("a,1,2\n", r"the rater '1' has a label in the column label_1 and another in ratings\.csv"),
    ],
)
def test_a_bad_rating_is_a_sentence(tmp_path, ratings, sentence):
    with pytest.raises(PipelineError, match=sentence):
        read_folder(
            folder(tmp_path, segments="id,text,label_1\na,x,1\nb,x,2\n", ratings=f"id,rater,label\n{ratings}")
        )


def test_a_rating_out_of_range_is_refused_although_the_mean_is_within(tmp_path):
    rows = read_folder(
        folder(tmp_path, segments="id,text\na,x\n", ratings="id,rater,label\na,ada,5\na,ben,-5\n")
    )
    with pytest.raises(PipelineError, match=r"the label that 'ada' gave 'a' is 5\.0; expected a number"):
        check_table(rows, task=MOSI)


def test_the_manifest_says_whose_a_segment_is(tmp_path):
    rows = read_folder(
        folder(
            tmp_path,
            segments="id,text,label,speaker,video,rater,trusted\na,x,1,anna,v1,ada,1\nb,x,2,,,,\n",
            ratings="id,rater,label\nb,ada,3\nb,ben,1\n",
        )
    )
    found = segments_of(rows)
    assert [segment.corpus for segment in found] == ["own", "own"]
    assert [(segment.speaker, segment.video, segment.rater) for segment in found] == [
        ("anna", "v1", "ada"),
        ("b", "b", None),
    ]
    assert [segment.trusted for segment in found] == [True, False]
    write_segments(tmp_path / "segments.jsonl", found)
    assert read_segments(tmp_path / "segments.jsonl") == found

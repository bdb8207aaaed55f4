"""Who labelled a segment, and whose it is: from the tables of a corpus to the manifest."""

from pathlib import Path, PurePosixPath

import pytest

from pipeline.artifacts.corpus.segments import read_segments, write_segments
from pipeline.corpus.facts import facts_from
from pipeline.corpus.folder import read_folder
from pipeline.corpus.labels import label_chosen
from pipeline.corpus.manifest import build_segment, check_table
from pipeline.errors import PipelineError
from pipeline.intake.facts import Given, find_facts
from pipeline.intake.labels import nominal_agreement
from tests.tasks import MOSI

MOSI_LABEL = {"kind": "regression", "min": -3.0, "max": 3.0}


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
        ("a,ada,2\nb,ada,high\n", r"ratings\.csv, line 3: label is 'high'; expected a number"),
        ("a,ada,\n", r"ratings\.csv, line 2: the label that 'ada' gave 'a' is empty"),
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


CLASSES = facts_from(
    {
        "layout": "folder",
        "language": "en",
        "labels": {
            "label": {"kind": "classes", "classes": ["anger", "joy", "no emotion"]},
            "valence": {"kind": "regression", "min": -1.0, "max": 1.0},
        },
    },
    source="test",
)
IN_ROWS = {
    "segments": "id,text\na,x\nb,x\nc,x\n",
    "ratings": "id,rater,label\na,ada,joy\na,ben,joy\na,cyd,anger\nb,ada,no  emotion\nc,ada,joy\nc,ben,anger\n",
}
IN_COLUMNS = {
    "segments": "id,text,label_1,label_2,label_3\na,x,joy,joy,anger\nb,x,no emotion,,\nc,x,joy,anger,\n",
}


@pytest.mark.parametrize("tables", [IN_ROWS, IN_COLUMNS])
def test_the_class_that_most_raters_gave_is_the_label_and_a_tie_is_none(tmp_path, tables):
    rows = read_folder(folder(tmp_path, **tables))
    found = find_facts("folder", rows, tmp_path).facts
    assert found.labels["label"].classes == ("anger", "joy", "no emotion")
    task = found.task(None, source="test")
    first, second, third = label_chosen(rows, task)
    check_table([first, second, third], task=task)
    assert (first.label, sorted(first.ratings.values()), first.spread) == (1.0, [0.0, 1.0, 1.0], None)
    assert (second.label, second.excluded) == (2.0, None)
    assert third.excluded.endswith("the raters of 'c' agree on no class (1 each for anger and joy)")


def test_numbers_of_classes_by_raters_are_a_majority_too(tmp_path):
    rows = read_folder(
        folder(tmp_path, segments="id,text,label_1,label_2,label_3\na,x,1,1,0\nb,x,2,,\nc,x,0,2,1\n")
    )
    first, second, third = label_chosen(rows, CLASSES.task(None, source="test"))
    assert (first.label, second.label) == (1.0, 2.0)
    assert "1 each for anger and joy and no emotion" in third.excluded
    given = Given(kind="binary")
    rows = read_folder(
        folder(tmp_path, segments="id,text,label_1,label_2,label_3\na,x,1,1,0\nb,x,0,,\nc,x,0,1,\n")
    )
    task = find_facts("folder", rows, tmp_path, given=given).facts.task(None, source="test")
    assert [row.label for row in label_chosen(rows, task)[:2]] == [1.0, 0.0]


def test_a_class_of_its_own_stands_before_the_majority(tmp_path):
    rows = read_folder(
        folder(tmp_path, **IN_ROWS | {"segments": "id,text,label\na,x,anger\nb,x,joy\nc,x,joy\n"})
    )
    labels = [row.label for row in label_chosen(rows, CLASSES.task(None, source="test"))]
    assert labels == [0.0, 1.0, 1.0]


def test_another_label_can_be_learnt_where_raters_are_tied(tmp_path):
    segments = "id,text,label_valence\na,x,0.5\nb,x,-0.5\nc,x,0.25\n"
    rows = read_folder(folder(tmp_path, **IN_ROWS | {"segments": segments}))
    chosen = label_chosen(rows, CLASSES.task("valence", source="test"))
    assert [(row.label, row.excluded, dict(row.ratings)) for row in chosen] == [
        (0.5, None, {}), (-0.5, None, {}), (0.25, None, {}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ratings", "kind", "sentence"),
    [
        (
            "a,ada,Joy\nb,ada,joy\n",
            "classes",
            r"the label that 'ada' gave 'a' is 'Joy' \(did you mean 'joy'\?\)",
        ),
        (
            "a,ada,joy\nb,ben,3\nb,ada,joy\n",
            "classes",
            r"the label that 'ben' gave 'b' is '3'; expected one of",
        ),
        ("a,ada,joy\nb,ada,joy\n", "regression", r"gave 'a' is 'joy'; expected a number, because kind"),
        ("a,ada,joy\nb,ada,joy\n", "binary", r"gave 'a' is 'joy'; expected 0 or 1, because kind"),
    ],
)
def test_a_class_of_a_rater_that_is_none_is_a_sentence(tmp_path, ratings, kind, sentence):
    rows = read_folder(folder(tmp_path, segments="id,text\na,x\nb,x\n", ratings=f"id,rater,label\n{ratings}"))
    values = {"classes": CLASSES.labels["label"], "regression": MOSI_LABEL, "binary": {"kind": "binary"}}[
        kind
    ]
    facts = facts_from({"layout": "folder", "language": "en", "labels": {"label": values}}, source="test")
    with pytest.raises(PipelineError, match=sentence):
        label_chosen(rows, facts.task(None, source="test"))


def test_agreement_is_krippendorffs_alpha(tmp_path):
    """The example of Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, C: four observers, nominal, missing data."""
    observers = (
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    )
    cells = [row.split() for row in observers]
    units = zip(*cells, strict=True)
    lines = [
        f"s{position},x," + ",".join("" if cell == "." else cell for cell in unit)
        for position, unit in enumerate(units)
    ]
    rows = read_folder(
        folder(tmp_path, segments="\n".join(["id,text,label_1,label_2,label_3,label_4", *lines]))
    )
    assert nominal_agreement(rows) == pytest.approx(0.743, abs=5e-4)
    assert nominal_agreement(rows[:1]) is None
    assert nominal_agreement([]) is None

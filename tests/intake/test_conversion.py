"""A table of somebody else becomes a corpus of layout folder: columns by name, what is left out is said."""

import csv
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from pipeline.corpus.folder import read_folder
from pipeline.corpus.manifest import media_files
from pipeline.corpus.sims import read_sims
from pipeline.errors import PipelineError
from pipeline.extract.given_arrays import read_arrays
from pipeline.intake.columns import ColumnChoice
from pipeline.intake.conversion import convert_table

SHARED = Path(os.environ.get("GRCF_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))


def table(path: Path, *rows: str) -> Path:
    path.write_text("\n".join([*rows, ""]), encoding="utf-8")
    return path


def converted(source: Path, folder: Path, **choice):
    words = choice.pop("words", None)
    done = convert_table(source, folder, ColumnChoice(**choice), words=words)
    return {row.id: row for row in read_folder(folder)}, done


def test_columns_are_known_by_their_usual_names(tmp_path):
    source = table(
        tmp_path / "t.tsv",
        "Utterance ID\tSpeaker\tVideo_ID\tMode\tTranscript\tSentiment\tlabel_T\tlabel_A\tnote\tstart\tend",
        "a\tanna\tv1\ttrain\tIt was, well, fine\t1.5\t1\t\tx\t0.5\t2",
        "b\tben\tv2\tDev\t=SUM(1)\t-0.25\t0\t0.5\ty\t0\t1",
    )
    rows, done = converted(source, tmp_path / "out")
    assert (rows["a"].label, rows["a"].speaker, rows["a"].video, rows["a"].split) == (
        1.5,
        "anna",
        "v1",
        "train",
    )
    assert (rows["b"].text, rows["b"].split) == ("=SUM(1)", "valid")
    assert rows["a"].other_labels == {"text": 1.0}
    assert rows["b"].other_labels == {"text": 0.0, "audio": 0.5}
    assert (rows["a"].start_s, rows["a"].end_s) == (0.5, 2.0)
    assert any("1 column is left out: note" in note for note in done.notes)
    assert any("label is 'Sentiment'" in note for note in done.notes)


def test_columns_may_be_named_and_a_role_may_be_refused(tmp_path):
    source = table(
        tmp_path / "t.csv", "what,said,who,V,A,split", "x,yes,anna,1,2,train", "y,no,ben,3,4,nobody knows"
    )
    roles = {"id": "what", "text": "said", "speaker": "who", "label": "V", "split": "none"}
    rows, _ = converted(source, tmp_path / "out", roles=roles, other_labels=("A",))
    assert [(row.id, row.text, row.speaker, row.label, row.split) for row in rows.values()] == [
        ("x", "yes", "anna", 1.0, None),
        ("y", "no", "ben", 3.0, None),
    ]
    assert rows["y"].other_labels == {"A": 4.0}


@pytest.mark.parametrize(
    ("header", "choice", "sentence"),
    [
        ("id,text,emotion,valence", {}, "the label could be 'emotion' or 'valence'; name it by --label"),
        (
            "id,text,V,A",
            {},
            "no column is called label; name the one to learn by --label .there are 'V', 'A'",
        ),
        ("id,text_zh,text_en,label", {}, "'text_zh' and 'text_en'; name one of them by --text"),
        ("id,text,label", {"roles": {"speaker": "spekaer"}}, "has no column 'spekaer'"),
        ("id,text,label", {"features": {"audio": ["mfcc*"]}}, "no column fits --audio-features mfcc"),
        ("id,text,label,label", {}, "names the column 'label' twice"),
    ],
)
def test_what_cannot_be_told_is_asked_for(header, choice, sentence, tmp_path):
    source = table(tmp_path / "t.csv", header, "a,b,1,2"[: 2 * header.count(",") + 1])
    with pytest.raises(PipelineError, match=sentence):
        converted(source, tmp_path / "out", **choice)


def test_the_language_comes_from_the_name_of_the_column(tmp_path):
    rows, _ = converted(table(tmp_path / "t.csv", "id,text_zh,label", "a,很好,1"), tmp_path / "out")
    assert (rows["a"].text, rows["a"].language) == ("很好", "zh")


def test_rows_without_a_label_are_left_out_and_rows_without_ids_are_called_by_their_place(tmp_path):
    source = table(tmp_path / "t.csv", "text,label", "one,1", "two,", "three,NaN", "four,-1")
    rows, done = converted(source, tmp_path / "out")
    assert [(row.id, row.text) for row in rows.values()] == [("row_1", "one"), ("row_4", "four")]
    assert "2 of 4 rows have no label and are left out" in done.notes


@pytest.mark.parametrize("annotators", ["label_1,label_2", "Label_1,LABEL_2"])
def test_annotators_and_a_spread_come_along(tmp_path, annotators):
    source = table(tmp_path / "a.csv", f"id,text,{annotators}", "a,x,1,3", "b,y,2,")
    rows, _ = converted(source, tmp_path / "one")
    assert (rows["a"].label, rows["b"].label, rows["b"].spread) == (2.0, 2.0, None)
    source = table(tmp_path / "b.csv", "id,text,V,stdV", "a,x,1,0.5")
    rows, _ = converted(source, tmp_path / "two", roles={"label": "V", "spread": "stdV"})
    assert (rows["a"].spread, rows["a"].other_labels) == (0.5, {})


def test_features_become_a_row_per_segment(tmp_path):
    source = table(
        tmp_path / "t.csv",
        "id,label,liwc_a,liwc_b,aud_1,aud_name,extra",
        "a,1,0.5,1e3,7,x,1",
        "b,2,,2,8,y,2",
        "c,3,1.5,3,9,z,3",
    )
    rows, done = converted(source, tmp_path / "out")
    assert set(done.files) == {"segments.csv", "words.csv", "text.npz", "audio.npz"}
    text = read_arrays(tmp_path / "out/text.npz", ("ids", "values", "columns"))
    assert text["columns"].tolist() == ["liwc_a", "liwc_b"]
    np.testing.assert_array_equal(text["values"], np.array([[0.5, 1000], [np.nan, 2], [1.5, 3]], np.float32))
    # The row of a segment needs a word to belong to.
    assert [word.text for word in rows["a"].words] == ["[1]"]
    audio = read_arrays(tmp_path / "out/audio.npz", ("columns",))
    assert audio["columns"].tolist() == ["aud_1"]
    assert any("1 of 3 rows lack one or more of them (most often liwc_a)" in note for note in done.notes)
    assert any("left out: aud_name, extra" in note for note in done.notes)
    rows, _ = converted(source, tmp_path / "whole", complete=True)
    assert list(rows) == ["a", "c"]
    converted(source, tmp_path / "some", features={"text": ["liwc_*", "!liwc_a"], "visual": ["extra"]})
    assert read_arrays(tmp_path / "some/text.npz", ("columns",))["columns"].tolist() == ["liwc_b"]
    assert not (tmp_path / "some/audio.npz").exists()


def test_a_cell_that_is_no_number_among_named_features_is_refused(tmp_path):
    source = table(tmp_path / "t.csv", "id,label,x1,x2", "a,1,2,3", "b,1,2,three")
    with pytest.raises(PipelineError, match=r"line 3: x2 is 'three'; expected a number"):
        converted(source, tmp_path / "out", features={"audio": ["x*"]})


def test_words_of_whole_recordings_go_to_the_segments_that_hold_their_middles(tmp_path):
    source = table(
        tmp_path / "t.csv",
        "segment_id,video_id,start_s,end_s,text,label",
        "v_1,v,1.0,2.0,well yes,1",
        "v_2,v,2.0,3.0,no,2",
    )
    words = table(
        tmp_path / "w.csv",
        "video_id,word,start_s,end_s",
        "v,before,0.2,0.9",
        "v,well,1.1,1.4",
        "v,sp,1.4,1.6",
        "v,yes,1.7,2.1",
        "v,no,2.2,2.5",
    )
    rows, _ = converted(source, tmp_path / "out", words=words)
    assert [[word.text for word in row.words] for row in rows.values()] == [["well", "yes"], ["no"]]
    other = table(tmp_path / "o.csv", "video_id,word,start_s,end_s", "unknown,well,1.1,1.4")
    with pytest.raises(PipelineError, match="and none of a segment"):
        converted(source, tmp_path / "again", words=other)


WORDS_OF_A_VIDEO = ("v,one,0.2,0.9", "v,two,1.1,1.4", "v,three,2.2,2.5", "v,four,3.1,3.3", "w,five,0.1,0.3")


def words_by_row(folder, *segments, words=WORDS_OF_A_VIDEO):
    header = "segment_id,video_id,start_s,end_s,text,label"
    source = table(folder / "t.csv", header, *(f"{row},x,{n}" for n, row in enumerate(segments)))
    said = table(folder / "w.csv", "video_id,word,start_s,end_s", *words)
    rows, done = converted(source, folder / "out", words=said)
    return {row.id: " ".join(word.text for word in row.words) for row in rows.values()}, done.notes


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        # Starts alone, in any order, and two rows of one segment, as of two raters.
        (
            ("a,v,0.0,", "c,v,2.0,", "b,v,1.0,", "again,v,1.0,"),
            {"a": "one", "b": "two", "again": "two", "c": "three four"},
        ),
        (("a,v,,1.0", "b,v,,3.0", "c,v,3.0,"), {"a": "one", "b": "two three", "c": "four"}),
        (("a,v,0.0,", "b,v,2.0,3.0"), {"a": "one two", "b": "three"}),
        (("a,v,2.0,", "b,w,0.0,"), {"a": "three four", "b": "five"}),
        (("a,v,,", "b,w,,"), {"a": "one two three four", "b": "five"}),
    ],
)
def test_bounds_that_are_not_given_are_those_of_the_segments_beside(tmp_path, segments, expected):
    found, notes = words_by_row(tmp_path, *segments)

    assert found == expected
    assert not any("nothing tells" in note for note in notes)


def test_a_segment_without_times_among_others_of_its_recording_has_no_words(tmp_path):
    found, notes = words_by_row(tmp_path, "a,v,0.0,2.0", "b,v,,", "c,w,,")

    assert found == {"a": "one two", "b": "", "c": "five"}
    (note,) = [note for note in notes if "words with times" in note]
    assert note == (
        "3 words with times, of 2 of 3 segments; 'b' has neither start nor end in a recording of several segments, so that nothing "
        "tells which words to take"
    )


def test_words_of_which_none_can_be_told_are_refused(tmp_path):
    with pytest.raises(
        PipelineError,
        match=r"w\.csv: no segment has a word of it: 2 segments, such as 'a', have .* give their times",
    ):
        words_by_row(tmp_path, "a,v,,", "b,v,,")


def test_features_may_come_from_an_array_with_a_name_of_its_own(tmp_path):
    np.savez(tmp_path / "f.npz", segment_id=np.array(["b", "a", "z"]), hubert=np.eye(3, dtype=np.float32))
    source = table(tmp_path / "t.csv", "id,text,label", "a,x,1", "b,y,2", "c,z,3")
    converted(source, tmp_path / "out", features={"audio": [f"{tmp_path / 'f.npz'}:hubert"]})
    values = read_arrays(tmp_path / "out/audio.npz", ("values",))["values"]
    np.testing.assert_array_equal(values, [[0, 1, 0], [1, 0, 0], [np.nan] * 3])
    with pytest.raises(PipelineError, match="has no array 'values'"):
        converted(source, tmp_path / "again", features={"audio": [str(tmp_path / "f.npz")]})


# Segments per split as the README of these data says.
CORPORA = {
    "corpora/mosei.csv": ({}, (16274, 1861, 4653, 0)),
    "corpora/chsims_v2.csv": ({"roles": {"text": "text_zh"}}, (2722, 647, 1034, 0)),
    "corpora/meld.csv": ({"roles": {"text": "text_en", "label": "emotion"}}, (9989, 1109, 2610, 0)),
    "corpora/emobank.csv": ({"roles": {"label": "V"}, "other_labels": ("A", "D")}, (8062, 1000, 1000, 0)),
    "corpora/rt_scale.csv": ({}, (0, 0, 0, 5006)),
    "corpora/first_impressions.csv": (
        {
            "roles": {"label": "extraversion", "split": "none"},
            "features": {"text": ["liwc_*"], "audio": ["aud_*"]},
            "complete": True,
        },
        (0, 0, 0, 7998),
    ),
    "mosi/segments.csv": ({"words": SHARED / "mosi/words.csv"}, (1284, 229, 686, 0)),
    "mustard/utterances.csv": ({}, (0, 0, 0, 690)),
}


@pytest.mark.parametrize("name", CORPORA)
def test_public_tables_have_the_segments_that_their_readme_says(name, tmp_path):
    source = SHARED / name
    if not source.is_file():
        pytest.skip(f"no shared data at {source}; set GRCF_SHARED_DATA to run this test")
    choice, counts = CORPORA[name]
    rows, _ = converted(source, tmp_path / "out", **choice)
    splits = Counter(row.split for row in rows.values())
    assert tuple(splits[split] for split in ("train", "valid", "test", None)) == counts
    with (tmp_path / "out/segments.csv").open(newline="", encoding="utf-8") as file:
        assert all(None not in row and None not in row.values() for row in csv.DictReader(file))


@pytest.mark.parametrize(
    ("recording", "name", "right_name", "rows"),
    [
        ("clips/a.mp4", "segments.csv", None, ("id,label,text", "a,1,yes", "b,2,no")),
        ("clips/a.mp4", "talks.csv", "segments.csv", ("id,label,text", "a,1,yes", "b,2,no")),
        ("clips/a.mp4", "talks.tsv", "segments.csv", ("id\tlabel\ttext", "a\t1\tyes", "b\t2\tno")),
        ("talks/long.wav", "segments.csv", None, ("id,label,media", "a,1,", "b,2,talks/long.wav")),
        ("Raw/v1/0001.mp4", "segments.csv", "label.csv", ("video_id,clip_id,text,label", "v1,0001,yes,1")),
        ("Raw/v1/0001.mp4", "meta.csv", None, ("video_id,clip_id,text,label", "v1,0001,yes,1")),
    ],
)
def test_a_table_whose_recordings_lie_beside_it_is_no_corpus_without_them(
    recording, name, right_name, rows, tmp_path
):
    (tmp_path / recording).parent.mkdir(parents=True)
    (tmp_path / recording).touch()
    source = table(tmp_path / name, *rows)
    renamed = f"rename it to {right_name} and " if right_name else ""
    with pytest.raises(
        PipelineError,
        match=rf"its recordings lie beside it, such as .*; {renamed}import its folder {tmp_path} instead",
    ):
        convert_table(source, tmp_path / "out", ColumnChoice())
    assert not (tmp_path / "out").exists()
    text = "text" if "text" in rows[0] else "none"
    convert_table(
        source, tmp_path / "out", ColumnChoice(roles={"text": text})
    )  # who names a column means the table
    # What was advised works.
    source.rename(tmp_path / (right_name or name))
    read = read_sims if recording.startswith("Raw/") else read_folder
    assert recording in media_files(read(tmp_path))


def test_an_array_that_names_a_segment_twice_is_refused(tmp_path):
    source = table(tmp_path / "t.csv", "id,label,text", "a,1,yes", "b,2,no")
    for owners in (np.array(["a", "b", "a"]), np.array([b"a", b"b", b"a"])):
        np.savez(tmp_path / "rows.npz", ids=owners, values=np.eye(3, dtype=np.float32))
        with pytest.raises(PipelineError, match=r"rows.npz: names the segment 'a' twice"):
            convert_table(
                source, tmp_path / "out", ColumnChoice(features={"audio": [str(tmp_path / "rows.npz")]})
            )


@pytest.mark.parametrize("others", [["x", "x"], [b"\xb0x", b"\xb1x"], [b"x", b"x"]])
def test_an_array_may_name_segments_twice_that_the_table_does_not_have(others, tmp_path):
    source = table(tmp_path / "t.csv", "id,label,text", "a,1,yes", "b,2,no")
    ids = np.array([others[0], *(["a", "b"] if isinstance(others[0], str) else [b"a", b"b"]), others[1]])
    np.savez(tmp_path / "rows.npz", ids=ids, values=np.eye(4, dtype=np.float32))
    convert_table(source, tmp_path / "out", ColumnChoice(features={"audio": [str(tmp_path / "rows.npz")]}))
    made = read_arrays(tmp_path / "out/audio.npz", ["ids", "values"])
    assert dict(zip(made["ids"].tolist(), made["values"].argmax(axis=1).tolist(), strict=True)) == {
        "a": 1,
        "b": 2,
    }


@pytest.mark.parametrize("ids", [np.array([b"b", b"a"]), np.array(["b", "a"])])
def test_ids_of_an_array_may_be_bytes(ids, tmp_path):
    source = table(tmp_path / "t.csv", "id,label,text", "a,1,yes", "b,2,no")
    np.savez(tmp_path / "rows.npz", ids=ids, values=np.eye(2, dtype=np.float32))
    convert_table(source, tmp_path / "out", ColumnChoice(features={"audio": [str(tmp_path / "rows.npz")]}))
    made = read_arrays(tmp_path / "out/audio.npz", ["ids", "values"])
    assert dict(zip(made["ids"].tolist(), made["values"].tolist(), strict=True)) == {
        "a": [0.0, 1.0],
        "b": [1.0, 0.0],
    }


@pytest.mark.parametrize("id_", ["'=1+1", "=1+1"])
def test_an_id_that_a_spreadsheet_would_run_keeps_its_features(id_, tmp_path):
    source = table(tmp_path / "t.csv", "id,label,text,mfcc1", f"{id_},1,yes,0.5", "b,2,no,1.5")
    rows, _ = converted(source, tmp_path / "out")
    assert set(rows) == set(read_arrays(tmp_path / "out/audio.npz", ["ids"])["ids"].tolist()) == {"=1+1", "b"}


@pytest.mark.parametrize("name", ["t.xlsx", "t.csv"])
def test_a_workbook_is_named(name, tmp_path):
    (tmp_path / name).write_bytes(b"PK\x03\x04\x14\x00")
    with pytest.raises(PipelineError, match=r"is a zip archive, an Excel workbook \(\.xlsx\) or"):
        converted(tmp_path / name, tmp_path / "out")


@pytest.mark.parametrize("missing", ["NA", "n/a", "-", "?", "None", "nan"])
def test_a_cell_that_is_not_given_does_not_cost_the_column(missing, tmp_path):
    source = table(
        tmp_path / "t.csv",
        "id,video,start,end,mode,text,label",
        "a,v,0,1,train,one,1",
        f"b,v,{missing},{missing},{missing},two,2",
        "c,v,2,3,Dev,three,3",
    )
    rows, done = converted(source, tmp_path / "out")
    assert [(row.start_s, row.end_s, row.split) for row in rows.values()] == [
        (0.0, 1.0, "train"),
        (None, None, None),
        (2.0, 3.0, "valid"),
    ]
    assert not any("left out" in note for note in done.notes)


@pytest.mark.parametrize(
    ("column", "cells", "sentence"),
    [
        ("mode", ("train", "eval?", "test"), "line 3: mode is 'eval.'; expected a split, as in 2 of 3 rows"),
        ("start", ("0", "0:12", "3"), "line 3: start is '0:12'; expected a number, as in 2 of 3 rows"),
        ("label_T", ("1", "2", "high"), "line 4: label_T is 'high'; expected a number"),
        ("mfcc_1", ("1", "2", "high"), "line 4: mfcc_1 is 'high'; expected a number"),
    ],
)
def test_a_few_cells_of_another_kind_are_a_mistake_and_not_another_column(column, cells, sentence, tmp_path):
    lines = [f"{id_},hm,1,{cell}" for id_, cell in zip("abc", cells, strict=True)]
    source = table(tmp_path / "t.csv", f"id,text,label,{column}", *lines)
    with pytest.raises(PipelineError, match=sentence):
        converted(source, tmp_path / "out")


def test_rows_without_a_label_do_not_decide_on_a_column(tmp_path):
    source = table(tmp_path / "t.csv", "id,text,label,mode", "a,x,1,train", "b,y,2,test", "c,z,,unused")
    rows, _ = converted(source, tmp_path / "out")
    assert [row.split for row in rows.values()] == ["train", "test"]


def test_what_stands_for_no_name_is_no_speaker_video_or_language(tmp_path):
    source = table(
        tmp_path / "t.csv",
        "id,text,label,speaker,video,language,split",
        "a,x,1,NA,None,na,train",
        "b,y,2,anna,nan,en,test",
        "c,z,3,NA,v,N/A,valid",
    )
    rows, done = converted(source, tmp_path / "out")
    assert [row.speaker for row in rows.values()] == [None, "anna", None]
    assert [row.language for row in rows.values()] == ["na", "en", None]
    assert rows["c"].video == "v"
    assert not {"None", "nan"} & {row.video for row in rows.values()}
    (note,) = [note for note in done.notes if "stands for nothing given" in note]
    assert note.startswith("5 cells of speaker, video, language hold 'N/A' or 'NA' or 'None' or 'nan'")

"""Names that look alike and are not would be two speakers, or a segment that nobody finds."""

from dataclasses import replace

import pytest

from pipeline.corpus.folder import read_folder
from pipeline.corpus.manifest import check_table
from pipeline.corpus.names import alike_speakers
from pipeline.errors import PipelineError
from tests.corpus.test_manifest import candidate
from tests.tasks import MOSI


def rows(tmp_path, text: str):
    (tmp_path / "segments.csv").write_text(text, encoding="utf-8")
    return read_folder(tmp_path)


@pytest.mark.parametrize(
    ("character", "called"),
    [
        ("\n", "the control character U+000A"),
        ("\x1b[2J", "the control character U+001B"),
        ("\u202e", "RIGHT-TO-LEFT OVERRIDE"),
        ("\u200b", "ZERO WIDTH SPACE"),
        ("\ufeff", "ZERO WIDTH NO-BREAK SPACE"),
        ("\u2028", "LINE SEPARATOR"),
    ],
)
@pytest.mark.parametrize("column", ["id", "speaker", "video", "rater", "media"])
def test_a_name_with_a_character_that_nobody_sees_is_refused(tmp_path, column, character, called):
    cells = {
        "id": "a",
        "text": "yes",
        "label": "1",
        "speaker": "s",
        "video": "v",
        "rater": "r",
        "media": "m.mp4",
    }
    cells[column] = f'"x{character}y"'
    text = f"{','.join(cells)}\n{','.join(cells.values())}\n"
    with pytest.raises(
        PipelineError, match=rf"line 2: the {column} .* holds a character that nobody sees \("
    ) as raised:
        check_table(rows(tmp_path, text), task=MOSI)
    assert called in str(raised.value)
    assert str(raised.value).isprintable(), "neither a terminal nor a page is moved by what names it"


@pytest.mark.parametrize("column", ["id", "speaker", "video"])
@pytest.mark.parametrize(
    ("first", "second"), [("Jos\u00e9", "Jose\u0301"), ("a b", "a\u00a0b"), ("a b", "a  b")]
)
def test_one_name_in_two_forms_is_refused(tmp_path, column, first, second):
    cells = {
        "id": ["r1", "r2"],
        "text": ["yes", "no"],
        "label": ["1", "1"],
        "speaker": ["s", "s"],
        "video": ["v", "v"],
    }
    cells[column] = [first, second]
    text = "\n".join([",".join(cells), *(",".join(row) for row in zip(*cells.values(), strict=True)), ""])
    with pytest.raises(PipelineError, match=rf"line 3: the {column} .* look the same"):
        check_table(rows(tmp_path, text), task=MOSI)


def test_names_of_any_script_are_names(tmp_path):
    names = ["José", "李雷", "می\u200cخواهم", "a b", "क\u094dष", "O'Brien (2)", "../x", "😀"]
    text = "id,text,label,speaker\n" + "".join(f"{name},yes,1,{name}\n" for name in names)
    found = rows(tmp_path, text)
    check_table(found, task=MOSI)
    assert [row.id for row in found] == names


def test_one_speaker_may_say_much(tmp_path):
    (row,) = rows(tmp_path, "id,text,label,speaker\na,yes,1,José\n")
    check_table([row, replace(row, id="b")], task=MOSI)


@pytest.mark.parametrize("other", ["anna k", "ANNA K", "Anna_K", "anna-k", "Ａnna\u3000k", "Anna  K"])
def test_a_speaker_who_is_in_two_splits_under_two_ways_to_write_the_name_is_named(other):
    people = [
        candidate("r1", speaker="Anna K"),
        candidate("r2", speaker=other),
        candidate("r3", speaker="Ben"),
    ]
    (sentence,) = alike_speakers(people, {"r1": "train", "r2": "test", "r3": "test"})
    assert sentence.startswith(f"the speakers 'Anna K' (train) and {other!r} (test) differ in how")
    assert not alike_speakers(people, {"r1": "train", "r2": "train", "r3": "test"})


def test_speakers_of_other_names_and_segments_without_a_split_are_none():
    people = [
        candidate("r1", speaker="s1"),
        candidate("r2", speaker="s11"),
        candidate("r3", speaker=None),
        candidate("r4", speaker="S1"),
    ]
    assert not alike_speakers(people, {"r1": "train", "r2": "test", "r3": "test"})

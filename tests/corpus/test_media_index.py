"""Which file is the recording of a segment, whatever lies beside it and however its name is written."""

import unicodedata
from pathlib import Path

import pytest

from pipeline.corpus.folder import read_folder
from pipeline.corpus.inspection import refuse_name
from pipeline.corpus.media_index import MediaFolder
from pipeline.errors import PipelineError

CAFE_NFC, CAFE_NFD = unicodedata.normalize("NFC", "café"), unicodedata.normalize("NFD", "café")


def corpus(tmp_path: Path, *clips: str, table: str) -> Path:
    (tmp_path / "clips").mkdir()
    for name in clips:
        (tmp_path / "clips" / name).touch()
    (tmp_path / "segments.csv").write_text(table, encoding="utf-8")
    return tmp_path


SIDE_FILES = ("r1.json", "r1.jpg", "r1.description", "r1.srt", "r1.info.json", "r1.txt", "r1.part")


@pytest.mark.parametrize("recording", ["r1.mp4", "r1.MKV", "r1.webm"])
@pytest.mark.parametrize("sound", [(), ("r1.m4a",), ("r1.wav", "r1.aac")])
def test_side_files_are_no_recording(tmp_path, recording, sound):
    (row,) = read_folder(corpus(tmp_path, *SIDE_FILES, *sound, recording, table="id,label\nr1,1\n"))
    assert row.media == f"clips/{recording}"


def test_a_recording_may_be_sound_alone(tmp_path):
    (row,) = read_folder(corpus(tmp_path, *SIDE_FILES, "r1.wav", table="id,label\nr1,1\n"))
    assert row.media == "clips/r1.wav"


@pytest.mark.parametrize(
    ("named", "clips", "found"),
    [
        ("r1.mp4", ["r1.mp4"], "clips/r1.mp4"),
        ("r1.MOV", ["r1.MOV", "r1.wav"], "clips/r1.MOV"),
        ("r1.mp4", ["r1.mp4.mkv", "r1.mp4"], "clips/r1.mp4.mkv"),
        (f"{CAFE_NFC}.mp4", [f"{CAFE_NFD}.mp4"], f"clips/{CAFE_NFD}.mp4"),
        ("r1.txt", ["r1.txt"], "clips/r1.txt.mp4"),
        ("r1.mp4", ["r2.mp4"], "clips/r1.mp4.mp4"),
    ],
)
def test_an_id_may_be_the_whole_name_of_its_clip(tmp_path, named, clips, found):
    (row,) = read_folder(corpus(tmp_path, *clips, table=f"id,label\n{named},1\n"))
    assert (row.id, row.media) == (named, found)


@pytest.mark.parametrize(
    "names", [("r1.mp4", "r1.mkv"), ("r1.wav", "r1.m4a"), ("r1.mp4", "r1.mov", "r1.wav")]
)
def test_two_recordings_of_one_name_are_refused_with_their_names(tmp_path, names):
    folder = corpus(tmp_path, *names, table="id,label\nr1,1\n")
    with pytest.raises(PipelineError, match=rf"the recording of 'r1' could be .*{sorted(names)[0]} or "):
        read_folder(folder)


@pytest.mark.parametrize(("written", "named"), [(CAFE_NFC, CAFE_NFD), (CAFE_NFD, CAFE_NFC)])
def test_an_accent_is_one_character_or_two(tmp_path, written, named):
    folder = corpus(tmp_path, f"{named}.mp4", table=f"id,label\n{written}1,1\n{written},2\n")
    assert [row.media for row in read_folder(folder)][1] == f"clips/{named}.mp4"
    (folder / "segments.csv").write_text(f"id,label,media\na,1,clips/{written}.mp4\n", encoding="utf-8")
    assert [row.media for row in read_folder(folder)] == [f"clips/{named}.mp4"]


@pytest.mark.parametrize("written", ["./clips/r1.mp4", "clips//r1.mp4", "clips/./r1.mp4"])
def test_one_recording_has_one_name_however_its_path_is_written(tmp_path, written):
    table = f"id,label,media,start_s,end_s\na,1,clips/r1.mp4,0,1\nb,2,{written},1,2\n"
    rows = read_folder(corpus(tmp_path, "r1.mp4", table=table))
    assert [(row.media, row.video) for row in rows] == [("clips/r1.mp4", "clips/r1.mp4")] * 2


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        ("clips/R1.mp4", "r1.mp4"),
        ("clips/r1.MP4", "r1.mp4"),
        ("clips/r1.mp4", "r1.mov"),
        ("clips/r1.mp4", " r1.mp4"),
        ("clips/r1.mp4", "r1 .mp4"),
    ],
)
def test_a_near_name_is_named(tmp_path, asked, there):
    folder = corpus(tmp_path, there, table="id,label\nr1,1\n")
    assert f"not found (did you mean {there!r}" in str(refuse_name(asked, folder=folder))


def test_two_names_of_the_same_characters_are_refused(tmp_path):
    clips = MediaFolder(corpus(tmp_path, "01.mp4", "1.mp4", "001.mp4", table=""), "clips")
    assert clips.find("01") == "clips/01.mp4"
    with pytest.raises(PipelineError, match="could be 001 or 01 or 1"):
        clips.find("0001")


@pytest.mark.parametrize(
    "content", ["", "{", "no JSON", '{"id": "r1", "title": "a talk", "duration": 3}', "[]"]
)
def test_what_a_downloader_writes_about_a_recording_is_no_transcript(tmp_path, content):
    folder = corpus(tmp_path, "r1.mp4", table="id,label\nr1,1\n")
    (folder / "clips/r1.json").write_text(content)
    (row,) = read_folder(folder)
    assert (row.text, row.words) == (None, ())


def test_a_transcript_that_was_cut_short_is_named(tmp_path):
    folder = corpus(tmp_path, "r1.mp4", table="id,label\nr1,1\n")
    (folder / "clips/r1.json").write_text('{"text": "a", "segments": [{"start": 0.0, "end"')
    with pytest.raises(PipelineError, match=r"r1\.json: not JSON"):
        read_folder(folder)

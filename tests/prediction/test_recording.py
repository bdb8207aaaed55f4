"""A file becomes the segment that the manifest would make of it, or a sentence."""

import math
import os
import re
from pathlib import Path, PurePosixPath

import pytest

from pipeline.corpus.candidates import Candidate
from pipeline.corpus.inspection import inspect_media
from pipeline.corpus.manifest import build_manifest
from pipeline.errors import PipelineError
from pipeline.prediction.recording import (
    Recording,
    as_segment,
    cut_transcript,
    length_notice,
    read_transcript,
)
from tests.segments import make_segment


def refused(**recording) -> str:
    with pytest.raises(PipelineError) as raised:
        as_segment(Recording(**recording), language="en")
    return str(raised.value)


def test_it_is_the_segment_of_the_manifest(clip):
    rows = [
        Candidate("t", id_, 0.0, clip.name, "Said.", None, None, clip.name, None, 0.5, 1.5, ())
        for id_ in "abc"
    ]
    segments, _ = build_manifest(
        rows,
        dict(zip("abc", ("train", "valid", "test"), strict=True)),
        folder=PurePosixPath(clip.parent.as_posix()),
        inspected={clip.name: inspect_media(clip.name, folder=clip.parent)},
        language="en",
        max_rejected_share=0.0,
    )
    segment = as_segment(Recording(media=clip, transcript=" Said.\n", start_s=0.5, end_s=1.5), language="en")
    for name in ("media", "media_sha256", "has_audio", "has_video", "start_s", "end_s", "text", "language"):
        assert getattr(segment, name) == getattr(segments[-1], name), name


def test_a_missing_file(tmp_path):
    assert refused(media=tmp_path / "no.mp4").endswith(
        "no.mp4: not found; expected a video or sound file, check its name"
    )


def test_a_folder(tmp_path):
    assert "a folder" in refused(media=tmp_path)


def test_a_link_that_leads_nowhere_and_what_is_no_file(tmp_path):
    for name, target in (("dangling.mp4", "nowhere"), ("circle.mp4", "circle.mp4")):
        (tmp_path / name).symlink_to(target)
        assert f"{name}: is a link to {target}, where nothing is" in refused(media=tmp_path / name)
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "pipe.mp4: is a named pipe; expected a video or sound file" in refused(media=tmp_path / "pipe.mp4")
    assert "not found" in refused(media=tmp_path / "circle.mp4/clip.mp4")
    assert "File name too long" in refused(media=tmp_path / f"{'a' * 300}.mp4")


def test_a_file_that_is_no_recording(tmp_path):
    path = tmp_path / "text.mp4"
    path.write_text("no media")
    assert "text.mp4: no sound or video could be found" in refused(media=path)


@pytest.mark.parametrize(
    ("start_s", "end_s", "sentence"),
    [
        (100.0, None, r"lasts \d+\.\d\d s, but --start-s is 100; choose a start before its end"),
        (0.0, 500.0, r"lasts \d+\.\d\d s, but --end-s is 500; leave --end-s out to go on to its end"),
        (1.0, 0.5, r"--end-s is 0\.5 and --start-s is 1, so nothing lies between them"),
        (None, 0.0, r"--end-s is 0 and --start-s is 0, so nothing lies between them"),
        (-1.0, 1.0, r"--start-s is -1; expected seconds from the start of the file, at least 0"),
        (math.nan, None, r"--start-s is nan; expected seconds"),
        (None, math.inf, r"--end-s is inf; expected seconds"),
    ],
)
def test_a_span_that_is_not_there(clip, start_s, end_s, sentence):
    found = refused(media=clip, start_s=start_s, end_s=end_s)
    assert found.startswith(f"{clip}: ")
    assert re.search(sentence, found)


def test_an_end_a_little_behind_the_end_of_the_file_is_cut(clip):
    whole = as_segment(Recording(media=clip), language="en")
    longer = as_segment(Recording(media=clip, end_s=whole.end_s + 0.3), language="en")
    assert longer.end_s == whole.end_s


@pytest.mark.parametrize("unit", ["word ", "word", "好", "a ", "  x"])
def test_a_transcript_that_nobody_can_say_is_cut(unit):
    segment = make_segment(text=unit * 250_000, end_s=3.0)
    cut, (note,) = cut_transcript(segment, n_words=50)
    assert len(cut.text.split()) <= 50 + 512
    assert len(cut.text) < 5000
    assert segment.text.startswith(cut.text)
    assert f"{len(segment.text):,} characters" in note
    assert f"the first {len(cut.text):,} was not read" in note


def test_as_much_as_can_be_said_is_kept():
    quickly = " ".join(["word"] * 600)
    assert cut_transcript(make_segment(text=quickly, end_s=60.0), n_words=50)[1] == ()
    assert cut_transcript(make_segment(text=quickly, end_s=3.0), n_words=50)[0].text == " ".join(
        ["word"] * 562
    )
    assert cut_transcript(make_segment(text=None), n_words=50) == (make_segment(text=None), ())


def test_a_file_without_an_end_is_no_transcript():
    with pytest.raises(PipelineError, match="/dev/zero: has more than 16 MB, so it is no transcript"):
        read_transcript(Path("/dev/zero"))


def test_words_without_a_recording():
    segment = as_segment(Recording(media=None, transcript="Fine."), language="de")
    assert (segment.media, segment.text, segment.language) == (None, "Fine.", "de")


@pytest.mark.parametrize(
    ("named", "code"),
    [("English", "en"), ("en-US", "en"), ("deu", "de"), ("Chinese", "zh"), ("yue", "yue"), (None, "fr")],
)
def test_a_language_is_known_by_its_name(named, code):
    assert (
        as_segment(Recording(media=None, transcript="Said.", language=named), language="fr").language == code
    )


def test_a_language_that_nobody_knows_is_refused():
    assert "the language is 'Englsh' (did you mean 'english'?)" in refused(
        media=None, transcript="Said.", language="Englsh"
    )


def test_no_words_are_no_transcript(clip):
    assert as_segment(Recording(media=clip, transcript=" \n"), language="en").text is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        (b"<!DOCTYPE html>", "is a web page"),
        (b"%PDF-1.4 abc", "is a PDF document; expected a text file"),
        (b"a\0b", "holds a NUL byte"),
    ],
)
def test_what_stands_in_place_of_a_transcript_is_named(tmp_path, content, sentence):
    (tmp_path / "said.txt").write_bytes(content)
    with pytest.raises(PipelineError, match=rf"said\.txt: {sentence}"):
        read_transcript(tmp_path / "said.txt")


def notice(*, longest_s=6.0, recogniser="pocketsphinx", **changes):
    segment = make_segment(**({"media": "talk.mp4", "has_audio": True, "text": None} | changes))
    return length_notice(segment, longest_s=longest_s, n_words=50, recogniser=recogniser)


def test_a_long_recording_is_announced_with_what_it_costs_and_what_counts():
    assert notice(end_s=7200.0) == (
        "talk.mp4: lasts 7,200 s, all of which is read, and recognising its words takes about half as long as it lasts; only the "
        "first 50 words count, and no segment of training lasted longer than 6.0 s: name the stretch that you mean by --start-s and "
        "--end-s"
    )


@pytest.mark.parametrize(
    "changes", [{"text": "Said."}, {"recogniser": "none"}, {"recogniser": "whisper"}, {"has_audio": False}]
)
def test_what_pocketsphinx_does_not_recognise_is_not_said_to_take_its_time(changes):
    assert "is read; only the first 50 words" in notice(end_s=7200.0, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"end_s": 300.0},
        {"start_s": 7000.0, "end_s": 7200.0},
        {"end_s": 7200.0, "longest_s": 9000.0},
        {"end_s": 7200.0, "media": None},
    ],
)
def test_a_recording_that_is_not_long_is_not_announced(changes):
    assert notice(**changes) is None

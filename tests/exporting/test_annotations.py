"""The words go out as TextGrids and WebVTT, and what comes back in goes out as the same bytes."""

import csv
import random
from pathlib import Path, PurePosixPath

import pytest

from pipeline.artifacts.corpus.segments import read_segments, write_segments
from pipeline.artifacts.corpus.words import SegmentWords, Word, write_words
from pipeline.corpus.folder import read_folder
from pipeline.corpus.inspection import Inspected
from pipeline.corpus.manifest import build_segment
from pipeline.errors import PipelineError
from pipeline.exporting.annotations import export_annotations
from pipeline.extract.words.locate import WordSettings, locate_words
from pipeline.media.probe import MediaInfo
from tests.extract.word_settings import WITHOUT_MODELS
from tests.segments import make_segment

FORMS = ("textgrid", "vtt")
INFO = MediaInfo(duration_s=100.0, has_audio=False, has_video=False, width=0, height=0, frame_rate_hz=None)
WORDS = ("it's", "well-known", "3.5", "他", "é", "R&B", 'so"called', "New York")


def spoken(rng: random.Random, duration_s: float) -> tuple[Word, ...]:
    """Words of all kinds, some that touch or overlap, some with no length, some with pauses between them."""
    n = rng.randint(0, 30)
    starts_s = sorted(round(rng.uniform(0, duration_s), 4) for _ in range(n))
    return tuple(
        Word(
            rng.choice(WORDS), start_s, min(duration_s, round(start_s + rng.choice((0, 0.0004, 0.2, 0.9)), 4))
        )
        for start_s in starts_s
    )


def corpus(rng: random.Random):
    """Segments that are clips, parts of one recording, or have no recording; and their words."""
    segments = []
    for number in range(3):
        segments.append(
            make_segment(id=f"clip{number}", media=f"data/raw/mine/videos/é {number}.mp4", end_s=2.5 + number)
        )
    start_s = 0.0
    for number in range(4):
        end_s = start_s + rng.uniform(0.5, 9)
        segments.append(
            make_segment(
                id=f"part{number}",
                media="data/raw/mine/long.mkv",
                start_s=round(start_s, 3),
                end_s=round(end_s, 3),
            )
        )
        start_s = end_s + rng.choice((0.0, 1.5))
    segments += [make_segment(id=f"text{number}", media=None, video="v", end_s=1.0) for number in range(2)]
    return segments, [SegmentWords(s.id, "given", spoken(rng, s.duration_s)) for s in segments]


def exported(folder: Path, segments, rows, form) -> dict[str, bytes]:
    write_segments(folder / "data/manifest/segments.jsonl", segments)
    write_words(folder / "data/words/words.jsonl", rows)
    out = folder / f"out.{form}"
    export_annotations(
        folder / "data", read_segments(folder / "data/manifest/segments.jsonl"), out, corpus="mine", form=form
    )
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(8))
def test_what_comes_back_in_goes_out_as_the_same_bytes(form, seed, tmp_path):
    segments, rows = corpus(random.Random(seed))
    first = exported(tmp_path / "first", segments, rows, form)
    source = tmp_path / "corpus"
    (tmp_path / f"first/out.{form}").rename(source.parent / "transcripts")
    source.mkdir()
    (source.parent / "transcripts").rename(source / "transcripts")
    with (source / "segments.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("id", "label", "media", "video", "start_s", "end_s"))
        for segment in segments:
            media = (segment.media or "").removeprefix("data/raw/mine/")
            table.writerow((segment.id, 0, media, segment.video, segment.start_s, segment.end_s))
            if media:
                (source / media).parent.mkdir(exist_ok=True)
                (source / media).write_bytes(b"x")
    rebuilt = []
    for candidate in read_folder(source):
        infos = {} if candidate.media is None else {candidate.media: Inspected(INFO, "0" * 64, None)}
        rebuilt.append(build_segment(candidate, "train", PurePosixPath("data/raw/mine"), infos, "en"))
    again = [locate_words(segment, WordSettings(**WITHOUT_MODELS)) for segment in rebuilt]
    assert any(row.words for row in again)
    second = exported(tmp_path / "second", rebuilt, again, form)
    # File by file: to show what differs between all of them takes pytest minutes.
    assert second.keys() == first.keys()
    assert all(second[name] == content for name, content in first.items())


def test_a_textgrid_has_tiers_that_praat_reads(tmp_path):
    segment = make_segment(id='s "1"', media="data/raw/mine/a.mp4", start_s=1.0, end_s=2.5)
    row = SegmentWords(
        segment.id, "given", (Word('say "no"', 0.25, 0.5), Word("sp", 0.5, 0.6), Word("so", 0.6, 0.6))
    )
    (content,) = exported(tmp_path, [segment], [row], "textgrid").values()
    lines = [line.strip() for line in content.decode().splitlines()]
    assert lines[:6] == [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        "xmax = 2.5",
        "tiers? <exists>",
    ]
    texts = [line for line in lines if line.startswith("text =")]
    assert texts == [
        'text = ""', 'text = "s ""1"""', 'text = ""', 'text = "say ""no"""', 'text = ""', 'text = "so"', 'text = ""',
    ]  # fmt: skip
    bounds = [float(line.split()[-1]) for line in lines if line.startswith(("xmin", "xmax"))]
    assert bounds[-10:] == [0, 1.25, 1.25, 1.5, 1.5, 1.6, 1.6, 1.601, 1.601, 2.5]


def test_captions_have_times_of_words_and_of_the_pauses_between_them(tmp_path):
    words = (
        Word("R&B", 0.0, 0.5),
        Word("is", 0.5, 0.7),
        Word("good", 0.9, 1.2),
        Word("[1]", 1.2, 1.3),
        Word("yes", 2.5, 3.0),
    )
    segment = make_segment(media="data/raw/mine/clips/a.mp4", end_s=3.0)
    found = exported(tmp_path, [segment], [SegmentWords("a", "given", words)], "vtt")
    assert found == {
        "clips/a.vtt": (
            b"WEBVTT\n\n"
            b"00:00:00.000 --> 00:00:01.200\n"
            b"R&amp;B <00:00:00.500>is<00:00:00.700> <00:00:00.900>good\n\n"
            b"00:00:02.500 --> 00:00:03.000\nyes\n"
        )
    }


def test_recordings_that_differ_in_their_ending_alone_have_a_file_each(tmp_path):
    endings = ("mp4", "wav")
    segments = [
        make_segment(id=name, media=f"data/raw/mine/clips/talk.{name}", end_s=2.0) for name in endings
    ]
    rows = [SegmentWords(name, "given", (Word(f"of_{name}", 0.5, 1.0),)) for name in endings]
    files = exported(tmp_path, segments, rows, "textgrid")
    assert {name: [f"of_{other}".encode() in text for other in endings] for name, text in files.items()} == {
        "clips/talk.mp4.TextGrid": [True, False],
        "clips/talk.wav.TextGrid": [False, True],
    }


def test_a_name_that_leads_elsewhere_is_refused(tmp_path):
    segment = make_segment(id="../../a")
    with pytest.raises(PipelineError, match=r"'\.\./\.\./a' has no name that a file can have"):
        exported(
            tmp_path,
            [segment, make_segment(id="b")],
            [SegmentWords("../../a", "none", ()), SegmentWords("b", "none", ())],
            "vtt",
        )

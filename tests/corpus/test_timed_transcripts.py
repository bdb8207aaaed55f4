"""Transcripts with times are found by the name of their recording and read in each format, or refused by one sentence."""

import json
import os
import unicodedata
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from pipeline.artifacts.corpus.words import Cue, Word
from pipeline.corpus.folder import read_folder
from pipeline.corpus.manifest import build_segment
from pipeline.corpus.timed.finding import of_segment
from pipeline.corpus.timed.recognised import read_recognised
from pipeline.corpus.timed.subtitles import read_srt, read_vtt
from pipeline.corpus.timed.textgrid import read_textgrid
from pipeline.corpus.timed.transcriber import read_trs
from pipeline.corpus.timed.transcript import TimedTranscript, of_cues, of_words
from pipeline.errors import PipelineError

SHARED = Path(os.environ.get("GRCF_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))

SRT = """1
00:00:00,500 --> 00:00:02,000 X1:10
<i>I don&#39;t</i>
[laughs] love it

2
00:00:02,100 --> 00:00:03,000
42

3
0:00:3.2 --> 0:00:4.25
Bye.
"""
LONG = '''File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2.3
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 2.3
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 2.3
            text = "AH0"
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 2.3
        points: size = 1
        points [1]:
            number = 0.4
            mark = "tongue"
    item [3]:
        class = "IntervalTier"
        name = "anna - words"
        xmin = 0
        xmax = 2.3
        intervals: size = 4
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 1.25
            text = "say"
        intervals [3]:
            xmin = 1.25
            xmax = 1.5
            text = "sp"
        intervals [4]:
            xmin = 1.5
            xmax = 2.3
            text = "the ""word"""
'''
SHORT = """File type = "ooTextFile"
"TextGrid"

0
2.3
<exists>
1
"IntervalTier"
"words" ! a comment
0
2.3
2
0
1
"say"
1
2.3
"no"
"""


def written(path: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def test_subrip_without_its_markup(tmp_path):
    found = read_srt(written(tmp_path / "a.srt", "\ufeff" + SRT.replace("\n", "\r\n")))
    assert found.words == ()
    assert found.cues == (
        Cue("I don't love it", 0.5, 2.0),
        Cue("42", 2.1, 3.0),
        Cue("Bye.", 3.2, 4.25),
    )


def test_webvtt_with_and_without_times_of_words(tmp_path):
    header = "WEBVTT - title\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE nothing\n\n"
    found = read_vtt(
        written(
            tmp_path / "a.vtt", header + "intro\n00:01.000 --> 00:02.500 align:start\n<v Anna>Hi &amp; bye\n"
        )
    )
    assert found.cues == (Cue("Hi & bye", 1.0, 2.5),)
    timed = header + "00:01.000 --> 00:02.500\n<c>Hi,</c><00:01.500> <00:01.800><c> Anna</c>\n"
    assert read_vtt(written(tmp_path / "b.vtt", timed)).words == (
        Word("Hi", 1.0, 1.5),
        Word("Anna", 1.8, 2.5),
    )


def test_captions_of_youtube_say_everything_once(tmp_path):
    content = """WEBVTT
Kind: captions
Language: en

00:00:00.080 --> 00:00:02.030 align:start position:0%
{blank}
this<00:00:00.320><c> is</c><00:00:00.480><c> good</c>

00:00:02.030 --> 00:00:02.040 align:start position:0%
this is good
{blank}

00:00:02.040 --> 00:00:04.000 align:start position:0%
this is good
I<00:00:02.500><c> think</c>

00:00:04.000 --> 00:00:05.000 align:start position:0%
I think
so
"""
    found = read_vtt(written(tmp_path / "a.vtt", content.replace("{blank}", " ")))
    assert [word.text for word in found.words] == ["this", "is", "good", "I", "think", "so"]
    assert (found.words[2].end_s, found.words[3].start_s) == (2.03, 2.04)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_textgrids_of_both_forms(tmp_path, encoding):
    found = read_textgrid(written(tmp_path / "a.TextGrid", LONG, encoding))
    assert found == TimedTranscript((Word("say", 0.5, 1.25), Word('the "word"', 1.5, 2.3)), ())
    found = read_textgrid(written(tmp_path / "b.TextGrid", SHORT, encoding))
    assert found.words == (Word("say", 0.0, 1.0), Word("no", 1.0, 2.3))


def test_a_tier_of_utterances_gives_cues(tmp_path):
    content = SHORT.replace('"words"', '"utterance"').replace('"say"', '"I say (umm) this"')
    assert read_textgrid(written(tmp_path / "a.TextGrid", content)).cues == (
        Cue("I say this", 0.0, 1.0),
        Cue("no", 1.0, 2.3),
    )
    with pytest.raises(
        PipelineError, match=r"its interval tiers are none with text; expected one called words"
    ):
        read_textgrid(written(tmp_path / "b.TextGrid", SHORT.replace('"words"', '"phones"')))


def test_json_of_recognisers(tmp_path):
    words = [
        {"word": " It", "start": 0.5, "end": 0.75, "probability": 0.9},
        {"word": "3"},
        {"word": "5"},
        {"word": "stars.", "start": 1.75, "end": 2.0},
    ]
    content = {
        "segments": [{"start": 0.5, "end": 2.0, "text": " It 3 5 stars.", "words": words}],
        "language": "en",
    }
    found = read_recognised(written(tmp_path / "a.json", json.dumps(content)))
    assert found.words == (
        Word("It", 0.5, 0.75), Word("3", 0.75, 1.25), Word("5", 1.25, 1.75), Word("stars", 1.75, 2.0),
    )  # fmt: skip
    del content["segments"][0]["words"]
    assert read_recognised(written(tmp_path / "b.json", json.dumps(content))).cues == (
        Cue("It 3 5 stars.", 0.5, 2.0),
    )
    whisper_cpp = {"transcription": [{"offsets": {"from": 500, "to": 2000}, "text": " Yes."}]}
    assert read_recognised(written(tmp_path / "c.json", json.dumps(whisper_cpp))).cues == (
        Cue("Yes.", 0.5, 2.0),
    )


@pytest.mark.parametrize(
    "content",
    [
        {"people": []},
        {"title": "A talk", "chapters": [{"title": "Intro", "start_time": 0, "end_time": 9}], "segments": []},
        {"segments": [{"segment": [0.0, 5.5], "category": "sponsor"}]},
        {"segments": [1, 2.5, None]},
        {"segments": [[{"text": "hi"}]]},
        {"segments": {"text": "hi", "start": 0, "end": 1}},
        {"segments": [{"words": 12, "duration": 3.0}]},
        {"transcription": [{"id": 1}], "segments": "none"},
        {"fragments": {"segments": [{"text": "hi", "start": 0, "end": 1}]}},
        [{"segments": [{"text": "hi", "start": 0, "end": 1}]}],
        "segments",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_json_without_spoken_segments_is_something_else(content, encoding, tmp_path):
    written(tmp_path / "clips/a.json", json.dumps(content), encoding)
    written(tmp_path / "clips/a.srt", SRT)
    written(tmp_path / "segments.csv", "id,label,media\na,1,clips/a.mp4\n")
    (row,) = read_folder(tmp_path)
    assert row.text == "I don't love it 42 Bye."


@pytest.mark.parametrize(
    "content",
    [b"\xff\xd8\xff\xe0\0\x10JFIF", b"\x1f\x8b\x08\0", b"\xff\xfe{", b"\0" * 64, b'{"caf\xe9": 1}', b"\n"],
)
def test_bytes_that_are_no_text_are_something_else(content, tmp_path):
    assert read_recognised(written(tmp_path / "a.json", content)) is None


def test_json_that_is_larger_than_a_transcript_is_not_read(tmp_path):
    path = written(tmp_path / "a.json", '{"segments": [{"text": "hi", "start": 0, "end": 1}]}')
    assert read_recognised(path) is not None
    with path.open("r+b") as file:
        file.truncate(200_000_000)  # a sparse file: no byte of it is on the disk
    assert read_recognised(path) is None


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_json_of_a_recogniser_in_any_encoding_of_unicode(encoding, tmp_path):
    content = json.dumps({"segments": [{"text": "你好", "start": 0, "end": 1}]}, ensure_ascii=False)
    assert read_recognised(written(tmp_path / "a.json", content, encoding)).cues == (Cue("你好", 0.0, 1.0),)


def test_transcriber_by_its_syncs(tmp_path):
    content = (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<!DOCTYPE Trans SYSTEM "trans-14.dtd">\n<Trans><Episode><Section>\n'
        '<Turn speaker="spk1" startTime="0" endTime="5">\n<Sync time="0"/>\ncaf\xe9 s\xed\n<Event desc="b" type="noise"/>\n'
        '<Sync time="2.5"/>\n,\nno &amp; no\n</Turn></Section></Episode></Trans>'
    )
    found = read_trs(written(tmp_path / "a.trs", content, "latin-1"))
    assert found.cues == (Cue("café sí", 0.0, 2.5), Cue("no & no", 2.5, 5.0))


def test_the_transcript_of_a_real_review():
    path = SHARED / "clips/review_101.trs"
    if not path.is_file():
        pytest.skip(f"no shared data at {path}; set GRCF_SHARED_DATA to run this test")
    found = read_trs(path)
    assert [(cue.start_s, cue.end_s) for cue in found.cues] == [
        (0.0, 6.643), (6.643, 14.418), (14.418, 23.475), (23.475, 26.714), (26.714, 33.367),
    ]  # fmt: skip
    assert found.cues[0].text.startswith("Y lo que me encanto de esta pelicula")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.srt", "1\n00:00:00,500 --> 00:00:0\nhi\n", r"line 2: is .*; expected times such as"),
        ("a.srt", "hello\n", "holds no cue"),
        ("a.srt", "1\n00:00:05,000 --> 00:00:01,000\nhi\n", "lasts from 5 to 1 s"),
        ("a.srt", b"\xff\xd8\xff\xe0", "no text in utf-8"),
        ("a.vtt", "1\n00:01.000 --> 00:02.000\nhi\n", "expected WEBVTT"),
        ("a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nhi\n\nlost\n", "line 6: is 'lost'; expected the times of a cue"),
        ("a.vtt", "version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        ("a.TextGrid", LONG[: LONG.index("intervals [3]")], "is cut short; expected the start of an interval"),
        ("a.TextGrid", LONG.replace("xmax = 1.25", "xmax = 0.25"), "lasts from 0.5 to 0.25 s"),
        ("a.TextGrid", LONG.replace('"ooTextFile"', '"x"'), "expected a TextGrid of Praat"),
        ("a.TextGrid", b"ooBinaryFile\x08TextGrid", "is a binary TextGrid; save it as a text file"),
        ("a.TextGrid", LONG.replace("size = 4", "size = 4e99"), "expected a whole number"),
        ("a.json", '{"segments": [', "not JSON"),
        ("a.json", b'{"segments": [{"text": "caf\xe9"}]}', "is no text in UTF-8"),
        ("a.json", b'\xff\xfe{\0"\0s\0e\0g\0m\0e\0n\0t\0s\0"\0:', "is no text in UTF-16"),
        ("a.json", '{"segments": [{"text": "hi", "start": 0, "end": 1}, 7]}', "segments holds a int"),
        ("a.json", "version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        ("a.json", '{"segments": [{"text": "hi", "start": "a", "end": 1}]}', "segments has start 'a'"),
        ("a.json", '{"segments": [{"text": 5, "start": 0, "end": 1}]}', "a text is '5'; expected text"),
        ("a.json", '{"segments": [{"text": "a", "start": 1e999, "end": 1}]}', "lasts from inf to 1 s"),
        ("a.trs", "<Trans></Trans>", "holds no Sync"),
        ("a.trs", '<Turn endTime="4"><Sync time="x"/>hi</Turn>', "time of Sync is 'x'; expected a number"),
        ("a.trs", '<Turn endTime="4"><Sync time="1"/>hi', "is cut short"),
        ("a.trs", "<!DOCTYPE html><html>", "is a web page"),
    ],
)  # fmt: skip
def test_a_damaged_transcript_is_one_sentence(name, content, sentence, tmp_path):
    written(tmp_path / "clips" / name, content)
    written(tmp_path / "segments.csv", "id,label,media\na,1,clips/a.mp4\n")
    with pytest.raises(PipelineError, match=sentence) as raised:
        read_folder(tmp_path)
    assert str(tmp_path / "clips" / name) in str(raised.value)


@pytest.mark.parametrize(
    "name",
    ["clips/a.srt", "clips/a.en.srt", "clips/a.mp4.srt", "transcripts/a.srt", "transcripts/clips/a.srt"],
)
def test_a_transcript_is_found_by_the_name_of_its_recording(name, tmp_path):
    written(tmp_path / "clips/a.mp4", b"x")
    written(tmp_path / name, SRT)
    written(
        tmp_path / "segments.csv",
        "id,label,media,start_s,end_s\nr,1,clips/a.mp4,0,2.05\ns,1,clips/a.mp4,2.05,9\n",
    )
    first, second = read_folder(tmp_path)
    assert (first.text, first.cues) == ("I don't love it", (Cue("I don't love it", 0.5, 2.0),))
    assert second.text == "42 Bye."


@pytest.mark.parametrize(("medium", "transcript"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD")])
@pytest.mark.parametrize("suffix", [".srt", ".en.srt", ".mp4.srt"])
def test_an_accent_is_one_character_or_two(medium, transcript, suffix, tmp_path):
    written(tmp_path / "clips" / f"{unicodedata.normalize(medium, 'café')}.mp4", b"x")
    written(tmp_path / "clips" / f"{unicodedata.normalize(transcript, 'café')}{suffix}", SRT)
    written(tmp_path / "segments.csv", "id,label\ncafé,1\n")
    (row,) = read_folder(tmp_path)
    assert row.text == "I don't love it 42 Bye."


def test_transcripts_of_which_none_is_found_are_refused_where_text_is_missing(tmp_path):
    written(tmp_path / "clips/a.mp4", b"x")
    written(tmp_path / "transcripts/interview_a.srt", SRT)
    written(tmp_path / "segments.csv", "id,label,text\na,1,\n")
    with pytest.raises(
        PipelineError, match=r"of 1 timed transcripts, such as 'interview_a.srt', none bears the name"
    ):
        read_folder(tmp_path)
    written(tmp_path / "segments.csv", "id,label,text\na,1,Said.\n")
    assert read_folder(tmp_path)[0].text == "Said."


def test_a_segment_without_a_recording_lasts_as_long_as_its_cues(tmp_path):
    written(tmp_path / "transcripts/a.srt", SRT)
    written(tmp_path / "segments.csv", "id,label\na,1\n")
    (row,) = read_folder(tmp_path)
    segment = build_segment(row, "train", PurePosixPath("data/raw/x"), {}, "en")
    assert not isinstance(segment, str)
    assert (segment.end_s, segment.cues) == (4.25, row.cues)


def test_words_of_a_transcript_are_the_words_and_a_text_of_the_table_stays(tmp_path):
    written(tmp_path / "clips/a.mp4", b"x")
    written(tmp_path / "clips/a.TextGrid", LONG)
    # The same recogniser wrote subtitles too: word times are finer.
    written(tmp_path / "clips/a.srt", SRT)
    written(tmp_path / "clips/b.srt", SRT)
    written(
        tmp_path / "segments.csv",
        "id,label,media,text\na,1,clips/a.mp4,Say the word\nb,1,clips/b.mp4,Other\n",
    )
    first, second = read_folder(tmp_path)
    assert (first.text, [word.text for word in first.words]) == ("Say the word", ["say", 'the "word"'])
    assert (second.text, second.words, second.cues) == ("Other", (), ())


def test_a_segment_in_which_the_transcript_has_nothing_is_silent(tmp_path):
    written(tmp_path / "clips/a.mp4", b"x")
    written(tmp_path / "clips/a.srt", SRT)
    written(tmp_path / "segments.csv", "id,label,media,start_s,end_s\na,1,clips/a.mp4,10,12\n")
    (row,) = read_folder(tmp_path)
    assert (row.text, row.cues) == ("", ())


def test_several_transcripts_of_one_recording_are_asked_about(tmp_path):
    written(tmp_path / "clips/a.mp4", b"x")
    written(tmp_path / "clips/a.en.srt", SRT)
    written(tmp_path / "clips/a.de.srt", SRT)
    written(tmp_path / "segments.csv", "id,label,media\na,1,clips/a.mp4\n")
    with pytest.raises(PipelineError, match=r"'a.mp4' could be a.de.srt or a.en.srt; keep one of them"):
        read_folder(tmp_path)


def test_the_words_of_a_segment_are_found_among_those_of_a_long_recording():
    rng = np.random.default_rng(0)
    starts_s = np.sort(rng.uniform(0, 50, 300)).round(2)
    lengths_s = rng.choice([0.0, 0.1, 0.5, 7.0], 300)
    spans_s = list(zip(starts_s.tolist(), (starts_s + lengths_s).tolist(), strict=True))
    words = of_words(Word(f"w{n}", *span_s) for n, span_s in enumerate(spans_s)).words
    cues = of_cues(Cue(f"c{n}", *span_s) for n, span_s in enumerate(spans_s)).cues
    for first_s, last_s in rng.uniform(0, 50, (100, 2)).round(2).tolist():
        found, _ = of_segment(TimedTranscript(words, ()), first_s, last_s)
        assert found == tuple(w for w in words if first_s <= (w.start_s + w.end_s) / 2 < last_s)
        near = set(TimedTranscript((), cues).cues_near(first_s, last_s))
        assert near.issuperset(c for c in cues if c.start_s < last_s and c.end_s > first_s)


def test_a_segment_looks_at_the_words_around_it_alone():
    words = tuple(Word(f"w{n}", n / 2, n / 2 + 0.4) for n in range(10_000))
    assert len(TimedTranscript(words, ()).words_near(100.0, 102.0)) < 10


def test_a_cue_belongs_to_the_segments_that_it_overlaps_by_half():
    cues = (Cue("one", 0.0, 2.1), Cue("two", 2.1, 4.0), Cue("all along", 4.0, 10.0))
    transcript = TimedTranscript((), cues)
    assert of_segment(transcript, 0.0, 2.0)[1] == (Cue("one", 0.0, 2.0),)
    assert of_segment(transcript, 2.0, 4.0)[1] == (Cue("two", 2.1, 4.0),)
    assert of_segment(transcript, 4.0, 7.0)[1] == (Cue("all along", 4.0, 7.0),)
    assert of_segment(transcript, 7.0, None)[1] == (Cue("all along", 7.0, 10.0),)


def test_hidden_files_are_no_transcripts_that_nothing_was_found_of(tmp_path):
    written(tmp_path / "clips/a.mp4", b"x")
    written(tmp_path / "transcripts/._a.srt", b"x")
    written(tmp_path / "segments.csv", "id,label,text\na,1,\n")
    (row,) = read_folder(tmp_path)
    assert not row.text

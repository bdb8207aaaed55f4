"""A clip that takes its worker with it is left out of its modality, with a sentence, and the others are not."""

import os
import signal
from dataclasses import replace

import pytest

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.artifacts.corpus.words import SegmentWords
from pipeline.execution import clips
from pipeline.extract.cached.visual import visual_extractor
from pipeline.extract.cached.words import words_extractor
from pipeline.extract.words.locate import WordSettings
from tests.extract.word_settings import WITHOUT_MODELS
from tests.segments import make_segment

GOOD = make_segment(id="good", text="So good.", media="data/good.mp4", media_sha256="digest of good")
BAD = replace(GOOD, id="bad", media="data/bad.mp4", media_sha256="digest of bad")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path))


def no_face(segment: Segment) -> FeatureSequence:
    if segment.id == "bad":
        os.kill(os.getpid(), signal.SIGSEGV)
    return FeatureSequence.empty(3, None)


def no_words(segment: Segment) -> SegmentWords:
    while segment.id == "bad":
        pass
    return SegmentWords(segment.id, "none", ())


def test_a_clip_that_crashes_twice_has_no_rows_but_a_reason_and_is_not_stored():
    extractor = replace(
        visual_extractor(
            {
                "encoder": "mesh",
                "face": "largest",
                "landmarks": False,
                "frame_rate_hz": 10.0,
                "min_confidence": 0.5,
            }
        ),
        function=no_face,
    )

    bad, good = extractor.map([BAD, GOOD])

    assert good.failure is None
    assert len(bad.values) == 0
    assert bad.failure.startswith("data/bad.mp4, segment bad: its worker process died of SIGSEGV")
    assert [entry.key for entry in extractor.cache.entries()] == extractor.keys([GOOD])


def test_words_of_a_clip_that_hangs_are_spread_over_it(monkeypatch):
    monkeypatch.setattr(clips, "_LIMIT_S", 3.0)
    monkeypatch.setattr(clips, "_LIMIT_PER_S", 0.0)
    extractor = replace(words_extractor(WordSettings(**WITHOUT_MODELS)), function=no_words)

    bad, good = extractor.map([BAD, GOOD])

    assert (good.id, good.words) == ("good", ())
    assert (bad.id, bad.align_method, [word.text for word in bad.words]) == (
        "bad",
        "proportional",
        ["So", "good"],
    )
    assert bad.words[-1].end_s == pytest.approx(2.0)


def test_the_limit_grows_with_the_place_in_the_recording():
    late = replace(GOOD, start_s=3600.0, end_s=3602.0)

    assert clips.clip_limit_s(late) > clips.clip_limit_s(GOOD) > 100 * GOOD.duration_s

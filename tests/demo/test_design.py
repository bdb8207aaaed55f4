"""The design has the shares that demo/README.md states, and is drawn alike at every call."""

from collections import Counter

import numpy as np
import pytest

from demo.cast import SPEAKERS
from demo.design import corpus, delivery, seed_of
from demo.script import SENTENCES

CLIPS = corpus()


def test_the_design_is_drawn_alike_at_every_call():
    assert corpus() == corpus()
    assert [delivery(clip) for clip in CLIPS] == [delivery(clip) for clip in corpus()]


def test_every_sentence_is_said_once():
    assert Counter(clip.sentence for clip in CLIPS) == Counter(SENTENCES)
    assert len({sentence.text for sentence in SENTENCES}) == len(SENTENCES) == 160


def test_conditions_have_the_stated_shares():
    assert Counter(clip.condition for clip in CLIPS) == {
        "congruent": 45,
        "plain_words": 30,
        "flat_voice": 25,
        "neutral_face": 45,
        "irony": 15,
    }


@pytest.mark.parametrize(("split", "scale"), [("train", 3), ("valid", 1), ("test", 1)])
def test_splits_have_the_same_shares(split, scale):
    found = Counter(clip.condition for clip in CLIPS if clip.speaker.split == split)
    per_32 = {"congruent": 9, "plain_words": 6, "flat_voice": 5, "neutral_face": 9, "irony": 3}
    assert found == {condition: scale * n for condition, n in per_32.items()}


def test_conditions_have_the_sentences_that_they_need():
    needed = {"plain_words": {"plain"}, "irony": {"ironic"}}
    felt = {"direct", "negated", "contrast", "understated", "mixed"}
    assert all(clip.sentence.kind in needed.get(clip.condition, felt) for clip in CLIPS)


def test_hidden_modalities_show_next_to_nothing():
    hidden = [clip.voice_view for clip in CLIPS if clip.condition == "flat_voice"]
    hidden += [clip.face_view for clip in CLIPS if clip.condition == "neutral_face"]
    assert np.abs(hidden).max() < 0.2


def test_irony_is_betrayed_by_the_face():
    for clip in CLIPS:
        if clip.condition == "irony":
            assert np.sign(clip.face_view) == np.sign(clip.sentence.meant)


def test_labels_miss_the_sentiment_only_where_they_are_meant_to():
    errors = {
        flag: [abs(c.label - c.sentiment) for c in CLIPS if c.mislabelled is flag] for flag in (True, False)
    }
    assert len(errors[True]) == 13
    assert np.median(errors[True]) > 1.4 > np.max(errors[False])


def test_labels_spread_over_the_scale_in_every_split():
    for split in ("train", "valid", "test"):
        labels = [clip.label for clip in CLIPS if clip.speaker.split == split]
        assert {round(label) for label in labels} >= {-2, -1, 0, 1, 2}
        assert abs(np.mean(labels)) < 0.5


def test_speakers_differ_in_voice_and_look():
    assert len({speaker.voice for speaker in SPEAKERS}) == len(SPEAKERS)
    assert len({speaker.look.backdrop for speaker in SPEAKERS}) == len(SPEAKERS)


def test_deliveries_stay_in_the_range_of_espeak():
    for clip in CLIPS:
        voice = delivery(clip)
        assert 80 <= voice.rate_wpm <= 450
        assert 0 <= voice.pitch <= 99
        assert 0 <= voice.pitch_range <= 99


def test_seeds_depend_on_the_name():
    assert seed_of("s01_01") == seed_of("s01_01") != seed_of("s01_02")

"""espeak-ng speaks with the asked voice and says when."""

import numpy as np
import pytest

pytest.importorskip(
    "espeakng_loader", reason="espeak-ng is not installed: pip install -r demo/requirements.txt"
)

from demo.clip import FRAME_RATE_HZ, speak
from demo.design import corpus
from demo.voice import Voice, synthesise


def test_words_have_onsets_that_increase_within_the_speech():
    speech = synthesise("I would probably stay there again.")
    assert [word.text for word in speech.words] == ["I", "would", "probably", "stay", "there", "again"]
    onsets_s = [word.onset_s for word in speech.words if word.onset_s is not None]
    assert len(onsets_s) >= 5
    assert onsets_s == sorted(set(onsets_s))
    assert onsets_s[0] < 0.05
    assert onsets_s[-1] < speech.duration_s


def test_a_pause_lies_before_the_onset_of_the_word_after_a_comma():
    speech = synthesise("It looks great, but it breaks.")
    onset_s = next(word.onset_s for word in speech.words if word.text == "but")
    at = int(onset_s * speech.sample_rate_hz)
    before, after = speech.samples[at - 1500 : at - 300], speech.samples[at + 300 : at + 3000]
    assert np.mean(before**2) < 0.05 * np.mean(after**2)


def test_a_higher_rate_is_shorter_speech():
    slow, fast = (synthesise("The jacket has four pockets.", Voice(rate_wpm=rate)) for rate in (140, 200))
    assert fast.duration_s < 0.8 * slow.duration_s


def test_gain_is_in_decibels():
    quiet, loud = (synthesise("The jacket has four pockets.", Voice(gain_db=gain)) for gain in (-12.0, -6.0))
    ratio_db = 10 * np.log10(np.mean(loud.samples**2) / np.mean(quiet.samples**2))
    assert ratio_db == pytest.approx(6.0, abs=0.3)


def test_an_unknown_voice_is_named():
    with pytest.raises(RuntimeError, match="no voice 'xx-none'"):
        synthesise("Hello.", Voice("xx-none"))


def test_times_in_a_clip_are_relative_to_its_start():
    clip = corpus()[0]
    speech = speak(clip)
    first_s = speech.words[0].onset_s
    assert 0.1 < first_s < 0.3
    at = int(first_s * speech.sample_rate_hz)
    assert np.mean(speech.samples[: at - 200] ** 2) < 0.02 * np.mean(speech.samples[at:] ** 2)
    assert (speech.duration_s * FRAME_RATE_HZ) == pytest.approx(
        round(speech.duration_s * FRAME_RATE_HZ), abs=0.01
    )

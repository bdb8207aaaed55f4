import numpy as np
import pytest

from pipeline.extract import sphinx
from pipeline.extract.sphinx import SAMPLE_RATE_HZ, align, recognise


def noise(duration_s: float) -> np.ndarray:
    n_samples = round(duration_s * SAMPLE_RATE_HZ)
    return (0.1 * np.random.default_rng(1).standard_normal(n_samples)).astype(np.float32)


def phones_of(*tokens: str) -> list[str]:
    """What the decoder of this process takes for the sound of each word, after it has met those before it."""
    decoder = sphinx._aligner()
    return [decoder.lookup_word(sphinx._entry(decoder, token)) for token in tokens]


def test_a_word_of_an_earlier_transcript_does_not_teach_a_later_one():
    # Without its apostrophe a word is looked up with one; and t'h sounds unlike th.
    learnt = phones_of("blat'hork", "blathork")
    sphinx._aligner.cache_clear()
    assert phones_of("blathork") == learnt[1:]
    assert learnt[0] != learnt[1]


def test_the_same_word_is_added_once():
    assert phones_of("Blorptastic", "blorptastic", "BLORPTASTIC") == phones_of("blorptastic") * 3


def test_more_words_than_fit_into_the_sound_are_not_aligned():
    assert align(noise(0.5), ["extraordinary"] * 10) is None


def test_words_that_mostly_have_no_english_sound_are_not_aligned():
    assert align(noise(3.0), ["我", "喜", "film"]) is None


@pytest.mark.parametrize("duration_s", [1e-4, 0.01, 0.03, 0.1])
def test_the_shortest_sounds_are_heard_without_an_error(duration_s):
    for word in (*recognise(noise(duration_s))[0], *(align(noise(duration_s), ["a"]) or [()])[0]):
        assert word.start_s <= word.end_s


def test_noise_is_aligned_or_refused_alike_every_time():
    assert align(noise(2.0), ["the", "end"]) == align(noise(2.0), ["the", "end"])

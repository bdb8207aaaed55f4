import numpy as np
import pytest
import soxr

from pipeline.extract.tokens import tokenise
from pipeline.extract.words import sphinx
from pipeline.extract.words.sphinx import SAMPLE_RATE_HZ, align, recognise


def noise(duration_s: float) -> np.ndarray:
    n_samples = round(duration_s * SAMPLE_RATE_HZ)
    return (0.1 * np.random.default_rng(1).standard_normal(n_samples)).astype(np.float32)


def phones_of(*tokens: str) -> list[str]:
    """What the decoder of this process takes for the sound of each word, after it has met those before it."""
    decoder = sphinx._aligner(sphinx._BEAMS[0])
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


@pytest.fixture(scope="module")
def sentences() -> list[tuple[str, np.ndarray]]:
    """Synthetic speech with half a second of silence around it."""
    pytest.importorskip(
        "espeakng_loader", reason="espeakng-loader, which speaks the sentences, is not installed"
    )
    from demo.voice import Voice, synthesise

    spoken = []
    for text in ("Nobody told us that the kitchen closes at nine.", "This soup tastes like my own."):
        speech = synthesise(text, Voice("en-us+f3", rate_wpm=165))
        sound = soxr.resample(speech.samples, speech.sample_rate_hz, SAMPLE_RATE_HZ)
        spoken.append((text, np.pad(sound, SAMPLE_RATE_HZ // 2).astype(np.float32)))
    return spoken


def test_a_right_transcript_fits_and_others_are_refused(sentences):
    (own, sound), (other, _) = sentences
    words, fit = align(sound, tokenise(own))
    assert len(words) == len(tokenise(own))
    assert 0 < fit <= 1
    assert align(sound, tokenise(other)) is None
    assert align(sound, tokenise(other)[:3]) is None


def test_speech_in_noise_as_loud_is_found_by_the_wide_beam(sentences, monkeypatch):
    random = np.random.default_rng(0)
    noisy = []
    for text, sound in sentences:
        level = np.sqrt(np.square(sound[np.abs(sound) > 0]).mean())
        noisy.append(
            (tokenise(text), (sound + level * random.standard_normal(len(sound))).astype(np.float32))
        )
    monkeypatch.setattr(sphinx, "_LEAST_FIT", -np.inf)
    assert all(align(sound, tokens) is not None for tokens, sound in noisy)


def test_music_has_no_words():
    time_s = np.arange(4 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    pitch_hz = 110 * 2 ** (np.floor(2 * time_s) % 5 / 12)
    decay = np.exp(-3 * (2 * time_s % 1))
    music = sum(0.2 / k * np.sin(2 * np.pi * k * pitch_hz * time_s) * decay for k in range(1, 6))

    words, certain = recognise(music.astype(np.float32))

    assert words == ()
    assert certain < 0.35

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.words import Cue, Word
from pipeline.errors import PipelineError
from pipeline.extract.tokens import tokenise
from pipeline.extract.words.locate import WordSettings, _fitted, locate_words
from pipeline.extract.words.proportional import spread_over
from tests.extract.word_settings import WITHOUT_MODELS
from tests.segments import make_segment

pytestmark = pytest.mark.slow

RATE_HZ = 16_000


def locate(segment: Segment, **changes: str):
    return locate_words(segment, WordSettings(**WITHOUT_MODELS | changes))


JFK = (
    "And so my fellow Americans ask not what your country can do for you ask what you can do for your country"
)
SENTENCES = (
    "The acting pulled me in, and never let me go!",
    "We paid 42 dollars for Zellwegger's blorptastic movie.",
    "You will not find a better pair for the money.",
)


def segment(
    media: Path | None = None, *, duration_s: float = 2.0, text: str | None = None, **changes
) -> Segment:
    plain = {
        "text": text,
        "media": str(media) if media else None,
        "media_sha256": "0" * 64 if media else None,
        "has_audio": media is not None,
        "end_s": duration_s,
    }
    return make_segment(**plain | changes)


def record(path: Path, samples: np.ndarray) -> Path:
    soundfile.write(path, samples, RATE_HZ)
    return path


def noise(duration_s: float, seed: int = 1) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(round(duration_s * RATE_HZ))


@pytest.fixture(scope="module")
def spoken(tmp_path_factory) -> list[tuple[Segment, list[tuple[int, float]]]]:
    """Synthetic speech as segments of one recording, with the true onset of most words."""
    pytest.importorskip(
        "espeakng_loader", reason="espeakng-loader, which speaks the sentences, is not installed"
    )
    from demo.voice import Voice, synthesise

    sounds, spans, at_s = [], [], 0.0
    for sentence, voice in zip(SENTENCES, ("en-us", "en-us+f3", "en-us+m3"), strict=True):
        speech = synthesise(sentence, Voice(voice, rate_wpm=165))
        samples = soxr.resample(speech.samples, speech.sample_rate_hz, RATE_HZ)
        samples = np.concatenate([np.zeros(RATE_HZ // 2), samples, np.zeros(RATE_HZ // 2)])
        onsets = [(i, 0.5 + word.onset_s) for i, word in enumerate(speech.words) if word.onset_s is not None]
        spans.append((sentence, at_s, at_s + len(samples) / RATE_HZ, onsets))
        sounds.append(samples)
        at_s += len(samples) / RATE_HZ
    media = record(tmp_path_factory.mktemp("spoken") / "sentences.flac", np.concatenate(sounds))
    return [
        (segment(media, text=sentence, id=sentence[:3], start_s=start_s, end_s=end_s), onsets)
        for sentence, start_s, end_s, onsets in spans
    ]


@pytest.fixture(scope="module")
def jfk() -> Segment:
    """Eleven seconds of a real speech."""
    shared = Path(os.environ.get("GRCF_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
    media = shared / "clips" / "jfk.flac"
    if not media.exists():
        pytest.skip("the shared recordings are absent; set GRCF_SHARED_DATA to their folder")
    return segment(media, duration_s=11.0, text=JFK)


def mean_onset_error_s(located, onsets) -> float:
    return float(np.mean([abs(located.words[i].start_s - onset_s) for i, onset_s in onsets]))


def test_sphinx_finds_the_true_onsets(spoken):
    for sentence, onsets in spoken:
        forced = locate(sentence)
        proportional = locate(sentence, aligner="proportional")
        assert (forced.align_method, proportional.align_method) == ("forced", "proportional")
        assert mean_onset_error_s(forced, onsets) < 0.05
        assert mean_onset_error_s(forced, onsets) < mean_onset_error_s(proportional, onsets)


def test_words_keep_the_spelling_of_the_transcript(spoken):
    located = [locate(sentence) for sentence, _ in spoken]
    assert [[word.text for word in row.words] for row in located] == [tokenise(text) for text in SENTENCES]


def test_alignment_is_the_same_in_any_order_and_in_a_fresh_process(spoken):
    segments = [sentence for sentence, _ in spoken] + [replace(spoken[0][0], text=None)]
    # "zellweggers" looks like a word that the transcript before it brought along.
    segments.append(replace(spoken[1][0], text="We paid 42 dollars for Zellweggers blorptastic movie."))
    forwards = [locate(sentence) for sentence in segments]
    backwards = [locate(sentence) for sentence in reversed(segments)]
    assert forwards == backwards[::-1]
    for position in (2, 3, 4):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
            assert fresh.submit(locate, segments[position]).result() == forwards[position]


def test_pocketsphinx_says_nothing(spoken, capfd):
    locate(spoken[0][0])
    locate(replace(spoken[0][0], text=None))
    assert capfd.readouterr() == ("", "")


def test_real_speech_is_aligned(jfk):
    located = locate(jfk)
    assert located.align_method == "forced"
    assert [word.text for word in located.words] == JFK.split()
    americans, ask = located.words[4:6]
    samples, rate_hz = soundfile.read(jfk.media)
    level = np.sqrt(np.square(samples).mean(axis=-1) if samples.ndim > 1 else np.square(samples))
    # The speaker pauses for a second before "ask"; its onset is where the sound comes back.
    pause = level[round((americans.end_s + 0.3) * rate_hz) :]
    back_s = americans.end_s + 0.3 + np.flatnonzero(pause > 0.1)[0] / rate_hz
    assert ask.start_s == pytest.approx(back_s, abs=0.1)
    assert back_s > americans.end_s + 0.8


def test_real_speech_without_a_transcript_is_recognised(jfk):
    located = locate(replace(jfk, text=None))
    assert located.align_method == "recognised"
    heard = {word.text for word in located.words}
    assert len(heard & set(JFK.lower().split())) >= 10
    assert locate(replace(jfk, text=None), recogniser="none").align_method == "none"


def test_quiet_speech_is_aligned_like_loud_speech(jfk, tmp_path):
    samples, rate_hz = soundfile.read(jfk.media)
    soundfile.write(tmp_path / "quiet.wav", samples / 300, rate_hz, subtype="FLOAT")
    quiet = locate(replace(jfk, media=str(tmp_path / "quiet.wav")))
    loud = locate(jfk)
    assert quiet.align_method == "forced"
    starts_s = [[word.start_s for word in row.words] for row in (quiet, loud)]
    assert np.abs(np.subtract(*starts_s)).max() < 0.1


@pytest.mark.parametrize("silence_s", [0.5, 4.0])
def test_digital_silence_around_speech_does_not_stop_the_alignment(tmp_path, silence_s):
    pytest.importorskip(
        "espeakng_loader", reason="espeakng-loader, which speaks the sentences, is not installed"
    )
    from demo.voice import Voice, synthesise

    silence = np.zeros(round(silence_s * RATE_HZ))
    for text in ("This is the best pizza I have ever had.", "I enjoyed the book and liked the characters."):
        speech = synthesise(text, Voice("en", rate_wpm=150))
        samples = soxr.resample(speech.samples, speech.sample_rate_hz, RATE_HZ)
        media = record(tmp_path / "late.wav", np.concatenate([silence, samples, silence]))
        located = locate(segment(media, duration_s=2 * silence_s + len(samples) / RATE_HZ, text=text))
        onsets = [
            (i, silence_s + word.onset_s) for i, word in enumerate(speech.words) if word.onset_s is not None
        ]
        assert located.align_method == "forced"
        assert mean_onset_error_s(located, onsets) < 0.05


def test_a_transcript_of_something_else_falls_back(spoken):
    sentence = replace(spoken[0][0], text=" ".join(SENTENCES[1:] * 3))
    located = locate(sentence)
    assert located.align_method == "proportional"
    assert [word.text for word in located.words] == tokenise(sentence.text)


def test_given_times_are_used_as_they_are():
    given_words = (Word("Oh", 0.1, 0.5), Word("no", 0.5, 0.9))
    located = locate(segment(text="something else", timed_words=given_words))
    assert (located.align_method, located.words) == ("given", given_words)


def test_given_times_are_cut_to_the_segment_and_sorted():
    given_words = (Word("c", 1.9, 2.4), Word("a", -0.2, 0.3), Word("b", 0.3, 0.6), Word("d", 2.1, 2.3))
    located = locate(segment(timed_words=given_words))
    assert located.words == (
        Word("a", 0.0, 0.3),
        Word("b", 0.3, 0.6),
        Word("c", 1.9, 2.0),
        Word("d", 2.0, 2.0),
    )


def test_a_given_word_that_ends_before_it_starts_is_refused():
    with pytest.raises(PipelineError, match="segment a: the word 'x'"):
        locate(segment(timed_words=(Word("x", 1.0, 0.5),)))


def test_a_transcript_without_sound_spreads_over_the_segment():
    located = locate(segment(text="ab abcd ab"))
    assert located.align_method == "proportional"
    assert located.words == (Word("ab", 0.0, 0.5), Word("abcd", 0.5, 1.5), Word("ab", 1.5, 2.0))


def test_unreadable_sound_counts_as_none(tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    located = locate(segment(tmp_path / "broken.wav", text="ab ab"))
    assert (located.align_method, located.words[1].end_s) == ("proportional", 2.0)


def test_digital_silence_spreads_the_transcript_over_the_segment(tmp_path):
    located = locate(segment(record(tmp_path / "silence.wav", np.zeros(2 * RATE_HZ)), text="ab ab"))
    assert located.align_method == "proportional"
    assert located.words == (Word("ab", 0.0, 1.0), Word("ab", 1.0, 2.0))


def test_another_language_spreads_over_the_voiced_part(tmp_path):
    sound = np.concatenate([np.zeros(RATE_HZ), noise(1.0), np.zeros(RATE_HZ)])
    media = record(tmp_path / "noise.wav", sound)
    located = locate(segment(media, duration_s=3.0, text="我喜欢", language="zh"))
    assert located.align_method == "proportional"
    assert [word.text for word in located.words] == ["我", "喜", "欢"]
    assert located.words[0].start_s == pytest.approx(1.0, abs=0.03)
    assert located.words[-1].end_s == pytest.approx(2.0, abs=0.03)


def test_a_transcript_in_another_script_is_not_aligned_as_english(spoken):
    located = locate(replace(spoken[0][0], text="我 really 喜欢"))
    assert located.align_method == "proportional"


@pytest.mark.parametrize("text", ["...", "?! …", "😀"])
def test_punctuation_alone_has_no_words(spoken, text):
    located = locate(replace(spoken[0][0], text=text))
    assert (located.align_method, located.words) == ("none", ())


@pytest.mark.parametrize(
    "changes", [{"text": None}, {"text": " "}, {"text": None, "language": "zh"}], ids=["none", "blank", "zh"]
)
def test_nothing_is_recognised_in_silence_or_another_language(tmp_path, changes):
    sound = np.zeros(2 * RATE_HZ) if changes.get("language") != "zh" else noise(2.0)
    located = locate(replace(segment(record(tmp_path / "sound.wav", sound)), **changes))
    assert (located.align_method, located.words) == ("none", ())


@pytest.mark.parametrize("duration_s", [0.001, 0.02, 0.05, 0.3])
@pytest.mark.parametrize("text", ["a", "extraordinary", "one two three " * 100])
def test_short_sounds_still_get_every_word(tmp_path, duration_s, text):
    media = record(tmp_path / "short.wav", noise(1.0))
    located = locate(segment(media, duration_s=duration_s, text=text))
    assert [word.text for word in located.words] == text.split()
    assert located.words[-1].end_s <= duration_s
    assert all(word.start_s <= word.end_s for word in located.words)


def test_a_segment_cut_inside_its_words_keeps_all_of_them_inside(spoken):
    sentence, onsets = spoken[2]
    start_s, end_s = sentence.start_s + onsets[0][1] + 0.05, sentence.start_s + onsets[-1][1] + 0.1
    located = locate(replace(sentence, start_s=start_s, end_s=end_s))
    assert located.words[0].start_s >= 0
    assert located.words[-1].end_s <= end_s - start_s
    assert all(word.start_s < word.end_s for word in located.words)


times_s = st.floats(-1, 5)


@given(st.lists(st.tuples(times_s, times_s), min_size=1, max_size=30), st.floats(0.5, 4))
def test_found_words_lie_in_the_segment_in_order_and_none_is_empty(spans, duration_s):
    words = tuple(Word("w", min(span), max(span)) for span in sorted(spans))
    fitted = _fitted(words, duration_s)
    edges_s = [edge for word in fitted for edge in (word.start_s, word.end_s)]
    assert edges_s == sorted(edges_s)
    assert edges_s[0] >= 0
    assert edges_s[-1] <= duration_s
    assert all(word.start_s < word.end_s for word in fitted)


def test_found_words_that_fit_are_left_alone():
    words = (Word("a", 0.1, 0.3), Word("b", 0.5, 0.9), Word("c", 0.9, 2.0))
    assert _fitted(words, 2.0) == words


def test_spread_words_are_as_long_as_their_characters():
    words = spread_over(["a", "bcd"], spans_s=[(1.0, 3.0)])
    assert words == (Word("a", 1.0, 1.5), Word("bcd", 1.5, 3.0))


def test_spread_words_leave_pauses_out():
    words = spread_over(["ab", "cd", "ef", "g"], spans_s=[(1.0, 2.5), (4.0, 6.0)])
    assert words == (Word("ab", 1.0, 2.0), Word("cd", 4.0, 4.5), Word("ef", 4.5, 5.5), Word("g", 5.5, 6.0))


@given(
    st.lists(st.text("abc", min_size=1, max_size=9), min_size=1, max_size=12),
    st.lists(st.floats(0.11, 3.0), min_size=2, max_size=10),
)
def test_spread_words_lie_in_the_speech_in_order(tokens, lengths_s):
    edges_s = np.cumsum(lengths_s[: len(lengths_s) // 2 * 2])
    spans_s = [(float(start), float(end)) for start, end in edges_s.reshape(-1, 2)]
    words = spread_over(tokens, spans_s=spans_s)
    assert [word.text for word in words] == tokens
    times_s = [edge for word in words for edge in (word.start_s, word.end_s)]
    assert np.all(np.diff(times_s) >= -1e-9)
    for word in words:
        assert any(start - 1e-9 <= word.start_s and word.end_s <= end + 1e-9 for start, end in spans_s)


def test_words_of_cues_stay_within_them(tmp_path):
    cues = (Cue("first words", 0.5, 2.0), Cue("and the last", 4.0, 5.0), Cue("!", 5.0, 5.5))
    for media in (None, record(tmp_path / "noise.wav", noise(6.0))):
        found = locate(segment(media, duration_s=6.0, text="first words and the last", cues=cues))
        assert found.align_method == "proportional"
        assert [word.text for word in found.words] == ["first", "words", "and", "the", "last"]
        assert all(0.5 <= word.start_s < word.end_s <= 2.0 for word in found.words[:2])
        assert all(4.0 <= word.start_s < word.end_s <= 5.0 for word in found.words[2:])


def test_cues_with_speech_are_aligned_each_in_its_stretch(jfk):
    whole = locate(jfk)
    split_s = (whole.words[9].start_s + whole.words[8].end_s) / 2
    words = JFK.split()
    cues = (Cue(" ".join(words[:9]), 0.0, split_s), Cue(" ".join(words[9:]), split_s, 11.0))
    found = locate(replace(jfk, cues=cues))
    assert found.align_method == "forced"
    assert found.confidence is not None
    assert [word.text for word in found.words] == words
    np.testing.assert_allclose(
        [word.start_s for word in found.words], [word.start_s for word in whole.words], atol=0.15
    )

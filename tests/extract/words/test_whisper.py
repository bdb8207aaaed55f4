import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import PipelineError
from pipeline.extract.words.speech import Speech
from pipeline.extract.words.whisper import WhisperRecogniser, _path_starts, _windows
from tests.extract.speech_models import RATE_HZ, byte_tokens, ctc_folder, whisper_folder

SAYS = ["Hello", "there", "你", "好", "world"]


def recogniser_of(folder) -> WhisperRecogniser:
    return WhisperRecogniser(str(folder), revision="main", device="cpu")


@pytest.fixture(scope="module")
def timed(tmp_path_factory) -> WhisperRecogniser:
    folder = tmp_path_factory.mktemp("models") / "timed"
    return recogniser_of(whisper_folder(folder, says="Hello there, 你好 world."))


@pytest.fixture(scope="module")
def untimed(tmp_path_factory) -> WhisperRecogniser:
    folder = tmp_path_factory.mktemp("models") / "untimed"
    return recogniser_of(whisper_folder(folder, says="Hello there, 你好 world.", timed=False))


def noise(duration_s: float) -> np.ndarray:
    samples = 0.1 * np.random.default_rng(0).standard_normal(round(duration_s * RATE_HZ))
    return samples.astype(np.float32)


def recognised(recogniser: WhisperRecogniser, samples: np.ndarray, *, language: str):
    return recogniser.recognise(samples, Speech.of(samples), language=language)


@pytest.mark.parametrize("language", ["en", "zh-CN", "tlh"])
@pytest.mark.parametrize("name", ["timed", "untimed"])
def test_the_text_of_the_model_becomes_words_with_times(request, name, language):
    words, confidence = recognised(request.getfixturevalue(name), noise(3.0), language=language)

    assert [word.text for word in words] == SAYS
    times_s = [edge for word in words for edge in (word.start_s, word.end_s)]
    assert times_s == sorted(times_s)
    assert times_s[0] >= 0
    assert times_s[-1] <= 3.0
    assert confidence > 0.9


def test_a_word_lasts_from_the_start_of_its_first_token_to_that_of_the_next_word(timed):
    text = " no 好 ok"
    tokens = byte_tokens(text)  # the ideograph has three bytes
    bounds_s = [0.1 * n for n in range(len(tokens) + 1)]

    words = timed._timed(tokens, bounds_s)

    assert [(word.text, round(word.start_s, 3), round(word.end_s, 3)) for word in words] == [
        ("no", 0.1, 0.3),
        ("好", 0.4, 0.7),
        ("ok", 0.8, 1.0),
    ]


def test_the_path_follows_the_attention_of_each_token():
    attention = np.zeros((4, 50))
    for token, (start, end) in enumerate([(0, 7), (7, 19), (19, 40), (40, 50)]):
        attention[token, start:end] = 1.0
    assert _path_starts(-attention) == [0, 7, 19, 40]


@given(st.integers(1, 6), st.integers(1, 9), st.integers(0, 99))
def test_the_path_is_the_cheapest_of_all(n_tokens, n_frames, seed):
    cost = np.random.default_rng(seed).standard_normal((n_tokens, n_frames))

    def cheapest(token: int, frame: int) -> float:
        if token < 0 or frame < 0:
            return np.inf
        if token == frame == 0:
            return cost[0, 0]
        before = ((token - 1, frame), (token, frame - 1), (token - 1, frame - 1))
        return cost[token, frame] + min(cheapest(*step) for step in before)

    starts = _path_starts(cost)
    assert starts == sorted(starts)
    assert starts[0] == 0
    ends = [*starts[1:], n_frames - 1]
    # The last frame of a row is the first of the next one, or the one before it.
    found = min(
        sum(cost[token, starts[token] : stop + 1].sum() for token, stop in enumerate(stops))
        for stops in itertools.product(
            *({end, max(end - 1, start)} for start, end in zip(starts, ends, strict=True))
        )
        if stops[-1] == n_frames - 1
    )
    assert found <= cheapest(n_tokens - 1, n_frames - 1) + 1e-9


def test_a_text_that_repeats_itself_and_a_sound_without_speech_are_none(untimed, monkeypatch):
    monkeypatch.setattr("pipeline.extract.words.whisper._MOST_COMPRESSION", 0.1)
    assert recognised(untimed, noise(2.0), language="en") == ((), 0.0)
    monkeypatch.undo()
    monkeypatch.setattr("pipeline.extract.words.whisper._MOST_NO_SPEECH", 0.0)
    assert recognised(untimed, noise(2.0), language="en") == ((), 0.0)


def test_a_long_sound_is_cut_where_it_is_quiet():
    sound = noise(70.0)
    for at_s in (25.0, 49.0):
        sound[round(at_s * RATE_HZ) : round((at_s + 0.5) * RATE_HZ)] = 0

    windows = _windows(sound)

    assert windows[0][0] == 0
    assert windows[-1][1] == len(sound)
    assert [end for _, end in windows[:-1]] == [start for start, _ in windows[1:]]
    for (_, end), quiet_s in zip(windows[:-1], (25.0, 49.0), strict=True):
        assert quiet_s <= end / RATE_HZ <= quiet_s + 0.5


def test_the_words_of_a_long_sound_follow_one_another(untimed):
    words, _ = recognised(untimed, noise(40.0), language="en")

    assert [word.text for word in words] == SAYS * 2
    starts_s = [word.start_s for word in words]
    assert starts_s == sorted(starts_s)
    assert starts_s[len(SAYS)] >= 20


def test_words_that_the_model_does_not_believe_are_none(untimed, monkeypatch):
    monkeypatch.setattr("pipeline.extract.words.whisper._LEAST_LOG_PROB", 0.0)
    words, confidence = recognised(untimed, noise(2.0), language="en")
    assert words == ()
    assert 0 < confidence < 1


def test_another_kind_of_model_is_refused(tmp_path):
    with pytest.raises(PipelineError, match=r"words\.whisper_model: .* is a wav2vec2; expected a Whisper"):
        recogniser_of(ctc_folder(tmp_path / "ctc", "AB"))


def test_a_model_that_is_nowhere_is_a_sentence(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(PipelineError, match=r"words\.whisper_model: 'nobody/nothing'.*words\.recogniser"):
        recogniser_of("nobody/nothing")

import numpy as np
import pytest

from pipeline.errors import PipelineError
from pipeline.extract.words.whisper import WhisperRecogniser, _windows
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


@pytest.mark.parametrize("language", ["en", "zh-CN", "tlh"])
@pytest.mark.parametrize("name", ["timed", "untimed"])
def test_the_text_of_the_model_becomes_words_with_times(request, name, language):
    words, confidence = request.getfixturevalue(name).recognise(noise(3.0), language=language)

    assert [word.text for word in words] == SAYS
    times_s = [edge for word in words for edge in (word.start_s, word.end_s)]
    assert times_s == sorted(times_s)
    assert times_s[0] >= 0
    assert times_s[-1] <= 3.0
    assert confidence > 0.9


def test_a_word_lasts_from_the_end_of_the_token_before_it_to_that_of_its_last(timed):
    text = " no 好 ok"
    tokens = byte_tokens(text)  # the ideograph has three bytes
    ends_s = [0.1 * (n + 1) for n in range(len(tokens))]

    words = timed._timed(tokens, ends_s, noise(2.0))

    assert [(word.text, round(word.start_s, 3), round(word.end_s, 3)) for word in words] == [
        ("no", 0.1, 0.3),
        ("好", 0.4, 0.7),
        ("ok", 0.8, 1.0),
    ]


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
    words, _ = untimed.recognise(noise(40.0), language="en")

    assert [word.text for word in words] == SAYS * 2
    starts_s = [word.start_s for word in words]
    assert starts_s == sorted(starts_s)
    assert starts_s[len(SAYS)] >= 20


def test_words_that_the_model_does_not_believe_are_none(untimed, monkeypatch):
    monkeypatch.setattr("pipeline.extract.words.whisper._LEAST_LOG_PROB", 0.0)
    words, confidence = untimed.recognise(noise(2.0), language="en")
    assert words == ()
    assert 0 < confidence < 1


def test_another_kind_of_model_is_refused(tmp_path):
    with pytest.raises(PipelineError, match=r"words\.whisper_model: .* is a wav2vec2; expected a Whisper"):
        recogniser_of(ctc_folder(tmp_path / "ctc", "AB"))


def test_a_model_that_is_nowhere_is_a_sentence(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(PipelineError, match=r"words\.whisper_model: 'nobody/nothing'.*words\.recogniser"):
        recogniser_of("nobody/nothing")

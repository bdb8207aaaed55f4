import json
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC, Wav2Vec2Model

from pipeline.errors import PipelineError
from pipeline.extract.words.ctc_aligner import CtcAligner
from tests.extract.speech_models import (
    RATE_HZ,
    ctc_config,
    ctc_folder,
    random_words,
    tones,
)

pytestmark = pytest.mark.slow

FRAME_S = 0.02


def aligner_of(folder) -> CtcAligner:
    return CtcAligner(str(folder), revision="main", device="cpu")


@pytest.fixture(scope="module")
def trained(tone_model) -> CtcAligner:
    return aligner_of(tone_model)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory) -> CtcAligner:
    return aligner_of(ctc_folder(tmp_path_factory.mktemp("models") / "random", "ABCDEFGHIJKLMNOPQRSTUVWXYZ'"))


def edges_s(pairs) -> np.ndarray:
    return np.array([tuple(pair) for pair in pairs])


def found_s(words) -> np.ndarray:
    return edges_s((word.start_s, word.end_s) for word in words)


@pytest.mark.parametrize("seed", range(3))
def test_words_are_found_to_a_frame(trained, seed):
    spoken = random_words(6, seed=seed)
    samples, spans = tones(spoken, seed=50 + seed)

    words, confidence = trained.align(samples, [word.lower() for word in spoken], language="en")

    assert [word.text for word in words] == [word.lower() for word in spoken]
    assert np.abs(found_s(words) - edges_s(spans)).max() <= FRAME_S
    assert 0 < confidence <= 1


def test_a_long_sound_is_aligned_across_the_windows_it_is_read_in(trained):
    spoken = random_words(60, seed=9)
    samples, spans = tones(spoken, seed=90)
    assert len(samples) / RATE_HZ > 30

    words, _ = trained.align(samples, spoken, language="en")

    assert np.abs(found_s(words) - edges_s(spans)).max() <= FRAME_S


@pytest.mark.parametrize("n_words", [2, 6])
@pytest.mark.parametrize("seed", range(3))
def test_a_transcript_of_something_else_is_refused(trained, seed, n_words):
    samples, _ = tones(random_words(6, seed=seed), seed=seed)

    assert trained.align(samples, random_words(n_words, seed=100 + seed), language="en") is None


def test_a_word_that_cannot_be_spelt_takes_the_place_between_its_neighbours(trained):
    spoken = random_words(5, seed=4)
    samples, spans = tones(spoken, seed=4)

    words, _ = trained.align(samples, [*spoken[:2], "影", *spoken[3:]], language="en")

    assert words[2].text == "影"
    assert np.abs(found_s(words)[2] - spans[2]).max() <= 3 * FRAME_S


def test_a_transcript_that_mostly_cannot_be_spelt_is_refused(trained):
    samples, _ = tones(["ABC", "DEF"])
    assert trained.align(samples, ["我", "喜", "ABC"], language="zh") is None


def test_more_letters_than_frames_are_refused(untrained):
    assert untrained.align(np.ones(3200, np.float32), ["extraordinary"] * 3, language="en") is None


@given(
    n_samples=st.integers(1, 20_000),
    words=st.lists(st.sampled_from(["a", "it's", "42", "我", "extraordinary"]), min_size=1, max_size=6),
    seed=st.integers(0, 99),
)
@settings(max_examples=40)
def test_whatever_is_found_is_in_order_and_in_the_sound(untrained, n_samples, words, seed):
    samples = np.random.default_rng(seed).standard_normal(n_samples).astype(np.float32)

    found = untrained.align(samples, words, language="en")

    if found is not None:
        times_s = found_s(found[0]).reshape(-1)
        assert (np.diff(times_s) >= -1e-9).all()
        assert times_s[0] >= -FRAME_S
        assert times_s[-1] <= max(n_samples / RATE_HZ, 0.1) + FRAME_S
        assert [word.text for word in found[0]] == words


def test_a_chinese_model_gives_a_word_a_character(tmp_path):
    letters = "我喜欢电影"
    aligner = aligner_of(ctc_folder(tmp_path / "zh", letters))
    spelt = aligner._speller.spell(list(letters), language="zh")
    assert spelt.labels == (5, 6, 7, 8, 9)


def test_a_model_without_its_head_is_refused(tmp_path):
    folder = ctc_folder(tmp_path / "base", "AB")
    Wav2Vec2Model(ctc_config(7)).save_pretrained(folder)

    with pytest.raises(
        PipelineError, match=r"words\.ctc_model: base lacks 2 of its weights, among them lm_head"
    ):
        aligner_of(folder)


def test_a_model_of_another_rate_is_refused(tmp_path):
    folder = ctc_folder(tmp_path / "narrow", "AB")
    Wav2Vec2FeatureExtractor(sampling_rate=8000).save_pretrained(folder)

    with pytest.raises(
        PipelineError, match=r"narrow reads sound at 8000 Hz; expected one that reads 16000 Hz"
    ):
        aligner_of(folder)


def test_a_model_that_is_nowhere_is_a_sentence_that_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(
        PipelineError,
        match=r"words\.ctc_model: 'nobody/nothing' .* is no folder here, .*cache .*words\.aligner",
    ) as raised:
        aligner_of("nobody/nothing")
    assert "\n" not in str(raised.value)


def test_other_weights_are_told_apart(tmp_path):
    folder = ctc_folder(tmp_path / "one", "AB")
    other = tmp_path / "other" / "one"
    shutil.copytree(folder, other)
    same = aligner_of(other).identity
    torch.manual_seed(7)
    Wav2Vec2ForCTC(ctc_config(7)).save_pretrained(other)

    assert same == aligner_of(folder).identity != aligner_of(other).identity
    assert set(same) == {"model", "sha256"}
    assert json.loads(json.dumps(dict(same))) == same

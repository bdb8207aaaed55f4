"""Masks that are saved are those that were used; noise is what it says and touches nothing else."""

from itertools import pairwise

import numpy as np
import pytest

from pipeline.artifacts.corpus.sequences import MODALITIES
from pipeline.artifacts.evaluated.masks import read_masks, write_masks
from pipeline.errors import PipelineError
from pipeline.grcf.perturbations import mask_table, perturbed_modalities, with_noise, without_words
from pipeline.grcf.scoring import ALL, predict
from tests.grcf.models import rank
from tests.grcf.synthetic import make_split

RATES = (0.0, 0.1, 0.5, 0.9)
SPLIT = make_split("valid", 300, seed=5)


@pytest.fixture
def saved(tmp_path):
    write_masks(tmp_path / "valid.safetensors", mask_table(SPLIT, rates=RATES, seeds=(1, 7)))
    return tmp_path / "valid.safetensors"


@pytest.mark.parametrize("rate", RATES)
def test_saved_masks_hide_what_the_evaluation_hides(saved, rate):
    masks = read_masks(saved)
    for seed in (1, 7):
        hidden = without_words(SPLIT, modalities=ALL, level=rate, seed=seed)
        for modality in MODALITIES:
            mask = masks.hidden(seed=seed, modality=modality, rate=rate)
            np.testing.assert_array_equal(hidden.valid[modality], SPLIT.valid[modality] & ~mask)
            assert mask.mean() == pytest.approx(rate, abs=0.06)


def test_masks_name_their_segments_and_take_a_byte_a_word(saved):
    masks = read_masks(saved)
    assert masks.ids == SPLIT.ids
    np.testing.assert_array_equal(masks.offsets, SPLIT.offsets)
    n_words = len(SPLIT.valid["text"])
    assert saved.stat().st_size < 2 * 3 * n_words + 12 * len(SPLIT) + 6000


def test_the_same_draws_are_the_same_bytes(saved, tmp_path):
    write_masks(tmp_path / "again.safetensors", mask_table(SPLIT, rates=RATES, seeds=(1, 7)))
    assert (tmp_path / "again.safetensors").read_bytes() == saved.read_bytes()


@pytest.mark.parametrize("asked", [{"seed": 2, "rate": 0.1}, {"seed": 1, "rate": 0.2}])
def test_a_seed_or_rate_that_was_not_drawn_is_a_sentence(saved, asked):
    with pytest.raises(PipelineError, match=r"have seeds \[1, 7\] and rates"):
        read_masks(saved).hidden(modality="text", **asked)


def test_without_rates_nothing_is_hidden(tmp_path):
    write_masks(tmp_path / "valid.safetensors", mask_table(SPLIT, rates=(), seeds=(1,)))
    assert read_masks(tmp_path / "valid.safetensors").rates == ()


def test_noise_has_its_size_on_every_feature_of_every_valid_word():
    noisy = with_noise(SPLIT, modalities=frozenset({"text"}), level=0.5, seed=1)
    difference = (noisy.features["text"] - SPLIT.features["text"])[SPLIT.valid["text"]]
    assert difference.std(axis=0) == pytest.approx(np.full(5, 0.5), rel=0.15)
    assert abs(difference.mean()) < 0.05
    assert np.abs(np.corrcoef(difference.T) - np.eye(5)).max() < 0.15
    assert not noisy.features["text"][~SPLIT.valid["text"]].any()


def test_noise_leaves_other_modalities_and_all_masks_alone():
    noisy = with_noise(SPLIT, modalities=frozenset({"text"}), level=0.5, seed=1)
    assert noisy.features["audio"] is SPLIT.features["audio"]
    assert noisy.valid is SPLIT.valid


def test_noise_of_a_seed_is_the_same_but_for_its_size():
    one, two = (
        with_noise(SPLIT, modalities=kind, level=scale, seed=1).features["audio"] - SPLIT.features["audio"]
        for kind, scale in ((ALL, 0.5), (frozenset({"audio"}), 2.0))
    )
    np.testing.assert_allclose(4 * one, two, atol=1e-5)
    other = with_noise(SPLIT, modalities=ALL, level=0.5, seed=2).features["audio"] - SPLIT.features["audio"]
    assert not np.allclose(one, other)


def test_no_noise_is_no_change():
    still = with_noise(SPLIT, modalities=ALL, level=0.0, seed=1)
    for modality in MODALITIES:
        np.testing.assert_array_equal(still.features[modality], SPLIT.features[modality])


@pytest.fixture(scope="module")
def ranked(train, valid):
    return rank(train, valid)


class TestWithoutWords:
    def test_about_the_rate_of_the_words_is_hidden(self, train):
        hidden = without_words(train, modalities=frozenset({"audio"}), level=0.4, seed=1)
        left = hidden.valid["audio"].sum() / train.valid["audio"].sum()
        assert left == pytest.approx(0.6, abs=0.08)
        assert hidden.valid["text"] is train.valid["text"]

    def test_what_is_hidden_at_a_rate_is_hidden_at_a_higher_one(self, valid):
        masks = [
            without_words(valid, modalities=ALL, level=rate, seed=1).valid["text"]
            for rate in (0.0, 0.3, 0.6, 0.9)
        ]
        np.testing.assert_array_equal(masks[0], valid.valid["text"])
        for low, high in pairwise(masks):
            assert not (high & ~low).any()

    def test_the_draws_of_a_modality_do_not_depend_on_the_others(self, valid):
        alone = without_words(valid, modalities=frozenset({"visual"}), level=0.5, seed=1)
        together = without_words(valid, modalities=ALL, level=0.5, seed=1)
        np.testing.assert_array_equal(alone.valid["visual"], together.valid["visual"])
        assert (together.valid["text"] != together.valid["visual"]).any()

    def test_other_seeds_hide_other_words(self, valid):
        one, other = (without_words(valid, modalities=ALL, level=0.5, seed=seed) for seed in (1, 2))
        assert (one.valid["text"] != other.valid["text"]).any()

    def test_no_segment_is_left_out_where_nothing_remains(self, ranked, valid):
        nothing = without_words(valid, modalities=ALL, level=1.0, seed=1)
        wanted = predict([ranked], valid, hidden=ALL, device="cpu")
        np.testing.assert_array_equal(predict([ranked], nothing, device="cpu"), wanted)

    def test_words_that_are_hidden_hold_zeros(self, valid):
        hidden = without_words(valid, modalities=ALL, level=0.5, seed=1)
        assert not hidden.features["text"][~hidden.valid["text"]].any()
        assert valid.features["text"][valid.valid["text"] & ~hidden.valid["text"]].any()

    def test_kinds_are_the_modalities_that_are_there_and_all(self, valid):
        assert list(perturbed_modalities(valid)) == ["text", "audio", "visual", "all"]

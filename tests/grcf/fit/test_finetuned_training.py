"""An encoder that learns goes through stage 1, stage 2 and the baseline, and every question to a checkpoint works."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.artifacts.aligned import read_aligned, write_aligned
from pipeline.artifacts.checkpoint import Checkpoint
from pipeline.errors import PipelineError
from pipeline.evaluation.selection import ordered_pair_accuracy
from pipeline.grcf import scoring
from pipeline.grcf.calibrate import calibrate
from pipeline.grcf.fit.loop import TrainingSettings
from pipeline.grcf.hardest_pairs import find_heaviest
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings
from pipeline.grcf.network.network import NetworkSettings
from pipeline.grcf.pointwise import train_pointwise
from pipeline.grcf.rank import pair_values, train_ranking
from pipeline.grcf.scoring import modality_subsets, predict, without_words
from tests.grcf.network.test_word_encoder import SETTINGS as FINETUNING

SETTINGS = TrainingSettings(
    epochs=5,
    batch_size=24,
    learning_rate=5e-3,
    weight_decay=0.01,
    modality_dropout=0.1,
    precision="float32",
    finetuning=replace(FINETUNING, layer_decay=1.0),
)
LOSS = {
    "margin": MarginSettings(
        groups="integer", base=0.2, slope=0.2, distance="group", shape="softplus", smoothing=1.0
    ),
    "advantage": AdvantageSettings(scope="group_pair", scale="std", strength=0.5, cap=2.0),
}
NETWORK = NetworkSettings(fusion="attention_pooling", width=16, dropout=0.1)
COMMON = {"device": "cpu", "made_with": {"torch": "test"}}


def rank(train, valid, *, settings=SETTINGS) -> Checkpoint:
    return train_ranking(
        train,
        valid,
        seed=1,
        network=NETWORK,
        objective="groupwise",
        settings=settings,
        **LOSS,
        **COMMON,
    )


def stage_two(ranked, train, valid, scope) -> Checkpoint:
    return calibrate(
        ranked, train, valid, scope=scope, n_knots=3, beta=0.0, settings=replace(SETTINGS, epochs=2), **LOSS, **COMMON
    )  # fmt: skip


def pointwise(train, valid, *, settings=SETTINGS) -> Checkpoint:
    return train_pointwise(
        train, valid, seed=1, network=NETWORK, select_by="magnitude", calibration="none", n_knots=3,
        settings=settings, **COMMON,
    )  # fmt: skip


def said(checkpoint, split) -> np.ndarray:
    return predict([checkpoint], split, device="cpu")[0]


def learnt(checkpoint) -> dict[str, np.ndarray]:
    return {name: value for name, value in checkpoint.tensors.items() if "word_encoder" in name}


@pytest.fixture(scope="module")
def ranked(spoken_train, spoken_valid) -> Checkpoint:
    return rank(spoken_train, spoken_valid)


def test_the_words_tell_more_once_the_encoder_learns(spoken_train, spoken_valid):
    # Learnt at a rate of nearly nothing, the encoder stays what it was and only the fusion learns.
    train, valid = (
        without_words(split, modalities=frozenset({"audio", "visual"}), rate=1.0, seed=0)
        for split in (spoken_train, spoken_valid)
    )
    moving, fixed = (
        rank(train, valid, settings=replace(SETTINGS, epochs=10, finetuning=settings)).curve[-1]
        for settings in (replace(FINETUNING, learning_rate=rate) for rate in (5e-3, 1e-9))
    )
    assert moving["train_loss"] < 0.95 * fixed["train_loss"]


def test_a_checkpoint_keeps_what_learnt_and_nothing_else(ranked):
    assert {name.split(".")[5] for name in learnt(ranked) if ".layer." in name} == {"0", "1", "2"}
    assert not [name for name in learnt(ranked) if "embeddings" in name or "pooler" in name]
    assert ranked.network["encoder"]["encoder"]["model"] == "bert"
    assert "transformers" in ranked.made_with


def test_a_checkpoint_of_adapters_is_small(ranked, spoken_train, spoken_valid):
    adapters = replace(SETTINGS, epochs=1, finetuning=replace(FINETUNING, layers=1, adapter_rank=1))
    small = rank(spoken_train, spoken_valid, settings=adapters)
    sizes = [sum(value.size for value in learnt(found).values()) for found in (small, ranked)]
    assert 0 < sizes[0] < sizes[1] / 10
    assert "peft" in small.made_with
    again = Checkpoint.from_bytes(small.to_bytes())
    assert np.array_equal(said(again, spoken_valid), said(small, spoken_valid))


def test_a_checkpoint_from_bytes_says_the_same(ranked, spoken_valid):
    again = Checkpoint.from_bytes(ranked.to_bytes())
    assert np.array_equal(said(again, spoken_valid), said(ranked, spoken_valid))


def test_training_is_the_same_every_time(ranked, spoken_train, spoken_valid):
    assert rank(spoken_train, spoken_valid).to_bytes() == ranked.to_bytes()


def test_the_epoch_that_was_measured_is_the_one_that_is_kept(ranked, spoken_valid):
    row = next(row for row in ranked.curve if row["epoch"] == ranked.selected_epoch)
    accuracy = ordered_pair_accuracy(spoken_valid.labels, said(ranked, spoken_valid))
    assert accuracy == pytest.approx(row["valid_ordered_pair_accuracy"], abs=1e-6)


@pytest.mark.parametrize("scope", ["affine", "head", "all"])
def test_stage_two_carries_the_encoder_on(ranked, spoken_train, spoken_valid, scope):
    calibrated = stage_two(ranked, spoken_train, spoken_valid, scope)
    before, after = learnt(ranked), learnt(calibrated)
    assert before.keys() == after.keys()
    same = all(np.array_equal(before[name], after[name]) for name in before)
    assert same == (scope != "all" or calibrated.selected_epoch == 0)
    if scope == "affine":
        assert np.array_equal(
            np.argsort(said(calibrated, spoken_valid)), np.argsort(said(ranked, spoken_valid))
        )


def test_the_baseline_learns_with_it_too(spoken_train, spoken_valid):
    checkpoint = pointwise(spoken_train, spoken_valid)
    assert learnt(checkpoint)
    assert ordered_pair_accuracy(spoken_train.labels, said(checkpoint, spoken_train)) > 0.8


def test_chunks_train_as_the_whole_batch_where_nothing_is_drawn(bert_without_dropout):
    train, valid = bert_without_dropout
    plain = replace(SETTINGS, epochs=1, modality_dropout=0.0)
    whole, parts = (
        train_ranking(
            train, valid, seed=1, network=replace(NETWORK, dropout=0.0), objective="groupwise", settings=settings, **LOSS, **COMMON
        )
        for settings in (plain, replace(plain, chunk_size=5))
    )  # fmt: skip
    # A ranking loss says nothing of an offset, which drifts by rounding.
    ours, theirs = (scores - scores.mean() for scores in (said(parts, valid), said(whole, valid)))
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_heaviest_pairs_and_pair_values_rest_on_the_learnt_encoder(ranked, spoken_train):
    heaviest = find_heaviest([ranked], spoken_train, n_pairs=5, n_segments=5, device="cpu", **LOSS)
    scores = dict(zip(spoken_train.ids, said(ranked, spoken_train), strict=True))
    pair = heaviest.pairs[0]
    assert pair.gap[0] == pytest.approx(scores[pair.above] - scores[pair.below], abs=1e-5)
    assert len(pair_values(ranked, spoken_train, batch_size=24, device="cpu", **LOSS).weight) > 100


def test_a_hidden_modality_and_missing_words_are_answered_without_reading_again(ranked, spoken_valid):
    scoring._read.cache_clear()
    shown = {
        name: predict([ranked], spoken_valid, kept=kept, device="cpu")
        for name, kept in modality_subsets(spoken_valid).items()
    }
    lost = without_words(spoken_valid, modalities=frozenset({"text"}), rate=1.0, seed=0)
    np.testing.assert_allclose(said(ranked, lost), shown["without text"][0], atol=1e-6)
    assert not np.array_equal(shown["all"], shown["without text"])
    assert scoring._read.cache_info().misses == 1


def test_an_aligned_split_with_tokens_comes_back_from_its_file(ranked, spoken_valid, tmp_path):
    write_aligned(tmp_path / "valid.safetensors", spoken_valid)
    read = read_aligned(tmp_path / "valid.safetensors")
    assert np.array_equal(said(ranked, read), said(ranked, spoken_valid))


def test_frozen_vectors_are_refused_by_a_model_that_read_tokens(ranked, valid, spoken_valid):
    with pytest.raises(
        PipelineError, match=r"trained with a text encoder of its own, .* frozen word vectors"
    ):
        said(ranked, valid)
    with pytest.raises(PipelineError, match=r"trained with frozen word vectors, .* holds tokens"):
        said(replace(ranked, network={"width": 16, "dropout": 0.1}), spoken_valid)


def test_tokens_without_a_word_on_how_to_learn_are_refused(spoken_train, spoken_valid):
    with pytest.raises(PipelineError, match="say how"):
        rank(spoken_train, spoken_valid, settings=replace(SETTINGS, finetuning=None))

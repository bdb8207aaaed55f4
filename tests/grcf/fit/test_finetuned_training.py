"""An encoder that learns goes through stage 1, stage 2 and the baseline, and every question to a checkpoint works."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from pipeline.artifacts.aligned.reading import read_aligned
from pipeline.artifacts.aligned.writing import write_aligned
from pipeline.artifacts.trained.checkpoint import Checkpoint
from pipeline.errors import PipelineError
from pipeline.evaluation.selection import ordered_pair_accuracy
from pipeline.grcf.fit.loop import TrainingSettings
from pipeline.grcf.network.word_encoder import WordEncoder
from pipeline.grcf.pairs.hardest_pairs import find_hardest_pairs
from pipeline.grcf.pairs.pair_statistics import pair_values
from pipeline.grcf.perturbations import without_words
from pipeline.grcf.scoring import Scorer, hidden_subsets, predict
from tests.grcf.models import ADVANTAGE, MARGIN, NETWORK, pointwise, rank, stage_two
from tests.grcf.network.test_word_encoder import SETTINGS as FINETUNING

pytestmark = pytest.mark.slow

SETTINGS = TrainingSettings(
    epochs=5,
    batch_size=24,
    learning_rate=5e-3,
    weight_decay=0.01,
    modality_dropout=0.1,
    precision="float32",
    finetuning=replace(FINETUNING, layer_decay=1.0),
)
LOSS = {"margin": MARGIN, "advantage": ADVANTAGE}


def ranked_by(train, valid, *, settings=SETTINGS) -> Checkpoint:
    return rank(train, valid, settings=settings)


def predicted(checkpoint, split) -> np.ndarray:
    return predict([checkpoint], split, device="cpu")[0]


def learnt(checkpoint) -> dict[str, np.ndarray]:
    return {name: value for name, value in checkpoint.tensors.items() if "word_encoder" in name}


@pytest.fixture(scope="module")
def ranked(spoken_train, spoken_valid) -> Checkpoint:
    return ranked_by(spoken_train, spoken_valid)


@pytest.mark.slow
def test_the_words_tell_more_once_the_encoder_learns(spoken_train, spoken_valid):
    # Learnt at a rate of nearly nothing, the encoder stays what it was and only the fusion learns.
    train, valid = (
        without_words(split, modalities=frozenset({"audio", "visual"}), level=1.0, seed=0)
        for split in (spoken_train, spoken_valid)
    )
    moving, fixed = (
        ranked_by(train, valid, settings=replace(SETTINGS, epochs=10, finetuning=settings)).history[-1]
        for settings in (replace(FINETUNING, learning_rate=rate) for rate in (5e-3, 1e-9))
    )
    assert moving["train_loss"] < 0.95 * fixed["train_loss"]


def test_a_checkpoint_keeps_what_learnt_and_nothing_else(ranked):
    assert {name.split(".")[5] for name in learnt(ranked) if ".layer." in name} == {"0", "1", "2"}
    assert not [name for name in learnt(ranked) if "embeddings" in name or "pooler" in name]
    assert ranked.network["encoder"]["encoder"]["model"] == "bert"
    assert "transformers" in ranked.environment


def test_a_checkpoint_of_adapters_is_small(ranked, spoken_train, spoken_valid):
    adapters = replace(SETTINGS, epochs=1, finetuning=replace(FINETUNING, layers=1, adapter_rank=1))
    small = ranked_by(spoken_train, spoken_valid, settings=adapters)
    sizes = [sum(value.size for value in learnt(found).values()) for found in (small, ranked)]
    assert 0 < sizes[0] < sizes[1] / 10
    assert "peft" in small.environment
    again = Checkpoint.from_bytes(small.to_bytes())
    assert np.array_equal(predicted(again, spoken_valid), predicted(small, spoken_valid))


def test_a_checkpoint_from_bytes_says_the_same(ranked, spoken_valid):
    again = Checkpoint.from_bytes(ranked.to_bytes())
    assert np.array_equal(predicted(again, spoken_valid), predicted(ranked, spoken_valid))


def test_training_is_the_same_every_time(ranked, spoken_train, spoken_valid):
    assert ranked_by(spoken_train, spoken_valid).to_bytes() == ranked.to_bytes()


def test_the_epoch_that_was_measured_is_the_one_that_is_kept(ranked, spoken_valid):
    row = next(row for row in ranked.history if row["epoch"] == ranked.selected_epoch)
    accuracy = ordered_pair_accuracy(spoken_valid.labels, predicted(ranked, spoken_valid))
    assert accuracy == pytest.approx(row["valid_ordered_pair_accuracy"], abs=1e-6)


@pytest.mark.parametrize("scope", ["affine", "head", "all"])
def test_stage_two_carries_the_encoder_on(ranked, spoken_train, spoken_valid, scope):
    calibrated = stage_two(ranked, spoken_train, spoken_valid, scope, settings=replace(SETTINGS, epochs=2))
    before, after = learnt(ranked), learnt(calibrated)
    assert before.keys() == after.keys()
    same = all(np.array_equal(before[name], after[name]) for name in before)
    assert same == (scope != "all" or calibrated.selected_epoch == 0)
    if scope == "affine":
        assert np.array_equal(
            np.argsort(predicted(calibrated, spoken_valid)), np.argsort(predicted(ranked, spoken_valid))
        )


def test_the_baseline_learns_with_it_too(spoken_train, spoken_valid):
    checkpoint = pointwise(spoken_train, spoken_valid, settings=SETTINGS)
    assert learnt(checkpoint)
    assert ordered_pair_accuracy(spoken_train.labels, predicted(checkpoint, spoken_train)) > 0.8


def test_chunks_train_as_the_whole_batch_where_nothing_is_drawn(bert_without_dropout):
    train, valid = bert_without_dropout
    plain = replace(SETTINGS, epochs=1, modality_dropout=0.0)
    whole, parts = (
        rank(train, valid, network=replace(NETWORK, dropout=0.0), settings=settings)
        for settings in (plain, replace(plain, chunk_size=5))
    )
    # A ranking loss says nothing of an offset, which drifts by rounding.
    ours, theirs = (scores - scores.mean() for scores in (predicted(parts, valid), predicted(whole, valid)))
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_hardest_pairs_and_pair_values_rest_on_the_learnt_encoder(ranked, spoken_train):
    hardest = find_hardest_pairs([ranked], spoken_train, n_pairs=5, n_segments=5, device="cpu", **LOSS)
    scores = dict(zip(spoken_train.ids, predicted(ranked, spoken_train), strict=True))
    pair = hardest.pairs[0]
    assert pair.gap[0] == pytest.approx(scores[pair.above] - scores[pair.below], abs=1e-5)
    assert len(pair_values(ranked, spoken_train, batch_size=24, device="cpu", **LOSS).weight) > 100


def test_a_hidden_modality_and_missing_words_are_answered_without_reading_again(
    ranked, spoken_valid, monkeypatch
):
    reads = []
    read_all = WordEncoder.read_all
    monkeypatch.setattr(
        WordEncoder, "read_all", lambda encoder, tokens: reads.append(tokens) or read_all(encoder, tokens)
    )
    scorer = Scorer([ranked], device="cpu")
    rows = {
        name: scorer.predict(spoken_valid, hidden=hidden)
        for name, hidden in hidden_subsets(spoken_valid).items()
    }
    lost = without_words(spoken_valid, modalities=frozenset({"text"}), level=1.0, seed=0)
    np.testing.assert_allclose(scorer.predict(lost), rows["without text"], atol=1e-6)
    assert not np.array_equal(rows["all"], rows["without text"])
    assert len(reads) == 1


@pytest.mark.parametrize(("limit_bytes", "n_shards"), [(256_000_000, 1), (6_000, 3)])
def test_an_aligned_split_with_tokens_comes_back_from_its_files(
    ranked, spoken_valid, tmp_path, limit_bytes, n_shards
):
    write_aligned(tmp_path / "valid", spoken_valid, limit_bytes=limit_bytes)
    assert len(list(tmp_path.glob("valid/*.safetensors"))) >= n_shards
    read = read_aligned(tmp_path / "valid")
    assert np.array_equal(predicted(ranked, read), predicted(ranked, spoken_valid))


def test_frozen_vectors_are_refused_by_a_model_that_read_tokens(ranked, valid, spoken_valid):
    with pytest.raises(
        PipelineError, match=r"trained with a text encoder that learns, .* frozen word vectors"
    ):
        predicted(ranked, valid)
    with pytest.raises(PipelineError, match=r"trained with frozen word vectors, .* holds tokens"):
        predicted(replace(ranked, network=asdict(NETWORK)), spoken_valid)


def test_tokens_without_a_word_on_how_to_learn_are_refused(spoken_train, spoken_valid):
    with pytest.raises(PipelineError, match="nothing says how it learns"):
        ranked_by(spoken_train, spoken_valid, settings=replace(SETTINGS, finetuning=None))

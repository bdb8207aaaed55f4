"""The encoder within the network reads what the frozen one reads, and learns only what was chosen."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.errors import PipelineError
from pipeline.grcf.network.batches import SplitTensors
from pipeline.grcf.network.word_encoder import FinetuningSettings, WordEncoder, describe
from tests.grcf.encoders import N_DIMENSIONS, N_LAYERS, save_bert, sentences_of, text_encoder

SETTINGS = FinetuningSettings(
    layers=None,
    adapter_rank=None,
    embeddings=False,
    learning_rate=1e-3,
    layer_decay=0.5,
    warm_up=0.1,
    gradient_checkpointing=False,
)


def described(split, **changes):
    return describe(split.tokens, replace(SETTINGS, **changes))


@pytest.fixture(scope="module")
def frozen_vectors(bert, spoken_train):
    return np.concatenate(text_encoder(bert).encode(sentences_of(spoken_train, seed=1)))


def layers_of(encoder) -> set[str]:
    return {name.split(".")[3] if ".layer." in name else "embeddings" for name in encoder.depth}


def test_before_it_learns_its_vectors_are_the_frozen_ones(spoken_train, frozen_vectors):
    found = WordEncoder(described(spoken_train), seed=0).read_all(spoken_train.tokens)
    np.testing.assert_allclose(found.numpy(), frozen_vectors, atol=2e-6)


def test_a_sentence_longer_than_the_encoder_is_read_in_windows_as_the_frozen_one_is(bert):
    words = ["marvellous", "plot"] * 40
    encoder = text_encoder(bert)
    (tokens,) = encoder.tokenise([words])
    assert len(tokens.token_offsets) > 3
    found = WordEncoder(describe(tokens, SETTINGS), seed=0).read_all(tokens)
    np.testing.assert_allclose(found.numpy(), encoder.encode([words])[0], atol=2e-6)


def test_the_rows_of_a_batch_are_those_of_its_words(spoken_train, frozen_vectors):
    encoder = WordEncoder(described(spoken_train), seed=0).eval()
    segments = torch.tensor([5, 0, 17])
    batch = encoder(SplitTensors(spoken_train, device="cpu").batch(segments))
    for position, segment in enumerate(segments.tolist()):
        ours = batch.features["text"][batch.row[position]][batch.valid["text"][position]]
        words = slice(spoken_train.offsets[segment], spoken_train.offsets[segment + 1])
        torch.testing.assert_close(ours, torch.from_numpy(frozen_vectors[words]), atol=2e-6, rtol=0)
        sound = batch.features["audio"][batch.row[position]][batch.valid["audio"][position]]
        expected = spoken_train.features["audio"][words][spoken_train.valid["audio"][words]]
        assert np.array_equal(sound.numpy(), expected)


def test_repeated_segments_are_read_once_and_stand_in_every_place(spoken_train):
    encoder = WordEncoder(described(spoken_train), seed=0)
    calls = []
    encoder.encoder.register_forward_hook(lambda *_: calls.append(1))
    order = np.array([3, 3, 8, 3, 8])
    found = encoder.read_all(spoken_train.tokens.select(order))
    n_calls = len(calls)
    alone = [encoder.read_all(spoken_train.tokens.select(np.array([segment]))) for segment in order]
    torch.testing.assert_close(found, torch.cat(alone), atol=2e-6, rtol=0)
    assert n_calls <= 2


def test_text_without_any_word_is_no_reason_to_read(bert):
    tokens = text_encoder(bert).tokenise([[]])[0].keep_words(np.array([1]))
    assert WordEncoder(describe(tokens, SETTINGS), seed=0).read_all(tokens).tolist() == [[0.0] * N_DIMENSIONS]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"0", "1", "2"}),
        ({"layers": 1}, {"2"}),
        ({"layers": 2, "embeddings": True}, {"1", "2", "embeddings"}),
        ({"layers": 2, "adapter_rank": 2}, {"1", "2"}),
    ],
)
def test_what_learns_is_what_was_asked_for(spoken_train, changes, expected):
    encoder = WordEncoder(described(spoken_train, **changes), seed=0)
    assert layers_of(encoder) == expected
    if "adapter_rank" in changes:
        assert all("lora_" in name for name in encoder.depth)


def test_adapters_change_nothing_before_they_learn(spoken_train, frozen_vectors):
    encoder = WordEncoder(described(spoken_train, adapter_rank=2), seed=0)
    np.testing.assert_allclose(encoder.read_all(spoken_train.tokens).numpy(), frozen_vectors, atol=2e-6)


def test_adapters_of_a_seed_are_the_same_whatever_was_drawn_before(spoken_train):
    one = WordEncoder(described(spoken_train, adapter_rank=2), seed=4)
    torch.rand(7)
    other = WordEncoder(described(spoken_train, adapter_rank=2), seed=4)
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name])


def test_lower_layers_learn_more_slowly(spoken_train):
    encoder = WordEncoder(described(spoken_train, embeddings=True), seed=0)
    encoder.requires_grad_(True)
    rates: dict[int, set[float]] = {}
    depth_of = {id(each): encoder.depth.get(name) for name, each in encoder.named_parameters()}
    for group in encoder.parameter_groups(SETTINGS, weight_decay=0.1):
        for each in group["params"]:
            rates.setdefault(depth_of[id(each)], set()).add(group["lr"])
            assert group["weight_decay"] == (0.1 if each.ndim > 1 else 0.0)
    assert rates == {depth: {1e-3 * 0.5**depth} for depth in range(N_LAYERS + 1)}


def test_every_parameter_that_learns_is_in_one_group(spoken_train):
    encoder = WordEncoder(described(spoken_train), seed=0)
    encoder.requires_grad_(True)
    groups = [
        id(each) for group in encoder.parameter_groups(SETTINGS, weight_decay=0.0) for each in group["params"]
    ]
    assert sorted(groups) == sorted(
        id(each) for name, each in encoder.named_parameters() if name in encoder.depth
    )


def test_recomputed_layers_have_the_same_gradients(spoken_train):
    found = []
    for recompute in (False, True):
        encoder = WordEncoder(described(spoken_train), seed=0)
        for name, each in encoder.named_parameters():
            each.requires_grad_(name in encoder.depth)
        if recompute:
            encoder.checkpoint_gradients()
        torch.manual_seed(2)
        encoder.train().read(spoken_train.tokens).square().mean().backward()
        found.append([each.grad for name, each in encoder.named_parameters() if name in encoder.depth])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_more_layers_than_there_are_is_a_sentence(spoken_train):
    with pytest.raises(PipelineError, match=r"finetuning\.layers is 9, but .* rest on 3 layers"):
        WordEncoder(described(spoken_train, layers=9), seed=0)


def test_another_encoder_in_its_place_is_refused(spoken_train, tmp_path):
    other = save_bert(tmp_path / "bert", seed=1)
    moved = described(spoken_train)
    moved["encoder"] = moved["encoder"] | {"found_as": str(other)}
    with pytest.raises(PipelineError, match="is another encoder"):
        WordEncoder(moved, seed=0)

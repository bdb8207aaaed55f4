"""The gradient in chunks is the gradient of all chunks together."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.grcf.fit.gradient_caching import Computed, backward
from pipeline.grcf.loss.baselines import rank_n_contrast_loss
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings, groupwise_ranking_loss
from pipeline.grcf.network.batches import SplitTensors, drop_modalities
from pipeline.grcf.network.checkpoints import build_network
from pipeline.grcf.network.network import NetworkSettings
from pipeline.grcf.network.word_encoder import WordEncoder
from tests.grcf.network.test_word_encoder import described

MARGIN = MarginSettings(
    groups="integer", base=0.2, slope=0.5, distance="label", shape="softplus", smoothing=1.0
)
ADVANTAGE = AdvantageSettings(scope="group_pair", scale="std", strength=0.5, cap=2.0)


def ranking(score, label, *_):
    return groupwise_ranking_loss(score, label, margin=MARGIN, advantage=ADVANTAGE)


def contrast(_, label, representation, *_owned):
    return rank_n_contrast_loss(representation, label)


def network_for(split, *, fusion="attention_pooling", dropout=0.3):
    settings = NetworkSettings(fusion=fusion, width=8, dropout=dropout)
    return build_network(columns=split.columns, settings=settings, seed=1)


@pytest.fixture(params=["frozen", "finetuned", "with_penalty"])
def case(request, train, spoken_train):
    """A network with dropout and the split that it reads."""
    split = spoken_train if request.param == "finetuned" else train
    network = network_for(
        split, fusion="language_focused" if request.param == "with_penalty" else "attention_pooling"
    )
    if split.tokens is not None:
        network.word_encoder = WordEncoder(described(split), seed=1)
        network.requires_grad_(True)
    return network.train(), SplitTensors(split, device="cpu")


def chunks_of(tensors, size):
    draws = np.random.default_rng(3)
    parts = next(tensors.shuffled_chunks(len(tensors), np.random.default_rng(0), chunk_size=size))
    return [drop_modalities(part, p=0.3, rng=draws) for part in parts]


def forward_of(network):
    def forward(batch):
        fused = network.fuse(batch)
        return Computed(network.head(fused.representation).squeeze(-1), fused.representation, fused.penalty)

    return forward


def gradients(network):
    return {name: each.grad for name, each in network.named_parameters() if each.grad is not None}


def plain(network, chunks, objective):
    """All chunks with their graphs in memory, then the loss."""
    computed = [forward_of(network)(chunk) for chunk in chunks]
    score, representation = (
        torch.cat([getattr(each, name) for each in computed]) for name in ("score", "representation")
    )
    loss = objective(score, torch.cat([chunk.label for chunk in chunks]), representation, None)
    if computed[0].penalty is not None:
        loss = loss + torch.cat([each.penalty for each in computed]).mean()
    loss.backward()
    return loss.detach()


@pytest.mark.parametrize("objective", [ranking, contrast])
@pytest.mark.parametrize("size", [7, 30])
def test_gradients_with_dropout_equal_those_of_the_plain_computation(case, objective, size):
    network, tensors = case
    other = copy.deepcopy(network)
    torch.manual_seed(5)
    expected_loss = plain(other, chunks_of(tensors, size), objective)
    torch.manual_seed(5)
    loss = backward(forward_of(network), chunks_of(tensors, size), objective)
    expected, found = gradients(other), gradients(network)
    assert loss == pytest.approx(float(expected_loss), rel=1e-6)
    assert set(expected) <= set(found)
    whole = torch.cat([each.flatten() for each in expected.values()]).norm()
    difference = torch.cat([(found[name] - expected[name]).flatten() for name in expected]).norm()
    assert difference <= 1e-6 * whole
    assert whole > 1e-3


def test_one_chunk_is_the_plain_computation_to_the_bit(case):
    network, tensors = case
    other = copy.deepcopy(network)
    torch.manual_seed(5)
    plain(other, chunks_of(tensors, None), ranking)
    torch.manual_seed(5)
    backward(forward_of(network), chunks_of(tensors, None), ranking)
    expected, found = gradients(other), gradients(network)
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_chunks_leave_the_random_numbers_where_the_plain_computation_does(case):
    network, tensors = case
    torch.manual_seed(5)
    plain(network, chunks_of(tensors, 9), ranking)
    expected = torch.rand(3)
    torch.manual_seed(5)
    backward(forward_of(network), chunks_of(tensors, 9), ranking)
    assert torch.equal(torch.rand(3), expected)


def test_chunks_hold_what_the_whole_batch_holds(case):
    _, tensors = case
    (whole,), parts = chunks_of(tensors, None), chunks_of(tensors, 11)
    assert torch.equal(torch.cat([part.label for part in parts]), whole.label)
    for modality in ("text", "audio", "visual"):
        ours = [row for part in parts for row in part.valid[modality].sum(dim=1).tolist()]
        assert ours == whole.valid[modality].sum(dim=1).tolist()


def test_a_pair_of_segments_in_two_chunks_is_compared(train):
    """Chunks of one segment hold no pair, and yet there is a loss."""
    network = network_for(train, dropout=0.0).train()
    tensors = SplitTensors(replace(train), device="cpu")
    loss = backward(forward_of(network), chunks_of(tensors, 1), ranking)
    assert loss > 0

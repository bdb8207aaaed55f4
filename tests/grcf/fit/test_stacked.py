"""Networks trained side by side go the ways that they go alone, to rounding."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.errors import PipelineError
from pipeline.evaluation.selection import mean_absolute_error
from pipeline.grcf.calibration.pointwise_objective import absolute_error
from pipeline.grcf.fit.loop import mean_over_segments, train_network
from pipeline.grcf.fit.selection import Selection
from pipeline.grcf.fit.stacked import train_networks
from pipeline.grcf.network.batches import SplitTensors, drop_modalities
from pipeline.grcf.network.checkpoints import SCORING_BATCH, build_network
from pipeline.grcf.network.curve import IDENTITY
from pipeline.grcf.network.network import FUSIONS, NetworkSettings
from tests.grcf.models import SETTINGS, objective_of

SEEDS = (3, 1, 7)
SETTINGS = replace(SETTINGS, epochs=4, modality_dropout=0.3)
OBJECTIVES = {
    "magnitude": {
        "objective": lambda score, label, *_: absolute_error(score, label).mean(),
        "selection": Selection(by="magnitude", calibration=IDENTITY, error=mean_absolute_error),
    },
    "order": {
        "objective": objective_of("groupwise").loss,
        "selection": Selection(by="order"),
    },
    "objective": {
        "objective": objective_of("rank_n_contrast").loss,
        "selection": Selection(by="objective"),
    },
}


def starts(train, fusion="attention_pooling", dropout=0.2, input_dropout=0.1):
    settings = NetworkSettings(fusion=fusion, width=8, dropout=dropout, input_dropout=input_dropout)
    return [build_network(columns=train.columns, settings=settings, seed=seed) for seed in SEEDS]


def together(train, valid, networks, *, seeds=SEEDS, kind="magnitude", settings=SETTINGS, stack_size=4):
    tensors = [SplitTensors(part, device="cpu") for part in (train, valid)]
    return train_networks(
        networks, *tensors, seeds=seeds, settings=settings, stack_size=stack_size, **OBJECTIVES[kind]
    )


def alone(train, valid, network, seed, *, kind="magnitude", settings=SETTINGS):
    tensors = [SplitTensors(part, device="cpu") for part in (train, valid)]
    return train_network(network, *tensors, seed=seed, settings=settings, **OBJECTIVES[kind])


def assert_same(one, other):
    for ours, theirs in zip(one.history, other.history, strict=True):
        known = {name: value for name, value in theirs.items() if value is not None}
        assert {name: ours[name] for name in known} == pytest.approx(known, rel=1e-3, abs=1e-4)
    assert one.selected_epoch == other.selected_epoch
    weights = other.network.state_dict()
    for name, value in one.network.state_dict().items():
        # A softmax is blind to the one, a ranking to the other: gradients are mere rounding, which AdamW blows up to steps.
        if not name.endswith(("attend.bias", "head.bias")):
            torch.testing.assert_close(value, weights[name], atol=1e-4, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_seed_goes_the_way_that_it_goes_alone(train, valid, fusion):
    networks = starts(train, fusion)
    for network, seed, found in zip(networks, SEEDS, together(train, valid, networks), strict=True):
        assert_same(found, alone(train, valid, network, seed))


@pytest.mark.parametrize("choice", ["last", "average"])
def test_so_it_does_under_other_choices_of_the_epoch(train, valid, choice):
    networks, settings = starts(train, "pooled"), replace(SETTINGS, epoch=choice)
    found = together(train, valid, networks, settings=settings)
    assert_same(found[1], alone(train, valid, networks[1], SEEDS[1], settings=settings))
    assert found[1].selected_epoch == settings.epochs


@pytest.mark.parametrize("kind", ["order", "objective"])
def test_so_it_does_under_other_objectives(train, valid, kind):
    networks = starts(train)
    found = together(train, valid, networks, kind=kind)
    assert_same(found[1], alone(train, valid, networks[1], SEEDS[1], kind=kind))


def test_the_loss_of_a_split_is_the_mean_over_its_segments():
    values = torch.arange(2 * SCORING_BATCH + 3.0).square()[:, None] * torch.tensor([1.0, -2.0])
    losses = torch.stack([batch.mean(dim=0) for batch in values.split(SCORING_BATCH)])
    found = mean_over_segments(losses, n_segments=len(values))
    torch.testing.assert_close(found, values.mean(dim=0))
    assert mean_over_segments(losses[:1, 0], n_segments=40).item() == losses[0, 0].item()


@pytest.mark.parametrize("weight_decay", [1e5, 1e12])
def test_so_it_does_where_weights_decay_by_more_than_themselves(train, valid, weight_decay):
    with pytest.raises(PipelineError, match=r"lower training\.weight_decay"):
        together(train, valid, starts(train), settings=replace(SETTINGS, weight_decay=weight_decay))


# To rounding and no closer: kernels of some processors sum in another order for another place in the stack.
def test_a_seed_goes_the_same_way_whoever_is_trained_beside_it(train, valid):
    networks = starts(train)
    everybody = together(train, valid, networks)
    (resumed,) = together(train, valid, networks[2:], seeds=SEEDS[2:])
    assert_same(everybody[2], resumed)


def test_the_same_seeds_give_the_same_bits(train, valid):
    networks = starts(train)
    for one, other in zip(*(together(train, valid, networks) for _ in range(2)), strict=True):
        assert one.history == other.history
        assert all(map(torch.equal, one.network.state_dict().values(), other.network.state_dict().values()))


def test_more_seeds_than_a_stack_holds_are_trained_in_turn(train, valid):
    networks = starts(train)
    few, many = (together(train, valid, networks, stack_size=n) for n in (2, 4))
    for one, other in zip(few, many, strict=True):
        assert_same(one, other)


def test_starts_are_left_as_they_were(train, valid):
    networks = starts(train)
    before = [{name: value.clone() for name, value in n.state_dict().items()} for n in networks]
    together(train, valid, networks, settings=replace(SETTINGS, epochs=1))
    for network, weights in zip(networks, before, strict=True):
        assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())


def test_a_diverging_seed_is_a_sentence(train, valid):
    settings = replace(SETTINGS, learning_rate=1e30)
    with pytest.raises(PipelineError, match="lower the learning rate"):
        together(train, valid, starts(train), settings=settings)


def test_what_is_visible_is_what_modality_dropout_leaves(train):
    split, segments = SplitTensors(train, device="cpu"), np.arange(20, 45)
    batch = drop_modalities(split.batch(torch.from_numpy(segments)), p=0.5, rng=np.random.default_rng(4))
    visible = split.draw_visible(segments, p=0.5, rng=np.random.default_rng(4))
    beside = split.stacked(segments[None], visible[None])
    for position, (modality, valid) in enumerate(batch.valid.items()):
        width = valid.shape[1]
        assert torch.equal(beside.valid[modality][0, :, :width], valid)
        assert not beside.valid[modality][0, :, width:].any()
        assert split.n_words(segments, visible)[position] == valid.sum()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_trains_them_too(train, valid):
    tensors = [SplitTensors(part, device="cuda") for part in (train, valid)]
    networks = [network.cuda() for network in starts(train, dropout=0.0)]
    found = train_networks(networks, *tensors, seeds=SEEDS, settings=SETTINGS, **OBJECTIVES["magnitude"])
    again = train_networks(networks, *tensors, seeds=SEEDS, settings=SETTINGS, **OBJECTIVES["magnitude"])
    for one, other in zip(found, again, strict=True):
        assert one.history == other.history

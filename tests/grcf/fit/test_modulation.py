"""The modality that is ahead is slowed, the others are not; without balance nothing is."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.grcf.fit.modulation import GradientModulation, modulation_coefficients
from pipeline.grcf.network.batches import SplitTensors
from pipeline.grcf.network.checkpoints import build_network
from tests.grcf.models import NETWORK, SETTINGS, pointwise, rank
from tests.grcf.synthetic import make_split

BALANCED = replace(SETTINGS, balance="gradient_modulation", balance_strength=0.5)


def alone(**values):
    return {name: torch.tensor(value) for name, value in values.items()}


def test_only_who_is_ahead_is_slowed_and_the_more_the_further():
    near = modulation_coefficients(alone(text=0.5, audio=0.4, visual=0.3), strength=0.5)
    far = modulation_coefficients(alone(text=0.9, audio=0.4, visual=0.3), strength=0.5)
    assert far["audio"] == far["visual"] == 1
    assert 0 < far["text"] < near["text"] < 1


def test_the_factor_is_that_of_the_paper():
    found = modulation_coefficients(alone(text=0.8, audio=0.4), strength=0.3)
    assert found["text"].item() == pytest.approx(1 - np.tanh(0.3 * 2))
    assert found["audio"].item() == 1


def test_equals_are_left_alone():
    assert all(k == 1 for k in modulation_coefficients(alone(text=0.5, audio=0.5), strength=1.0).values())


def step_of(train, coefficients):
    network = build_network(columns=train.columns, settings=NETWORK, seed=1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.1, weight_decay=0.1)
    network(SplitTensors(train, device="cpu").batch(torch.arange(9))).square().sum().backward()
    GradientModulation(network, ("text", "audio", "visual"), strength=0.5).step(optimiser, coefficients)
    return {name: value - before[name] for name, value in network.state_dict().items()}


def test_a_step_is_multiplied_by_the_coefficient_of_its_modality_alone(train):
    torch.manual_seed(0)
    whole = step_of(train, {})
    torch.manual_seed(0)
    slowed = step_of(train, {"text": torch.tensor(0.25)})
    for name, step in whole.items():
        factor = 0.25 if ".text." in name else 1.0
        torch.testing.assert_close(slowed[name], factor * step, atol=1e-6, rtol=1e-4)


def test_coefficients_leave_gradients_randomness_and_mode_as_they_were(train):
    network = build_network(columns=train.columns, settings=NETWORK, seed=1).train()
    batch = SplitTensors(train, device="cpu").batch(torch.arange(9))
    state = torch.get_rng_state()
    coefficients = GradientModulation(network, ("text", "audio"), strength=0.5).coefficients(
        [batch], lambda parts: network(parts[0]).sub(parts[0].label).abs().mean()
    )
    assert set(coefficients) == {"text", "audio"}
    assert network.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize("stage", [rank, pointwise])
def test_balance_changes_what_is_learnt_and_repeats_itself(train, valid, stage):
    plain, first, second = (stage(train, valid, settings=s) for s in (SETTINGS, BALANCED, BALANCED))
    assert first.to_bytes() == second.to_bytes()
    name = "network.fusion.pool.text.encode.0.weight"
    assert not np.array_equal(first.tensors[name], plain.tensors[name])


def test_a_corpus_with_one_modality_has_nothing_to_balance():
    only = {"text": 0, "audio": 4, "visual": 0}
    train, valid = (
        make_split("train", 40, seed=1, n_columns=only),
        make_split("valid", 20, seed=2, n_columns=only),
    )
    plain, balanced = (rank(train, valid, settings=s) for s in (SETTINGS, BALANCED))
    assert plain.to_bytes() == balanced.to_bytes()

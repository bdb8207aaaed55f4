"""Masked means absent: for words, for modalities, for padding."""

import dataclasses

import numpy as np
import pytest
import torch

from pipeline.artifacts.sequences import MODALITIES
from pipeline.grcf.batches import SplitTensors, hide_modalities, hide_words, keep_modalities
from pipeline.grcf.training import build_network, score_split
from tests.grcf.synthetic import N_COLUMNS, make_split


def network_for(split, seed=0):
    return build_network(columns=split.columns, width=8, dropout=0.0, seed=seed).eval()


def scores(network, split):
    return score_split(network, SplitTensors(split, device="cpu"))


def test_what_stands_in_an_invalid_row_changes_nothing(train):
    network = network_for(train)
    spoilt = {m: train.features[m].copy() for m in N_COLUMNS}
    for modality in N_COLUMNS:
        spoilt[modality][~train.valid[modality]] = 1e3
    changed = dataclasses.replace(train, features=spoilt)
    np.testing.assert_array_equal(scores(network, train), scores(network, changed))


def test_a_valid_row_does_change_the_score(train):
    network = network_for(train)
    moved = {m: train.features[m].copy() for m in N_COLUMNS}
    moved["text"][train.valid["text"]] += 1
    after = scores(network, dataclasses.replace(train, features=moved))
    assert np.isfinite(after).all()
    assert not np.allclose(scores(network, train), after)


def test_a_masked_word_is_a_removed_word(train):
    network = network_for(train)
    segment = int(np.argmax(np.diff(train.offsets)))
    rows = slice(train.offsets[segment], train.offsets[segment + 1])
    masked = {m: train.valid[m].copy() for m in N_COLUMNS}
    first = train.offsets[segment]
    for modality in N_COLUMNS:
        masked[modality][first] = False
    without = dataclasses.replace(train, valid=masked)
    shorter = dataclasses.replace(
        train,
        ids=("alone",),
        labels=train.labels[[segment]],
        offsets=np.array([0, rows.stop - rows.start - 1]),
        features={m: train.features[m][first + 1 : rows.stop] for m in N_COLUMNS},
        valid={m: train.valid[m][first + 1 : rows.stop] for m in N_COLUMNS},
    )
    assert scores(network, without)[segment] == pytest.approx(scores(network, shorter)[0], abs=1e-6)


def test_padding_changes_nothing(train):
    network = network_for(train)
    tensors = SplitTensors(train, device="cpu")
    together = scores(network, train)
    with torch.inference_mode():
        alone = [network(tensors.batch(torch.tensor([k]))).item() for k in range(len(train))]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_segment_without_any_modality_has_a_finite_score(train):
    network = network_for(train)
    empty = {m: np.zeros_like(train.valid[m]) for m in N_COLUMNS}
    values = scores(network, dataclasses.replace(train, valid=empty))
    assert np.isfinite(values).all()
    assert np.ptp(values) == 0


def test_an_absent_modality_is_allowed():
    split = make_split("train", 12, seed=5, n_columns={"text": 5, "audio": 4, "visual": 0})
    network = network_for(split)
    assert "visual" not in network.pool
    assert np.isfinite(scores(network, split)).all()


def test_gradients_are_finite_where_a_modality_is_missing(train):
    network = network_for(train)
    batch = SplitTensors(train, device="cpu").batch(torch.arange(5))
    network(keep_modalities(batch, frozenset({"text"}))).sum().backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in network.parameters())


def test_modality_dropout_never_hides_all_that_a_segment_has(train):
    batch = SplitTensors(train, device="cpu").batch(torch.arange(len(train)))
    hidden = hide_modalities(batch, share=0.9, order=np.random.default_rng(0))

    def n_present(b):
        return torch.stack([mask.any(dim=1) for mask in b.valid.values()]).sum(dim=0)

    assert ((n_present(hidden) > 0) == (n_present(batch) > 0)).all()
    assert (n_present(hidden) < n_present(batch)).any()


def test_word_dropout_hides_about_its_share_and_never_all_that_a_segment_has(train):
    batch = SplitTensors(train, device="cpu").batch(torch.arange(len(train)))
    hidden = hide_words(batch, share=0.5, order=np.random.default_rng(0))
    before, after = (torch.stack([b.valid[m] for m in MODALITIES]) for b in (batch, hidden))
    assert not (after & ~before).any()
    assert 0.4 < after.sum() / before.sum() < 0.65
    assert (after.any(dim=2).any(dim=0) == before.any(dim=2).any(dim=0)).all()


def test_without_word_dropout_nothing_is_drawn(train):
    batch = SplitTensors(train, device="cpu").batch(torch.arange(5))
    order = np.random.default_rng(0)
    assert hide_words(batch, share=0.0, order=order) is batch
    assert order.random() == np.random.default_rng(0).random()


def test_the_same_seed_draws_the_same_weights_whatever_was_drawn_before(train):
    first = network_for(train, seed=4).state_dict()
    torch.rand(17)
    second = network_for(train, seed=4).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_shuffled_batches_hold_every_segment_once_and_never_a_single_one(train):
    tensors = SplitTensors(train, device="cpu")
    batches = list(tensors.shuffled(23, np.random.default_rng(1)))
    labels = torch.cat([batch.label for batch in batches])
    assert sorted(labels.tolist()) == sorted(tensors.label.tolist())
    assert len(batches) == tensors.n_batches(23) == 4
    assert min(len(batch.label) for batch in batches) >= 17

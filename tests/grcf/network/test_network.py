"""Masked means absent: for words, for modalities, for padding."""

import dataclasses

import numpy as np
import pytest
import torch

from pipeline.artifacts.corpus.sequences import MODALITIES
from pipeline.grcf.network.batches import SplitTensors, drop_modalities, drop_words, hide_modalities
from pipeline.grcf.network.checkpoints import build_network, score_split
from pipeline.grcf.network.network import FUSIONS, NetworkSettings
from tests.grcf.synthetic import N_COLUMNS, make_split

# A fusion of one's own has to keep what all of them keep.
EXAMPLES = ("examples.tensor_fusion:TensorFusion", "examples.low_rank_fusion:LowRankFusion")


@pytest.fixture(params=[*FUSIONS, *EXAMPLES])
def network_for(request):
    def build(split, seed=0):
        settings = NetworkSettings(fusion=request.param, width=8, dropout=0.0)
        return build_network(columns=split.columns, settings=settings, seed=seed).eval()

    return build


def scores(network, split):
    return score_split(network, SplitTensors(split, device="cpu"))


def test_what_stands_in_an_invalid_row_changes_nothing(network_for, train):
    network = network_for(train)
    spoilt = {m: train.features[m].copy() for m in N_COLUMNS}
    for modality in N_COLUMNS:
        spoilt[modality][~train.valid[modality]] = 1e3
    changed = dataclasses.replace(train, features=spoilt)
    np.testing.assert_array_equal(scores(network, train), scores(network, changed))


def test_a_valid_row_does_change_the_score(network_for, train):
    network = network_for(train)
    moved = {m: train.features[m].copy() for m in N_COLUMNS}
    moved["text"][train.valid["text"]] += 1
    after = scores(network, dataclasses.replace(train, features=moved))
    assert np.isfinite(after).all()
    assert not np.allclose(scores(network, train), after)


@pytest.mark.parametrize("n_segments", [31, 35, 300])
def test_segments_of_which_nothing_is_seen_have_one_score_to_the_bit(network_for, n_segments):
    split = make_split("valid", n_segments, 3)
    network = network_for(split)
    nothing = score_split(network, SplitTensors(split, device="cpu"), hidden=frozenset(MODALITIES))
    assert len(np.unique(nothing)) == 1
    blank = np.arange(n_segments) % 7 == 2
    words = np.repeat(blank, np.diff(split.offsets))
    partly = dataclasses.replace(split, valid={m: split.valid[m] & ~words for m in N_COLUMNS})
    found = scores(network, partly)
    assert set(found[blank]) == set(nothing)
    assert len(np.unique(found)) > n_segments / 2


def test_a_masked_word_is_a_removed_word(network_for, train):
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


def test_padding_changes_nothing(network_for, train):
    network = network_for(train)
    tensors = SplitTensors(train, device="cpu")
    together = scores(network, train)
    with torch.inference_mode():
        alone = [network(tensors.batch(torch.tensor([k]))).item() for k in range(len(train))]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_segment_without_any_modality_has_a_finite_score(network_for, train):
    network = network_for(train)
    empty = {m: np.zeros_like(train.valid[m]) for m in N_COLUMNS}
    values = scores(network, dataclasses.replace(train, valid=empty))
    assert np.isfinite(values).all()
    assert np.ptp(values) < 1e-6


def test_the_order_of_the_segments_changes_nothing(network_for, train):
    network, tensors = network_for(train), SplitTensors(train, device="cpu")
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        straight, turned = network(tensors.batch(torch.arange(len(train)))), network(tensors.batch(order))
    torch.testing.assert_close(straight[order], turned, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("absent", ["text", "audio", "visual"])
def test_an_absent_modality_is_allowed(network_for, absent):
    split = make_split("train", 12, seed=5, n_columns=N_COLUMNS | {absent: 0})
    network = network_for(split)
    assert not list(network.fusion.own_parameters(absent))
    assert np.isfinite(scores(network, split)).all()


def test_one_modality_alone_is_allowed(network_for):
    split = make_split("train", 12, seed=5, n_columns={"text": 0, "audio": 4, "visual": 0})
    assert np.ptp(scores(network_for(split), split)) > 0


def test_gradients_are_finite_where_a_modality_or_everything_is_missing(network_for, train):
    network = network_for(train).train()
    batch = SplitTensors(train, device="cpu").batch(torch.arange(5))
    for hidden in ({"audio", "visual"}, {"text", "audio"}, {"text", "audio", "visual"}):
        network.zero_grad()
        fused = network.fusion(hide_modalities(batch, hidden))
        (
            network.head(fused.representation).sum() + (0 if fused.penalty is None else fused.penalty.sum())
        ).backward()
        assert all(p.grad is None or torch.isfinite(p.grad).all() for p in network.parameters())


def test_every_weight_is_learnt(network_for, train):
    network = network_for(train).train()
    fused = network.fusion(SplitTensors(train, device="cpu").batch(torch.arange(len(train))))
    score = network.head(fused.representation).squeeze(-1)
    (score.square().mean() + (0 if fused.penalty is None else fused.penalty.mean())).backward()
    # A softmax is blind to what all logits have in common.
    learnt = {name: p.grad for name, p in network.named_parameters() if not name.endswith("attend.bias")}
    assert all(gradient.abs().max() > 0 for gradient in learnt.values())


def test_what_a_modality_owns_is_its_alone(network_for, train):
    network = network_for(train)
    own = [{id(p) for p in network.fusion.own_parameters(m)} for m in N_COLUMNS]
    assert all(own)
    assert len(set().union(*own)) == sum(map(len, own)) < len(list(network.parameters()))


def test_a_penalty_is_of_each_segment_by_itself(network_for, train):
    network, tensors = network_for(train).train(), SplitTensors(train, device="cpu")
    whole = network.fusion(tensors.batch(torch.arange(20))).penalty
    if whole is None:
        assert network.settings.fusion != "language_focused"
        return
    parts = [network.fusion(tensors.batch(part)).penalty for part in torch.arange(20).split(7)]
    torch.testing.assert_close(whole, torch.cat(parts))
    assert (whole >= 0).all()
    assert network.eval().fusion(tensors.batch(torch.arange(20))).penalty is None


def test_modality_dropout_never_hides_all_that_a_segment_has(train):
    batch = SplitTensors(train, device="cpu").batch(torch.arange(len(train)))
    hidden = drop_modalities(batch, p=0.9, rng=np.random.default_rng(0))

    def n_present(b):
        return torch.stack([mask.any(dim=1) for mask in b.valid.values()]).sum(dim=0)

    assert ((n_present(hidden) > 0) == (n_present(batch) > 0)).all()
    assert (n_present(hidden) < n_present(batch)).any()


def test_word_dropout_hides_about_its_share_and_never_all_that_a_segment_has(train):
    batch = SplitTensors(train, device="cpu").batch(torch.arange(len(train)))
    hidden = drop_words(batch, p=0.5, rng=np.random.default_rng(0))
    before, after = (torch.stack([b.valid[m] for m in MODALITIES]) for b in (batch, hidden))
    assert not (after & ~before).any()
    assert 0.4 < after.sum() / before.sum() < 0.65
    assert (after.any(dim=2).any(dim=0) == before.any(dim=2).any(dim=0)).all()


def test_without_word_dropout_nothing_is_drawn(train):
    batch = SplitTensors(train, device="cpu").batch(torch.arange(5))
    rng = np.random.default_rng(0)
    assert drop_words(batch, p=0.0, rng=rng) is batch
    assert rng.random() == np.random.default_rng(0).random()


def test_the_same_seed_draws_the_same_weights_whatever_was_drawn_before(network_for, train):
    first = network_for(train, seed=4).state_dict()
    torch.rand(17)
    second = network_for(train, seed=4).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_shuffled_batches_hold_every_segment_once_and_never_a_single_one(train):
    tensors = SplitTensors(train, device="cpu")
    batches = [
        batch
        for parts in tensors.shuffled_chunks(23, np.random.default_rng(1), chunk_size=None)
        for batch in parts
    ]
    labels = torch.cat([batch.label for batch in batches])
    assert sorted(labels.tolist()) == sorted(tensors.label.tolist())
    assert len(batches) == tensors.n_batches(23) == 4
    assert min(len(batch.label) for batch in batches) >= 17

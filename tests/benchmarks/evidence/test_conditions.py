"""What the conditions of the map do to train, and what of it each comparator takes away."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.evidence import methods
from benchmarks.evidence.conditions import CONDITIONS, Condition, rescaled, spoilt, standardised
from benchmarks.evidence.methods import (
    METHODS,
    Start,
    ranking,
    train_method,
    within_evenly,
)
from benchmarks.evidence.setups import PLAIN, STRONG, Learning
from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.grcf.network.owned_labels import OwnedLabels
from pipeline.grcf.scoring import predict

N_VIDEOS, N_RATERS = 12, 8


def make_train(n: int = 240, seed: int = 3, split: str = "train") -> AlignedSplit:
    rng = np.random.default_rng(seed)
    text = rng.normal(size=(n, 5)).astype(np.float32)
    return AlignedSplit(
        split=split,
        ids=tuple(f"{split}_{i}" for i in range(n)),
        labels=np.clip(text[:, 0] + 0.3 * rng.normal(size=n), -3, 3).astype(np.float64),
        offsets=np.arange(n + 1),
        features={"text": text, **{m: np.zeros((n, 0), np.float32) for m in ("audio", "visual")}},
        valid={"text": np.ones(n, bool), **{m: np.zeros(n, bool) for m in ("audio", "visual")}},
        columns={"text": tuple("abcde"), "audio": (), "visual": ()},
        video=tuple(f"video {i % N_VIDEOS}" for i in range(n)),
        rater=tuple(f"rater {i % N_RATERS}" for i in range(n)),
    )


def order_within(train: AlignedSplit, rater: str) -> list[int]:
    own = [i for i, name in enumerate(train.rater) if name == rater]
    return [own[i] for i in np.argsort(train.labels[own], kind="stable")]


def test_clean_labels_stay_as_they_are():
    train = make_train()
    assert np.array_equal(spoilt(train, CONDITIONS["clean"], draw=1).labels, train.labels)


def test_raters_move_labels_and_keep_the_order_of_each_of_them():
    train = make_train()
    # Labels are cut at the ends of the scale, where their order is lost.
    mild = Condition("raters", offset_sd=0.2, scale_sd=0.2)
    found = spoilt(train, mild, draw=1)
    assert np.abs(found.labels - train.labels).mean() > 0.05
    inside = np.flatnonzero(~np.isin(found.labels, (train.labels.min(), train.labels.max())))
    assert len(inside) > 0.9 * len(train)
    for rater in set(train.rater):
        before, after = ([i for i in order_within(split, rater) if i in inside] for split in (train, found))
        assert before == after
    assert not np.array_equal(spoilt(train, mild, draw=2).labels, found.labels)
    assert np.array_equal(spoilt(train, mild, draw=1).labels, found.labels)


def test_as_many_labels_as_asked_for_are_replaced_by_others_of_train():
    train = make_train()
    found = spoilt(train, CONDITIONS["replaced_40"], draw=1)
    changed = found.labels != train.labels
    assert 0.3 * len(train) < changed.sum() <= 0.4 * len(train)
    assert set(found.labels) <= set(train.labels)


def test_a_share_keeps_whole_videos():
    train = make_train()
    found = spoilt(train, CONDITIONS["share_25"], draw=1)
    assert len(set(found.video)) == 3
    assert len(found) == sum(name in set(found.video) for name in train.video)


def test_standardised_raters_share_mean_and_spread():
    train = spoilt(make_train(), CONDITIONS["raters_strong"], draw=1)
    found = standardised(train)
    for rater in set(train.rater):
        own = order_within(train, rater)
        assert found.labels[own].mean() == pytest.approx(train.labels.mean())
        assert found.labels[own].std() == pytest.approx(train.labels.std())


def test_raters_are_put_together_until_each_has_enough_labels():
    train = replace(make_train(), rater=tuple(f"video {i % 60}" for i in range(240)))
    found = spoilt(train, CONDITIONS["raters_strong_20_labels"], draw=1)
    counts = Counter(found.rater)
    assert 20 <= min(counts.values()) <= max(counts.values()) < 40
    assert len(set(zip(train.rater, found.rater, strict=True))) == len(set(train.rater))
    assert set(spoilt(train, CONDITIONS["raters_strong_100_labels"], draw=1).rater) == {"rater 0", "rater 1"}
    assert spoilt(train, CONDITIONS["raters_strong"], draw=1).rater == train.rater


def test_raters_across_videos_keep_their_numbers_of_labels():
    train = replace(make_train(), rater=tuple(f"video {(i % 60) ** 2 // 300}" for i in range(240)))
    train = replace(train, video=train.rater)
    found = spoilt(train, CONDITIONS["raters_strong_crossed"], draw=1)
    assert Counter(found.rater) == Counter(train.rater)
    largest = Counter(found.rater).most_common(1)[0][0]
    assert len({video for video, rater in zip(found.video, found.rater, strict=True) if rater == largest}) > 3
    assert found.rater == spoilt(train, CONDITIONS["raters_strong_crossed"], draw=1).rater
    assert found.rater != spoilt(train, CONDITIONS["raters_strong_crossed"], draw=2).rater


def test_the_control_of_the_raters_trusts_valid_and_leaves_train_alone():
    train, control = make_train(), CONDITIONS["raters_none"]
    found = spoilt(train, control, draw=1)
    assert np.array_equal(found.labels, train.labels)
    assert found.rater == train.rater
    assert control.trusts_valid
    assert not control.is_drawn


def test_a_rater_weighs_by_labels_where_pairs_weigh_evenly():
    """Two raters of 2 and 4 labels: a pair of the first weighs 1/2, one of the second 1/4."""
    label = torch.tensor([0.0, 1.0, 0.0, 1.0, 2.0, -1.0])
    score = torch.tensor([0.3, 0.2, -0.1, 0.4, 0.0, 0.9], requires_grad=True)
    owned = OwnedLabels(label[:, None], torch.tensor([0, 0, 1, 1, 1, 1])[:, None])
    loss = within_evenly().loss
    assert loss is not None
    found = loss(score, label, torch.zeros(6, 1), owned)
    total = torch.zeros(())
    weights = 0.0
    for own in ((0, 1), (2, 3, 4, 5)):
        for above in own:
            for below in own:
                if label[above] > label[below]:
                    shortfall = (label[above] - label[below]) - (score[above] - score[below])
                    total = total + 0.5 * torch.nn.functional.softplus(shortfall / 0.5) / len(own)
                    weights += 1 / len(own)
    assert found.item() == pytest.approx((total / weights).item(), rel=1e-5)
    found.backward()
    assert score.grad is not None
    assert score.grad.abs().sum() > 0


def test_spreads_of_raters_are_made_alike_the_more_the_better_they_are_known():
    """Ten raters of 40 labels and ten of 4, all from one distribution, half of them with labels three times as wide."""
    rng = np.random.default_rng(0)
    counts = [40] * 10 + [4] * 10
    rater = np.repeat(np.arange(20), counts)
    train = make_train(len(rater))
    scale = np.where(rater % 2, 1.5, 0.5)
    labels = scale * rng.normal(size=len(rater)) + rater / 10
    train = replace(train, labels=labels, rater=tuple(f"rater {number:02d}" for number in rater))
    found = rescaled(train).labels
    factors = []
    for number in range(20):
        own = rater == number
        assert found[own].mean() == pytest.approx(labels[own].mean())
        factors.append(found[own].std() / labels[own].std())
    spread = [
        np.log([found[rater == number].std() for number in range(10)]).std() for found in (labels, found)
    ]
    assert spread[1] < 0.2 * spread[0]
    moved = np.abs(np.log(factors))
    wide, narrow = (np.log(labels[rater == number].std()) for number in (1, 0))
    assert wide > narrow
    assert factors[1] < 1 < factors[0]
    assert moved[10:].mean() < moved[:10].mean()


def test_spreads_that_differ_by_chance_alone_stay_as_they_are():
    train = replace(make_train(), rater=tuple(f"rater {i // 3}" for i in range(240)))
    train = replace(train, labels=np.random.default_rng(1).normal(size=240))
    assert np.abs(rescaled(train).labels - train.labels).mean() < 0.05
    alone = replace(train, rater=tuple(f"rater {i}" for i in range(240)))
    assert np.array_equal(rescaled(alone).labels, train.labels)


@pytest.mark.parametrize("n_epochs", [1, 3, 6])
def test_two_rankings_in_turn_take_the_epochs_of_one(n_epochs):
    train, valid = make_train(), make_train(80, seed=4, split="valid")
    (first, _), start = METHODS["rank_n_contrast_grcf"], Start(1, n_epochs, 2e-3, PLAIN.network)
    both, alone = first(train, valid, start), ranking("rank_n_contrast")(train, valid, start)
    last = [max(row["epoch"] for row in found.history) for found in (both, alone)]
    assert last[1] == n_epochs
    assert last[0] == n_epochs - max(1, n_epochs // 2) or n_epochs == 1
    assert both.leaves_order or n_epochs == 1


def test_a_rater_has_one_scale_whatever_the_video():
    """Raters and videos differ here, so an offset by video would show as more than one offset for a rater."""
    train = make_train()
    found = spoilt(train, Condition("raters", offset_sd=0.3), draw=1)
    moved = (found.labels - train.labels).round(9)
    unclipped = ~np.isin(found.labels, (train.labels.min(), train.labels.max()))
    for rater in set(train.rater):
        own = [i for i in order_within(train, rater) if unclipped[i]]
        assert len({train.video[i] for i in own}) > 1
        assert len(set(moved[own])) == 1


@pytest.mark.parametrize(
    ("n_segments", "steps"), [(1284, 400), (140, 400), (16274, 1000), (16274, 400), (900, 10)]
)
def test_every_method_has_the_same_number_of_epochs(n_segments, steps, monkeypatch):
    """A ranking's two stages together take what a point-wise method takes, however the steps round to epochs."""
    taken: list[int] = []

    def first(*arguments):
        taken.append(arguments[-1].epochs)

    monkeypatch.setattr(methods, "METHODS", {"one": (first, False), "two": (first, True)})
    monkeypatch.setattr(methods, "_second", lambda *_, epochs, **_others: taken.append(epochs))
    for method in ("one", "two"):
        train_method(method, [0] * n_segments, [], seed=1, steps=steps, trusts_valid=False, setup=STRONG)
    pointwise, *ranking = taken
    assert pointwise == sum(ranking)
    assert min(ranking) >= 1


def test_epochs_and_batches_are_those_that_were_chosen(monkeypatch):
    taken = []
    monkeypatch.setattr(methods, "METHODS", {"one": (lambda *arguments: taken.append(arguments[-1]), False)})
    chosen = replace(STRONG, pointwise=Learning(0.005, 256, 4))
    for setup in (STRONG, chosen):
        train_method("one", [0] * 1284, [], seed=1, steps=400, trusts_valid=False, setup=setup)
    default, larger = taken
    assert (default.epochs, default.batch_size, default.rate) == (19, 64, 0.002)
    assert (larger.epochs, larger.batch_size, larger.rate) == (76, 256, 0.005)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns_from_raters_with_scales_of_their_own(method):
    train = spoilt(make_train(), CONDITIONS["raters_mild"], draw=1)
    valid, test = make_train(60, 4, "valid"), make_train(80, 5, "test")
    model = train_method(method, train, valid, seed=1, steps=60, trusts_valid=True, setup=PLAIN)
    error = np.abs(predict([model], test, device="cpu")[0] - test.labels).mean()
    assert error < 0.9 * np.abs(np.median(test.labels) - test.labels).mean()

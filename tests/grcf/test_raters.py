"""Raters with scales of their own: stage 1 within a rater, stage 2 on trusted labels, and what the baseline is offered."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from pipeline.artifacts.aligned.split import Ratings
from pipeline.errors import PipelineError
from pipeline.evaluation.selection import ordered_pair_accuracy
from pipeline.grcf.calibration.pointwise_objective import absolute_error
from pipeline.grcf.calibration.rater_scales import profiled, standardised
from pipeline.grcf.calibration.trusted import labels_to_calibrate_on
from pipeline.grcf.fit.loop import first_networks, train_network
from pipeline.grcf.fit.selection import Selection, ValidOrder
from pipeline.grcf.fit.stacked import train_networks
from pipeline.grcf.network.batches import SplitTensors
from pipeline.grcf.network.owned_labels import OwnedLabels
from pipeline.grcf.pairs.hardest_pairs import find_hardest_pairs
from pipeline.grcf.pairs.pair_statistics import pair_values
from pipeline.grcf.pointwise import train_pointwise
from pipeline.grcf.rank import ranking_objective
from pipeline.grcf.scoring import predict
from tests.grcf.models import ADVANTAGE, MACHINE, MARGIN, NETWORK, SETTINGS, objective_of, rank, stage_two
from tests.grcf.synthetic import make_split

N_RATERS, OFFSET = 12, 8.0
WITHIN = replace(MARGIN, within="rater")


def rated(n_segments=120, *, seed=0):
    """Labels whose rater adds an offset of up to plus or minus 8; the signal in the features is the true label."""
    truth = make_split("train", n_segments, seed=seed)
    rater = np.arange(n_segments) % N_RATERS
    offset = np.linspace(-OFFSET, OFFSET, N_RATERS)[rater]
    return replace(truth, labels=truth.labels + offset, rater=tuple(f"r{k:02d}" for k in rater)), truth


def with_trusted(split, truth, n_trusted):
    """The first segments have their true labels, and are marked as trusted."""
    trusted = np.arange(len(split)) < n_trusted
    return replace(split, labels=np.where(trusted, truth.labels, split.labels), trusted=trusted)


TRAIN, TRUTH = rated()
VALID = replace(make_split("valid", 60, seed=1), trusted=np.ones(60, bool))
TEST = make_split("test", 150, seed=2)


def order_of(checkpoint):
    return ordered_pair_accuracy(TEST.labels, predict([checkpoint], TEST, device="cpu")[0])


def error_of(checkpoint):
    return float(np.abs(predict([checkpoint], TEST, device="cpu")[0] - TEST.labels).mean())


@pytest.fixture(scope="module")
def within():
    return rank(TRAIN, VALID, margin=WITHIN)


@pytest.fixture(scope="module")
def everything():
    return rank(TRAIN, VALID)


def test_ranking_within_raters_does_not_feel_their_offsets(within, everything):
    assert order_of(within) > order_of(everything) + 0.02
    clean = rank(replace(TRAIN, labels=rated()[1].labels), VALID, margin=WITHIN)
    assert order_of(within) > order_of(clean) - 0.02


@pytest.mark.parametrize("objective", ["ranknet", "ranklist"])
def test_losses_of_others_are_offered_the_same_groups(objective, everything):
    assert order_of(rank(TRAIN, VALID, objective=objective, margin=WITHIN)) > order_of(everything)


def test_the_seeded_batches_repeat_bit_for_bit(within):
    again = rank(TRAIN, VALID, margin=WITHIN)
    for name, weights in within.tensors.items():
        np.testing.assert_array_equal(again.tensors[name], weights)


def test_the_stack_trains_what_one_after_another_does():
    how = {
        "objective": objective_of(margin=WITHIN).loss,
        "selection": Selection(by="order"),
        "settings": replace(SETTINGS, epochs=3),
    }
    train, valid = (SplitTensors(split, device="cpu", within="rater") for split in (TRAIN, VALID))
    starts = list(
        first_networks(TRAIN, network=NETWORK, settings=how["settings"], seeds=[1, 2], device="cpu")
    )
    stacked = train_networks(starts, train, valid, seeds=[1, 2], stack_size=2, **how)
    for start, seed, of_stack in zip(starts, [1, 2], stacked, strict=True):
        alone = train_network(start, train, valid, seed=seed, **how)
        for ours, theirs in zip(alone.history, of_stack.history, strict=True):
            assert ours["train_loss"] == pytest.approx(theirs["train_loss"], rel=1e-4)


def test_several_raters_of_a_segment_each_compare_their_own_labels():
    """The mean label says nothing here: the two raters of a segment are opposite in sign, and one rates nothing else."""
    truth = make_split("train", 120, seed=4)
    given = [{"ada": label, f"once {k}": -label} for k, label in enumerate(truth.labels.tolist())]
    split = replace(truth, labels=np.zeros(120), ratings=Ratings.of(given))
    assert order_of(rank(split, VALID, margin=WITHIN)) > 0.7


@pytest.mark.parametrize("objective", ["groupwise", "ranknet"])
def test_without_raters_or_pairs_a_sentence_comes_before_training(objective):
    nobody = replace(TRAIN, rater=())
    with pytest.raises(
        PipelineError, match=r"margin\.within is 'rater', but no segment of train has a rater"
    ):
        rank(nobody, VALID, objective=objective, margin=WITHIN)
    alone = replace(TRAIN, rater=tuple(map(str, range(len(TRAIN)))))
    with pytest.raises(PipelineError, match="there is no pair to order within a rater"):
        rank(alone, VALID, objective=objective, margin=WITHIN)


def test_raters_of_one_label_are_compared_across(everything):
    alone = replace(TRAIN, rater=tuple(map(str, range(len(TRAIN)))))
    assert order_of(rank(alone, VALID, margin=replace(WITHIN, across=1.0))) > 0.6
    with pytest.raises(PipelineError, match="so there is no pair to order"):
        rank(replace(alone, labels=np.ones(len(alone))), VALID, margin=replace(WITHIN, across=1.0))


def test_segments_without_a_rater_are_not_learnt_from():
    half = replace(TRAIN, rater=tuple(name if k % 2 else "" for k, name in enumerate(TRAIN.rater)))
    odd = TRAIN.select(np.arange(1, len(TRAIN), 2))
    ours, theirs = (rank(split, VALID, margin=WITHIN) for split in (half, odd))
    for name, weights in ours.tensors.items():
        np.testing.assert_array_equal(theirs.tensors[name], weights)


def test_the_order_on_valid_is_that_of_comparable_pairs():
    split = replace(
        make_split("valid", 4, seed=0), labels=np.array([0.0, 1.0, 5.0, 6.0]), rater=("a", "a", "b", "b")
    )

    def accuracy(split, scores):
        return ValidOrder(SplitTensors(split, device="cpu", within="rater")).accuracy(np.array(scores))

    # Within each rater in order, the raters the wrong way round.
    assert accuracy(split, [2.0, 3.0, 0.0, 1.0]) == 1.0
    assert accuracy(split, [3.0, 2.0, 0.0, 1.0]) == 0.5
    # Trusted labels are on one scale: pairs (0, 2) within no rater count, and are wrong.
    trusted = replace(split, trusted=np.array([True, False, True, False]))
    assert accuracy(trusted, [2.0, 3.0, 0.0, 1.0]) == pytest.approx(2 / 3)
    # Where nothing is comparable, all pairs are.
    assert accuracy(replace(split, rater=()), [0.0, 1.0, 2.0, 3.0]) == 1.0


def test_pair_statistics_and_hardest_pairs_are_of_one_rater(within):
    of = dict(zip(TRAIN.ids, TRAIN.rater, strict=True))
    found = find_hardest_pairs([within], TRAIN, margin=WITHIN, advantage=ADVANTAGE, device="cpu")
    assert found.pairs
    assert all(of[pair.above] == of[pair.below] for pair in found.pairs)
    values = pair_values(within, TRAIN, batch_size=24, margin=WITHIN, advantage=ADVANTAGE, device="cpu")
    n_of_one = sum((np.array(TRAIN.rater) == name).sum() ** 2 for name in set(TRAIN.rater))
    assert 0 < len(values.weight) < n_of_one / 2


# Stage 2 on trusted labels.


@pytest.mark.parametrize("scope", ["affine", "monotone", "head", "all"])
def test_stage_two_finds_the_magnitude_on_trusted_labels(within, scope):
    """Labels of valid that are not trusted are all 30 away: nobody may look at them."""
    trusted = np.arange(len(VALID)) < 20
    spoilt = replace(VALID, labels=np.where(trusted, VALID.labels, 30.0), trusted=trusted)
    train = with_trusted(TRAIN, TRUTH, 40)
    assert error_of(stage_two(within, train, spoilt, scope, on="trusted")) < 1.2
    if scope == "affine":
        assert error_of(stage_two(within, TRAIN, spoilt, scope)) > 1.2


def test_tuning_on_trusted_labels_learns_from_none_of_valid(within):
    """Runs are judged by valid, so that one which learnt from it would look better for having seen the answers."""
    train = with_trusted(TRAIN, TRUTH, 5)
    learnt, held = labels_to_calibrate_on(train, VALID, on="trusted", tuned=True)
    assert learnt.ids == train.ids[:5]
    assert held.ids == VALID.ids
    for scope in ("head", "all"):
        with pytest.raises(
            PipelineError, match="none of its 120 segments is trusted, only 60 of valid, by which"
        ):
            stage_two(within, TRAIN, VALID, scope, on="trusted")
        with pytest.raises(
            PipelineError, match="none of its 120 segments is trusted, only 60 of valid, by which"
        ):
            baseline(calibration=scope, extra_epochs=4)


@pytest.mark.parametrize("scope", ["affine", "head"])
def test_the_constant_is_of_train_whatever_calibrates(within, scope):
    train = with_trusted(TRAIN, TRUTH, 7)
    far = replace(VALID, labels=VALID.labels + 20)
    median = np.median(train.labels)
    assert stage_two(within, train, far, scope, on="trusted").best_constant == median
    for calibration in ("none", scope):
        assert baseline(train, far, calibration=calibration, extra_epochs=2).best_constant == median


def test_tuning_on_trusted_labels_needs_none_in_valid(within):
    trusted = with_trusted(TRAIN, TRAIN, 5)
    none_in_valid = replace(VALID, trusted=np.zeros(len(VALID), bool))
    assert stage_two(within, trusted, none_in_valid, "head", on="trusted").selected_epoch >= 0
    with pytest.raises(PipelineError, match="none of the 120 segments of train and 60 of valid is trusted"):
        stage_two(within, TRAIN, none_in_valid, "affine", on="trusted")


# The baseline.


def baseline(train=TRAIN, valid=VALID, **settings):
    given = {
        "extra_epochs": 0,
        "select_by": "magnitude",
        "calibration": "affine",
        "n_knots": 3,
        "task": "regression",
        "on": "trusted",
    }
    return train_pointwise(
        train, valid, seed=1, network=NETWORK, settings=SETTINGS, **{**given, **MACHINE, **settings}
    )


def test_standardising_makes_mean_and_spread_of_every_rater_alike():
    alike = standardised(TRAIN, by="rater")
    for name in set(TRAIN.rater):
        own = alike.labels[np.array(TRAIN.rater) == name]
        assert own.mean() == pytest.approx(TRAIN.labels.mean())
        assert own.std() == pytest.approx(TRAIN.labels.std())
    moved = replace(
        TRAIN, labels=np.where(np.array(TRAIN.rater) == "r00", TRAIN.labels * 2 + 1, TRAIN.labels)
    )
    # The scale of one rater leaves no trace in the order of its labels.
    np.testing.assert_allclose(
        spearmanr(standardised(moved, by="rater").labels, alike.labels).statistic, 1, atol=1e-9
    )


def test_trusted_labels_and_those_of_nobody_stay_as_they_are():
    split = replace(
        make_split("train", 5, seed=0),
        labels=np.array([1.0, 2.0, 3.0, -1.0, 0.5]),
        rater=("a", "a", "a", "a", ""),
        trusted=np.array([True, False, False, False, False]),
    )
    alike = standardised(split, by="rater").labels
    assert (alike[0], alike[4]) == (1.0, 0.5)
    assert alike[1] != 2.0


def test_a_profiled_loss_does_not_feel_the_offset_of_an_owner():
    rng = np.random.default_rng(0)
    score, label = (torch.from_numpy(rng.normal(size=15)) for _ in range(2))
    owner = torch.from_numpy(rng.permutation([0] * 4 + [3] * 5 + [5] * 5 + [9]))
    score.requires_grad_()
    loss = profiled(absolute_error)(score, label, owner)
    residual = (label - score.detach()).numpy()
    for number in owner.unique():
        own = (owner == number).numpy()
        np.testing.assert_allclose(
            loss.detach().numpy()[own], np.abs(residual[own] - residual[own].mean()), atol=1e-12
        )
    offsets = torch.from_numpy(rng.normal(size=10))[owner]
    torch.testing.assert_close(profiled(absolute_error)(score, label + offsets, owner), loss)
    (gradient,) = torch.autograd.grad(loss.sum(), score)
    pulled = torch.zeros(10).double().index_add(0, owner, gradient)
    # A common step of all scores of an owner would change nothing, and a label that is alone teaches nothing.
    torch.testing.assert_close(pulled, torch.zeros_like(pulled), atol=1e-12, rtol=0)
    assert gradient.abs().max() > 0.1


@pytest.mark.parametrize(
    ("name", "smoothing"), [("groupwise", 1.0), ("groupwise", 0.0), ("ranknet", 0.0), ("ranklist", 0.0)]
)
def test_pairs_across_raters_have_the_weight_that_they_are_given(name, smoothing, monkeypatch):
    monkeypatch.setattr("pipeline.grcf.loss.groupwise.EXACT_FROM", 8)
    rng = np.random.default_rng(3)
    score, label = torch.from_numpy(rng.normal(size=40)), torch.from_numpy(rng.uniform(-3, 3, 40))
    owned = OwnedLabels(label[:, None], torch.from_numpy(rng.integers(0, 4, (40, 1))))
    loss = partial(loss_across, score, label, name=name, smoothing=smoothing)

    within, everything = loss(0.0, owned), loss(0.0, None)
    assert abs(within - everything) > 1e-3
    torch.testing.assert_close(loss(0.25, owned), 0.75 * within + 0.25 * everything)
    torch.testing.assert_close(loss(1.0, owned), everything)
    torch.testing.assert_close(loss(0.25, None), everything, msg="without owners all pairs are one group")


@pytest.mark.parametrize("smoothing", [1.0, 0.0], ids=["pairwise", "exact"])
def test_a_segment_of_several_raters_is_never_compared_with_itself(smoothing, monkeypatch):
    monkeypatch.setattr("pipeline.grcf.loss.groupwise.EXACT_FROM", 2)
    # Of two raters who differ about the first segment, and whose order of the two the scores have.
    score, label = torch.tensor([0.0, 50.0]), torch.tensor([0.0, 1.5])
    owned = OwnedLabels(torch.tensor([[-1.0, 1.0], [2.0, 2.0]]), torch.tensor([[0, 1], [0, 1]]))
    for across in (0.0, 0.5, 1.0):
        assert loss_across(score, label, across, owned, smoothing=smoothing).item() < 1e-6


def loss_across(score, label, across, owned, *, name="groupwise", smoothing=0.0):
    margin = replace(WITHIN, smoothing=smoothing, across=across)
    objective = ranking_objective(name, margin=margin, advantage=ADVANTAGE)
    return objective.loss(score, label, score[:, None], owned)


def test_a_part_of_an_owners_offset_may_stay():
    rng = np.random.default_rng(4)
    score, label = (torch.from_numpy(rng.normal(size=12)) for _ in range(2))
    owner = torch.from_numpy(rng.integers(0, 3, 12))
    found = profiled(absolute_error, across=0.25)(score, label, owner).numpy()
    residual = (label - score).numpy()
    mean = np.array([residual[owner.numpy() == own].mean() for own in owner.tolist()])
    np.testing.assert_allclose(found, np.abs(residual - 0.75 * mean), atol=1e-12)
    np.testing.assert_allclose(profiled(absolute_error, across=1.0)(score, label, owner), np.abs(residual))


def test_models_learn_from_pairs_across_raters(within):
    partly = rank(TRAIN, VALID, margin=replace(WITHIN, across=0.5))
    assert order_of(partly) != order_of(within)
    kept = baseline(raters="profiled", across=1.0)
    assert order_of(kept) < order_of(baseline(raters="profiled")), (
        "with the whole offset nothing is known of raters"
    )


@pytest.mark.parametrize("raters", ["standardised", "profiled"])
def test_the_baseline_is_offered_the_raters_too(raters):
    assert order_of(baseline(raters=raters)) > order_of(baseline()) + 0.01


@pytest.mark.parametrize("calibration", ["head", "all"])
def test_the_baseline_may_be_tuned_on_trusted_labels(calibration):
    tuned = baseline(with_trusted(TRAIN, TRUTH, 40), calibration=calibration, extra_epochs=4)
    assert tuned.stage == "pointwise"
    assert error_of(tuned) < error_of(baseline(calibration="none", on="all"))


def test_what_cannot_be_offered_is_a_sentence():
    with pytest.raises(PipelineError, match="no segment of train has a rater"):
        baseline(replace(TRAIN, rater=()), raters="profiled")
    with pytest.raises(PipelineError, match="labels are no numbers"):
        baseline(raters="standardised", task="binary")

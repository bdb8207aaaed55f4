"""Stage 1 learns an order, stage 2 gives it a magnitude without undoing it, the baseline knows nothing of margins."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kendalltau

from pipeline.artifacts.trained.checkpoint import Checkpoint
from pipeline.errors import PipelineError
from pipeline.evaluation.selection import mean_absolute_error, ordered_pair_accuracy
from pipeline.grcf.scoring import predict
from tests.grcf.models import ADVANTAGE, MARGIN, SETTINGS, pointwise, rank, stage_two
from tests.grcf.synthetic import make_split

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ranked(train, valid) -> Checkpoint:
    return rank(train, valid)


def test_stage_one_learns_the_order(ranked, valid):
    assert ordered_pair_accuracy(valid.labels, predict([ranked], valid, device="cpu")[0]) > 0.85


def test_the_selected_epoch_is_the_best_on_valid(ranked, valid):
    best = max(row["valid_ordered_pair_accuracy"] for row in ranked.history)
    selected = next(row for row in ranked.history if row["epoch"] == ranked.selected_epoch)
    assert selected["valid_ordered_pair_accuracy"] == best
    assert ordered_pair_accuracy(valid.labels, predict([ranked], valid, device="cpu")[0]) == pytest.approx(
        best
    )


@pytest.mark.parametrize("scope", ["affine", "monotone"])
def test_a_calibration_that_cannot_break_the_order_does_not(ranked, train, valid, scope):
    before = predict([ranked], valid, device="cpu")[0]
    after = predict([stage_two(ranked, train, valid, scope)], valid, device="cpu")[0]
    assert kendalltau(before, after).statistic == pytest.approx(1)
    assert mean_absolute_error(valid.labels, after) < mean_absolute_error(valid.labels, before)


@pytest.mark.parametrize("scope", ["affine", "monotone", "head", "all"])
def test_stage_two_starts_from_the_weights_of_stage_one(ranked, train, valid, scope):
    calibrated = stage_two(ranked, train, valid, scope)
    changed = {
        name
        for name, value in ranked.tensors.items()
        if name.startswith("network.") and not np.array_equal(value, calibrated.tensors[name])
    }
    if scope in ("affine", "monotone"):
        assert not changed
    elif scope == "head":
        assert all(name.startswith("network.head.") for name in changed)
    # A network drawn afresh would be far away; a tuned one is near.
    name = "network.fusion.pool.text.encode.0.weight"
    other = rank(train, valid, seed=9).tensors[name]
    assert (
        np.abs(calibrated.tensors[name] - ranked.tensors[name]).max()
        < 0.5 * np.abs(other - ranked.tensors[name]).max()
    )


def test_tuning_never_ends_worse_on_valid_than_the_affine_fit(ranked, train, valid):
    errors = {
        scope: mean_absolute_error(
            valid.labels, predict([stage_two(ranked, train, valid, scope)], valid, device="cpu")[0]
        )
        for scope in ("affine", "head", "all")
    }
    assert errors["head"] <= errors["affine"] + 1e-12
    assert errors["all"] <= errors["affine"] + 1e-12


def test_beta_keeps_the_ranking_loss_in_stage_two(ranked, train, valid):
    plain, with_ranking = (stage_two(ranked, train, valid, "all", beta=beta) for beta in (0.0, 1.0))
    assert plain.history[1]["train_loss"] < with_ranking.history[1]["train_loss"]


@pytest.mark.parametrize(
    ("margin", "advantage"),
    [
        ({"base": 0.9}, {}),
        ({"slope": 0.7}, {}),
        ({"smoothing": 0.0}, {}),
        ({"shape": "quadratic"}, {}),
        ({}, {"strength": 2.0}),
        ({}, {"cap": 1.1}),
        ({}, {"scope": "anchor"}),
    ],
)
def test_every_switch_changes_the_weights(ranked, train, valid, margin, advantage):
    other = rank(train, valid, margin=replace(MARGIN, **margin), advantage=replace(ADVANTAGE, **advantage))
    assert not np.array_equal(other.tensors["network.head.weight"], ranked.tensors["network.head.weight"])


def test_the_same_seed_gives_the_same_bytes(ranked, train, valid):
    assert rank(train, valid).to_bytes() == ranked.to_bytes()


def test_another_seed_gives_other_weights(ranked, train, valid):
    assert rank(train, valid, seed=2).to_bytes() != ranked.to_bytes()


def test_a_checkpoint_survives_its_file(ranked, valid):
    again = Checkpoint.from_bytes(ranked.to_bytes())
    np.testing.assert_array_equal(
        predict([again], valid, device="cpu"), predict([ranked], valid, device="cpu")
    )


def test_the_baseline_starts_from_the_same_weights_and_learns_magnitude(train, valid):
    baseline = pointwise(train, valid)
    predictions = predict([baseline], valid, device="cpu")[0]
    constant = mean_absolute_error(valid.labels, np.full(len(valid), baseline.best_constant))
    assert mean_absolute_error(valid.labels, predictions) < 0.8 * constant


def test_other_columns_are_refused(ranked, valid):
    other = make_split("valid", 9, seed=3, n_columns={"text": 5, "audio": 2, "visual": 3})
    with pytest.raises(PipelineError, match="4 audio columns"):
        predict([ranked], other, device="cpu")


def test_a_diverging_loss_is_a_sentence(train, valid):
    with pytest.raises(PipelineError, match="lower the learning rate"):
        rank(train, valid, settings=replace(SETTINGS, learning_rate=1e30))


@pytest.mark.parametrize("weight_decay", [1e5, 1e12])
def test_weights_that_decay_by_more_than_themselves_are_a_sentence(train, valid, weight_decay):
    with pytest.raises(PipelineError, match=r"became .*; lower training\.weight_decay \(1"):
        rank(train, valid, settings=replace(SETTINGS, weight_decay=weight_decay))


@pytest.mark.parametrize("objective", ["ranknet", "ranklist"])
def test_a_baseline_loss_learns_the_order_too(train, valid, objective):
    baseline = rank(train, valid, objective=objective)
    assert baseline.objective == objective
    assert ordered_pair_accuracy(valid.labels, predict([baseline], valid, device="cpu")[0]) > 0.85


@pytest.mark.slow
def test_representations_that_were_contrasted_need_only_a_new_last_layer(train, valid):
    contrasted = rank(train, valid, objective="rank_n_contrast")
    settings = replace(SETTINGS, epochs=30, learning_rate=2e-2)
    tuned = stage_two(contrasted, train, valid, "head", settings=settings)
    assert ordered_pair_accuracy(valid.labels, predict([tuned], valid, device="cpu")[0]) > 0.85


def test_without_stage_one_stage_two_starts_from_the_first_weights(train, valid):
    first = rank(train, valid, objective="none")
    assert first.selected_epoch == 0
    joint = stage_two(first, train, valid, "all", beta=0.5)
    assert joint.objective == "absolute_error + ranking"
    assert ordered_pair_accuracy(valid.labels, predict([joint], valid, device="cpu")[0]) > 0.85


@pytest.mark.parametrize("objective", ["rank_n_contrast", "none"])
@pytest.mark.parametrize("scope", ["affine", "monotone"])
def test_a_curve_over_scores_without_an_order_is_refused(train, valid, objective, scope):
    unordered = rank(train, valid, objective=objective, settings=replace(SETTINGS, epochs=1))
    with pytest.raises(PipelineError, match=r"left without an order; tune the head or all of the network"):
        stage_two(unordered, train, valid, scope)


@pytest.mark.parametrize("calibration", ["affine", "monotone"])
def test_a_curve_never_makes_the_baseline_worse_on_valid(train, valid, calibration):
    plain, curved = (pointwise(train, valid, calibration=chosen) for chosen in ("none", calibration))
    errors = [
        mean_absolute_error(valid.labels, predict([model], valid, device="cpu")[0])
        for model in (plain, curved)
    ]
    assert errors[1] <= errors[0]
    assert np.array_equal(plain.tensors["network.head.weight"], curved.tensors["network.head.weight"])


def test_the_baseline_may_be_chosen_by_order(train, valid):
    chosen = pointwise(train, valid, select_by="order")
    best = max(row["valid_ordered_pair_accuracy"] for row in chosen.history)
    assert chosen.history[chosen.selected_epoch - 1]["valid_ordered_pair_accuracy"] == best


@pytest.mark.parametrize("scope", ["affine", "monotone", "head", "all"])
@pytest.mark.parametrize("n_labels", [1, 2])
def test_numbers_that_are_all_the_same_calibrate_nothing(ranked, train, valid, scope, n_labels):
    chosen = valid.select(np.arange(n_labels))
    same = replace(chosen, labels=np.full_like(chosen.labels, 1.5))
    with pytest.raises(
        PipelineError, match=r"of valid to calibrate on is 1\.5, so nothing says how far apart"
    ):
        stage_two(ranked, train, same, scope)
    with pytest.raises(PipelineError, match="of valid to calibrate on is"):
        pointwise(train, same, calibration=scope)

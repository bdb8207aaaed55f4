"""The stages of training on classes: a score for each, cross-entropy as magnitude, probabilities as predictions."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score

from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.trained.checkpoint import Checkpoint
from pipeline.errors import PipelineError
from pipeline.evaluation.selection import class_cross_entropy, order
from pipeline.grcf.calibration.pointwise_objective import POINTWISE_OBJECTIVES, fit_calibration
from pipeline.grcf.fit.loop import train_network
from pipeline.grcf.fit.selection import Selection
from pipeline.grcf.fit.stacked import train_networks
from pipeline.grcf.loss.classes import class_by_class, expected_place
from pipeline.grcf.network.batches import SplitTensors
from pipeline.grcf.network.checkpoints import build_network
from pipeline.grcf.scoring import predict
from tests.grcf.models import NETWORK, SETTINGS, objective_of, pointwise, rank, stage_two
from tests.grcf.synthetic import make_split

N_CLASSES = 4


def classes(split: AlignedSplit) -> AlignedSplit:
    """The same segments in four classes, each of which a column of text tells, under noise."""
    number = np.random.default_rng(len(split)).integers(N_CLASSES, size=len(split))
    text = split.features["text"].copy()
    per_word = np.repeat(number, np.diff(split.offsets))
    text[np.arange(len(text)), per_word] += 2.5
    text[~split.valid["text"]] = 0
    return replace(split, labels=number.astype(np.float64), features={**split.features, "text": text})


TRAIN, VALID = classes(make_split("train", 120, seed=1)), classes(make_split("valid", 80, seed=2))
NUMBERS = VALID.labels.astype(int)


def predicted(checkpoint: Checkpoint) -> np.ndarray:
    return predict([checkpoint], VALID, device="cpu")[0]


@pytest.fixture(scope="module")
def ranked() -> Checkpoint:
    return rank(TRAIN, VALID, n_classes=N_CLASSES)


def calibrated(ranked: Checkpoint, scope: str, *, beta: float = 0.0) -> Checkpoint:
    return stage_two(ranked, TRAIN, VALID, scope, beta=beta, task="classes")


def test_the_loss_is_the_mean_of_each_class_against_all_others():
    ranknet = objective_of("ranknet")
    score, label = torch.tensor([[1.0, 0.0], [0.0, 3.0]]), torch.tensor([0.0, 1.0])
    loss = class_by_class(ranknet, ordered=False).loss(score, label, torch.zeros(2, 1), None)
    # One pair in either column: ln(1 + e^-1) where the gap is 1, ln(1 + e^-3) where it is 3.
    assert loss.item() == pytest.approx((np.log1p(np.exp(-1)) + np.log1p(np.exp(-3))) / 2)


def test_an_order_of_the_classes_makes_far_mistakes_cost_more():
    loss = class_by_class(objective_of("ranknet"), ordered=True).loss
    label, nothing = torch.tensor([0.0, 2.0]), torch.zeros(2, 1)
    right = torch.tensor([5.0, 0.0, 0.0])
    near, far = torch.tensor([0.0, 5.0, 0.0]), torch.tensor([5.0, 0.0, 0.0])
    assert loss(torch.stack([right, near]), label, nothing, None) < loss(
        torch.stack([right, far]), label, nothing, None
    )
    assert expected_place(torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 50.0]])).tolist() == [1.0, 2.0]


def test_without_a_loss_there_is_nothing_to_share_out():
    assert class_by_class(objective_of("none"), ordered=True) == objective_of("none")


def test_what_is_minimised_is_what_selects():
    rng = np.random.default_rng(0)
    output, label = rng.normal(size=(50, 3)), rng.integers(3, size=50).astype(np.float64)
    objective = POINTWISE_OBJECTIVES["classes"]
    loss = objective.loss(torch.tensor(output), torch.tensor(label)).item()
    assert loss == pytest.approx(objective.error(label, output))
    probability = np.exp(output) / np.exp(output).sum(axis=1, keepdims=True)
    assert loss == pytest.approx(log_loss(label, probability))


def test_the_order_is_the_mean_area_under_the_roc_curves():
    rng = np.random.default_rng(0)
    scores = rng.random((200, 3))
    scores /= scores.sum(axis=1, keepdims=True)
    label = rng.integers(3, size=200)
    wanted = roc_auc_score(label, scores, multi_class="ovr", average="macro")
    assert order(label.astype(np.float64), scores) == pytest.approx(wanted)


@pytest.mark.slow
def test_stage_one_ranks_the_segments_of_each_class_above_the_others(ranked):
    scores = predicted(ranked)
    assert (ranked.link, scores.shape) == ("identity", (len(VALID), N_CLASSES))
    areas = [roc_auc_score(number == NUMBERS, scores[:, number]) for number in range(N_CLASSES)]
    assert min(areas) > 0.75
    assert np.mean(areas) == pytest.approx(max(row["valid_ordered_pair_accuracy"] for row in ranked.history))


@pytest.mark.slow
def test_vector_scaling_turns_scores_into_probabilities(ranked):
    found = calibrated(ranked, "affine")
    probability = predicted(found)
    assert (found.link, found.objective) == ("softmax", "cross_entropy")
    assert probability.sum(axis=1) == pytest.approx(np.ones(len(VALID)))
    assert log_loss(NUMBERS, probability) < class_cross_entropy(VALID.labels, predicted(ranked))
    assert probability.mean(axis=0) == pytest.approx(np.bincount(NUMBERS) / len(VALID), abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("scope", ["head", "all"])
def test_tuning_starts_from_vector_scaling_and_never_ends_worse_on_valid(ranked, scope):
    affine, error = (log_loss(NUMBERS, predicted(calibrated(ranked, chosen))) for chosen in ("affine", scope))
    assert error <= affine + 1e-6


@pytest.mark.slow
def test_a_ranking_loss_may_stand_beside_the_cross_entropy(ranked):
    assert calibrated(ranked, "all", beta=0.5).objective == "cross_entropy + ranking"


def test_a_monotone_curve_is_refused():
    with pytest.raises(PipelineError, match="vector scaling of several"):
        fit_calibration(np.zeros((4, 3)), np.zeros(4), task="classes", shape="monotone", n_knots=2)


@pytest.mark.slow
def test_the_baseline_learns_probabilities_and_knows_the_shares_of_train():
    baseline = pointwise(TRAIN, VALID, task="classes", n_classes=N_CLASSES)
    shares = np.bincount(TRAIN.labels.astype(int)) / len(TRAIN)
    assert baseline.best_constant == pytest.approx(shares.tolist())
    constant = np.tile(shares, (len(VALID), 1))
    assert log_loss(NUMBERS, predicted(baseline)) < 0.9 * log_loss(NUMBERS, constant)
    best = min(row["valid_error"] for row in baseline.history)
    assert log_loss(NUMBERS, predicted(baseline)) == pytest.approx(best, rel=1e-5)


@pytest.mark.slow
def test_a_checkpoint_of_classes_survives_its_file(ranked):
    found = calibrated(ranked, "affine")
    assert np.array_equal(predicted(Checkpoint.from_bytes(found.to_bytes())), predicted(found))


@pytest.mark.slow
def test_networks_of_classes_train_alike_stacked_and_alone():
    train, valid = (SplitTensors(split, device="cpu") for split in (TRAIN, VALID))
    start = build_network(
        columns=TRAIN.columns, settings=replace(NETWORK, n_outputs=N_CLASSES, dropout=0.0), seed=1
    )
    objective = class_by_class(objective_of(), ordered=True).loss
    shared = {
        "objective": objective,
        "selection": Selection(by="order"),
        "settings": replace(SETTINGS, epochs=2),
    }
    alone = train_network(start, train, valid, seed=1, **shared)
    (stacked,) = train_networks([start], train, valid, seeds=[1], stack_size=2, **shared)
    assert [row["train_loss"] for row in stacked.history] == pytest.approx(
        [row["train_loss"] for row in alone.history], rel=1e-4
    )

"""The stages of training on labels 0 and 1: a logit as score, cross-entropy as magnitude, probabilities as predictions."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score

from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.trained.checkpoint import Checkpoint
from pipeline.errors import PipelineError
from pipeline.evaluation.selection import cross_entropy
from pipeline.grcf.calibration.pointwise_objective import (
    POINTWISE_OBJECTIVES,
    absolute_error,
    fit_calibration,
)
from pipeline.grcf.calibration.pointwise_objective import cross_entropy as cross_entropy_loss
from pipeline.grcf.loss.groups import group_of
from pipeline.grcf.scoring import predict
from tests.grcf.models import pointwise, rank, stage_two
from tests.grcf.synthetic import make_split

pytestmark = pytest.mark.slow


def classes(split: AlignedSplit) -> AlignedSplit:
    """The same segments, labelled by the sign of what they were labelled with, with some noise."""
    rng = np.random.default_rng(len(split))
    return replace(split, labels=(split.labels + rng.normal(0, 0.7, len(split)) > 0.3).astype(np.float64))


TRAIN, VALID = classes(make_split("train", 90, seed=1)), classes(make_split("valid", 60, seed=2))


def tuned(ranked: Checkpoint, scope: str, *, beta: float = 0.0) -> Checkpoint:
    return stage_two(ranked, TRAIN, VALID, scope, beta=beta, task="binary")


def baseline_with(calibration: str = "none") -> Checkpoint:
    return pointwise(TRAIN, VALID, calibration=calibration, task="binary")


def predicted(checkpoint: Checkpoint) -> np.ndarray:
    return predict([checkpoint], VALID, device="cpu")[0]


@pytest.fixture(scope="module")
def ranked() -> Checkpoint:
    return rank(TRAIN, VALID)


def test_the_losses_are_those_worked_out_by_hand():
    # -ln σ(ln 3) = -ln 0.75, -ln(1 - σ(ln 3)) = -ln 0.25, and ln 2 at logit 0.
    logit, label = torch.tensor([np.log(3), np.log(3), 0.0]), torch.tensor([1.0, 0.0, 1.0])
    by_hand = -(np.log(0.75) + np.log(0.25) + np.log(0.5)) / 3
    assert cross_entropy_loss(logit.double(), label.double()).mean().item() == pytest.approx(by_hand)
    assert absolute_error(torch.tensor([1.0, -1.0]), torch.tensor([0.5, 1.0])).mean().item() == pytest.approx(
        1.25
    )


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_under_a_bound_a_segment_weighs_less_the_larger_its_loss(task):
    objective = POINTWISE_OBJECTIVES[task]
    output, label = torch.tensor([0.5, -4.0], dtype=torch.float64), torch.tensor([1.0, 1.0]).double()
    losses = objective.losses(output, label)
    weights = 1 / (1 + (losses / 1.5) ** 2)
    bounded = objective.loss(output, label, bound=1.5)
    assert bounded.item() == pytest.approx(((weights * losses).sum() / weights.sum()).item())
    assert bounded < objective.loss(output, label)
    assert objective.loss(output, label, bound=1e6).item() == pytest.approx(losses.mean().item())


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_what_is_minimised_is_what_selects(task):
    rng = np.random.default_rng(0)
    output, label = rng.normal(size=50), (rng.random(50) < 0.5).astype(np.float64)
    objective = POINTWISE_OBJECTIVES[task]
    loss = objective.loss(torch.tensor(output), torch.tensor(label)).item()
    assert loss == pytest.approx(objective.error(label, output))


def test_the_groups_of_two_classes_are_the_classes():
    assert group_of(torch.tensor([0.0, 1.0, 1.0]), groups="integer").tolist() == [0, 1, 1]


def test_stage_one_learns_the_order_of_the_classes_as_scores(ranked):
    assert ranked.link == "identity"
    assert roc_auc_score(VALID.labels, predicted(ranked)) > 0.8
    best = max(row["valid_ordered_pair_accuracy"] for row in ranked.history)
    assert roc_auc_score(VALID.labels, predicted(ranked)) == pytest.approx(best)


def test_platt_scaling_turns_scores_into_probabilities_and_keeps_their_order(ranked):
    calibrated = tuned(ranked, "affine")
    probability = predicted(calibrated)
    assert (calibrated.link, calibrated.objective) == ("logistic", "cross_entropy")
    assert 0 < probability.min() < probability.max() < 1
    assert np.array_equal(np.argsort(predicted(ranked)), np.argsort(probability))
    # The network is the one of stage 1, so its scores taken for logits are what there was before.
    assert log_loss(VALID.labels, probability) < cross_entropy(VALID.labels, predicted(ranked))
    # A first-order condition of the fit, near enough under smoothing: the mean probability is the share of ones.
    assert probability.mean() == pytest.approx(VALID.labels.mean(), abs=0.02)


@pytest.mark.parametrize("scope", ["head", "all"])
def test_tuning_starts_from_platt_scaling_and_never_ends_worse_on_valid(ranked, scope):
    affine, error = (log_loss(VALID.labels, predicted(tuned(ranked, chosen))) for chosen in ("affine", scope))
    assert error <= affine + 1e-9


def test_a_ranking_loss_may_stand_beside_the_cross_entropy(ranked):
    assert tuned(ranked, "all", beta=0.5).objective == "cross_entropy + ranking"


def test_a_monotone_curve_is_refused(ranked):
    with pytest.raises(PipelineError, match="choose affine, which is Platt scaling"):
        tuned(ranked, "monotone")
    with pytest.raises(PipelineError, match="choose affine, which is Platt scaling"):
        baseline_with("monotone")


def test_the_baseline_learns_probabilities(valid):
    baseline = baseline_with()
    assert baseline.objective == "cross_entropy"
    assert baseline.best_constant == pytest.approx(TRAIN.labels.mean())
    constant = np.full(len(VALID), baseline.best_constant)
    assert log_loss(VALID.labels, predicted(baseline)) < 0.8 * log_loss(VALID.labels, constant)


def test_the_baselines_epoch_is_the_one_with_the_least_cross_entropy():
    baseline = baseline_with()
    best = min(row["valid_error"] for row in baseline.history)
    assert log_loss(VALID.labels, predicted(baseline)) == pytest.approx(best)


def test_the_baseline_is_offered_platt_scaling_too():
    plain, scaled = baseline_with(), baseline_with("affine")
    assert np.array_equal(np.argsort(predicted(plain)), np.argsort(predicted(scaled)))
    assert scaled.tensors["calibration.slope"] != 1
    wanted = fit_calibration(
        np.log(predicted(plain) / (1 - predicted(plain))),
        VALID.labels,
        task="binary",
        shape="affine",
        n_knots=0,
    )
    assert float(scaled.tensors["calibration.slope"]) == pytest.approx(wanted.slope, rel=1e-6)


def test_a_checkpoint_of_probabilities_survives_its_file(ranked):
    calibrated = tuned(ranked, "affine")
    assert np.array_equal(predicted(Checkpoint.from_bytes(calibrated.to_bytes())), predicted(calibrated))


@pytest.mark.parametrize("scope", ["affine", "head", "all"])
def test_one_class_calibrates_nothing(ranked, scope):
    same = VALID.select(np.flatnonzero(VALID.labels == 1))
    with pytest.raises(PipelineError, match=r"every one of the \d+ labels of valid to calibrate on is 1, so"):
        stage_two(ranked, TRAIN, same, scope, task="binary")

"""The stages of training on labels 0 and 1: a logit as score, cross-entropy as magnitude, probabilities as predictions."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score

from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.checkpoint import Checkpoint
from pipeline.errors import PipelineError
from pipeline.evaluation.selection import cross_entropy
from pipeline.grcf.calibrate import calibrate
from pipeline.grcf.calibration.pointwise_objective import MAGNITUDES, absolute_error, fit_calibration
from pipeline.grcf.calibration.pointwise_objective import cross_entropy as cross_entropy_loss
from pipeline.grcf.loss.groups import group_of
from pipeline.grcf.network.network import NetworkSettings
from pipeline.grcf.pointwise import train_pointwise
from pipeline.grcf.rank import train_ranking
from pipeline.grcf.scoring import predict
from tests.grcf.synthetic import make_split
from tests.grcf.test_stages_of_training import ADVANTAGE, COMMON, MARGIN


def classes(split: AlignedSplit) -> AlignedSplit:
    """The same segments, labelled by the sign of what they were labelled with, with some noise."""
    rng = np.random.default_rng(len(split))
    return replace(split, labels=(split.labels + rng.normal(0, 0.7, len(split)) > 0.3).astype(np.float64))


TRAIN, VALID = classes(make_split("train", 90, seed=1)), classes(make_split("valid", 60, seed=2))


def rank() -> Checkpoint:
    return train_ranking(
        TRAIN,
        VALID,
        seed=1,
        network=NetworkSettings(fusion="attention_pooling", width=16, dropout=0.1),
        objective="groupwise",
        margin=MARGIN,
        advantage=ADVANTAGE,
        **COMMON,
    )


def stage_two(ranked: Checkpoint, scope: str, *, beta: float = 0.0) -> Checkpoint:
    return calibrate(
        ranked,
        TRAIN,
        VALID,
        scope=scope,
        n_knots=3,
        beta=beta,
        margin=MARGIN,
        advantage=ADVANTAGE,
        task="binary",
        **COMMON,
    )


def pointwise(calibration: str = "none") -> Checkpoint:
    return train_pointwise(
        TRAIN,
        VALID,
        seed=1,
        network=NetworkSettings(fusion="attention_pooling", width=16, dropout=0.1),
        select_by="magnitude",
        calibration=calibration,
        n_knots=3,
        task="binary",
        **COMMON,
    )


def said(checkpoint: Checkpoint) -> np.ndarray:
    return predict([checkpoint], VALID, device="cpu")[0]


@pytest.fixture(scope="module")
def ranked() -> Checkpoint:
    return rank()


def test_the_losses_are_those_worked_out_by_hand():
    # -ln σ(ln 3) = -ln 0.75, -ln(1 - σ(ln 3)) = -ln 0.25, and ln 2 at logit 0.
    logit, label = torch.tensor([np.log(3), np.log(3), 0.0]), torch.tensor([1.0, 0.0, 1.0])
    by_hand = -(np.log(0.75) + np.log(0.25) + np.log(0.5)) / 3
    assert cross_entropy_loss(logit.double(), label.double()).item() == pytest.approx(by_hand)
    assert absolute_error(torch.tensor([1.0, -1.0]), torch.tensor([0.5, 1.0])).item() == pytest.approx(1.25)


@pytest.mark.parametrize("task", list(MAGNITUDES))
def test_what_is_minimised_is_what_selects(task):
    rng = np.random.default_rng(0)
    output, label = rng.normal(size=50), (rng.random(50) < 0.5).astype(np.float64)
    magnitude = MAGNITUDES[task]
    loss = magnitude.loss(torch.tensor(output), torch.tensor(label)).item()
    assert loss == pytest.approx(magnitude.error(label, output))


def test_the_groups_of_two_classes_are_the_classes():
    assert group_of(torch.tensor([0.0, 1.0, 1.0]), groups="integer").tolist() == [0, 1, 1]


def test_stage_one_learns_the_order_of_the_classes_as_scores(ranked):
    assert ranked.link == "identity"
    assert roc_auc_score(VALID.labels, said(ranked)) > 0.8
    best = max(row["valid_ordered_pair_accuracy"] for row in ranked.curve)
    assert roc_auc_score(VALID.labels, said(ranked)) == pytest.approx(best)


def test_platt_scaling_turns_scores_into_probabilities_and_keeps_their_order(ranked):
    calibrated = stage_two(ranked, "affine")
    probability = said(calibrated)
    assert (calibrated.link, calibrated.objective) == ("logistic", "cross_entropy")
    assert 0 < probability.min() < probability.max() < 1
    assert np.array_equal(np.argsort(said(ranked)), np.argsort(probability))
    # The network is the one of stage 1, so its scores taken for logits are what there was before.
    assert log_loss(VALID.labels, probability) < cross_entropy(VALID.labels, said(ranked))
    # A first-order condition of the fit, near enough under smoothing: the mean probability is the share of ones.
    assert probability.mean() == pytest.approx(VALID.labels.mean(), abs=0.02)


@pytest.mark.parametrize("scope", ["head", "all"])
def test_tuning_starts_from_platt_scaling_and_never_ends_worse_on_valid(ranked, scope):
    affine, tuned = (log_loss(VALID.labels, said(stage_two(ranked, chosen))) for chosen in ("affine", scope))
    assert tuned <= affine + 1e-9


def test_a_ranking_loss_may_stand_beside_the_cross_entropy(ranked):
    assert stage_two(ranked, "all", beta=0.5).objective == "cross_entropy + ranking"


def test_a_monotone_curve_is_refused(ranked):
    with pytest.raises(PipelineError, match=r"set calibrate\.scope .* to affine"):
        stage_two(ranked, "monotone")
    with pytest.raises(PipelineError, match=r"pointwise\.calibration"):
        pointwise("monotone")


def test_the_baseline_learns_probabilities(valid):
    baseline = pointwise()
    assert baseline.objective == "cross_entropy"
    assert baseline.best_constant == pytest.approx(TRAIN.labels.mean())
    constant = np.full(len(VALID), baseline.best_constant)
    assert log_loss(VALID.labels, said(baseline)) < 0.8 * log_loss(VALID.labels, constant)


def test_the_baselines_epoch_is_the_one_with_the_least_cross_entropy():
    baseline = pointwise()
    best = min(row["valid_error"] for row in baseline.curve)
    assert log_loss(VALID.labels, said(baseline)) == pytest.approx(best)


def test_the_baseline_is_offered_platt_scaling_too():
    plain, scaled = pointwise(), pointwise("affine")
    assert np.array_equal(np.argsort(said(plain)), np.argsort(said(scaled)))
    assert scaled.tensors["curve.slope"] != 1
    wanted = fit_calibration(
        np.log(said(plain) / (1 - said(plain))), VALID.labels, task="binary", shape="affine", n_knots=0
    )
    assert float(scaled.tensors["curve.slope"]) == pytest.approx(wanted.slope, rel=1e-6)


def test_a_checkpoint_of_probabilities_survives_its_file(ranked):
    calibrated = stage_two(ranked, "affine")
    assert np.array_equal(said(Checkpoint.from_bytes(calibrated.to_bytes())), said(calibrated))

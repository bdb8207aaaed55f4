"""Stage 2: give the order of stage 1 its magnitude, by a curve over its scores or by tuning the network."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.trained.checkpoint import Checkpoint
from pipeline.errors import PipelineError
from pipeline.evaluation.selection import order
from pipeline.grcf.calibration.pointwise_objective import (
    POINTWISE_OBJECTIVES,
    CurveShape,
    Task,
    fit_calibration,
    require_two_labels,
)
from pipeline.grcf.calibration.trusted import CalibrateOn, labels_to_calibrate_on
from pipeline.grcf.fit.loop import TrainingSettings
from pipeline.grcf.loss.classes import class_by_class
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings
from pipeline.grcf.loss.objectives import groupwise_objective
from pipeline.grcf.network.batches import Objective, SplitTensors
from pipeline.grcf.network.checkpoints import Trained, check_columns, make_checkpoint, restore, score_split
from pipeline.grcf.network.network import SentimentNetwork
from pipeline.grcf.network.owned_labels import OwnedLabels
from pipeline.grcf.tuning import TunedPart, tune_network

CalibrationScope = Literal["affine", "monotone", "head", "all"]
"""What stage 2 may change: a curve over the scores, or a part of the network."""


@dataclass(frozen=True, kw_only=True)
class RankingTerm:
    """The groupwise ranking loss that tuning keeps beside the error.

    Attributes:
        beta: its weight; 0 leaves it out.
        margin: margin of the loss.
        advantage: weights of its pairs.
        ordered: whether classes have an order; without effect on labels that are no classes.
    """

    beta: float
    margin: MarginSettings
    advantage: AdvantageSettings
    ordered: bool = False

    def objective(self, task: Task) -> Objective:
        """The loss for one score per segment, or for one per segment and class."""
        objective = groupwise_objective(self.margin, self.advantage)
        if task == "classes":
            objective = class_by_class(objective, ordered=self.ordered)
        assert objective.loss is not None, "the groupwise objective has a loss"
        return objective.loss


def calibrate_scores(
    ranked: Checkpoint,
    train: AlignedSplit,
    valid: AlignedSplit,
    *,
    shape: CurveShape,
    n_knots: int,
    task: Task,
    constant_of: AlignedSplit | None = None,
    device: str,
    environment: Mapping[str, str],
) -> Checkpoint:
    """Fit a curve over the scores of stage 1, which cannot change their order; the network stays as it is.

    Args:
        ranked: the checkpoint of stage 1.
        train: the split that stage 1 learnt from, for its error.
        valid: the split on which the curve is fitted. Not train: its scores are over-fitted, so they spread wider than
            those of new segments and would give too small a slope.
        shape: "affine" fits one positive slope and an offset, "monotone" a curve with `n_knots` bends.
        n_knots: number of bends of a monotone curve.
        task: "regression" fits by absolute error, "binary" and "classes" by cross-entropy.
        constant_of: the split that the best constant is of; None where it is `train`.
        device: device on which the network runs.
        environment: versions of libraries and class of device, for the header.

    Returns:
        A checkpoint whose network still gives scores; its curve turns them into label units, or into logits.

    Raises:
        PipelineError: stage 1 left no order, the labels of valid are all the same, the task has no such curve, or the features are
            others than those of stage 1.
    """
    if not ranked.leaves_order:
        raise PipelineError(
            f"an {shape} curve cannot calibrate scores that the objective {ranked.objective!r} left without an order; tune "
            "the head or all of the network, or rank by an objective that leaves an order"
        )
    require_two_labels(valid.labels, split=valid.split, task=task)
    objective = POINTWISE_OBJECTIVES[task]
    network = _network_of(ranked, train, device=device)
    train_scores, valid_scores = (
        score_split(network, SplitTensors(split, device=device)) for split in (train, valid)
    )
    curve = fit_calibration(valid_scores, valid.labels, task=task, shape=shape, n_knots=n_knots)
    trained = Trained(
        network,
        0,
        [
            {
                "seed": ranked.seed,
                "epoch": 0,
                "train_loss": objective.error(train.labels, curve(train_scores)),
                "valid_ordered_pair_accuracy": order(valid.labels, valid_scores),
                "valid_error": objective.error(valid.labels, curve(valid_scores)),
            }
        ],
    )
    return make_checkpoint(
        trained,
        stage="calibrate",
        objective=objective.name,
        leaves_order=True,
        seed=ranked.seed,
        calibration=curve,
        link=objective.link,
        train=train if constant_of is None else constant_of,
        environment=environment,
    )


def tune(
    ranked: Checkpoint,
    train: AlignedSplit,
    valid: AlignedSplit,
    *,
    part: TunedPart,
    ranking: RankingTerm,
    settings: TrainingSettings,
    task: Task,
    constant_of: AlignedSplit | None = None,
    device: str,
    environment: Mapping[str, str],
) -> Checkpoint:
    """Continue the training of stage 1 by the point-wise objective of the task; the order may change.

    `ranked` is the checkpoint of stage 1, `ranking` the ranking loss that is kept beside the error.
    See `tuning.tune_network` for the other arguments, what is returned and the errors.
    """

    def further(score: Tensor, label: Tensor, representation: Tensor, owned: OwnedLabels | None) -> Tensor:
        return ranking.beta * ranking_loss(score, label, representation, owned)

    ranking_loss = ranking.objective(task)
    return tune_network(
        ranked,
        train,
        valid,
        stage="calibrate",
        part=part,
        further=further if ranking.beta else None,
        within=ranking.margin.within if ranking.beta else "any",
        settings=settings,
        task=task,
        constant_of=constant_of,
        device=device,
        environment=environment,
    )


def _network_of(ranked: Checkpoint, train: AlignedSplit, *, device: str) -> SentimentNetwork:
    """The network as stage 1 left it."""
    check_columns(ranked, train)
    network, _ = restore(ranked, device=device)
    return network


def calibrate(
    ranked: Checkpoint,
    train: AlignedSplit,
    valid: AlignedSplit,
    *,
    scope: CalibrationScope,
    on: CalibrateOn = "all",
    n_knots: int,
    ranking: RankingTerm,
    settings: TrainingSettings,
    task: Task,
    device: str,
    environment: Mapping[str, str],
) -> Checkpoint:
    """Fit a curve or tune the network, as `scope` says, on the labels that `on` names.

    See `calibrate_scores` and `tune` for the other arguments and errors, and `trusted.labels_to_calibrate_on` for the labels.
    """
    learnt, held = labels_to_calibrate_on(train, valid, on=on, tuned=scope in ("head", "all"))
    if scope == "affine" or scope == "monotone":
        return calibrate_scores(
            ranked,
            learnt,
            held,
            shape=scope,
            n_knots=n_knots,
            task=task,
            constant_of=train,
            device=device,
            environment=environment,
        )
    return tune(
        ranked,
        learnt,
        held,
        part=scope,
        ranking=ranking,
        settings=settings,
        task=task,
        constant_of=train,
        device=device,
        environment=environment,
    )

"""The baseline that GRCF has to beat: the same network and budget, the objective of stage 2 only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.corpus.segments import Owner
from pipeline.artifacts.trained.checkpoint import Checkpoint
from pipeline.errors import PipelineError
from pipeline.evaluation.selection import mean_absolute_error
from pipeline.grcf.calibration.pointwise_objective import (
    POINTWISE_OBJECTIVES,
    PointwiseObjective,
    Task,
    fit_calibration,
    mean_loss,
    require_two_labels,
)
from pipeline.grcf.calibration.rater_scales import Raters, profiled, standardised
from pipeline.grcf.calibration.trusted import CalibrateOn, labels_to_calibrate_on
from pipeline.grcf.fit.loop import TrainingSettings, first_networks
from pipeline.grcf.fit.selection import SelectBy, Selection
from pipeline.grcf.fit.stacked import train_each
from pipeline.grcf.network.batches import Objective, SplitTensors
from pipeline.grcf.network.checkpoints import make_checkpoint, score_split
from pipeline.grcf.network.curve import IDENTITY
from pipeline.grcf.network.network import NetworkSettings
from pipeline.grcf.network.owned_labels import OwnedLabels, compared, owned_labels
from pipeline.grcf.tuning import tune_network

PointwiseCalibration = Literal["none", "affine", "monotone", "head", "all"]
PointwiseWeight = Literal["none", "bounded"]


def train_pointwises(
    train: AlignedSplit,
    valid: AlignedSplit,
    *,
    seeds: Sequence[int],
    network: NetworkSettings,
    settings: TrainingSettings,
    extra_epochs: int,
    select_by: SelectBy,
    calibration: PointwiseCalibration,
    n_knots: int,
    tuning_rate: float = 0.0003,
    weight: PointwiseWeight = "none",
    bound: float = 1.5,
    raters: Raters = "as_given",
    within: Owner = "rater",
    across: float = 0.0,
    on: CalibrateOn = "all",
    task: Task,
    device: str,
    environment: Mapping[str, str],
) -> Iterator[Checkpoint]:
    """Train one network per seed from scratch, point by point, from the same first weights as stage 1 of that seed.

    Args:
        train: the split that is learnt from.
        valid: the split on which the epoch is selected and the curve is fitted; its trusted segments where `on` says so.
        seeds: seeds of the first weights and of everything random in training, one per network.
        network: settings of the network.
        settings: how to train; its epochs are those of stage 1.
        extra_epochs: epochs beside those of stage 1, for the same budget as both stages of GRCF have.
        select_by: criterion of the selected epoch, "magnitude" or "order".
        calibration: "none" takes the network's scores as predictions; "affine" and "monotone" offer the baseline the
            curve that GRCF's stage 2 fits, so that a difference between them is not the curve's; "head" and "all" tune it for
            `extra_epochs` as stage 2 does.
        n_knots: number of bends of a monotone curve.
        weight: "none" weighs all segments alike; "bounded" weighs those with a large loss less, for labels that may be
            wrong: what the direction "bounded" does for the pairs of GRCF.
        bound: the loss of a segment at which a bounded weight is one half.
        tuning_rate: peak learning rate of tuning.
        raters: what is done about scales of the owners' own: "as_given" nothing, "standardised" as `rater_scales.standardised`,
            "profiled" as `rater_scales.profiled`; the latter draws batches in which labels of one owner meet, as stage 1 does.
        within: whose scales these are.
        across: share of an owner's offset that stays in its labels, 0 to 1; profiled only.
        on: the labels by which the epoch is selected and on which is calibrated: "all", or those that are "trusted".
        task: "regression" minimises the mean absolute error, "binary" and "classes" the cross-entropy.
        device: device on which the networks run.
        environment: versions of libraries and class of device, for the header.

    Raises:
        PipelineError: labels that are no numbers cannot be standardised or profiled, no label is trusted, or those to calibrate on are
            all the same.
    """
    if raters != "as_given" and task != "regression":
        raise PipelineError(
            f"pointwise.raters is {raters!r}, but labels are no numbers whose scale a rater could have; set it to as_given"
        )
    if raters != "as_given" and owned_labels(train, within).is_owned.sum() == 0:
        raise PipelineError(
            f"pointwise.raters is {raters!r}, but no segment of train has a {within}; name them in the column {within} of "
            "segments.csv, or set it to as_given"
        )
    objective = POINTWISE_OBJECTIVES[task]
    without_tuning = calibration not in ("head", "all")
    from_scratch = replace(settings, epochs=settings.epochs + (extra_epochs if without_tuning else 0))
    learnt, held = labels_to_calibrate_on(train, valid, on=on, tuned=not without_tuning)
    if calibration != "none":
        require_two_labels(held.labels, split=held.split, task=task)
    starts = first_networks(train, network=network, settings=settings, seeds=seeds, device=device)
    results = train_each(
        starts,
        SplitTensors(
            standardised(train, by=within) if raters == "standardised" else train,
            device=device,
            within=within if raters == "profiled" else "any",
        ),
        SplitTensors(standardised(held, by=within) if raters == "standardised" else held, device=device),
        objective=_objective(
            objective, raters=raters, across=across, bound=bound if weight == "bounded" else None
        ),
        selection=Selection(
            by=select_by,
            calibration=IDENTITY,
            error=_error_after_offset if raters == "profiled" else objective.error,
        ),
        seeds=seeds,
        settings=from_scratch,
    )
    for trained, seed in zip(results, seeds, strict=True):
        curve = IDENTITY
        if calibration == "affine" or calibration == "monotone":
            scores = score_split(trained.network, SplitTensors(held, device=device))
            curve = fit_calibration(scores, held.labels, task=task, shape=calibration, n_knots=n_knots)
        checkpoint = make_checkpoint(
            trained,
            stage="pointwise",
            objective=objective.name,
            leaves_order=True,
            seed=seed,
            calibration=curve,
            link=objective.link,
            train=train,
            environment=environment,
        )
        if calibration == "head" or calibration == "all":
            checkpoint = tune_network(
                checkpoint,
                learnt,
                held,
                stage="pointwise",
                part=calibration,
                settings=replace(settings, epochs=extra_epochs, learning_rate=tuning_rate),
                task=task,
                constant_of=train,
                device=device,
                environment=environment,
            )
        yield checkpoint


def _objective(
    objective: PointwiseObjective, *, raters: Raters, across: float, bound: float | None
) -> Objective:
    def loss(score: Tensor, label: Tensor, _: Tensor, owned: OwnedLabels | None) -> Tensor:
        if raters != "profiled" or owned is None:
            return objective.loss(score, label, bound=bound)
        scores, labels, owner = compared(score, label, owned)
        assert owner is not None
        alone = ~owned.is_owned
        losses = [
            profiled(objective.losses, across=across)(scores, labels, owner),
            objective.losses(score[alone], label[alone]),
        ]
        return mean_loss(torch.cat(losses), bound=bound)

    return loss


def _error_after_offset(truth: np.ndarray, output: np.ndarray) -> float | None:
    """Mean absolute error after the best offset of all outputs; None where there are no segments."""
    return mean_absolute_error(truth, output + np.median(truth - output)) if len(truth) else None


def train_pointwise(train: AlignedSplit, valid: AlignedSplit, *, seed: int, **settings: Any) -> Checkpoint:
    """Train the network of one seed; see `train_pointwises`."""
    (checkpoint,) = train_pointwises(train, valid, seeds=[seed], **settings)
    return checkpoint

"""Tuning a trained network by the point-wise objective of its task: stage 2 of GRCF, and what the baseline is offered beside it."""

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter

from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.trained.checkpoint import Checkpoint, TrainingStage
from pipeline.grcf.calibration.pointwise_objective import (
    POINTWISE_OBJECTIVES,
    Task,
    fit_calibration,
    require_two_labels,
)
from pipeline.grcf.fit.loop import TrainingSettings, train_network
from pipeline.grcf.fit.selection import Selection
from pipeline.grcf.network.batches import Objective, SplitTensors
from pipeline.grcf.network.checkpoints import check_columns, make_checkpoint, restore, score_split
from pipeline.grcf.network.curve import IDENTITY
from pipeline.grcf.network.network import SentimentNetwork
from pipeline.grcf.network.owned_labels import OwnedLabels, Within

TunedPart = Literal["head", "all"]
"""The last layer, or the whole network."""


def tune_network(
    start: Checkpoint,
    train: AlignedSplit,
    valid: AlignedSplit,
    *,
    stage: TrainingStage,
    part: TunedPart,
    further: Objective | None = None,
    within: Within = "any",
    settings: TrainingSettings,
    task: Task,
    constant_of: AlignedSplit | None = None,
    device: str,
    environment: Mapping[str, str],
) -> Checkpoint:
    """Continue the training of a network by the point-wise objective of the task; the order of its scores may change.

    Where the start left an order, outputs are its scores under the affine curve that fits them best on valid, and the
    untuned start may be kept.

    Args:
        start: the model that is tuned.
        train: the split that is learnt from.
        valid: the split on which the affine curve is fitted and the epoch selected.
        stage: the stage that tunes it.
        part: part of the network that is tuned.
        further: a loss that is added to the error, such as a ranking loss; None adds nothing.
        within: whose labels that loss compares.
        settings: how to train.
        task: "regression" minimises the mean absolute error, "binary" and "classes" the cross-entropy.
        constant_of: the split that the best constant is of; None where it is `train`.
        device: device on which the network runs.
        environment: versions of libraries and class of device, for the header.

    Returns:
        A checkpoint whose curve turns the scores of the network into label units, or into logits.

    Raises:
        PipelineError: the features are others than those of the start, an order has to be calibrated on labels that are all the same,
            or the loss is no longer finite.
    """
    objective = POINTWISE_OBJECTIVES[task]
    check_columns(start, train)
    if start.leaves_order:
        require_two_labels(valid.labels, split=valid.split, task=task)
    network, _ = restore(start, device=device)
    train_tensors, valid_tensors = (
        SplitTensors(split, device=device, within=within) for split in (train, valid)
    )
    curve = (
        fit_calibration(
            score_split(network, valid_tensors), valid.labels, task=task, shape="affine", n_knots=0
        )
        if start.leaves_order
        else IDENTITY
    )
    offset, slope = (_as_factor(part, device=device) for part in (curve.offset, curve.slope))

    def loss(score: Tensor, label: Tensor, representation: Tensor, owned: OwnedLabels | None) -> Tensor:
        error = objective.loss(offset + slope * score, label)
        return error if further is None else error + further(score, label, representation, owned)

    trained = train_network(
        network,
        train_tensors,
        valid_tensors,
        objective=loss,
        selection=Selection(by="magnitude", calibration=curve, error=objective.error),
        parameters=_head if part == "head" else SentimentNetwork.parameters,
        keep_start=start.leaves_order,
        seed=start.seed,
        settings=settings,
    )
    return make_checkpoint(
        trained,
        stage=stage,
        objective=objective.name if further is None else f"{objective.name} + ranking",
        leaves_order=True,
        seed=start.seed,
        calibration=curve,
        link=objective.link,
        train=train if constant_of is None else constant_of,
        environment=environment,
    )


def _as_factor(part: float | np.ndarray, *, device: str) -> float | Tensor:
    """A number as it is, and one for each class as a tensor in the precision of scores."""
    return part if isinstance(part, float) else torch.tensor(part, dtype=torch.float32, device=device)


def _head(network: SentimentNetwork) -> Iterable[Parameter]:
    return network.head.parameters()

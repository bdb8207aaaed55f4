"""The baseline that GRCF has to beat: the same network and budget, the objective of stage 2 only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.checkpoint import Checkpoint
from pipeline.grcf.calibration.pointwise_objective import POINTWISE_OBJECTIVES, Task, fit_calibration
from pipeline.grcf.fit.loop import TrainingSettings, first_networks
from pipeline.grcf.fit.selection import SelectBy, Selection
from pipeline.grcf.fit.stacked import train_each
from pipeline.grcf.network.batches import SplitTensors
from pipeline.grcf.network.checkpoints import make_checkpoint, score_split
from pipeline.grcf.network.curve import IDENTITY
from pipeline.grcf.network.network import NetworkSettings

PointwiseCalibration = Literal["none", "affine", "monotone"]
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
    weight: PointwiseWeight = "none",
    bound: float = 1.5,
    task: Task,
    device: str,
    environment: Mapping[str, str],
) -> Iterator[Checkpoint]:
    """Train one network per seed from scratch, point by point, from the same first weights as stage 1 of that seed.

    Args:
        train: the split that is learnt from.
        valid: the split on which the epoch is selected and the curve is fitted.
        seeds: seeds of the first weights and of everything random in training, one per network.
        network: settings of the network.
        settings: how to train; its epochs are those of stage 1.
        extra_epochs: epochs beside those of stage 1, for the same budget as both stages of GRCF have.
        select_by: criterion of the selected epoch, "magnitude" or "order".
        calibration: "none" takes the network's scores as predictions; "affine" and "monotone" offer the baseline the
            curve that GRCF's stage 2 fits, so that a difference between them is not the curve's.
        n_knots: number of bends of a monotone curve.
        weight: "none" weighs all segments alike; "bounded" weighs those with a large loss less, for labels that may be
            wrong: what the direction "bounded" does for the pairs of GRCF.
        bound: the loss of a segment at which a bounded weight is one half.
        task: "regression" minimises the mean absolute error, "binary" and "classes" the cross-entropy.
        device: device on which the networks run.
        environment: versions of libraries and class of device, for the header.
    """
    objective = POINTWISE_OBJECTIVES[task]
    settings = replace(settings, epochs=settings.epochs + extra_epochs)
    starts = first_networks(train, network=network, settings=settings, seeds=seeds, device=device)
    valid_tensors = SplitTensors(valid, device=device)
    results = train_each(
        starts,
        SplitTensors(train, device=device),
        valid_tensors,
        objective=lambda score, label, *_: objective.loss(
            score, label, bound=bound if weight == "bounded" else None
        ),
        selection=Selection(by=select_by, calibration=IDENTITY, error=objective.error),
        seeds=seeds,
        settings=settings,
    )
    return (
        make_checkpoint(
            trained,
            stage="pointwise",
            objective=objective.name,
            leaves_order=True,
            seed=seed,
            calibration=IDENTITY
            if calibration == "none"
            else fit_calibration(
                score_split(trained.network, valid_tensors),
                valid.labels,
                task=task,
                shape=calibration,
                n_knots=n_knots,
            ),
            link=objective.link,
            train=train,
            environment=environment,
        )
        for trained, seed in zip(results, seeds, strict=True)
    )


def train_pointwise(train: AlignedSplit, valid: AlignedSplit, *, seed: int, **settings: Any) -> Checkpoint:
    """Train the network of one seed; see `train_pointwises`."""
    (checkpoint,) = train_pointwises(train, valid, seeds=[seed], **settings)
    return checkpoint

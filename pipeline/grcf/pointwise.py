"""The baseline that GRCF has to beat: the same network and budget, the objective of stage 2 only."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.checkpoint import Checkpoint
from pipeline.grcf.calibration.pointwise_objective import MAGNITUDES, Task, fit_calibration
from pipeline.grcf.fit.loop import (
    TrainingSettings,
    first_networks,
    make_checkpoint,
    score_split,
)
from pipeline.grcf.fit.selection import Selection
from pipeline.grcf.fit.stacked import train_each
from pipeline.grcf.network.batches import SplitTensors
from pipeline.grcf.network.curve import IDENTITY
from pipeline.grcf.network.network import NetworkSettings

PointwiseCalibration = Literal["none", "affine", "monotone"]


def train_pointwises(
    train: AlignedSplit,
    valid: AlignedSplit,
    *,
    seeds: Sequence[int],
    network: NetworkSettings,
    settings: TrainingSettings,
    select_by: Selection,
    calibration: PointwiseCalibration,
    n_knots: int,
    device: str,
    made_with: Mapping[str, str],
    task: Task = "regression",
) -> Iterator[Checkpoint]:
    """Train a network a seed from scratch, point by point, from the same first weights as stage 1 of the seed.

    Args:
        train: what is learnt from.
        valid: what the epoch is chosen on and the curve is fitted on.
        seeds: of the first weights and of everything random in training, one for each network.
        network: what is trained.
        settings: how to train.
        select_by: what the epoch is chosen by, "magnitude" or "order".
        calibration: "none" takes the network's scores as predictions; "affine" and "monotone" offer the baseline the
            curve that GRCF's stage 2 fits, so that a difference between them is not the curve's.
        n_knots: bends of the monotone curve.
        device: where the network runs.
        made_with: versions and device for the header.
        task: what is minimised: "regression" the mean absolute error, "binary" the cross-entropy of labels 0 and 1.
    """
    magnitude = MAGNITUDES[task]
    starts = first_networks(train, network=network, settings=settings, seeds=seeds, device=device)
    valid_tensors = SplitTensors(valid, device=device)
    trained = train_each(
        starts,
        SplitTensors(train, device=device),
        valid_tensors,
        objective=lambda score, label, _: magnitude.loss(score, label),
        select_by=select_by,
        curve=IDENTITY,
        measure=magnitude.error,
        seeds=seeds,
        settings=settings,
    )
    return (
        make_checkpoint(
            mine,
            stage="pointwise",
            objective=magnitude.objective,
            seed=seed,
            curve=IDENTITY
            if calibration == "none"
            else fit_calibration(
                score_split(mine.network, valid_tensors),
                valid.labels,
                task=task,
                shape=calibration,
                n_knots=n_knots,
            ),
            link=magnitude.link,
            train=train,
            made_with=made_with,
        )
        for mine, seed in zip(trained, seeds, strict=True)
    )


def train_pointwise(train: AlignedSplit, valid: AlignedSplit, *, seed: int, **settings: Any) -> Checkpoint:
    """The network of one seed; see `train_pointwises`."""
    (checkpoint,) = train_pointwises(train, valid, seeds=[seed], **settings)
    return checkpoint

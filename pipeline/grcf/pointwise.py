"""The baseline that GRCF has to beat: the same network and budget, the objective of stage 2 only."""

from collections.abc import Mapping
from typing import Literal

from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.checkpoint import Checkpoint
from pipeline.grcf.batches import SplitTensors
from pipeline.grcf.curve import IDENTITY
from pipeline.grcf.finetuning import add_encoder
from pipeline.grcf.magnitude import MAGNITUDES, Task, fit_calibration
from pipeline.grcf.training import (
    Selection,
    TrainingSettings,
    build_network,
    make_checkpoint,
    score_split,
    train_network,
)

PointwiseCalibration = Literal["none", "affine", "monotone"]


def train_pointwise(
    train: AlignedSplit,
    valid: AlignedSplit,
    *,
    seed: int,
    width: int,
    dropout: float,
    settings: TrainingSettings,
    select_by: Selection,
    calibration: PointwiseCalibration,
    n_knots: int,
    device: str,
    made_with: Mapping[str, str],
    task: Task = "regression",
) -> Checkpoint:
    """Train one network from scratch, point by point, from the same first weights as stage 1 of this seed.

    Args:
        train: what is learnt from.
        valid: what the epoch is chosen on and the curve is fitted on.
        seed: of the first weights and of everything random in training.
        width: of the network.
        dropout: of the network.
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
    network = build_network(columns=train.columns, width=width, dropout=dropout, seed=seed)
    network = add_encoder(network, train, settings=settings.finetuning, seed=seed).to(device)
    trained = train_network(
        network,
        SplitTensors(train, device=device),
        SplitTensors(valid, device=device),
        objective=lambda score, label, _: magnitude.loss(score, label),
        select_by=select_by,
        curve=IDENTITY,
        measure=magnitude.error,
        seed=seed,
        settings=settings,
    )
    curve = IDENTITY
    if calibration != "none":
        scores = score_split(trained.network, SplitTensors(valid, device=device))
        curve = fit_calibration(scores, valid.labels, task=task, shape=calibration, n_knots=n_knots)
    return make_checkpoint(
        trained,
        stage="pointwise",
        objective=magnitude.objective,
        seed=seed,
        curve=curve,
        link=magnitude.link,
        train=train,
        dropout=dropout,
        made_with=made_with,
    )

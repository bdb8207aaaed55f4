"""The baseline that GRCF has to beat: the same network and budget, absolute error only."""

from collections.abc import Mapping

from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.checkpoint import Checkpoint
from pipeline.grcf.batches import SplitTensors
from pipeline.grcf.curve import IDENTITY
from pipeline.grcf.magnitude import absolute_error
from pipeline.grcf.training import TrainingSettings, build_network, make_checkpoint, train_network


def train_pointwise(
    train: AlignedSplit,
    valid: AlignedSplit,
    *,
    seed: int,
    width: int,
    dropout: float,
    settings: TrainingSettings,
    device: str,
    made_with: Mapping[str, str],
) -> Checkpoint:
    """Train one network from scratch by mean absolute error, from the same first weights as stage 1 of this seed."""
    network = build_network(columns=train.columns, width=width, dropout=dropout, seed=seed).to(device)
    trained = train_network(
        network,
        SplitTensors(train, device=device),
        SplitTensors(valid, device=device),
        objective=absolute_error,
        select_by="magnitude",
        seed=seed,
        settings=settings,
    )
    return make_checkpoint(
        trained,
        stage="pointwise",
        seed=seed,
        curve=IDENTITY,
        train=train,
        dropout=dropout,
        made_with=made_with,
    )

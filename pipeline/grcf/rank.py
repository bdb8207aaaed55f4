"""Stage 1: learn the order of the sentiments."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.checkpoint import Checkpoint
from pipeline.grcf.fit.loop import TrainingSettings, first_networks, untrained
from pipeline.grcf.fit.selection import Selection
from pipeline.grcf.fit.stacked import train_each
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings
from pipeline.grcf.loss.interface import RankingObjective
from pipeline.grcf.loss.objectives import GROUPWISE, OBJECTIVES, groupwise_objective
from pipeline.grcf.network.batches import SplitTensors
from pipeline.grcf.network.checkpoints import Trained, make_checkpoint
from pipeline.grcf.network.curve import IDENTITY
from pipeline.grcf.network.network import NetworkSettings


def ranking_objective(name: str, *, margin: MarginSettings, advantage: AdvantageSettings) -> RankingObjective:
    """The objective of that name.

    Args:
        name: "groupwise" is GRCF; the others are the names of `objectives.OBJECTIVES`.
        margin: margin of the groupwise objective.
        advantage: weights of the groupwise objective.
    """
    return groupwise_objective(margin, advantage) if name == GROUPWISE else OBJECTIVES[name]


def train_rankings(
    train: AlignedSplit,
    valid: AlignedSplit,
    *,
    seeds: Sequence[int],
    network: NetworkSettings,
    objective: RankingObjective,
    settings: TrainingSettings,
    device: str,
    environment: Mapping[str, str],
) -> Iterator[Checkpoint]:
    """Train one network per seed from scratch by a ranking loss; its scores have an order, not yet a magnitude.

    Args:
        train: the split that is learnt from.
        valid: the split on which the epoch is selected: by order, or by the loss itself where that leaves none.
        seeds: seeds of the first weights and of everything random in training, one per network.
        network: settings of the network.
        objective: what is minimised; one without a loss leaves the first weights as they are.
        settings: how to train.
        device: device on which the networks run.
        environment: versions of libraries and class of device, for the header.
    """
    starts = first_networks(train, network=network, settings=settings, seeds=seeds, device=device)
    valid_tensors = SplitTensors(valid, device=device)
    results: Iterator[Trained]
    if objective.loss is None:
        results = (
            untrained(start, valid_tensors, seed=seed) for start, seed in zip(starts, seeds, strict=True)
        )
    else:
        results = train_each(
            starts,
            SplitTensors(train, device=device),
            valid_tensors,
            objective=objective.loss,
            selection=Selection(by="order" if objective.leaves_order else "objective"),
            seeds=seeds,
            settings=settings,
        )
    return (
        make_checkpoint(
            trained,
            stage="rank",
            objective=objective.name,
            leaves_order=objective.leaves_order,
            seed=seed,
            calibration=IDENTITY,
            link="identity",
            train=train,
            environment=environment,
        )
        for trained, seed in zip(results, seeds, strict=True)
    )


def train_ranking(train: AlignedSplit, valid: AlignedSplit, *, seed: int, **settings: Any) -> Checkpoint:
    """Train the network of one seed; see `train_rankings`."""
    (checkpoint,) = train_rankings(train, valid, seeds=[seed], **settings)
    return checkpoint

"""Stage 1: learn the order of the sentiments."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64

from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.corpus.task import Kind
from pipeline.artifacts.trained.checkpoint import Checkpoint
from pipeline.errors import PipelineError
from pipeline.grcf.fit.loop import TrainingSettings, first_networks, untrained
from pipeline.grcf.fit.selection import Selection
from pipeline.grcf.fit.stacked import train_each
from pipeline.grcf.loss.classes import class_by_class
from pipeline.grcf.loss.groups import group_of
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings
from pipeline.grcf.loss.interface import RankingObjective
from pipeline.grcf.loss.objectives import GROUPWISE, groupwise_objective, objective_of, pooled
from pipeline.grcf.network.batches import SplitTensors
from pipeline.grcf.network.checkpoints import Trained, make_checkpoint
from pipeline.grcf.network.curve import IDENTITY
from pipeline.grcf.network.network import NetworkSettings
from pipeline.grcf.network.owned_labels import owned_labels


def ranking_objective(
    name: str,
    *,
    margin: MarginSettings,
    advantage: AdvantageSettings,
    task: Kind = "regression",
    ordered: bool = False,
) -> RankingObjective:
    """The objective of that name.

    Args:
        name: "groupwise" is GRCF; the others are the names of `objectives.OBJECTIVES`, or a reference to one's own, see
            `objective_of`.
        margin: margin of the groupwise objective; whose labels are compared, and what pairs across owners weigh, is that of every
            objective.
        advantage: weights of the groupwise objective.
        task: kind of label; with classes, the objective is that of each class against all others.
        ordered: whether the classes have an order.
    """
    if name == GROUPWISE:
        objective = groupwise_objective(margin, advantage)
    else:
        objective = replace(objective_of(name), within=margin.within)
    objective = pooled(objective, margin.across)
    return class_by_class(objective, ordered=ordered) if task == "classes" else objective


def comparable(train: AlignedSplit, objective: RankingObjective) -> AlignedSplit:
    """The segments of train that stage 1 can learn from: those with an owner, where it compares within one.

    Raises:
        PipelineError: no segment has an owner, or no two labels of an owner differ for the objective; of all owners, where pairs
            across them count.
    """
    kind = objective.within
    if kind == "any" or objective.loss is None:
        require_pairs(train.labels, objective)
        return train
    owned = owned_labels(train, kind)
    label, owner = owned.flat()
    if len(label) == 0:
        raise PipelineError(
            f"margin.within is {kind!r}, but no segment of train has a {kind}; name them in the column {kind} of segments.csv"
            f"{', or in ratings.csv' if kind == 'rater' else ''}, or set margin.within to any"
        )
    level = label if objective.groups is None else group_of(label, groups=objective.groups)
    kinds = torch.stack([owner.double(), level.double()]).unique(dim=1)[0]
    is_owned = owned.is_owned.numpy()
    chosen = train if is_owned.all() else train.select(np.flatnonzero(is_owned))
    if objective.across > 0:
        require_pairs(chosen.labels, objective)
    elif len(kinds) == len(owner.unique()):
        raise PipelineError(
            f"no {kind} of train has labels {'that differ' if objective.groups is None else 'of two sentiment groups'} (there are "
            f"{len(label)} labels of {len(kinds)} {kind}s), so there is no pair to order within a {kind}; choose a wider "
            f"margin.within{'' if objective.groups is None else ', finer margin.groups'}, or set margin.across above 0"
        )
    return chosen


def require_pairs(labels: Float64[np.ndarray, "segment"], objective: RankingObjective) -> None:
    """Refuse labels of which no two differ for the objective: its loss would be 0 from the first epoch on.

    Raises:
        PipelineError: they are all in one group, or all the same.
    """
    if objective.loss is None:
        return
    if len(np.unique(labels)) < 2:
        raise PipelineError(
            f"every label of train is {labels[0]:g}, so there is no pair to order; check the labels of the corpus"
        )
    groups = objective.groups
    if groups is not None and len(group_of(torch.tensor(labels), groups=groups).unique()) < 2:
        cuts = np.unique(np.quantile(labels, (0.2, 0.4, 0.6, 0.8), method="lower").round(3))
        # A label on a cut belongs below it.
        cuts = cuts[cuts < labels.max()]
        raise PipelineError(
            f"all labels of train ({labels.min():g} to {labels.max():g}) are in one group of margin.groups = "
            f"{groups if isinstance(groups, str) else list(groups)}, so there is no pair to order and stage 1 would learn "
            f"nothing; set it to cuts between the labels, such as -S 'margin.groups=[{','.join(f'{cut:g}' for cut in cuts)}]'"
        )


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
        objective: objective to minimise; one without a loss leaves the first weights as they are. Where it compares within an
            owner, such as the rater, segments without one are not learnt from, and the order on valid is that of pairs
            within an owner and of trusted segments.
        settings: how to train.
        device: device on which the networks run.
        environment: versions of libraries and class of device, for the header.

    Raises:
        PipelineError: train has no pair that the objective could order.
    """
    learnt = comparable(train, objective)
    starts = first_networks(learnt, network=network, settings=settings, seeds=seeds, device=device)
    valid_tensors = SplitTensors(valid, device=device, within=objective.within)
    results: Iterator[Trained]
    if objective.loss is None:
        results = (
            untrained(start, valid_tensors, seed=seed) for start, seed in zip(starts, seeds, strict=True)
        )
    else:
        results = train_each(
            starts,
            SplitTensors(learnt, device=device, within=objective.within),
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

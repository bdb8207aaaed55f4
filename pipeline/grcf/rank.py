"""Stage 1: learn the order of the sentiments."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

import numpy as np
import torch

from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.checkpoint import Checkpoint
from pipeline.grcf.batches import SplitTensors
from pipeline.grcf.curve import IDENTITY
from pipeline.grcf.groups import group_of
from pipeline.grcf.losses import AdvantageSettings, MarginSettings, compare_pairs
from pipeline.grcf.objectives import SCORING, RankObjective, ranking_objective
from pipeline.grcf.training import (
    TrainingSettings,
    build_network,
    make_checkpoint,
    restore,
    score_split,
    train_network,
    untrained,
)


def train_ranking(
    train: AlignedSplit,
    valid: AlignedSplit,
    *,
    seed: int,
    width: int,
    dropout: float,
    objective: RankObjective,
    margin: MarginSettings,
    advantage: AdvantageSettings,
    settings: TrainingSettings,
    device: str,
    made_with: Mapping[str, str],
) -> Checkpoint:
    """Train one network from scratch by a ranking loss; its scores have an order, not yet a magnitude.

    Args:
        train: what is learnt from.
        valid: what the epoch is chosen on: by order, or by the loss itself where that trains no scores.
        seed: of the first weights and of everything random in training.
        width: of the network.
        dropout: of the network.
        objective: "groupwise" is GRCF; "none" leaves the first weights for a stage 2 that trains all by itself; the
            others are relatives, see `relatives`.
        margin: of the groupwise loss.
        advantage: of the groupwise loss.
        settings: how to train.
        device: where the network runs.
        made_with: versions and device for the header.
    """
    network = build_network(columns=train.columns, width=width, dropout=dropout, seed=seed).to(device)
    valid_tensors = SplitTensors(valid, device=device)
    if objective == "none":
        trained = untrained(network, valid_tensors, seed=seed)
    else:
        trained = train_network(
            network,
            SplitTensors(train, device=device),
            valid_tensors,
            objective=ranking_objective(objective, margin=margin, advantage=advantage),
            select_by="order" if objective in SCORING else "objective",
            curve=None,
            measure=None,
            seed=seed,
            settings=settings,
        )
    return make_checkpoint(
        trained,
        stage="rank",
        objective=objective,
        seed=seed,
        curve=IDENTITY,
        link="identity",
        train=train,
        dropout=dropout,
        made_with=made_with,
    )


@dataclass(frozen=True, slots=True)
class GroupPairRow:
    """How stage 1 left the pairs between two groups of train: means over pairs compared within a batch.

    `margin` and `violation` in score units; `capped` and `ordered` are shares from 0 to 1.
    """

    seed: int
    group_above: int
    group_below: int
    n_pairs: int
    margin: float
    violation: float
    weight: float
    capped: float
    ordered: float


GROUP_PAIR_COLUMNS = tuple(field.name for field in fields(GroupPairRow))


def describe_group_pairs(
    checkpoint: Checkpoint,
    train: AlignedSplit,
    *,
    batch_size: int,
    margin: MarginSettings,
    advantage: AdvantageSettings,
    device: str,
) -> Iterator[GroupPairRow]:
    """Margins, violations and weights of the selected epoch by pair of groups, in batches as large as in training."""
    network, _ = restore(checkpoint, device=device)
    split = SplitTensors(train, device=device)
    score = torch.from_numpy(score_split(network, split)).to(split.label)
    order = torch.from_numpy(np.random.default_rng(checkpoint.seed).permutation(len(split))).to(score.device)
    parts = []
    for segments in order.tensor_split(split.n_batches(batch_size)):
        label = split.label[segments]
        compared = compare_pairs(score[segments], label, margin=margin, advantage=advantage)
        above, below = compared.pair.nonzero(as_tuple=True)
        group = group_of(label, groups=margin.groups)
        gap = score[segments][above] - score[segments][below]
        parts.append(
            torch.stack(
                [
                    group[above],
                    group[below],
                    compared.margin[above, below],
                    compared.violation[above, below],
                    compared.weight[above, below],
                    compared.weight[above, below] >= advantage.cap,
                    (gap.sign() + 1) / 2,
                ]
            ).double()
        )
    values = torch.cat(parts, dim=1).cpu().numpy()
    kinds, member = np.unique(values[:2], axis=1, return_inverse=True)
    for kind, (group_above, group_below) in enumerate(kinds.T):
        mine = values[2:, member == kind]
        yield GroupPairRow(
            checkpoint.seed, int(group_above), int(group_below), mine.shape[1], *mine.mean(axis=1).tolist()
        )

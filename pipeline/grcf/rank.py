"""Stage 1: learn the order of the sentiments."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, Int64

from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.checkpoint import Checkpoint
from pipeline.artifacts.pair_statistics import GroupPairRow, PairBinRow
from pipeline.errors import PipelineError
from pipeline.grcf.fit.loop import (
    Trained,
    TrainingSettings,
    first_networks,
    make_checkpoint,
    restore,
    score_split,
    untrained,
)
from pipeline.grcf.fit.stacked import train_each
from pipeline.grcf.loss.groups import Grouping, group_of
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings, compare_pairs
from pipeline.grcf.loss.objectives import SCORING, RankObjective, ranking_objective
from pipeline.grcf.network.batches import SplitTensors
from pipeline.grcf.network.curve import IDENTITY
from pipeline.grcf.network.network import NetworkSettings


def _require_pairs(
    labels: Float64[np.ndarray, "segment"], *, objective: RankObjective, groups: Grouping
) -> None:
    """Refuse labels of which no two differ for the objective: its loss would be 0 from the first epoch on.

    Raises:
        PipelineError: they are all in one group, or all the same.
    """
    if objective == "none":
        return
    spread = f"{labels.min():g} to {labels.max():g}"
    if len(np.unique(labels)) < 2:
        raise PipelineError(
            f"every label of train is {labels[0]:g}, so there is no pair to order; check the labels of the corpus"
        )
    if objective == "groupwise" and len(group_of(torch.tensor(labels).float(), groups=groups).unique()) < 2:
        cuts = np.unique(np.quantile(labels, (0.2, 0.4, 0.6, 0.8), method="lower").round(3))
        # A label on a cut belongs below it.
        cuts = cuts[cuts < labels.max()]
        raise PipelineError(
            f"all labels of train ({spread}) are in one group of margin.groups = "
            f"{groups if isinstance(groups, str) else list(groups)}, so there is no pair to order and stage 1 would learn "
            f"nothing; set it to cuts between the labels, such as -S 'margin.groups=[{','.join(f'{cut:g}' for cut in cuts)}]'"
        )


def train_rankings(
    train: AlignedSplit,
    valid: AlignedSplit,
    *,
    seeds: Sequence[int],
    network: NetworkSettings,
    objective: RankObjective,
    margin: MarginSettings,
    advantage: AdvantageSettings,
    settings: TrainingSettings,
    device: str,
    made_with: Mapping[str, str],
) -> Iterator[Checkpoint]:
    """Train a network a seed from scratch by a ranking loss; its scores have an order, not yet a magnitude.

    Args:
        train: what is learnt from.
        valid: what the epoch is chosen on: by order, or by the loss itself where that trains no scores.
        seeds: of the first weights and of everything random in training, one for each network.
        network: what is trained.
        objective: "groupwise" is GRCF; "none" leaves the first weights for a stage 2 that trains all by itself; the
            others are relatives, see `relatives`.
        margin: of the groupwise loss.
        advantage: of the groupwise loss.
        settings: how to train.
        device: where the network runs.
        made_with: versions and device for the header.

    Raises:
        PipelineError: train has no pair that the objective could order.
    """
    _require_pairs(train.labels, objective=objective, groups=margin.groups)
    starts = first_networks(train, network=network, settings=settings, seeds=seeds, device=device)
    valid_tensors = SplitTensors(valid, device=device)
    trained: Iterator[Trained]
    if objective == "none":
        trained = (
            untrained(start, valid_tensors, seed=seed) for start, seed in zip(starts, seeds, strict=True)
        )
    else:
        trained = train_each(
            starts,
            SplitTensors(train, device=device),
            valid_tensors,
            objective=ranking_objective(objective, margin=margin, advantage=advantage),
            select_by="order" if objective in SCORING else "objective",
            curve=None,
            measure=None,
            seeds=seeds,
            settings=settings,
        )
    return (
        make_checkpoint(
            mine,
            stage="rank",
            objective=objective,
            seed=seed,
            curve=IDENTITY,
            link="identity",
            train=train,
            made_with=made_with,
        )
        for mine, seed in zip(trained, seeds, strict=True)
    )


def train_ranking(train: AlignedSplit, valid: AlignedSplit, *, seed: int, **settings: Any) -> Checkpoint:
    """The network of one seed; see `train_rankings`."""
    (checkpoint,) = train_rankings(train, valid, seeds=[seed], **settings)
    return checkpoint


@dataclass(frozen=True, eq=False)
class PairValues:
    """Every pair of train that is compared within a batch, as the selected epoch of one seed left it."""

    seed: int
    group_above: Int64[np.ndarray, "pair"]
    group_below: Int64[np.ndarray, "pair"]
    margin: Float64[np.ndarray, "pair"]
    violation: Float64[np.ndarray, "pair"]
    weight: Float64[np.ndarray, "pair"]
    capped: Float64[np.ndarray, "pair"]
    ordered: Float64[np.ndarray, "pair"]


def pair_values(
    checkpoint: Checkpoint,
    train: AlignedSplit,
    *,
    batch_size: int,
    margin: MarginSettings,
    advantage: AdvantageSettings,
    device: str,
) -> PairValues:
    """Margins, violations and weights pair by pair, in batches as large as in training."""
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
    groups = values[:2].astype(np.int64)
    return PairValues(checkpoint.seed, groups[0], groups[1], *values[2:])


def describe_group_pairs(values: PairValues) -> Iterator[GroupPairRow]:
    """Margins, violations and weights of the selected epoch by pair of groups, as means over their pairs."""
    groups = np.stack([values.group_above, values.group_below])
    kinds, member = np.unique(groups, axis=1, return_inverse=True)
    measures = np.stack([values.margin, values.violation, values.weight, values.capped, values.ordered])
    for kind, (group_above, group_below) in enumerate(kinds.T):
        mine = measures[:, member == kind]
        yield GroupPairRow(
            values.seed, int(group_above), int(group_below), mine.shape[1], *mine.mean(axis=1).tolist()
        )


_N_BINS = 24


def describe_distributions(values: Sequence[PairValues]) -> Iterator[PairBinRow]:
    """Histograms of margins, violations and weights over the pairs of all seeds, in bins of equal width."""
    if not sum(len(each.margin) for each in values):
        return
    above, below = (
        np.concatenate([getattr(each, side) for each in values]) for side in ("group_above", "group_below")
    )
    groups = np.unique(np.concatenate([above, below]))
    distance = np.searchsorted(groups, above) - np.searchsorted(groups, below)
    for quantity in ("margin", "violation", "weight"):
        found = np.concatenate([getattr(each, quantity) for each in values])
        # Values that differ by rounding alone are one value.
        flat = np.ptp(found) < 1e-6
        edges = (
            np.array([found.min() - 0.05, found.min() + 0.05])
            if flat
            else np.linspace(found.min(), found.max(), _N_BINS + 1)
        )
        for apart in np.unique(distance):
            counts, _ = np.histogram(found[distance == apart], edges)
            for low, high, n in zip(edges[:-1], edges[1:], counts, strict=True):
                if n:
                    yield PairBinRow(quantity, int(apart), float(low), float(high), int(n), n / len(found))

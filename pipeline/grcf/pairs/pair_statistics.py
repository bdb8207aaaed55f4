"""How stage 1 left the pairs of train: margins, violations and weights by pair of groups, and their histograms."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.trained.checkpoint import Checkpoint
from pipeline.artifacts.trained.pair_statistics import MOST_PAIRS, GroupPairRow, PairBinRow
from pipeline.grcf.loss.classes import score_columns
from pipeline.grcf.loss.groups import group_of
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings, compare_pairs
from pipeline.grcf.network.batches import SplitTensors
from pipeline.grcf.network.checkpoints import restore, score_split
from pipeline.grcf.network.owned_labels import compared

_N_BINS = 24


@dataclass(frozen=True, eq=False)
class PairValues:
    """Every pair of train that is compared within a batch, under the weights of the selected epoch of one seed.

    Attributes:
        seed: seed of the model.
        group_above: sentiment group of the upper segment; of classes, whose segments rank above all others by their own score,
            the number of that class.
        group_below: sentiment group of the lower segment.
        margin: margin of the pair, score units.
        violation: distance of the pair from its margin, score units.
        weight: weight of the pair in the loss.
        capped: 1 where the weight is at its cap, or at most one half where weights are bounded; else 0.
        ordered: 1 where the scores are in the order of the groups, 0.5 where they are equal, else 0.
    """

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
    """Margins, violations and weights pair by pair, in batches as large as in training.

    Of a large train they are those of some batches, which are drawn at random: as many as it takes to `MOST_PAIRS` pairs.

    Args:
        checkpoint: a model after stage 1.
        train: the split that it learnt from.
        batch_size: the most segments of a batch.
        margin: margin of the groupwise loss.
        advantage: weights of the groupwise loss.
        device: device on which the network runs.
    """
    network, _ = restore(checkpoint, device=device)
    split = SplitTensors(train, device=device, within=margin.within)
    score = torch.from_numpy(score_split(network, split)).to(split.label)
    order = torch.from_numpy(split.epoch_order(batch_size, np.random.default_rng(checkpoint.seed))).to(
        score.device
    )
    parts: list[Tensor] = []
    for segments in order.tensor_split(split.n_batches(batch_size)):
        if sum(part.shape[1] for part in parts) >= MOST_PAIRS:
            break
        owned = None if split.owned is None else split.owned[segments]
        batch = score[segments], split.label[segments], owned
        group = group_of(compared(*batch)[1], groups=margin.groups)
        for column in score_columns(*batch):
            value, label, owner = compared(*column)
            pairs = compare_pairs(value, label, owner, margin=margin, advantage=advantage)
            above, below = pairs.pair.nonzero(as_tuple=True)
            gap = value[above] - value[below]
            parts.append(
                torch.stack(
                    [
                        group[above],
                        group[below],
                        pairs.margin[above, below],
                        pairs.violation[above, below],
                        pairs.weight[above, below],
                        _is_capped(pairs.weight[above, below], advantage),
                        (gap.sign() + 1) / 2,
                    ]
                ).double()
            )
    values = torch.cat(parts, dim=1).cpu().numpy()
    groups = values[:2].astype(np.int64)
    return PairValues(checkpoint.seed, groups[0], groups[1], *values[2:])


def _is_capped(weight: Tensor, advantage: AdvantageSettings) -> Tensor:
    return weight <= 0.5 if advantage.direction == "bounded" else weight >= advantage.cap


def describe_group_pairs(values: PairValues) -> Iterator[GroupPairRow]:
    """One row per pair of groups, from the pairs of one seed."""
    groups = np.stack([values.group_above, values.group_below])
    kinds, member = np.unique(groups, axis=1, return_inverse=True)
    measures = np.stack([values.margin, values.violation, values.weight, values.capped, values.ordered])
    for kind, (group_above, group_below) in enumerate(kinds.T):
        pairs = measures[:, member == kind]
        yield GroupPairRow(
            values.seed, int(group_above), int(group_below), pairs.shape[1], *pairs.mean(axis=1).tolist()
        )


def describe_distributions(values: Sequence[PairValues]) -> Iterator[PairBinRow]:
    """Histograms of margins, violations and weights over the pairs of all seeds, in bins of equal width."""
    if not sum(len(pairs.margin) for pairs in values):
        return
    above, below = (
        np.concatenate([getattr(pairs, side) for pairs in values]) for side in ("group_above", "group_below")
    )
    # As the margin counts them, so that groups between the two that no segment of train is in count too.
    distance = above - below
    if (distance < 0).any():  # classes stand above one another in turn: any two are one apart
        distance = np.ones_like(distance)
    for quantity in ("margin", "violation", "weight"):
        found = np.concatenate([getattr(pairs, quantity) for pairs in values])
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

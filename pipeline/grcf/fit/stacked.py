"""The networks of several seeds trained side by side: one forward, backward and optimiser step for all of them.

For a GPU, which a small network leaves waiting for the next kernel; on a CPU a process a seed is faster (docs/explanation/training.md).
Weights are stacked and mapped over by `torch.func`. Each seed keeps its own order of the segments, dropout and modality
dropout, so it goes the way that `training.train_network` takes with it, to rounding.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.func import functional_call, stack_module_state

from pipeline.artifacts.sequences import MODALITIES
from pipeline.grcf.fit.loop import (
    Objective,
    Trained,
    TrainingSettings,
    deterministic,
    finite_mean,
    rate_at,
    train_network,
)
from pipeline.grcf.fit.selection import Epochs, ErrorMeasure, Selection
from pipeline.grcf.network.batches import Batch, SplitTensors
from pipeline.grcf.network.curve import Curve
from pipeline.grcf.network.fusion.words import Dropout
from pipeline.grcf.network.network import SentimentNetwork

# Networks are always trained in groups of this many, empty places filled by the first. Kernels are chosen by shape, and a
# fixed shape keeps the choice from depending on how many are trained beside a seed. What is left is rounding: the kernels of
# some processors also sum in another order for another place in the stack.
SLOTS = 8

_SCORING_BATCH = 256


def train_each(
    networks: Iterable[SentimentNetwork],
    train: SplitTensors,
    valid: SplitTensors,
    *,
    seeds: Sequence[int],
    settings: TrainingSettings,
    **how: Any,
) -> Iterator[Trained]:
    """A network a seed: side by side on a GPU, where the settings allow it, else one after another.

    Args:
        networks: where training starts, made when they are wanted; see `training.train_network` for these and for all that is
            not named here.
        train: what is learnt from.
        valid: what the epochs are chosen on.
        seeds: one for each network.
        settings: how to train; bfloat16, chunks, dropout of words, a balance of modalities and an encoder that learns do not
            go side by side.
        how: the rest of what `training.train_network` takes.
    """
    plain = (
        settings.precision == "float32"
        and settings.balance == "none"
        and settings.word_dropout == 0
        and settings.chunk_size is None
        and train.tokens is None
    )
    if plain and train.label.device.type == "cuda":
        yield from train_networks([*networks], train, valid, seeds=seeds, settings=settings, **how)
        return
    for network, seed in zip(networks, seeds, strict=True):
        yield train_network(network, train, valid, seed=seed, settings=settings, **how)


def train_networks(
    networks: Sequence[SentimentNetwork],
    train: SplitTensors,
    valid: SplitTensors,
    *,
    seeds: Sequence[int],
    objective: Objective,
    select_by: Selection,
    curve: Curve | None,
    measure: ErrorMeasure | None,
    settings: TrainingSettings,
    n_slots: int = SLOTS,
) -> list[Trained]:
    """Train as `training.train_network` does, a network a seed.

    Args:
        networks: where training starts, of one shape; they are left as they were.
        train: what is learnt from.
        valid: what the epochs are chosen on.
        seeds: one for each network.
        objective: loss of a batch.
        select_by: what an epoch is chosen by.
        curve: from scores to what `measure` measures.
        measure: the error of the task.
        settings: how to train.
        n_slots: how many are trained at a time.

    Raises:
        PipelineError: a loss is no longer finite.
    """
    deterministic()
    trained: list[Trained] = []
    for first in range(0, len(seeds), n_slots):
        group = _Group(
            [*networks[first : first + n_slots]], seeds[first : first + n_slots], train, n_slots=n_slots
        )
        truth = valid.label.double().cpu().numpy()
        epochs = [
            Epochs(truth, seed=seed, select_by=select_by, curve=curve, measure=measure)
            for seed in group.seeds
        ]
        optimiser = torch.optim.AdamW(
            group.weights.values(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        n_steps = settings.epochs * train.n_batches(settings.batch_size)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, partial(rate_at, n_steps=n_steps))
        for epoch in range(1, settings.epochs + 1):
            losses = torch.stack(
                [_step(group, *each, objective, optimiser, schedule) for each in group.batches(settings)]
            )
            scores, objectives = group.judge(valid, objective if select_by == "objective" else None)
            for slot, kept in enumerate(epochs):
                kept.add(
                    epoch,
                    finite_mean(losses[:, slot], settings),
                    scores[slot],
                    valid_loss=partial(objectives.__getitem__, slot),
                    weights=partial(group.weights_of, slot),
                )
        for kept in epochs:
            assert kept.best is not None
            trained.append(Trained(group.network_of(kept.best[2]), kept.best[1], kept.rows))
    return trained


def _step(
    group: "_Group",
    batch: Batch,
    n_words: Int64[np.ndarray, "slot modality"],
    objective: Objective,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> Float[Tensor, "slot"]:
    score, representation, penalty = group.forward(batch, n_words)
    losses = torch.stack([objective(*each) for each in zip(score, batch.label, representation, strict=True)])
    if penalty is not None:
        losses = losses + penalty.mean(dim=1)
    optimiser.zero_grad()
    losses.sum().backward()
    optimiser.step()
    schedule.step()
    return losses.detach()


class _Group:
    """Networks of one shape with their weights stacked, and everything random of each."""

    def __init__(
        self,
        networks: list[SentimentNetwork],
        seeds: Sequence[int],
        train: SplitTensors,
        *,
        n_slots: int,
    ) -> None:
        self.seeds = tuple(seeds)
        filled = [*seeds, *[seeds[0]] * (n_slots - len(seeds))]
        self._base = copy.deepcopy(networks[0])
        self._train = train
        weights, _ = stack_module_state([*networks, *[networks[0]] * (n_slots - len(networks))])
        self.weights: dict[str, Tensor] = {
            name: value.detach().clone().requires_grad_(True) for name, value in weights.items()
        }
        self._orders = [np.random.default_rng(seed) for seed in filled]
        device = train.label.device
        self._generators = [torch.Generator(device).manual_seed(seed) for seed in filled]
        # Dropping in the order of registration is dropping in the order of the forward pass.
        self._dropouts = {
            name: module
            for name, module in self._base.named_modules()
            if isinstance(module, Dropout) and module.share > 0
        }

    def batches(
        self, settings: TrainingSettings
    ) -> Iterator[tuple[Batch, Int64[np.ndarray, "slot modality"]]]:
        """The steps of one epoch, each seed by its own order, and how many words of each modality are shown in them."""
        train, share = self._train, settings.modality_dropout
        n_batches = train.n_batches(settings.batch_size)
        orders = [np.array_split(order.permutation(len(train)), n_batches) for order in self._orders]
        for parts in zip(*orders, strict=True):
            shown = [
                train.shown(part, share=share, order=order)
                for part, order in zip(parts, self._orders, strict=True)
            ]
            n_words = [train.n_words(part, seen) for part, seen in zip(parts, shown, strict=True)]
            yield train.side_by_side(np.stack(parts), np.stack(shown)), np.stack(n_words)

    def forward(
        self, batch: Batch, n_words: Int64[np.ndarray, "slot modality"] | None = None
    ) -> tuple[Float[Tensor, "slot segment"], Float[Tensor, "slot segment width"], Tensor | None]:
        """Scores, representations and penalties of every network on its own batch; training where `n_words` is given."""
        self._base.train(n_words is not None)
        masks = {} if n_words is None else self._masks(batch, n_words)
        fusion = {**_inside("fusion", self.weights), **_inside("fusion", masks)}

        def one(
            fusion: dict[str, Tensor], head: dict[str, Tensor], row: Tensor, valid: Any, label: Tensor
        ) -> tuple[Tensor, ...]:
            mine = Batch(batch.features, row, valid, label, packed=False)
            fused = functional_call(self._base.fusion, fusion, (mine,))
            score = functional_call(self._base.head, head, (fused.representation,)).squeeze(-1)
            penalty = () if fused.penalty is None else (fused.penalty,)
            return score, fused.representation, *penalty

        told = torch.vmap(one)(
            fusion, _inside("head", self.weights), batch.row, dict(batch.valid), batch.label
        )
        return told[0], told[1], told[2] if len(told) > 2 else None

    def judge(
        self, split: SplitTensors, objective: Objective | None
    ) -> tuple[Float[np.ndarray, "slot segment"], list[float]]:
        """Scores of a split by every network, and its mean objective over batches where that is asked for."""
        scores, losses = [], []
        n_slots = len(self._orders)
        with torch.no_grad():
            for positions in np.split(
                np.arange(len(split)), range(_SCORING_BATCH, len(split), _SCORING_BATCH)
            ):
                everything = np.ones((n_slots, len(positions), len(MODALITIES)), bool)
                batch = split.side_by_side(np.tile(positions, (n_slots, 1)), everything)
                score, representation, _ = self.forward(batch)
                scores.append(score)
                if objective is not None:
                    each = zip(score, batch.label, representation, strict=True)
                    losses.append(torch.stack([objective(*mine) for mine in each]))
        means = torch.stack(losses).mean(dim=0).tolist() if losses else []
        return torch.cat(scores, dim=1).double().cpu().numpy(), means

    def weights_of(self, slot: int) -> dict[str, Tensor]:
        """A copy of the weights of one network."""
        return {name: value[slot].detach().clone() for name, value in self.weights.items()}

    def network_of(self, weights: Mapping[str, Tensor]) -> SentimentNetwork:
        """A network of its own with these weights."""
        network = copy.deepcopy(self._base)
        network.load_state_dict(weights)
        return network

    def _masks(self, batch: Batch, n_words: Int64[np.ndarray, "slot modality"]) -> dict[str, Tensor]:
        """What every dropout multiplies with, drawn for the words that are shown alone, as for a packed batch."""
        width, label = self._base.settings.width, batch.label
        masks: dict[str, list[Tensor]] = {f"{name}.mask": [] for name in self._dropouts}
        for slot, generator in enumerate(self._generators):
            for name, module in self._dropouts.items():
                kept = 1 - module.share
                words = module.modality
                n_rows = label.shape[1] if words is None else int(n_words[slot, MODALITIES.index(words)])
                drawn = label.new_empty(n_rows, width).bernoulli_(kept, generator=generator) / kept
                if words is not None:
                    valid = batch.valid[words][slot]
                    drawn = label.new_zeros(*valid.shape, width).masked_scatter(valid[..., None], drawn)
                masks[f"{name}.mask"].append(drawn)
        return {name: torch.stack(drawn) for name, drawn in masks.items()}


def _inside(part: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of one part of the network, by their names within it."""
    return {
        name.removeprefix(f"{part}."): value for name, value in weights.items() if name.startswith(f"{part}.")
    }

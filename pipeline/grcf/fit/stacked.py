"""Networks of several seeds stacked: one forward and backward pass and one optimiser step for all of them.

This is for a GPU, which one small network leaves waiting for the next kernel; on a CPU one process per seed is faster
(docs/explanation/training.md). Weights are stacked and mapped over by `torch.func`. Each seed keeps its own order of the
segments, dropout and modality dropout, so its training is that of `loop.train_network`, up to rounding.
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

from pipeline.artifacts.corpus.sequences import MODALITIES
from pipeline.grcf.fit.loop import (
    TrainingSettings,
    deterministic,
    finite_mean,
    finite_scores,
    mean_over_segments,
    rate_at,
    train_network,
)
from pipeline.grcf.fit.selection import EpochRecord, Selection
from pipeline.grcf.network.batches import Batch, Objective, SplitTensors
from pipeline.grcf.network.checkpoints import SCORING_BATCH, Trained
from pipeline.grcf.network.fusion.words import Dropout
from pipeline.grcf.network.network import SentimentNetwork
from pipeline.plugins import is_plugin

# Networks are always trained in stacks of this many, empty places filled by the first. Kernels are chosen by shape, and a
# fixed shape keeps the choice from depending on how many are trained beside a seed. What is left is rounding: the kernels of
# some processors also sum in another order for another place in the stack.
STACK_SIZE = 8


def train_each(
    networks: Iterable[SentimentNetwork],
    train: SplitTensors,
    valid: SplitTensors,
    *,
    objective: Objective,
    selection: Selection,
    seeds: Sequence[int],
    settings: TrainingSettings,
) -> Iterator[Trained]:
    """Train one network per seed: stacked on a GPU, where the settings allow it, else one after another.

    bfloat16, chunks, dropout of words, a balance of modalities, an encoder that learns and a fusion of one's own, whose dropout
    cannot be drawn from outside, are not stacked.

    Args:
        networks: the networks from which training starts, one per seed, built when they are asked for.
        train: the split that is learnt from.
        valid: the split on which the epochs are selected.
        objective: loss of a batch.
        selection: what the epochs are judged by.
        seeds: seed of each network.
        settings: how to train.
    """
    can_be_stacked = (
        settings.precision == "float32"
        and settings.balance == "none"
        and settings.word_dropout == 0
        and settings.chunk_size is None
        and train.tokens is None
    )
    built = [*networks] if can_be_stacked and train.label.device.type == "cuda" else None
    if built and not is_plugin(built[0].settings.fusion):
        yield from train_networks(
            built,
            train,
            valid,
            objective=objective,
            selection=selection,
            seeds=seeds,
            settings=settings,
        )
        return
    for network, seed in zip(built or networks, seeds, strict=True):
        yield train_network(
            network, train, valid, objective=objective, selection=selection, seed=seed, settings=settings
        )


def train_networks(
    networks: Sequence[SentimentNetwork],
    train: SplitTensors,
    valid: SplitTensors,
    *,
    objective: Objective,
    selection: Selection,
    seeds: Sequence[int],
    settings: TrainingSettings,
    stack_size: int = STACK_SIZE,
) -> list[Trained]:
    """Train as `loop.train_network` does, several networks at a time.

    Args:
        networks: the networks from which training starts, one per seed, all of one shape; they are left as they were.
        train: the split that is learnt from.
        valid: the split on which the epochs are selected.
        objective: loss of a batch.
        selection: what the epochs are judged by.
        seeds: seed of each network.
        settings: how to train.
        stack_size: number of networks that are trained at a time.

    Raises:
        PipelineError: a loss or a score is no longer finite.
    """
    deterministic()
    trained: list[Trained] = []
    for first in range(0, len(seeds), stack_size):
        chosen = slice(first, first + stack_size)
        stack = _Stack([*networks[chosen]], seeds[chosen], train, size=stack_size)
        records = [
            EpochRecord(
                valid, seed=seed, selection=selection, choice=settings.epoch, n_epochs=settings.epochs
            )
            for seed in stack.seeds
        ]
        optimiser = torch.optim.AdamW(
            stack.weights.values(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        n_steps = settings.epochs * train.n_batches(settings.batch_size)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, partial(rate_at, n_steps=n_steps))
        for epoch in range(1, settings.epochs + 1):
            losses = torch.stack(
                [_step(stack, *batch, objective, optimiser, schedule) for batch in stack.batches(settings)]
            )
            scores, valid_losses = stack.score(valid, objective if selection.by == "objective" else None)
            for place, record in enumerate(records):
                record.add(
                    epoch,
                    finite_mean(losses[:, place], settings),
                    finite_scores(scores[place], settings),
                    valid_loss=partial(valid_losses.__getitem__, place),
                    weights=partial(stack.weights_of, place),
                )
        for record in records:
            epoch, weights = record.kept
            trained.append(Trained(stack.network_of(weights), epoch, record.history))
    return trained


def _step(
    stack: "_Stack",
    batch: Batch,
    n_words: Int64[np.ndarray, "seed modality"],
    objective: Objective,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> Float[Tensor, "seed"]:
    score, representation, penalty = stack.forward(batch, n_words)
    losses = _losses(objective, score, representation, batch)
    if penalty is not None:
        losses = losses + penalty.mean(dim=1)
    optimiser.zero_grad()
    losses.sum().backward()
    optimiser.step()
    schedule.step()
    return losses.detach()


def _losses(
    objective: Objective,
    score: Float[Tensor, "seed segment *class"],
    representation: Float[Tensor, "seed segment width"],
    batch: Batch,
) -> Float[Tensor, "seed"]:
    """The loss of every network on its own batch."""
    owned = [None if batch.owned is None else batch.owned[place] for place in range(len(score))]
    outputs = zip(score, batch.label, representation, owned, strict=True)
    return torch.stack([objective(*output) for output in outputs])


class _Stack:
    """Networks of one shape with their weights stacked, and everything random of each."""

    def __init__(
        self,
        networks: list[SentimentNetwork],
        seeds: Sequence[int],
        train: SplitTensors,
        *,
        size: int,
    ) -> None:
        self.seeds = tuple(seeds)
        filled = [*seeds, *[seeds[0]] * (size - len(seeds))]
        self._base = copy.deepcopy(networks[0])
        self._train = train
        weights, _ = stack_module_state([*networks, *[networks[0]] * (size - len(networks))])
        self.weights: dict[str, Tensor] = {
            name: value.detach().clone().requires_grad_(True) for name, value in weights.items()
        }
        self._rngs = [np.random.default_rng(seed) for seed in filled]
        device = train.label.device
        self._generators = [torch.Generator(device).manual_seed(seed) for seed in filled]
        # Dropping in the order of registration is dropping in the order of the forward pass.
        self._dropouts = {
            name: module
            for name, module in self._base.named_modules()
            if isinstance(module, Dropout) and module.p > 0
        }

    def batches(
        self, settings: TrainingSettings
    ) -> Iterator[tuple[Batch, Int64[np.ndarray, "seed modality"]]]:
        """The steps of one epoch, each seed in its own order, and how many words of each modality are visible in them."""
        train, p = self._train, settings.modality_dropout
        n_batches = train.n_batches(settings.batch_size)
        orders = [
            np.array_split(train.epoch_order(settings.batch_size, rng), n_batches) for rng in self._rngs
        ]
        for parts in zip(*orders, strict=True):
            visible = [
                train.draw_visible(part, p=p, rng=rng) for part, rng in zip(parts, self._rngs, strict=True)
            ]
            n_words = [train.n_words(part, seen) for part, seen in zip(parts, visible, strict=True)]
            yield train.stacked(np.stack(parts), np.stack(visible)), np.stack(n_words)

    def forward(
        self, batch: Batch, n_words: Int64[np.ndarray, "seed modality"] | None = None
    ) -> tuple[Float[Tensor, "seed segment *class"], Float[Tensor, "seed segment width"], Tensor | None]:
        """Scores, representations and penalties of every network on its own batch; training where `n_words` is given."""
        self._base.train(n_words is not None)
        masks = {} if n_words is None else self._masks(batch, n_words)
        fusion = {**_inside("fusion", self.weights), **_inside("fusion", masks)}

        def one(
            fusion: dict[str, Tensor], head: dict[str, Tensor], row: Tensor, valid: Any, label: Tensor
        ) -> tuple[Tensor, ...]:
            own = Batch(batch.features, row, valid, label, packed=False)
            fused = functional_call(self._base.fusion, fusion, (own,))
            score = functional_call(self._base.head, head, (fused.representation,)).squeeze(-1)
            penalty = () if fused.penalty is None else (fused.penalty,)
            return score, fused.representation, *penalty

        outputs = torch.vmap(one)(
            fusion, _inside("head", self.weights), batch.row, dict(batch.valid), batch.label
        )
        return outputs[0], outputs[1], outputs[2] if len(outputs) > 2 else None

    def score(
        self, split: SplitTensors, objective: Objective | None
    ) -> tuple[Float[np.ndarray, "seed segment *class"], list[float]]:
        """Scores of a split by every network, and its loss by `mean_over_segments` where an objective is given."""
        scores, losses = [], []
        size = len(self._rngs)
        with torch.no_grad():
            for positions in np.split(np.arange(len(split)), range(SCORING_BATCH, len(split), SCORING_BATCH)):
                everything = np.ones((size, len(positions), len(MODALITIES)), bool)
                batch = split.stacked(np.tile(positions, (size, 1)), everything)
                score, representation, _ = self.forward(batch)
                scores.append(score)
                if objective is not None:
                    losses.append(_losses(objective, score, representation, batch))
        means = mean_over_segments(torch.stack(losses), n_segments=len(split)).tolist() if losses else []
        return torch.cat(scores, dim=1).double().cpu().numpy(), means

    def weights_of(self, place: int) -> dict[str, Tensor]:
        """A copy of the weights of one network."""
        return {name: value[place].detach().clone() for name, value in self.weights.items()}

    def network_of(self, weights: Mapping[str, Tensor]) -> SentimentNetwork:
        """A network of its own with these weights."""
        network = copy.deepcopy(self._base)
        network.load_state_dict(weights)
        return network

    def _masks(self, batch: Batch, n_words: Int64[np.ndarray, "seed modality"]) -> dict[str, Tensor]:
        """The factors of every dropout, drawn for the visible words alone, as for a packed batch."""
        label = batch.label
        masks: dict[str, list[Tensor]] = {f"{name}.mask": [] for name in self._dropouts}
        for place, generator in enumerate(self._generators):
            for name, module in self._dropouts.items():
                rate = 1 - module.p
                words = module.modality
                n_rows = label.shape[1] if words is None else int(n_words[place, MODALITIES.index(words)])
                width = module.n_columns or self._base.settings.width
                drawn = label.new_empty(n_rows, width).bernoulli_(rate, generator=generator) / rate
                if words is not None:
                    valid = batch.valid[words][place]
                    drawn = label.new_zeros(*valid.shape, width).masked_scatter(valid[..., None], drawn)
                masks[f"{name}.mask"].append(drawn)
        return {name: torch.stack(drawn) for name, drawn in masks.items()}


def _inside(part: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of one part of the network, by their names within it."""
    return {
        name.removeprefix(f"{part}."): value for name, value in weights.items() if name.startswith(f"{part}.")
    }

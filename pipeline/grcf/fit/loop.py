"""The loop in which stage 1, a tuned stage 2 and the baseline are trained."""

import copy
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.corpus.sequences import MODALITIES
from pipeline.errors import PipelineError
from pipeline.grcf.fit.gradient_caching import Computed, backward
from pipeline.grcf.fit.modulation import Balance, GradientModulation
from pipeline.grcf.fit.selection import EpochChoice, EpochRecord, Selection, ValidOrder
from pipeline.grcf.network.batches import Batch, Objective, SplitTensors, drop_modalities, drop_words
from pipeline.grcf.network.checkpoints import SCORING_BATCH, Trained, build_network, score_split
from pipeline.grcf.network.finetuning import add_encoder, learning, parameter_groups
from pipeline.grcf.network.network import NetworkSettings, SentimentNetwork
from pipeline.grcf.network.owned_labels import OwnedLabels
from pipeline.grcf.network.word_encoder import FinetuningSettings

TrainingPrecision = Literal["float32", "bfloat16"]

# cuBLAS is deterministic only with a workspace of fixed size, set before its first call.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

# Fraction of the steps over which the learning rate rises to its peak before it falls to zero.
WARM_UP = 0.1


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How a network is trained; see the sections `training`, `rank`, `calibrate` and `pointwise` of params.yaml."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    modality_dropout: float
    precision: TrainingPrecision
    epoch: EpochChoice = "best"
    word_dropout: float = 0.0
    chunk_size: int | None = None
    finetuning: FinetuningSettings | None = None
    balance: Balance = "none"
    balance_strength: float = 0.5


def first_networks(
    train: AlignedSplit,
    *,
    network: NetworkSettings,
    settings: TrainingSettings,
    seeds: Sequence[int],
    device: str,
) -> Iterator[SentimentNetwork]:
    """The networks from which training from scratch starts, one per seed, each built when it is asked for.

    They hold the text encoder that learns, where the split has tokens for one. What no segment of the split has they leave out of
    every other one, too: a corpus of a pool may be the only one without sound.
    """
    there = train.modalities
    unlearnt = tuple(m for m in MODALITIES if m not in there and train.columns[m])
    for seed in seeds:
        fresh = build_network(columns=train.columns, settings=replace(network, unlearnt=unlearnt), seed=seed)
        yield add_encoder(fresh, train, settings=settings.finetuning, seed=seed).to(device)


def train_network(
    network: SentimentNetwork,
    train: SplitTensors,
    valid: SplitTensors,
    *,
    objective: Objective,
    selection: Selection,
    parameters: Callable[[SentimentNetwork], Any] = SentimentNetwork.parameters,
    keep_start: bool = False,
    seed: int,
    settings: TrainingSettings,
) -> Trained:
    """Train with AdamW under a linear warm-up and decay, and keep the weights that `settings.epoch` names.

    Args:
        network: the network from which training starts; it is left as it was.
        train: the split that is learnt from.
        valid: the split on which the epoch is selected.
        objective: loss of a batch.
        selection: what the epochs are judged by.
        parameters: function that returns the parameters of the network to train.
        keep_start: whether the untrained start (epoch 0) may be the best.
        seed: seed of the order of the segments, of dropout and of modality dropout.
        settings: how to train.

    Raises:
        PipelineError: the loss or a score is no longer finite.
    """
    deterministic()
    network = copy.deepcopy(network)
    network.requires_grad_(False)
    for parameter in learning(network, parameters):
        parameter.requires_grad_(True)
    training = _Training(network, train, objective, settings, np.random.default_rng(seed))
    record = EpochRecord(
        valid,
        seed=seed,
        selection=selection,
        choice=settings.epoch,
        n_epochs=settings.epochs,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for epoch in range(settings.epochs + 1):
            loss = training.epoch() if epoch else None
            if epoch == 0 and not keep_start:
                continue
            record.add(
                epoch,
                loss,
                finite_scores(score_split(network, valid), settings),
                valid_loss=partial(_mean_loss, network, valid, objective),
                weights=lambda: copy.deepcopy(network.state_dict()),
            )
    epoch, weights = record.kept
    network.load_state_dict(weights)
    return Trained(network, epoch, record.history)


def deterministic() -> None:
    """Ask torch for kernels whose bits repeat."""
    # `use_deterministic_algorithms` would first load torch's compiler, which nothing here uses: two seconds in every worker.
    torch.set_deterministic_debug_mode("error")
    # Filling memory before it is written guards against kernels that read it; none does, and it costs a tenth of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def untrained(network: SentimentNetwork, valid: SplitTensors, *, seed: int) -> Trained:
    """The network as it is, with a history of one row."""
    scores = score_split(network, valid)
    return Trained(
        network,
        0,
        [
            {
                "seed": seed,
                "epoch": 0,
                "train_loss": None,
                "valid_ordered_pair_accuracy": ValidOrder(valid).accuracy(scores),
                "valid_error": None,
            }
        ],
    )


class _Training:
    """What an epoch works with: network, optimiser, schedule and everything random."""

    def __init__(
        self,
        network: SentimentNetwork,
        train: SplitTensors,
        objective: Objective,
        settings: TrainingSettings,
        rng: np.random.Generator,
    ) -> None:
        self._network, self._train, self._objective = network, train, objective
        self._settings, self._rng = settings, rng
        finetuning = settings.finetuning
        groups = parameter_groups(network, finetuning, weight_decay=settings.weight_decay)
        self._optimiser = torch.optim.AdamW(
            groups, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        # The network's own parameters are the first group; the encoder's warm up by themselves.
        warm_ups = [WARM_UP] + [finetuning.warm_up if finetuning else WARM_UP] * (len(groups) - 1)
        n_steps = settings.epochs * train.n_batches(settings.batch_size)
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimiser, [partial(rate_at, n_steps=n_steps, warm_up=warm_up) for warm_up in warm_ups]
        )
        self._modulation = (
            GradientModulation(network, train.modalities, strength=settings.balance_strength)
            if settings.balance == "gradient_modulation"
            else None
        )
        self._autocast: AbstractContextManager[Any] = (
            torch.autocast(train.label.device.type, torch.bfloat16)
            if settings.precision == "bfloat16"
            else nullcontext()
        )

    def epoch(self) -> float:
        """Pass over train once, and give the mean loss over the steps."""
        network, settings, rng = self._network, self._settings, self._rng
        network.train()
        losses = []
        for parts in self._train.shuffled_chunks(settings.batch_size, rng, chunk_size=settings.chunk_size):
            whole = list(parts)
            chunks = [drop_modalities(part, p=settings.modality_dropout, rng=rng) for part in whole]
            chunks = [drop_words(part, p=settings.word_dropout, rng=rng) for part in chunks]
            self._optimiser.zero_grad()
            losses.append(backward(self._forward, chunks, self._objective))
            if self._modulation is None:
                self._optimiser.step()
            else:
                loss = partial(_loss_of, network, self._objective)
                self._modulation.step(self._optimiser, self._modulation.coefficients(whole, loss))
            self._schedule.step()
        return finite_mean(torch.stack(losses), settings)

    def _forward(self, batch: Batch) -> Computed:
        with self._autocast:
            fused = self._network.fuse(batch)
            score = self._network.head(fused.representation).squeeze(-1)
            return Computed(score, fused.representation, fused.penalty)


def finite_mean(losses: Float[Tensor, "step"], settings: TrainingSettings) -> float:
    """The mean loss of an epoch.

    Raises:
        PipelineError: it is not finite.
    """
    mean = float(losses.mean())
    if not np.isfinite(mean):
        raise PipelineError(f"the training loss became {mean}; {_remedy(settings)}")
    return mean


def finite_scores(
    scores: Float[np.ndarray, "segment *class"], settings: TrainingSettings
) -> Float[np.ndarray, "segment *class"]:
    """The scores of valid after an epoch, whose last step may have led astray what its losses do not show yet.

    Raises:
        PipelineError: some are not finite.
    """
    n_bad = int((~np.isfinite(scores)).sum())
    if n_bad:
        raise PipelineError(
            f"{n_bad} of {scores.size} scores of valid became NaN or infinite; {_remedy(settings)}"
        )
    return scores


def _remedy(settings: TrainingSettings) -> str:
    rate, decay = settings.learning_rate, settings.weight_decay
    # A step takes this part of every weight away: more than all of it turns its sign, and more than twice that makes it grow.
    if rate * decay >= 1 and decay > 1:
        return (
            f"lower training.weight_decay ({decay:g}), which with the learning rate ({rate:g}) of this stage takes {rate * decay:.3g} "
            "times itself from every weight at each step; expected far less than 1"
        )
    return f"lower the learning rate ({rate}) of this stage"


def _loss_of(network: SentimentNetwork, objective: Objective, batches: Sequence[Batch]) -> Tensor:
    """The objective over a batch that comes in one or more parts."""
    representation = torch.cat([network.represent(batch) for batch in batches])
    label = torch.cat([batch.label for batch in batches])
    owned = OwnedLabels.joined([batch.owned for batch in batches])
    return objective(network.head(representation).squeeze(-1), label, representation, owned)


def _mean_loss(network: SentimentNetwork, split: SplitTensors, objective: Objective) -> float:
    network.eval()
    with torch.inference_mode():
        losses = [_loss_of(network, objective, [batch]) for batch in split.in_order(SCORING_BATCH)]
        return float(mean_over_segments(torch.stack(losses), n_segments=len(split)))


def mean_over_segments(losses: Float[Tensor, "batch *seed"], *, n_segments: int) -> Float[Tensor, "*seed"]:
    """The loss of a split by those of its batches of `SCORING_BATCH` segments, of which the last may have fewer.

    A batch counts by its segments. Of a loss that is a mean over segments this is the mean over all of them. A loss over pairs knows
    the pairs within a batch alone; what each segment has with the others of its batch counts alike.

    Args:
        losses: loss of each batch, in the order of the split.
        n_segments: number of segments of the split.
    """
    sizes = [min(SCORING_BATCH, n_segments - first) for first in range(0, n_segments, SCORING_BATCH)]
    share = losses.new_tensor([size / n_segments for size in sizes])
    total: Tensor = torch.tensordot(share, losses, dims=1)
    return total


def rate_at(step: int, n_steps: int, warm_up: float = WARM_UP) -> float:
    """The learning rate of a step as a fraction of its peak: a linear rise, then a linear fall to zero.

    Args:
        step: number of the step, from 0.
        n_steps: number of steps in all.
        warm_up: fraction of the steps in which the rate rises.
    """
    n_rising = max(1, round(warm_up * n_steps))
    return min((step + 1) / n_rising, (n_steps - step) / max(1, n_steps - n_rising))

"""The training loop that all three trained stages share, and checkpoints to networks and back."""

import copy
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.checkpoint import Checkpoint, Link, TrainingStage
from pipeline.artifacts.sequences import MODALITIES, Modality
from pipeline.errors import PipelineError
from pipeline.evaluation.selection import ordered_pair_accuracy
from pipeline.grcf.fit.gradient_caching import Computed, backward
from pipeline.grcf.fit.modulation import Balance, GradientModulation
from pipeline.grcf.fit.selection import CurveRow, Epochs, ErrorMeasure, Selection
from pipeline.grcf.network.batches import Batch, SplitTensors, hide_modalities, hide_words, keep_modalities
from pipeline.grcf.network.curve import Curve
from pipeline.grcf.network.finetuning import (
    add_encoder,
    described_encoder,
    encoder_libraries,
    learning,
    parameter_groups,
    weights_as_found,
)
from pipeline.grcf.network.network import NetworkSettings, SentimentNetwork
from pipeline.grcf.network.word_encoder import FinetuningSettings, WordEncoder, same_encoder

Precision = Literal["float32", "bfloat16"]
Objective = Callable[
    [Float[Tensor, "segment"], Float[Tensor, "segment"], Float[Tensor, "segment width"]], Float[Tensor, ""]
]
"""From the scores, labels and representations of a batch to a loss."""

# cuBLAS is deterministic only with a workspace of fixed size, set before its first call.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

# Scoring has no gradient to keep, so its batches are larger than those of training.
_SCORING_BATCH = 256
# Share of the steps over which the learning rate rises to its peak before it falls to zero.
WARM_UP = 0.1


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How a network is trained; see the sections `training`, `rank`, `calibrate` and `pointwise` of params.yaml."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    modality_dropout: float
    precision: Precision
    word_dropout: float = 0.0
    chunk_size: int | None = None
    finetuning: FinetuningSettings | None = None
    balance: Balance = "none"
    balance_strength: float = 0.5


@dataclass(frozen=True, eq=False)
class Trained:
    """The weights of the epoch that was best on valid, and a row per epoch."""

    network: SentimentNetwork
    selected_epoch: int
    rows: list[CurveRow]


def build_network(
    *, columns: Mapping[Modality, tuple[str, ...]], settings: NetworkSettings, seed: int
) -> SentimentNetwork:
    """A network with freshly drawn weights, the same for the same seed whatever was drawn before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        n_features = {modality: len(columns[modality]) for modality in MODALITIES}
        return SentimentNetwork(n_features=n_features, settings=settings)


def first_networks(
    train: AlignedSplit,
    *,
    network: NetworkSettings,
    settings: TrainingSettings,
    seeds: Sequence[int],
    device: str,
) -> Iterator[SentimentNetwork]:
    """Where training from scratch starts, seed by seed, each made when it is wanted; with the text encoder that learns, if any."""
    for seed in seeds:
        fresh = build_network(columns=train.columns, settings=network, seed=seed)
        yield add_encoder(fresh, train, settings=settings.finetuning, seed=seed).to(device)


def score_split(
    network: SentimentNetwork, split: SplitTensors, *, kept: frozenset[Modality] = frozenset(MODALITIES)
) -> Float[np.ndarray, "segment"]:
    """One score per segment of the split, with only the `kept` modalities shown."""
    network.eval()
    with torch.inference_mode():
        if network.word_encoder is not None and split.tokens is not None:
            split = split.with_text(network.word_encoder.read_all(split.tokens))
        scores = [network(keep_modalities(batch, kept)) for batch in split.in_order(_SCORING_BATCH)]
    return torch.cat(scores).double().cpu().numpy()


def train_network(
    network: SentimentNetwork,
    train: SplitTensors,
    valid: SplitTensors,
    *,
    objective: Objective,
    select_by: Selection,
    curve: Curve | None,
    measure: ErrorMeasure | None,
    parameters: Callable[[SentimentNetwork], Any] = SentimentNetwork.parameters,
    keep_start: bool = False,
    seed: int,
    settings: TrainingSettings,
) -> Trained:
    """Train with AdamW under a linear warm-up and decay, and keep the epoch that was best on valid.

    Args:
        network: where training starts; it is left as it was.
        train: what is learnt from.
        valid: what the epoch is chosen on.
        objective: loss of a batch.
        select_by: "order" keeps the epoch with the highest ordered-pair accuracy, "magnitude" the one with the lowest
            error by `measure`, "objective" the one with the lowest loss on valid; the earliest of equals.
        curve: from scores to what `measure` measures; None where the scores have no magnitude.
        measure: the error of the task; None without a curve.
        parameters: which parameters of the network are trained.
        keep_start: whether the untrained start (epoch 0) may be chosen too.
        seed: of the order of the segments, of dropout and of modality dropout.
        settings: how to train.

    Raises:
        PipelineError: the loss is no longer finite.
    """
    deterministic()
    network = copy.deepcopy(network)
    network.requires_grad_(False)
    for parameter in learning(network, parameters):
        parameter.requires_grad_(True)
    groups = parameter_groups(network, settings.finetuning, weight_decay=settings.weight_decay)
    optimiser = torch.optim.AdamW(
        groups, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    modulation = (
        GradientModulation(network, train.modalities, strength=settings.balance_strength)
        if settings.balance == "gradient_modulation"
        else None
    )
    order = np.random.default_rng(seed)
    n_steps = settings.epochs * train.n_batches(settings.batch_size)
    # The network's own parameters are the first group; the encoder's warm up by themselves.
    warm_ups = [WARM_UP] + [settings.finetuning.warm_up if settings.finetuning else WARM_UP] * (
        len(groups) - 1
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, [partial(rate_at, n_steps=n_steps, warm_up_share=share) for share in warm_ups]
    )
    device = train.label.device.type
    autocast = torch.autocast(device, torch.bfloat16) if settings.precision == "bfloat16" else nullcontext()
    truth = valid.label.double().cpu().numpy()
    epochs = Epochs(truth, seed=seed, select_by=select_by, curve=curve, measure=measure)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for epoch in range(settings.epochs + 1):
            loss = (
                _train_epoch(
                    network, train, objective, optimiser, schedule, autocast, order, settings, modulation
                )
                if epoch
                else None
            )
            if epoch == 0 and not keep_start:
                continue
            epochs.add(
                epoch,
                loss,
                score_split(network, valid),
                valid_loss=partial(_mean_loss, network, valid, objective),
                weights=lambda: copy.deepcopy(network.state_dict()),
            )
    assert epochs.best is not None
    network.load_state_dict(epochs.best[2])
    return Trained(network, epochs.best[1], epochs.rows)


def deterministic() -> None:
    """Ask torch for kernels whose bits repeat."""
    torch.use_deterministic_algorithms(True)
    # Filling memory before it is written guards against kernels that read it; none does, and it costs a tenth of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def untrained(network: SentimentNetwork, valid: SplitTensors, *, seed: int) -> Trained:
    """The network as it is, with the one row that there is to tell of."""
    scores, truth = score_split(network, valid), valid.label.double().cpu().numpy()
    row: CurveRow = {
        "seed": seed,
        "epoch": 0,
        "train_loss": None,
        "valid_ordered_pair_accuracy": ordered_pair_accuracy(truth, scores),
        "valid_error": None,
    }
    return Trained(network, 0, [row])


def _train_epoch(
    network: SentimentNetwork,
    train: SplitTensors,
    objective: Objective,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    autocast: Any,
    order: np.random.Generator,
    settings: TrainingSettings,
    modulation: GradientModulation | None,
) -> float:
    """One pass over train; the mean loss over its steps."""
    network.train()
    losses = []

    def forward(batch: Batch) -> Computed:
        with autocast:
            fused = network.fuse(batch)
            return Computed(
                network.head(fused.representation).squeeze(-1), fused.representation, fused.penalty
            )

    for parts in train.shuffled_chunks(settings.batch_size, order, chunk_size=settings.chunk_size):
        whole = list(parts)
        chunks = [hide_modalities(part, share=settings.modality_dropout, order=order) for part in whole]
        chunks = [hide_words(part, share=settings.word_dropout, order=order) for part in chunks]
        optimiser.zero_grad()
        losses.append(backward(forward, chunks, objective))
        if modulation is None:
            optimiser.step()
        else:
            modulation.step(optimiser, modulation.paces(whole, partial(_loss_of, network, objective)))
        schedule.step()
    return finite_mean(torch.stack(losses), settings)


def finite_mean(losses: Float[Tensor, "step"], settings: TrainingSettings) -> float:
    """The mean loss of an epoch.

    Raises:
        PipelineError: it is not finite.
    """
    mean = float(losses.mean())
    if not np.isfinite(mean):
        raise PipelineError(
            f"the training loss became {mean}; lower the learning rate ({settings.learning_rate}) of this stage"
        )
    return mean


def _loss_of(network: SentimentNetwork, objective: Objective, batches: Sequence[Batch]) -> Tensor:
    """The objective over a batch that comes in one or more parts."""
    representation = torch.cat([network.represent(batch) for batch in batches])
    label = torch.cat([batch.label for batch in batches])
    return objective(network.head(representation).squeeze(-1), label, representation)


def _mean_loss(network: SentimentNetwork, split: SplitTensors, objective: Objective) -> float:
    network.eval()
    with torch.inference_mode():
        losses = [_loss_of(network, objective, [batch]) for batch in split.in_order(_SCORING_BATCH)]
        return float(torch.stack(losses).mean())


def rate_at(step: int, n_steps: int, warm_up_share: float = WARM_UP) -> float:
    """The learning rate of a step as a share of its peak: a linear rise, then a linear fall to zero."""
    warm_up = max(1, round(warm_up_share * n_steps))
    return min((step + 1) / warm_up, (n_steps - step) / max(1, n_steps - warm_up))


def network_tensors(network: SentimentNetwork, curve: Curve) -> dict[str, np.ndarray]:
    """What a checkpoint keeps of a model; of a text encoder only what learnt."""
    left_out = weights_as_found(network)
    weights = {
        f"network.{name}": value.cpu().numpy()
        for name, value in network.state_dict().items()
        if name not in left_out
    }
    return weights | {
        "curve.offset": np.array(curve.offset),
        "curve.slope": np.array(curve.slope),
        "curve.knots": curve.knots,
        "curve.bends": curve.bends,
    }


def restore(
    checkpoint: Checkpoint, *, device: str, with_encoder: bool = True
) -> tuple[SentimentNetwork, Curve]:
    """The network and the curve of a checkpoint.

    Args:
        checkpoint: what training left.
        device: where the network will run.
        with_encoder: whether a text encoder that learnt comes with it; one that is given word vectors needs none.

    Raises:
        PipelineError: the tensors do not fit the network that the header describes.
    """
    restored = build_network(
        columns={modality: tuple(checkpoint.columns[modality]) for modality in MODALITIES},
        settings=NetworkSettings(
            **{name: value for name, value in checkpoint.network.items() if name != "encoder"}
        ),
        seed=0,
    )
    if with_encoder and "encoder" in checkpoint.network:
        restored.word_encoder = WordEncoder(checkpoint.network["encoder"], seed=0)
    tensors = checkpoint.tensors
    weights = weights_as_found(restored) | {
        name.removeprefix("network."): torch.tensor(value)
        for name, value in tensors.items()
        if name.startswith("network.") and (with_encoder or not name.startswith("network.word_encoder."))
    }
    try:
        restored.load_state_dict(weights)
    except RuntimeError as error:
        raise PipelineError(
            f"a checkpoint of {checkpoint.stage} does not fit its own header "
            f"({' '.join(str(error).split())}); delete it and run `dvc repro`"
        ) from error
    curve = Curve(
        float(tensors["curve.offset"]),
        float(tensors["curve.slope"]),
        tensors["curve.knots"],
        tensors["curve.bends"],
    )
    return restored.to(device), curve


def check_columns(checkpoint: Checkpoint, aligned: AlignedSplit) -> None:
    """Refuse features that a checkpoint was not trained on.

    Raises:
        PipelineError: the aligned split has other columns.
    """
    encoder = checkpoint.network.get("encoder")
    tokens_of = aligned.tokens.encoder if aligned.tokens is not None else None
    if not same_encoder(encoder["encoder"] if encoder else None, tokens_of):
        raise PipelineError(
            f"a checkpoint of {checkpoint.stage} was trained with "
            f"{'a text encoder of its own' if encoder else 'frozen word vectors'}, but the aligned {aligned.split} split holds "
            f"{'tokens' if tokens_of else 'frozen word vectors'}, or tokens of another encoder; run `dvc repro` so that both "
            "come from the same text.mode and text.model"
        )
    for modality in MODALITIES:
        if tuple(checkpoint.columns[modality]) != aligned.columns[modality]:
            raise PipelineError(
                f"a checkpoint of {checkpoint.stage} was trained on {len(checkpoint.columns[modality])} {modality} "
                f"columns, but the aligned {aligned.split} split has {len(aligned.columns[modality])}, or others of "
                "the same number; run `dvc repro` so that both come from the same features"
            )


def make_checkpoint(
    trained: Trained,
    *,
    stage: TrainingStage,
    objective: str,
    seed: int,
    curve: Curve,
    link: Link,
    train: AlignedSplit,
    made_with: Mapping[str, str],
) -> Checkpoint:
    """What is kept of a trained network."""
    best_constant = np.mean(train.labels) if link == "logistic" else np.median(train.labels)
    return Checkpoint(
        stage=stage,
        objective=objective,
        seed=seed,
        network=asdict(trained.network.settings) | described_encoder(trained.network),
        columns={modality: list(train.columns[modality]) for modality in MODALITIES},
        selected_epoch=trained.selected_epoch,
        curve=trained.rows,
        link=link,
        best_constant=float(best_constant),
        made_with={**made_with, **encoder_libraries(trained.network)},
        tensors=network_tensors(trained.network, curve),
    )

"""From networks to checkpoints and back: everything that predicting needs of a network, and nothing of how it is trained."""

from collections.abc import Callable, Mapping, Set
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.artifacts.trained.checkpoint import Checkpoint, EpochRow, Link, TrainingStage
from pipeline.errors import PipelineError
from pipeline.grcf.network.batches import Batch, SplitTensors, hide_modalities
from pipeline.grcf.network.curve import Curve
from pipeline.grcf.network.finetuning import described_encoder, encoder_libraries, weights_as_found
from pipeline.grcf.network.network import NetworkSettings, SentimentNetwork
from pipeline.grcf.network.word_encoder import WordEncoder, same_encoder

# Scoring keeps no gradient, so its batches are larger than those of training.
SCORING_BATCH = 256


@dataclass(frozen=True, eq=False)
class Trained:
    """A network after training.

    Attributes:
        network: the network with the weights of the selected epoch.
        selected_epoch: number of that epoch; 0 is the start.
        history: measures of each epoch, in their order.
    """

    network: SentimentNetwork
    selected_epoch: int
    history: list[EpochRow]


def build_network(
    *, columns: Mapping[Modality, tuple[str, ...]], settings: NetworkSettings, seed: int
) -> SentimentNetwork:
    """A network with freshly drawn weights, the same for the same seed whatever was drawn before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        n_features = {modality: len(columns[modality]) for modality in MODALITIES}
        return SentimentNetwork(n_features=n_features, settings=settings)


def score_split(
    network: SentimentNetwork, split: SplitTensors, *, hidden: Set[Modality] = frozenset()
) -> Float[np.ndarray, "segment *class"]:
    """One score per segment of the split, or one per segment and class, with the modalities of `hidden` masked."""
    return _in_batches(network, split, network.forward, hidden).double().cpu().numpy()


def represent_split(network: SentimentNetwork, split: SplitTensors) -> Float32[np.ndarray, "segment width"]:
    """The fused representation of each segment, of which its score is a linear function."""
    return _in_batches(network, split, network.represent, frozenset()).float().cpu().numpy()


def _in_batches(
    network: SentimentNetwork,
    split: SplitTensors,
    asked: Callable[[Batch], Tensor],
    hidden: Set[Modality],
) -> Float[Tensor, "segment *rest"]:
    """What a function of the network gives for each segment, without dropout and without gradients."""
    network.eval()
    # Also where segments are found of which nothing is seen.
    hidden = hidden | frozenset(network.settings.unlearnt)
    with torch.inference_mode():
        if network.word_encoder is not None and split.tokens is not None:
            split = split.with_text(network.word_encoder.read_all(split.tokens))
        return torch.cat(
            [
                _alike_where_nothing_is_seen(hide_modalities(batch, hidden), asked)
                for batch in split.in_order(SCORING_BATCH)
            ]
        )


def _alike_where_nothing_is_seen(
    batch: Batch, asked: Callable[[Batch], Tensor]
) -> Float[Tensor, "segment *rest"]:
    """What a function of the network gives for each segment; one and the same for all that have no visible word.

    Kernels sum in another order at some rows of a batch. Of equal segments that would make different ones, in the last bit, and a
    rank correlation or a slope makes as much of that bit as of any other difference.
    """
    rows = asked(batch)
    blank = ~torch.stack([valid.any(dim=-1) for valid in batch.valid.values()]).any(dim=0)
    if blank.any():
        # Of a shape of its own, so that it does not depend on the segments beside it.
        nothing = replace(
            batch,
            row=batch.row[:1, :1],
            valid={modality: torch.zeros_like(valid[:1, :1]) for modality, valid in batch.valid.items()},
            label=batch.label[:1],
            owned=None,
        )
        rows[blank] = asked(nothing)
    return rows


def make_checkpoint(
    trained: Trained,
    *,
    stage: TrainingStage,
    objective: str,
    leaves_order: bool,
    seed: int,
    calibration: Curve,
    link: Link,
    train: AlignedSplit,
    environment: Mapping[str, str],
) -> Checkpoint:
    """What is kept of a trained network; see `Checkpoint` for the arguments.

    Args:
        trained: the network and its history.
        stage: the stage that trained it.
        objective: name of what was minimised.
        leaves_order: whether its scores are in the order of the labels.
        seed: seed of its first weights and of everything random in training.
        calibration: curve from scores to label units or logits; its link makes them predictions.
        link: how an output of the curve becomes a prediction.
        train: the whole split that stage 1 learnt from, for its columns and the best constant, also where fewer segments calibrate.
        environment: versions of libraries and class of device.
    """
    best_constant: float | list[float]
    if link == "softmax":
        of_class = np.bincount(train.labels.astype(np.int64), minlength=trained.network.settings.n_outputs)
        best_constant = (of_class / len(train)).tolist()
    else:
        best_constant = float(np.mean(train.labels) if link == "logistic" else np.median(train.labels))
    return Checkpoint(
        stage=stage,
        objective=objective,
        leaves_order=leaves_order,
        seed=seed,
        network=_described(trained.network.settings) | described_encoder(trained.network),
        columns={modality: list(train.columns[modality]) for modality in MODALITIES},
        selected_epoch=trained.selected_epoch,
        history=trained.history,
        link=link,
        best_constant=best_constant,
        environment={**environment, **encoder_libraries(trained.network)},
        tensors=network_tensors(trained.network, calibration),
    )


def _described(settings: NetworkSettings) -> dict[str, Any]:
    """The settings as JSON values; of modalities that were not learnt only where there are some."""
    described = asdict(settings)
    unlearnt = list(described.pop("unlearnt"))
    return described | ({"unlearnt": unlearnt} if unlearnt else {})


def _settings(described: Mapping[str, Any]) -> NetworkSettings:
    """What `_described` gave."""
    values = {name: value for name, value in described.items() if name not in ("encoder", "unlearnt")}
    return NetworkSettings(**values, unlearnt=tuple(described.get("unlearnt", ())))


def network_tensors(network: SentimentNetwork, calibration: Curve) -> dict[str, np.ndarray]:
    """The tensors that a checkpoint keeps of a model; of a text encoder only those that learnt."""
    left_out = weights_as_found(network)
    weights = {
        f"network.{name}": value.cpu().numpy()
        for name, value in network.state_dict().items()
        if name not in left_out
    }
    return weights | {
        "calibration.offset": np.array(calibration.offset),
        "calibration.slope": np.array(calibration.slope),
        "calibration.knots": calibration.knots,
        "calibration.bends": calibration.bends,
    }


def restore(
    checkpoint: Checkpoint, *, device: str, with_encoder: bool = True
) -> tuple[SentimentNetwork, Curve]:
    """The network and the calibration curve of a checkpoint.

    Args:
        checkpoint: a trained model.
        device: device on which the network will run.
        with_encoder: whether to restore a text encoder that learnt too; a network that is given word vectors needs none.

    Raises:
        PipelineError: the tensors do not fit the network that the header describes.
    """
    restored = build_network(
        columns={modality: tuple(checkpoint.columns[modality]) for modality in MODALITIES},
        settings=_settings(checkpoint.network),
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
            f"({' '.join(str(error).split())}); delete it and train it again"
        ) from error
    calibration = Curve(
        _number_or_classes(tensors["calibration.offset"]),
        _number_or_classes(tensors["calibration.slope"]),
        tensors["calibration.knots"],
        tensors["calibration.bends"],
    )
    return restored.to(device), calibration


def _number_or_classes(value: np.ndarray) -> float | Float[np.ndarray, "class"]:
    return value if value.ndim else float(value)


def check_columns(checkpoint: Checkpoint, aligned: AlignedSplit) -> None:
    """Refuse features that a checkpoint was not trained on.

    Raises:
        PipelineError: the split has other columns, or tokens of another text encoder.
    """
    encoder = checkpoint.network.get("encoder")
    tokens_of = aligned.tokens.encoder if aligned.tokens is not None else None
    if not same_encoder(encoder["encoder"] if encoder else None, tokens_of):
        raise PipelineError(
            f"a checkpoint of {checkpoint.stage} was trained with "
            f"{'a text encoder that learns' if encoder else 'frozen word vectors'}, but the aligned {aligned.split} split holds "
            f"{'tokens' if tokens_of else 'frozen word vectors'}, or tokens of another encoder; extract the text with the encoder "
            "of the checkpoint, or train again"
        )
    for modality in MODALITIES:
        if tuple(checkpoint.columns[modality]) != aligned.columns[modality]:
            raise PipelineError(
                f"a checkpoint of {checkpoint.stage} was trained on {len(checkpoint.columns[modality])} {modality} "
                f"columns, but the aligned {aligned.split} split has {len(aligned.columns[modality])}, or others of "
                "the same number; extract the features that it was trained on, or train again"
            )

"""Checkpoints: weights and a readable header in one safetensors file, never a pickle."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from pipeline.artifacts.formats.files import read_tensors, tensors_from_bytes, tensors_to_bytes, write_bytes
from pipeline.errors import PipelineError

VERSION = 6
"""Of the format: raised whenever a reader of the version before would misread a file. Every other version is refused."""

_KIND = "checkpoint"
_HEADER = (
    "stage",
    "objective",
    "leaves_order",
    "seed",
    "network",
    "columns",
    "selected_epoch",
    "history",
    "link",
    "best_constant",
    "environment",
)

TrainingStage = Literal["rank", "calibrate", "pointwise"]
Link = Literal["identity", "logistic", "softmax"]
"""How outputs of the calibration curve become predictions: as they are, or as logits of one probability or of one per class."""

EpochRow = dict[str, float | int | None]
"""Measures of one epoch: `seed`, `epoch`, and those of `artifacts.curves.MEASURES`; None where one was not taken."""


_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "stage": str,
    "objective": str,
    "seed": int,
    "network": dict,
    "columns": dict,
    "selected_epoch": int,
    "link": str,
    "best_constant": (int, float, list),
    "environment": dict,
}
# Settings that are no widths, such as numbers of heads and layers.
_SMALL = 64


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """One trained model.

    Attributes:
        stage: the stage that trained it.
        objective: name of what was minimised.
        leaves_order: whether its scores are in the order of the labels, so that a curve can calibrate them.
        seed: seed of its first weights and of everything random in training.
        network: settings that build the network again.
        columns: names of its feature columns, by modality.
        selected_epoch: number of the epoch whose weights these are.
        history: measures of each epoch.
        link: how an output of the calibration curve becomes a prediction.
        best_constant: the prediction that needs no features: the median label of train, its share of positives, or those of
            its classes.
        environment: versions of libraries and class of device that trained it.
        tensors: the network's weights under `network.` and the calibration curve under `calibration.`.
    """

    stage: TrainingStage
    objective: str
    leaves_order: bool
    seed: int
    network: Mapping[str, Any]
    columns: Mapping[str, list[str]]
    selected_epoch: int
    history: list[EpochRow]
    link: Link
    best_constant: float | list[float]
    environment: Mapping[str, str]
    tensors: Mapping[str, np.ndarray]

    @property
    def n_parameters(self) -> int:
        """Weights of the network, those of the calibration curve not counted."""
        return sum(value.size for name, value in self.tensors.items() if name.startswith("network."))

    def to_bytes(self) -> bytes:
        """Pack; the same bytes for the same content."""
        header = {name: getattr(self, name) for name in _HEADER}
        return tensors_to_bytes(self.tensors, kind=_KIND, version=VERSION, header=header)

    @classmethod
    def from_bytes(cls, content: bytes) -> "Checkpoint":
        """Unpack; raises PipelineError on anything but a whole checkpoint of this version."""
        tensors, header = tensors_from_bytes(content, kind=_KIND, version=VERSION, source="cached checkpoint")
        return cls._joined(tensors, header, source="cached checkpoint")

    @classmethod
    def _joined(
        cls, tensors: Mapping[str, np.ndarray], header: Mapping[str, Any], *, source: str
    ) -> "Checkpoint":
        missing = [name for name in _HEADER if name not in header]
        if missing:
            raise PipelineError(
                f"{source}: the header of the checkpoint lacks {', '.join(missing)}; delete it and run `dvc repro`"
            )
        _check(tensors, header, source)
        return cls(tensors=tensors, **{name: header[name] for name in _HEADER})


def _check(tensors: Mapping[str, np.ndarray], header: Mapping[str, Any], source: str) -> None:
    """Refuse what would predict nonsense, or take more memory than the weights do.

    Raises:
        PipelineError: a weight is not finite, a field is of another type, the link is unknown, or the network is described
            as wider than any of its weights.
    """
    for name, tensor in tensors.items():
        if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
            raise PipelineError(
                f"{source}: {int((~np.isfinite(tensor)).sum())} of the {tensor.size} numbers in {name} are not finite, so it "
                "predicts nothing; train it again, or get another copy"
            )
    for name, expected in _TYPES.items():
        if not isinstance(header[name], expected) or isinstance(header[name], bool):
            raise PipelineError(
                f"{source}: {name} in the header of the checkpoint is {str(header[name])[:60]!r}, of another type than it is "
                "written with; get another copy, or delete it and run `dvc repro`"
            )
    if header["link"] not in get_args(Link):
        raise PipelineError(
            f"{source}: the link is {str(header['link'])[:60]!r}; expected {' or '.join(get_args(Link))}: get another copy"
        )
    constants = header["best_constant"]
    for constant in constants if isinstance(constants, list) else [constants]:
        if not isinstance(constant, int | float) or not math.isfinite(constant):
            raise PipelineError(f"{source}: best_constant is {str(constants)[:60]}; expected finite numbers")
    widest = max((size for tensor in tensors.values() for size in tensor.shape), default=0)
    for name, value in header["network"].items():
        if isinstance(value, int | float) and value > max(widest, _SMALL):
            raise PipelineError(
                f"{source}: {name} of the network is {value:g}, but its largest weight has {widest} rows; get another copy"
            )


def checkpoint_path(folder: Path, seed: int) -> Path:
    """Where the checkpoint of one seed lies within a stage's folder."""
    return folder / f"seed_{seed}.safetensors"


def write_checkpoints(folder: Path, checkpoints: list[Checkpoint]) -> None:
    """Write one file per seed."""
    for checkpoint in checkpoints:
        write_bytes(checkpoint_path(folder, checkpoint.seed), checkpoint.to_bytes())


def read_checkpoint(path: Path) -> Checkpoint:
    """Read one file that `write_checkpoints` wrote."""
    tensors, header = read_tensors(path, kind=_KIND, version=VERSION)
    return Checkpoint._joined(tensors, header, source=str(path))


def read_checkpoints(folder: Path, *, stage: TrainingStage) -> list[Checkpoint]:
    """Read all seeds of one stage, by increasing seed.

    Raises:
        PipelineError: no checkpoint, or one that another stage wrote.
    """
    assert stage in get_args(TrainingStage)
    checkpoints = [read_checkpoint(path) for path in folder.glob("seed_*.safetensors")]
    if not checkpoints:
        raise PipelineError(f"{folder}: no checkpoint found; run `dvc repro {stage}` to train some")
    for checkpoint in checkpoints:
        if checkpoint.stage != stage:
            raise PipelineError(f"{folder}: holds a checkpoint of {checkpoint.stage}, expected {stage}")
    return sorted(checkpoints, key=lambda checkpoint: checkpoint.seed)

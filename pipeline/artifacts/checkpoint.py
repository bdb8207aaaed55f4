"""Checkpoints: weights and a readable header in one safetensors file, never a pickle."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from pipeline.artifacts.files import read_tensors, tensors_from_bytes, tensors_to_bytes, write_bytes
from pipeline.errors import PipelineError

VERSION = 5
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
Link = Literal["identity", "logistic"]
"""How an output of the calibration curve becomes a prediction: as it is, or as the logit of a probability."""

EpochRow = dict[str, float | int | None]
"""Measures of one epoch: `seed`, `epoch`, and those of `artifacts.curves.MEASURES`; None where one was not taken."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """One trained model.

    Attributes:
        stage: the stage that trained it.
        objective: name of what was minimised.
        leaves_order: whether its scores are in the order of the labels, so that a curve can calibrate them.
        seed: seed of its first weights and of everything random in training.
        network: what it takes to build the network again.
        columns: names of its feature columns, by modality.
        selected_epoch: number of the epoch whose weights these are.
        history: measures of each epoch.
        link: how an output of the calibration curve becomes a prediction.
        best_constant: the prediction that needs no features: the median label of train, or its share of positives.
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
    best_constant: float
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
        return cls(tensors=tensors, **{name: header[name] for name in _HEADER})


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

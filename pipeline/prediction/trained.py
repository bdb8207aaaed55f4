"""Checkpoints with the preprocessing that they carry, as what predicts is made from them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.artifacts.aligned.preprocessing import Preprocessing
from pipeline.artifacts.trained.checkpoint import Checkpoint
from pipeline.execution.device import best_device

if TYPE_CHECKING:
    from pipeline.grcf.scoring import Scorer
    from pipeline.prediction.extraction import Extractors


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """The seeds of one trained model, by increasing seed, and what a recording goes through before them."""

    folder: Path
    checkpoints: tuple[Checkpoint, ...]
    preprocessing: Preprocessing

    @property
    def is_binary(self) -> bool:
        """Whether predictions are probabilities of the label 1."""
        return self.checkpoints[0].link == "logistic"

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes of which predictions hold the probabilities; empty where labels are no classes."""
        return tuple(self.preprocessing.train.get("classes", ()))

    @cached_property
    def scorer(self) -> "Scorer":
        """The models at work, restored when they are first asked."""
        from pipeline.grcf.scoring import (
            Scorer,
        )  # with torch, for which a folder without a model need not wait

        return Scorer(self.checkpoints, device=best_device())

    @cached_property
    def extractors(self) -> "Extractors":
        """What makes the features of training of a recording, loaded when it is first asked."""
        from pipeline.prediction.extraction import Extractors

        return Extractors(self.preprocessing)

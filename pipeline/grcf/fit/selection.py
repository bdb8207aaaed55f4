"""What is kept of a training, epoch by epoch: a row of measures, and the weights of the best one so far."""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from jaxtyping import Float
from torch import Tensor

from pipeline.evaluation.selection import ordered_pair_accuracy
from pipeline.grcf.network.curve import Curve

Selection = Literal["order", "magnitude", "objective"]
ErrorMeasure = Callable[[np.ndarray, np.ndarray], float | None]
"""From labels and what the curve makes of scores to an error; None where there are no segments."""

CurveRow = dict[str, float | int | None]


class Epochs:
    """The epochs of one seed."""

    def __init__(
        self,
        truth: Float[np.ndarray, "segment"],
        *,
        seed: int,
        select_by: Selection,
        curve: Curve | None,
        measure: ErrorMeasure | None,
    ) -> None:
        """Start without an epoch; see `training.train_network` for the arguments, `truth` is of valid."""
        self.rows: list[CurveRow] = []
        self.best: tuple[float, int, Mapping[str, Tensor]] | None = None
        self._truth, self._seed, self._select_by = truth, seed, select_by
        self._curve, self._measure = curve, measure

    def add(
        self,
        epoch: int,
        train_loss: float | None,
        scores: Float[np.ndarray, "segment"],
        *,
        valid_loss: Callable[[], float],
        weights: Callable[[], Mapping[str, Tensor]],
    ) -> None:
        """Measure an epoch, and keep its weights where it is the best so far; the earliest of equals.

        Args:
            epoch: its number.
            train_loss: mean over its steps; None before the first.
            scores: of valid.
            valid_loss: the objective on valid, asked for only where that chooses.
            weights: a copy of the weights, asked for only where they are kept.
        """
        accuracy = ordered_pair_accuracy(self._truth, scores)
        error = self._measure(self._truth, self._curve(scores)) if self._curve and self._measure else None
        self.rows.append(
            {
                "seed": self._seed,
                "epoch": epoch,
                "train_loss": train_loss,
                "valid_ordered_pair_accuracy": accuracy,
                "valid_error": error,
            }
        )
        if self._select_by == "order":
            quality = accuracy if accuracy is not None else 0.5
        elif self._select_by == "magnitude":
            assert error is not None, "magnitude needs a curve and a split that is not empty"
            quality = -error
        else:
            quality = -valid_loss()
        if self.best is None or quality > self.best[0]:
            self.best = (quality, epoch, weights())

"""What is measured of each epoch, and which weights are kept of all epochs."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from torch import Tensor

from pipeline.artifacts.trained.checkpoint import EpochRow
from pipeline.evaluation.selection import order, ordered_pair_accuracy
from pipeline.grcf.network.batches import SplitTensors
from pipeline.grcf.network.curve import Curve
from pipeline.grcf.network.owned_labels import NOBODY

SelectBy = Literal["order", "magnitude", "objective"]
EpochChoice = Literal["best", "last", "average"]
"""Which weights are kept: of the epoch that is best on valid, of the last one, or the mean over the last of them."""
ErrorMeasure = Callable[[np.ndarray, np.ndarray], float | None]
"""From labels and calibrated scores to the error of the task; None where there are no segments."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """By what an epoch is the best on valid; the earliest of equals.

    Attributes:
        by: "order" prefers the highest ordered-pair accuracy (see `ValidOrder`; its mean over classes against all others), "magnitude" the
            lowest `error`, "objective" the lowest loss, see `loop.mean_over_segments`.
        calibration: curve from scores to what `error` measures; None where scores have no magnitude.
        error: error of the task; None without a curve.
    """

    by: SelectBy
    calibration: Curve | None = None
    error: ErrorMeasure | None = None


# Who listens shows the curve while it grows, and decides no result.
_LOGGER = logging.getLogger("pipeline.epochs")

# Share of the epochs, the last ones, over which weights are averaged.
_AVERAGED = 0.25


class ValidOrder:
    """The pairs of valid by whose order an epoch is measured: those whose labels are on one scale.

    Where labels have owners, such as raters with scales of their own, these are the pairs within an owner, and all pairs of
    trusted segments, whose labels share a scale; a pair that is both counts twice. Where valid has no such pair, or labels
    have no owners, they are all pairs of different labels.
    """

    def __init__(self, valid: SplitTensors) -> None:
        self._truth = valid.label.double().cpu().numpy()
        self._segment = np.arange(len(valid))
        self._owner: np.ndarray | None = None
        if valid.owned is None:
            return
        label, owner = (part.cpu().numpy() for part in valid.owned.flat())
        trusted = np.flatnonzero(valid.trusted)
        labels = np.concatenate([label.astype(np.float64), self._truth[trusted]])
        owners = np.concatenate([owner, np.full(len(trusted), NOBODY)])
        segments = np.concatenate([valid.owned.segment.cpu().numpy(), trusted])
        if ordered_pair_accuracy(labels, labels, owner=owners) is not None:
            self._truth, self._owner, self._segment = labels, owners, segments

    def accuracy(self, scores: Float[np.ndarray, "segment *class"]) -> float | None:
        """The share of these pairs that the scores order as the labels do; None without a pair.

        Args:
            scores: scores of valid, one per segment, or one per segment and class.
        """
        return order(self._truth, scores[self._segment], owner=self._owner)


class EpochRecord:
    """The epochs of one seed.

    Attributes:
        history: measures of each epoch so far.
    """

    def __init__(
        self,
        valid: SplitTensors,
        *,
        seed: int,
        selection: Selection,
        choice: EpochChoice = "best",
        n_epochs: int,
    ) -> None:
        """Start without an epoch.

        Args:
            valid: the split that measures an epoch.
            seed: seed of the network, for the rows of `history`.
            selection: what the epochs are judged by.
            choice: the weights that are kept. "best" chooses on valid. "last" chooses nothing, so that valid stays clean.
                "average" is the mean of the weights after each of the last quarter of the epochs (Izmailov et al., UAI
                2018, under the schedule of training instead of theirs).
            n_epochs: number of the last epoch.
        """
        self.history: list[EpochRow] = []
        self._truth, self._order = valid.label.double().cpu().numpy(), ValidOrder(valid)
        self._seed, self._selection = seed, selection
        self._choice, self._n_epochs = choice, n_epochs
        self._first_averaged = n_epochs - max(1, round(_AVERAGED * n_epochs)) + 1
        self._best: tuple[float, int, Mapping[str, Tensor]] | None = None
        self._total: dict[str, Tensor] = {}

    @property
    def kept(self) -> tuple[int, Mapping[str, Tensor]]:
        """Number of the epoch that is kept, the last one for an average, and the weights."""
        if self._choice == "average":
            n = self._n_epochs - self._first_averaged + 1
            return self._n_epochs, {name: total / n for name, total in self._total.items()}
        assert self._best is not None, "there was no epoch"
        return self._best[1], self._best[2]

    def add(
        self,
        epoch: int,
        train_loss: float | None,
        scores: Float[np.ndarray, "segment *class"],
        *,
        valid_loss: Callable[[], float],
        weights: Callable[[], Mapping[str, Tensor]],
    ) -> None:
        """Measure an epoch, and keep its weights where the choice asks for them.

        Args:
            epoch: number of the epoch; 0 is the start.
            train_loss: mean loss over its steps; None for the start.
            scores: scores of valid, one per segment, or one per segment and class.
            valid_loss: gives the loss on valid; called only where that judges the epoch.
            weights: gives a copy of the weights; called only where they are kept.
        """
        selection = self._selection
        accuracy = self._order.accuracy(scores)
        error = (
            selection.error(self._truth, selection.calibration(scores))
            if selection.calibration and selection.error
            else None
        )
        self.history.append(
            {
                "seed": self._seed,
                "epoch": epoch,
                "train_loss": train_loss,
                "valid_ordered_pair_accuracy": accuracy,
                "valid_error": error,
            }
        )
        _LOGGER.info("epoch", extra={"row": self.history[-1]})
        if self._choice == "average":
            if epoch >= self._first_averaged:
                found = weights()
                self._total = {name: self._total.get(name, 0) + value for name, value in found.items()}
            return
        if self._choice == "last":
            if epoch == self._n_epochs:
                self._best = (0.0, epoch, weights())
            return
        if selection.by == "order":
            quality = accuracy if accuracy is not None else 0.5
        elif selection.by == "magnitude":
            assert error is not None, "magnitude needs a curve and a split that is not empty"
            quality = -error
        else:
            quality = -valid_loss()
        if self._best is None or quality > self._best[0]:
            self._best = (quality, epoch, weights())

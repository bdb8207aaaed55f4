"""Training curves: a row per epoch, the mean over seeds first, then a column per seed."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeGuard

import numpy as np
from jaxtyping import Float64

from pipeline.artifacts.formats.files import read_text, write_text
from pipeline.artifacts.formats.tables import not_a_table, numbers, table_from_csv
from pipeline.artifacts.trained.checkpoint import Checkpoint, EpochRow, TrainingStage

MEASURES = ("train_loss", "valid_ordered_pair_accuracy", "valid_error")
_SEED = "_seed_"


@dataclass(frozen=True, eq=False)
class TrainingCurves:
    """How the training of one stage went, in all seeds.

    Attributes:
        epochs: number of each epoch; a stage that is fitted without epochs has one row, of epoch 0.
        means: mean over seeds of each measure of `MEASURES` that was recorded; NaN where it was not measured.
        by_seed: values of each of these measures by seed.
    """

    epochs: Float64[np.ndarray, "epoch"]
    means: Mapping[str, Float64[np.ndarray, "epoch"]]
    by_seed: Mapping[str, Mapping[int, Float64[np.ndarray, "epoch"]]]


def write_curves(path: Path, checkpoints: Sequence[Checkpoint]) -> None:
    """Write the curves of trained models; see `rows_to_csv`."""
    write_text(path, rows_to_csv(row for checkpoint in checkpoints for row in checkpoint.history))


def rows_to_csv(history: Iterable[EpochRow]) -> str:
    """A CSV with `epoch`, each measure's mean over seeds, and `<measure>_seed_<n>`; empty where not measured, or not yet."""
    rows = {(row["epoch"], row["seed"]): row for row in history}
    epochs, seeds = (sorted(set(numbers)) for numbers in zip(*rows, strict=True))
    measured = [
        measure for measure in MEASURES if any(_is_measured(row.get(measure)) for row in rows.values())
    ]
    columns = [*measured, *(f"{measure}{_SEED}{seed}" for measure in measured for seed in seeds)]
    lines = [",".join(["epoch", *columns])]
    for epoch in epochs:
        by_measure = [[rows.get((epoch, seed), {}).get(measure) for seed in seeds] for measure in measured]
        means = [_mean([value for value in values if _is_measured(value)]) for values in by_measure]
        lines.append(",".join([str(epoch), *map(_cell, [*means, *chain.from_iterable(by_measure)])]))
    return "\n".join(lines) + "\n"


def _is_measured(value: float | None) -> TypeGuard[float]:
    return value is not None and not math.isnan(value)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _cell(value: float | None) -> str:
    return f"{value:.6f}" if _is_measured(value) else ""


def read_curves(path: Path, *, stage: TrainingStage) -> TrainingCurves:
    """Read what `write_curves` wrote for a stage; see `curves_from_csv`."""
    return curves_from_csv(read_text(path), source=str(path), remedy=f"dvc repro {stage}")


def curves_from_csv(text: str, *, source: str, remedy: str = "dvc repro") -> TrainingCurves:
    """The curves in the content of a file that `write_curves` wrote.

    Args:
        text: content of the file.
        source: name of the file, for errors.
        remedy: command that makes the file again, for errors.

    Raises:
        PipelineError: not such a table, or one that was cut off.
    """
    what = "table of training curves"
    columns = table_from_csv(text, source=source, what=what, remedy=remedy)
    try:
        values = {name: numbers(cells) for name, cells in columns.items()}
        epochs = values["epoch"]
        if not np.all(epochs == np.floor(epochs)) or not np.all(np.isfinite(epochs)):
            raise ValueError("an epoch is no whole number")
        if np.any(np.diff(epochs) != 1):
            raise ValueError("the epochs are not one after another")
        return TrainingCurves(
            epochs=epochs,
            means={measure: values[measure] for measure in MEASURES if measure in values},
            by_seed={
                measure: {
                    int(name.removeprefix(measure + _SEED)): column
                    for name, column in values.items()
                    if name.startswith(measure + _SEED)
                }
                for measure in MEASURES
                if measure in values
            },
        )
    except (KeyError, ValueError) as error:
        raise not_a_table(source, what, remedy, error) from error

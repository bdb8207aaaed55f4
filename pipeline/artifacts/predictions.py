"""Predictions of every model for every segment of valid and test: a row per segment, a column per model and seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64

from pipeline.artifacts.files import read_text
from pipeline.artifacts.segments import OWNERS, SPLITS, Split
from pipeline.artifacts.tables import not_a_table, table_from_csv, table_to_csv

_SEED = "_seed_"
_WHAT = "table of predictions"
# The columns that are no numbers.
_NAMES = ("split", "id", *OWNERS)


@dataclass(frozen=True, eq=False)
class SplitPredictions:
    """Truth and predictions of one split, in label units.

    `models` maps a model's name to a row per seed; `seeds` to the seeds of these rows, none for a model without any
    (the median), which then has one row. `corpus`, `speaker`, `video` and `rater` say whose each segment is, by one name
    per segment, empty where nobody says; left out, they are empty for all.
    """

    split: Split
    ids: tuple[str, ...]
    truth: Float64[np.ndarray, "segment"]
    models: Mapping[str, Float64[np.ndarray, "_ segment"]]
    seeds: Mapping[str, tuple[int, ...]]
    corpus: tuple[str, ...] = ()
    speaker: tuple[str, ...] = ()
    video: tuple[str, ...] = ()
    rater: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for owner in OWNERS:
            if not getattr(self, owner):
                object.__setattr__(self, owner, ("",) * len(self.ids))


def predictions_to_csv(splits: Sequence[SplitPredictions]) -> str:
    """Columns: split, id, whose it is, label, then per model its mean over seeds and one `<model>_seed_<n>` per seed."""
    columns: dict[str, list[object]] = {}
    for split in splits:
        rows: dict[str, Sequence[object] | np.ndarray] = {
            "split": [split.split] * len(split.ids),
            "id": split.ids,
            **{owner: getattr(split, owner) for owner in OWNERS},
            "label": split.truth,
        }
        for model, predictions in split.models.items():
            rows[model] = predictions.mean(axis=0)
            rows |= {
                f"{model}{_SEED}{seed}": row
                for seed, row in zip(split.seeds[model], predictions, strict=False)
            }
        for name, values in rows.items():
            columns.setdefault(name, []).extend(values)
    return table_to_csv(columns)


def read_predictions(path: Path) -> list[SplitPredictions]:
    """Read what `predictions_to_csv` wrote into a file; see `predictions_from_csv`."""
    return predictions_from_csv(read_text(path), source=str(path), remedy="dvc repro evaluate")


def predictions_from_csv(text: str, *, source: str, remedy: str = "dvc repro") -> list[SplitPredictions]:
    """Read what `predictions_to_csv` wrote.

    Args:
        text: content of the file.
        source: name of the file, for errors.
        remedy: command that makes the file again, for errors.

    Raises:
        PipelineError: not such a table, or one that was cut off.
    """
    columns = table_from_csv(text, source=source, what=_WHAT, remedy=remedy)
    try:
        split = np.array(columns["split"])
        models = [name for name in columns if name not in (*_NAMES, "label") and _SEED not in name]
        return [
            _split(_named(name), split == name, columns, models) for name in dict.fromkeys(columns["split"])
        ]
    except (KeyError, ValueError) as error:
        raise not_a_table(source, _WHAT, remedy, error) from error


def _named(name: str) -> Split:
    for split in SPLITS:
        if split == name:
            return split
    raise ValueError(f"no split is called {name!r}")


def _split(
    split: Split, rows: Bool[np.ndarray, "row"], columns: Mapping[str, Sequence[str]], models: Sequence[str]
) -> SplitPredictions:
    numbers = {
        name: np.array(column, dtype=np.float64)[rows]
        for name, column in columns.items()
        if name not in _NAMES
    }
    seeds = {
        model: tuple(
            int(name.removeprefix(model + _SEED)) for name in columns if name.startswith(model + _SEED)
        )
        for model in models
    }
    return SplitPredictions(
        split=split,
        ids=tuple(np.array(columns["id"])[rows].tolist()),
        truth=numbers["label"],
        models={
            model: np.stack([numbers[f"{model}{_SEED}{seed}"] for seed in seeds[model]] or [numbers[model]])
            for model in models
        },
        seeds=seeds,
        **{owner: tuple(np.array(columns[owner])[rows].tolist()) for owner in OWNERS if owner in columns},
    )

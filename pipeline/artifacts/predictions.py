"""What every model says of every valid and test segment, a row a segment, a column a model and seed."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from pipeline.artifacts.segments import Split
from pipeline.errors import PipelineError

_SEED = "_seed_"


@dataclass(frozen=True, eq=False)
class SplitPredictions:
    """Truth and predictions of one split, in label units.

    `models` maps a model's name to a row per seed; `seeds` to the seeds of these rows, none for a model without any
    (the median), which then has one row.
    """

    split: Split
    ids: tuple[str, ...]
    truth: Float64[np.ndarray, "segment"]
    models: Mapping[str, Float64[np.ndarray, "_ segment"]]
    seeds: Mapping[str, tuple[int, ...]]


def predictions_to_csv(splits: Sequence[SplitPredictions]) -> str:
    """Columns: split, id, label, then per model its mean over seeds and one `<model>_seed_<n>` per seed; six digits."""
    import pandas as pd  # reading does without: it is half of what a comparison of two runs would take

    frames = []
    for split in splits:
        columns: dict[str, object] = {"split": split.split, "id": split.ids, "label": split.truth}
        for model, predictions in split.models.items():
            columns[model] = predictions.mean(axis=0)
            columns |= {
                f"{model}{_SEED}{seed}": row
                for seed, row in zip(split.seeds[model], predictions, strict=False)
            }
        frames.append(pd.DataFrame(columns))
    text = io.StringIO()
    pd.concat(frames).to_csv(text, index=False, float_format="%.6f", lineterminator="\n")
    return text.getvalue()


def predictions_from_csv(text: str, *, source: str) -> list[SplitPredictions]:
    """Read what `predictions_to_csv` wrote.

    Raises:
        PipelineError: not such a table.
    """
    lines = csv.reader(io.StringIO(text, newline=""))
    try:
        header = next(lines)
        columns = dict(zip(header, zip(*lines, strict=True), strict=True))
        split = np.array(columns["split"])
        models = [name for name in header if name not in ("split", "id", "label") and _SEED not in name]
        return [_split(name, split == name, columns, models) for name in dict.fromkeys(columns["split"])]
    except (KeyError, ValueError, StopIteration, csv.Error) as error:
        raise PipelineError(f"{source}: not a table of predictions ({error}); run `dvc repro`") from error


def _split(
    split: Split, rows: Bool[np.ndarray, "row"], columns: Mapping[str, Sequence[str]], models: Sequence[str]
) -> SplitPredictions:
    numbers = {
        name: np.array(column, dtype=np.float64)[rows]
        for name, column in columns.items()
        if name not in ("split", "id")
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
    )

"""What every model says of every valid and test segment, a row a segment, a column a model and seed."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float64

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
    try:
        table = pd.read_csv(io.StringIO(text), dtype={"split": str, "id": str}, keep_default_na=False)
        names = [name for name in table.columns if name not in ("split", "id", "label")]
        models = [name for name in names if _SEED not in name]
        return [
            _split(split, table[table["split"] == split], models, names) for split in table["split"].unique()
        ]
    except (KeyError, ValueError) as error:
        raise PipelineError(f"{source}: not a table of predictions ({error}); run `dvc repro`") from error


def _split(split: Split, rows: pd.DataFrame, models: Sequence[str], names: Sequence[str]) -> SplitPredictions:
    seeds = {
        model: tuple(
            int(name.removeprefix(model + _SEED)) for name in names if name.startswith(model + _SEED)
        )
        for model in models
    }
    return SplitPredictions(
        split=split,
        ids=tuple(rows["id"]),
        truth=rows["label"].to_numpy(np.float64),
        models={
            model: rows[[f"{model}{_SEED}{seed}" for seed in seeds[model]] or [model]].to_numpy(np.float64).T
            for model in models
        },
        seeds=seeds,
    )

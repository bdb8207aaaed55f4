"""What becomes of the models the more of a split is perturbed: curves over the amount, as CSV."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from pipeline.artifacts.evaluated.models import COMPARED
from pipeline.artifacts.formats.files import read_text, write_text
from pipeline.artifacts.formats.tables import Columns, not_a_table, numbers, table_from_csv, table_to_csv

Perturbation = Literal["missing", "noisy", "degraded"]
"""Words that are missing, noise on the features, or recordings that were made worse before extraction."""

CLEAN = "clean"
"""Instead of a degradation: the recordings as they are, at level 0."""

MEASURES = ("error", "order")
"""What a curve measures: the first and the last headline metric of the protocol."""

_AMOUNTS: dict[Perturbation, str] = {"missing": "rate", "noisy": "scale", "degraded": "level"}
_SEED = "_seed_"
_WHAT, _REMEDY = "table of robustness", "dvc repro evaluate"


@dataclass(frozen=True, eq=False)
class RobustnessCurve:
    """What a model reaches on one split the more of it is perturbed.

    Attributes:
        split: name of the split.
        modality: modality whose words are missing or noisy, or `all`; of recordings, what was done to them, or `CLEAN`.
        model: name of the model.
        rates: share of the words that are missing, 0 to 1, or the noise in standard deviations of train, rising; of recordings, the
            levels in the unit of what was done, from little to much.
        seeds: seed of each row of `error` and `order`; none for a model without seeds.
        error: error by the protocol; NaN where it is undefined.
        order: metric of order by the protocol, likewise.
    """

    split: str
    modality: str
    model: str
    rates: Float[NDArray[np.float64], "rate"]
    seeds: tuple[int, ...]
    error: Float[NDArray[np.float64], "seed rate"]
    order: Float[NDArray[np.float64], "seed rate"]


def write_robustness(path: Path, curves: Sequence[RobustnessCurve], *, perturbation: Perturbation) -> None:
    """Write a CSV with split, modality, model, amount, and each measure's mean over seeds and its column per seed."""
    seeds = curves[0].seeds if curves else ()
    columns: dict[str, list[object]] = {
        name: [] for name in ("split", perturbation, "model", _AMOUNTS[perturbation])
    }
    for measure in MEASURES:
        columns |= {name: [] for name in (measure, *(f"{measure}{_SEED}{seed}" for seed in seeds))}
    for curve in curves:
        rows = len(curve.rates)
        named = (("split", curve.split), (perturbation, curve.modality), ("model", curve.model))
        for name, value in named:
            columns[name] += [value] * rows
        columns[_AMOUNTS[perturbation]] += curve.rates.tolist()
        for measure, values in (("error", curve.error), ("order", curve.order)):
            columns[measure] += values.mean(axis=0).tolist()
            for seed, row in zip(curve.seeds, values, strict=True):
                columns[f"{measure}{_SEED}{seed}"] += row.tolist()
    write_text(path, table_to_csv(columns))


def read_robustness(path: Path, *, perturbation: Perturbation) -> list[RobustnessCurve]:
    """Read what `write_robustness` wrote for the same perturbation.

    Raises:
        PipelineError: not such a table, or one that was cut off: all models of a split and modality have the same rates.
    """
    columns = table_from_csv(read_text(path), source=str(path), what=_WHAT, remedy=_REMEDY)
    try:
        curves = _curves(columns, perturbation)
        rates = {(curve.split, curve.modality, curve.model): curve.rates.tolist() for curve in curves}
        for split, modality, _ in rates:
            one, other = (rates.get((split, modality, model)) for model in COMPARED)
            if one is None or one != other:
                raise ValueError(f"{' and '.join(COMPARED)} differ in their rows of {split} and {modality}")
    except (KeyError, ValueError) as error:
        raise not_a_table(str(path), _WHAT, _REMEDY, error) from error
    return curves


def _curves(columns: Columns, perturbation: Perturbation) -> list[RobustnessCurve]:
    keys = list(zip(columns["split"], columns[perturbation], columns["model"], strict=True))
    amounts = numbers(columns[_AMOUNTS[perturbation]])
    prefix = f"{MEASURES[0]}{_SEED}"
    seeds = tuple(int(name.removeprefix(prefix)) for name in columns if name.startswith(prefix))
    values = {
        measure: np.array([numbers(columns[f"{measure}{_SEED}{seed}"]) for seed in seeds]).reshape(
            len(seeds), len(keys)
        )
        for measure in MEASURES
    }
    curves = []
    for key in dict.fromkeys(keys):
        rows = [row for row, found in enumerate(keys) if found == key]
        curves.append(
            RobustnessCurve(*key, amounts[rows], seeds, *(values[measure][:, rows] for measure in MEASURES))
        )
    return curves

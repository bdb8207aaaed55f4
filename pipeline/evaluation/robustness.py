"""How errors grow with what is missing or noisy: curves over its amount, and the area under them."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy.typing import NDArray

from pipeline.errors import PipelineError
from pipeline.evaluation.metrics import Metric, Protocol, Undefined
from pipeline.evaluation.selection import Segments

_SEED = "_seed_"
MEASURES = ("error", "order")
"""The columns of a curve: a protocol's first and last headline metric."""


MISSING_NAMES = ("missing", "rate")
NOISE_NAMES = ("noisy", "scale")
"""What a table of curves calls the disturbed modality, and by how much it is."""


@dataclass(frozen=True, eq=False)
class RobustnessCurve:
    """What a model reaches on one split the more of it is disturbed.

    Attributes:
        split: Name of the split.
        missing: The modality whose words are missing or noisy, or `all`.
        model: Name of the model.
        rates: Share of the words that are missing, 0 to 1, or the noise in standard deviations of train; rising.
        seeds: The seed of each row of `error` and `order`; none for a model without seeds.
        error: The protocol's error; NaN where it is undefined.
        order: The protocol's metric of order, likewise.
    """

    split: str
    missing: str
    model: str
    rates: Float[NDArray[np.float64], "rate"]
    seeds: tuple[int, ...]
    error: Float[NDArray[np.float64], "seed rate"]
    order: Float[NDArray[np.float64], "seed rate"]


def measured_metrics(protocol: Protocol) -> dict[str, Metric]:
    """The metrics behind `MEASURES`."""
    return {
        "error": protocol.metric(protocol.headline[0]),
        "order": protocol.metric(protocol.headline[2]),
    }


def measure_rate(truth: Segments, prediction: Segments, *, protocol: Protocol) -> tuple[float, float]:
    """Error and order of one model at one rate; NaN where they are undefined."""
    values = [metric.function(truth, prediction) for metric in measured_metrics(protocol).values()]
    error, order = (np.nan if isinstance(value, Undefined) else value for value in values)
    return error, order


def mean_height(
    rates: Float[NDArray[np.float64], "rate"], values: Float[NDArray[np.float64], "seed rate"]
) -> list[float | Undefined]:
    """The area under each curve by trapezoids, over the width of its rates: a mean in the unit of the metric.

    As MultiBench's relative robustness (Liang et al., 2021), but over the width, so that other rates give numbers of
    the same size.

    >>> mean_height(np.array([0.0, 0.5, 1.0]), np.array([[1.0, 2.0, 5.0]]))
    [2.5]
    """
    if len(rates) < 2:
        return [Undefined("an area needs at least two rates") for _ in values]
    areas = np.trapezoid(values, rates, axis=1) / (rates[-1] - rates[0])
    return [
        float(area) if np.isfinite(area) else Undefined("the metric is undefined at some rate")
        for area in areas
    ]


def robustness_to_csv(curves: Sequence[RobustnessCurve], *, names: tuple[str, str] = MISSING_NAMES) -> str:
    """Columns: split, missing, model, rate (or others by `names`), then each measure's mean over seeds and one `<measure>_seed_<n>` per seed."""
    frames, (kind, amount) = [], names
    for curve in curves:
        columns: dict[str, object] = {
            "split": curve.split,
            kind: curve.missing,
            "model": curve.model,
            amount: curve.rates,
        }
        for measure, values in (("error", curve.error), ("order", curve.order)):
            columns[measure] = values.mean(axis=0)
            columns |= {f"{measure}{_SEED}{seed}": row for seed, row in zip(curve.seeds, values, strict=True)}
        frames.append(pd.DataFrame(columns))
    seeds = curves[0].seeds if curves else ()
    empty = [
        name for measure in MEASURES for name in (measure, *(f"{measure}{_SEED}{seed}" for seed in seeds))
    ]
    table = pd.concat(frames) if frames else pd.DataFrame(columns=["split", kind, "model", amount, *empty])
    text = io.StringIO()
    table.to_csv(text, index=False, float_format="%.6f", lineterminator="\n")
    return text.getvalue()


def robustness_from_csv(
    text: str, *, source: str, names: tuple[str, str] = MISSING_NAMES
) -> list[RobustnessCurve]:
    """Read what `robustness_to_csv` wrote under the same names.

    Raises:
        PipelineError: not such a table.
    """
    kind, amount = names
    try:
        table = pd.read_csv(io.StringIO(text), dtype={"split": str, kind: str, "model": str})
        seeds = tuple(
            int(name.removeprefix(f"error{_SEED}"))
            for name in table.columns
            if name.startswith(f"error{_SEED}")
        )
        return [
            RobustnessCurve(
                str(split),
                str(missing),
                str(model),
                rows[amount].to_numpy(np.float64),
                seeds,
                *(
                    rows[[f"{measure}{_SEED}{seed}" for seed in seeds]].to_numpy(np.float64).T
                    for measure in MEASURES
                ),
            )
            for (split, missing, model), rows in table.groupby(["split", kind, "model"], sort=False)
        ]
    except (KeyError, ValueError) as error:
        raise PipelineError(
            f"{source}: not a table of robustness ({error}); run `dvc repro evaluate`"
        ) from error

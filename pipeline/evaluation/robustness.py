"""How errors grow with what is missing or noisy: curves over its amount, and the area under them."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from pipeline.artifacts.evaluated.robustness import RobustnessCurve
from pipeline.evaluation.metrics import Metric, Protocol, Undefined
from pipeline.evaluation.selection import Outputs, Segments


def robustness_curves(
    split: str,
    modality: str,
    truth: Segments,
    predict: Callable[[int], Mapping[str, Float[NDArray[np.float64], "level segment *class"]]],
    *,
    levels: Sequence[float],
    seeds: Sequence[int],
    protocol: Protocol,
) -> Iterator[RobustnessCurve]:
    """A curve for each model over the amount by which a split is perturbed.

    Args:
        split: name of the split.
        modality: modality that is perturbed, or `all`.
        truth: labels of the segments.
        predict: predictions of every model of a seed at all levels, by the name of the model.
        levels: amounts of the perturbation, rising.
        seeds: seeds of the models.
        protocol: protocol by which is measured.
    """
    measured: dict[str, list[list[tuple[float, float]]]] = {}
    for seed in seeds:
        for model, by_level in predict(seed).items():
            rows = [measure_rate(truth, prediction, protocol=protocol) for prediction in by_level]
            measured.setdefault(model, []).append(rows)
    for model, values in measured.items():
        error, order = np.moveaxis(np.array(values), 2, 0)
        yield RobustnessCurve(split, modality, model, np.array(levels), tuple(seeds), error, order)


def measured_metrics(protocol: Protocol) -> dict[str, Metric]:
    """The metrics behind the measures of a robustness curve."""
    return {
        "error": protocol.error,
        "order": protocol.ranking,
    }


def measure_rate(truth: Segments, prediction: Outputs, *, protocol: Protocol) -> tuple[float, float]:
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

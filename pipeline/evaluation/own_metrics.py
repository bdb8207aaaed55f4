"""Metrics of one's own: a function of labels and predictions, with what tables and comparisons have to know of it."""

import numbers
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from pipeline.errors import PipelineError
from pipeline.evaluation.formulas import Formula
from pipeline.evaluation.metrics import Better, Metric, Protocol, Unit
from pipeline.evaluation.samples import Samples
from pipeline.evaluation.selection import Outputs, Segments, Values
from pipeline.plugins import PACKAGE, load_plugin, refuse_plugin, speaking_aside

_PARAMETER = "evaluate.metrics"
_EXPECTED = "an OwnMetric or a Metric"


@dataclass(frozen=True, kw_only=True)
class OwnMetric:
    """A metric as a function of arrays. Its name in `metrics.json` is the name by which `evaluate.metrics` names it.

    Attributes:
        function: gets labels and predictions of the same segments, two float64 arrays of shape (segment,), in label units; where
            labels are 0 and 1, predictions are probabilities of 1; where they are classes, labels are numbers of classes and
            predictions have the shape (segment, class). It gives one number, NaN where these segments define none. It is
            called once per seed, and for intervals once per resample, in which segments repeat.
        better: direction of better values: higher, lower, or nearer to one or to zero.
        title: the metric as people write it, in headings of tables.
        description: one sentence for the report.
        unit: `label` for label units, `share` for a number in [0, 1], `1` for any other pure number.
        compared: whether `compare` and the report show intervals of its differences; without, the function is called for seeds
            alone, and for the resamples of ensembles.

    Raises:
        PipelineError: a field has no such value.
    """

    function: Callable[[Segments, Outputs], float]
    better: Better
    title: str
    description: str
    unit: Unit = "1"
    compared: bool = True

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise PipelineError(
                f"function is {self.function!r}; expected a function of labels and predictions"
            )
        for field, known in (("better", get_args(Better)), ("unit", get_args(Unit))):
            if getattr(self, field) not in known:
                raise PipelineError(f"{field} is {getattr(self, field)!r}; expected {', '.join(known)}")
        for field in ("title", "description"):
            if not isinstance(getattr(self, field), str) or not getattr(self, field).strip():
                raise PipelineError(f"{field} is {getattr(self, field)!r}; expected a text")


def with_own_metrics(protocol: Protocol, references: Sequence[str]) -> Protocol:
    """The protocol with metrics of one's own behind its own.

    Args:
        protocol: protocol of the corpus.
        references: `file.py:Name` or `module:Name` of each; none leaves the protocol as it is.

    Raises:
        PipelineError: one cannot be loaded, is no metric, or has the name of another.
    """
    metrics = list(protocol.metrics)
    for reference in references:
        metric = _metric(reference)
        if metric.name in {known.name for known in metrics}:
            raise PipelineError(
                f"{_PARAMETER} has {reference!r}, but there is a metric {metric.name!r} already; give it another name in its file"
            )
        metrics.append(metric)
    return replace(protocol, metrics=tuple(metrics)) if references else protocol


def _metric(reference: str) -> Metric:
    found = load_plugin(reference, parameter=_PARAMETER, expected=_EXPECTED)
    name = reference.rpartition(":")[2]
    if isinstance(found, Metric):
        return replace(found, name=name)
    if not isinstance(found, OwnMetric):
        raise refuse_plugin(reference, found, parameter=_PARAMETER, expected=_EXPECTED)
    return Metric(
        name=name,
        title=found.title,
        better=found.better,
        description=found.description,
        unit=found.unit,
        formula=_formula(found.function, reference),
        compared=found.compared,
        not_finite="its function gave no finite number",
    )


def _formula(function: Callable[[Segments, Outputs], float], reference: str) -> Formula:
    """The function, called for each resample with its segments as often as they occur."""

    def formula(truth: Segments, prediction: Outputs, samples: Samples) -> Values:
        values = np.full(len(samples), np.nan)
        for number, row in enumerate(samples.counts):
            # Copies, so that a function which sorts in place spoils nothing.
            drawn = np.repeat(np.arange(len(truth)), row.astype(np.int64))
            if len(drawn):
                values[number] = _called(function, truth[drawn], prediction[drawn], reference)
        return values

    return formula


def _called(function: Callable[..., Any], truth: Segments, prediction: Outputs, reference: str) -> float:
    try:
        with speaking_aside():
            value = function(truth, prediction)
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = next((frame for frame in reversed(frames) if f"/{PACKAGE}/" in frame.filename), None)
        raise PipelineError(
            f"{_PARAMETER}: {reference} failed on {len(truth)} segments ({type(error).__name__}"
            f"{f' in line {own.lineno}' if own else ''}: {' '.join(str(error).split()) or 'no reason given'}); mend it, or "
            "let it give NaN where it is not defined"
        ) from error
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if not isinstance(value, numbers.Real):
        raise PipelineError(
            f"{_PARAMETER}: {reference} gave {f'an array of shape {value.shape}' if isinstance(value, np.ndarray) else repr(value)}; "
            "expected one number"
        )
    return float(value)

"""What a metric is (a formula, what it needs, and all that pages say of it), and what a protocol of metrics is.

Argument order is `(truth, prediction)` everywhere: the weighted F1 is not symmetric, and several public code
bases call it the other way round, which inflates it. A metric that does not exist for its input (the
correlation of a constant) is `Undefined` with a reason, never NaN.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Literal, TypeVar

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from pipeline.errors import PipelineError
from pipeline.evaluation.formulas import Formula
from pipeline.evaluation.samples import Samples
from pipeline.evaluation.selection import Outputs, Segments, Values

Better = Literal["higher", "lower", "one", "zero"]
Unit = Literal["label", "share", "1"]
_Numbers = TypeVar("_Numbers", float, Float[NDArray[np.float64], "*shape"])


@dataclass(frozen=True)
class Undefined:
    """The value of a metric that has none, with the reason in words."""

    reason: str


class Need(Enum):
    """What a formula needs of its input; the value says what is wrong where it lacks."""

    VARYING_TRUTH = "all labels are equal"
    VARYING_PREDICTION = "all predictions are equal"
    NONZERO_TRUTH = "every label is zero"


@dataclass(frozen=True)
class Metric:
    """One number about predictions against labels, with all that is known of it.

    Attributes:
        name: name in `metrics.json` and in the terminal.
        title: name as people write it, in headings of tables and figures.
        better: direction of better values: higher, lower, or nearer to one or to zero.
        description: one sentence for the report.
        unit: `label` for label units, `share` for a number in [0, 1], `1` for any other pure number.
        formula: the number, from labels, predictions and samples (see `formulas`).
        needs: conditions under which the number exists, beside there being a segment.
        clip_to: labels and predictions are clipped to ± this first; None leaves them as they are.
        in_words: name within a sentence; None where that is the title.
        compared: whether models are compared by it, with bootstrap intervals of their differences.
        shared_out: whether it is shared out among the modalities; it must exist for a constant prediction too, which is
            what a model predicts that is shown no modality.
        in_summary: whether the terminal's summary of a run has a column for it; the headline has one in any case.
        hub_name: name of the metric on the Hugging Face hub; None where that is `name`.
        not_finite: what is wrong where the formula gives no finite number though all that it needs is there.
    """

    name: str
    title: str
    better: Better
    description: str
    unit: Unit
    formula: Formula
    needs: tuple[Need, ...] = ()
    clip_to: float | None = None
    in_words: str | None = None
    compared: bool = True
    shared_out: bool = False
    in_summary: bool = False
    hub_name: str | None = None
    not_finite: str = "the values exceed the range of double precision"

    @property
    def phrase(self) -> str:
        """The name within a sentence."""
        return self.in_words or self.title

    def function(self, truth: Segments, prediction: Outputs) -> float | Undefined:
        """The metric of finite labels and predictions (`measure` checks that they are)."""
        if len(truth) == 0:
            return Undefined("there are no segments")
        truth, prediction, samples = (
            self._clipped(truth),
            self._clipped(prediction),
            _sample_itself(len(truth)),
        )
        for need in self.needs:
            if not _holds(need, truth, prediction, samples)[0]:
                return Undefined(need.value)
        value = float(self._computed(truth, prediction, samples)[0])
        return value if np.isfinite(value) else Undefined(self.not_finite)

    def resampled(
        self,
        truth: Segments,
        prediction: Outputs,
        samples: Samples,
    ) -> Values:
        """The metric of samples of the segments; NaN where it is undefined."""
        if len(truth) == 0:
            return np.full(len(samples), np.nan)
        truth, prediction = self._clipped(truth), self._clipped(prediction)
        values = self._computed(truth, prediction, samples)
        defined = np.isfinite(values)
        for need in self.needs:
            defined &= _holds(need, truth, prediction, samples)
        return np.where(defined, values, np.nan)

    def distance(self, value: _Numbers) -> _Numbers:
        """Distance from the best value: less is better, whatever `better` says: a key to sort values of this metric by, one or an array of them."""
        return {"higher": -value, "lower": value, "one": abs(value - 1.0), "zero": abs(value)}[self.better]

    def _computed(self, truth: Segments, prediction: Outputs, samples: Samples) -> Values:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return self.formula(truth, prediction, samples)

    def _clipped(self, values: Outputs) -> Outputs:
        return values if self.clip_to is None else np.clip(values, -self.clip_to, self.clip_to)


@lru_cache(maxsize=4)
def _sample_itself(n_segments: int) -> Samples:
    return Samples(np.ones((1, n_segments)))


def _holds(
    need: Need, truth: Segments, prediction: Outputs, samples: Samples
) -> Bool[NDArray[np.bool_], "resample"]:
    if need is Need.NONZERO_TRUTH:
        return samples.total(truth != 0) > 0
    return samples.vary(truth if need is Need.VARYING_TRUTH else prediction)


@dataclass(frozen=True)
class Protocol:
    """How a family of corpora is scored.

    Attributes:
        name: name by which `protocol_named` finds it.
        label_min: least label, negative infinity where every range is measured.
        label_max: greatest label, infinity likewise.
        metrics: metrics in the order in which they are reported.
        finest: name of the accuracy with the most classes, which are those of a confusion matrix; None where labels have none.
        headline: names of three metrics: the error that judges, the field's measure of agreement, and the order.
        order: names of the metrics that need the order of the predictions alone, not their scale.
        constant: the best constant prediction, and its name among the models.
        cuts: borders between the classes of `finest`; None where classes are rounded labels.
        task: what a label is: a number, 0 or 1, or the number of a class; for classes predictions have a probability for each.
        classes: names of the classes of such a task, in the order of their numbers; empty where they are not known.
    """

    name: str
    label_min: float
    label_max: float
    metrics: tuple[Metric, ...]
    finest: str | None
    headline: tuple[str, str, str] = ("mae", "pearson", "ordered_pair_accuracy")
    order: tuple[str, ...] = ("pearson", "ordered_pair_accuracy", "kendall_tau")
    constant: Literal["median", "prevalence", "class_shares"] = "median"
    cuts: tuple[float, ...] | None = None
    task: Literal["regression", "binary", "classes"] = "regression"
    classes: tuple[str, ...] = ()

    @property
    def is_binary(self) -> bool:
        """Whether labels are 0 and 1, and predictions probabilities of label 1."""
        return self.task == "binary"

    @property
    def is_classes(self) -> bool:
        """Whether labels are numbers of classes, and predictions a probability for each."""
        return self.task == "classes"

    def of_classes(self, classes: Sequence[str]) -> "Protocol":
        """The protocol for the classes of one corpus; itself where there are none."""
        if not classes:
            return self
        return replace(self, classes=tuple(classes), label_max=float(len(classes) - 1))

    def metric(self, name: str) -> Metric:
        """The metric of this name.

        Raises:
            PipelineError: the protocol has no such metric.
        """
        for metric in self.metrics:
            if metric.name == name:
                return metric
        names = ", ".join(metric.name for metric in self.metrics)
        raise PipelineError(f"protocol {self.name!r} has no metric {name!r}; choose one of {names}")

    @property
    def error(self) -> Metric:
        """The error that judges."""
        return self.metric(self.headline[0])

    @property
    def scale_free(self) -> tuple[str, ...]:
        """The headline metrics that a positive slope and an offset of predictions or labels leave as they are.

        They may be held against those of another corpus. The others need predictions on the scale of the labels.
        """
        return tuple(name for name in self.headline if name in self.order)

    @property
    def ranking(self) -> Metric:
        """The metric of the order."""
        return self.metric(self.headline[2])


def require_comparable(
    truth: Float[NDArray[np.float64], "n_labels"],
    prediction: Float[NDArray[np.float64], "*shape"],
    *,
    axis: int,
) -> None:
    """Raises `PipelineError` unless every label has a finite prediction.

    Args:
        truth: labels.
        prediction: predictions of the segments along `axis`; axes before it are seeds, one behind it are classes.
        axis: number of the axis of the segments.
    """
    if len(truth) != prediction.shape[axis]:
        raise PipelineError(
            f"found {len(truth)} labels and {prediction.shape[axis]} predictions; "
            "they must be of the same segments"
        )
    for what, values in (("labels", truth), ("predictions", prediction)):
        n_bad = int((~np.isfinite(values)).sum())
        if n_bad:
            raise PipelineError(
                f"{n_bad} of {values.size} {what} are NaN or infinite, and none may be; "
                "look for the segment without data or the training run that diverged"
            )

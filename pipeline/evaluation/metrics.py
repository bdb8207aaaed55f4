"""Metrics of multimodal sentiment analysis, and of humor and sarcasm, by the field's protocol and without its mistakes.

Argument order is `(truth, prediction)` everywhere: the weighted F1 is not symmetric, and several public code
bases call it the other way round, which inflates it. A metric that does not exist for its input (the
correlation of a constant) is `Undefined` with a reason, never NaN.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeVar

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from pipeline.errors import PipelineError
from pipeline.evaluation import formulas
from pipeline.evaluation.formulas import Formula
from pipeline.evaluation.selection import Counts, Segments, Values

Better = Literal["higher", "lower", "one", "zero"]
_Numbers = TypeVar("_Numbers", float, Values)


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
    """One number about predictions against labels.

    Attributes:
        name: The name in `metrics.json` and in the tables.
        better: Which values are better: higher, lower, or nearer to one or to zero.
        description: One sentence for the report.
        unit: `label` for label units, `share` for a number in [0, 1], `1` for any other pure number.
        formula: The number, from labels, predictions and counts (see `formulas`).
        needs: What must hold for the number to exist, beside there being a segment.
        clip_to: Labels and predictions are clipped to ± this first; None leaves them as they are.
    """

    name: str
    better: Better
    description: str
    unit: Literal["label", "share", "1"]
    formula: Formula
    needs: tuple[Need, ...] = ()
    clip_to: float | None = None

    def function(self, truth: Segments, prediction: Segments) -> float | Undefined:
        """The metric of finite labels and predictions (`measure` checks that they are)."""
        if len(truth) == 0:
            return Undefined("there are no segments")
        truth, prediction, counts = self._clipped(truth), self._clipped(prediction), np.ones((1, len(truth)))
        for need in self.needs:
            if not _holds(need, truth, prediction, counts)[0]:
                return Undefined(need.value)
        value = float(self.resampled(truth, prediction, counts)[0])
        return value if np.isfinite(value) else Undefined("the values exceed the range of double precision")

    def resampled(
        self,
        truth: Segments,
        prediction: Segments,
        counts: Counts,
    ) -> Values:
        """The metric of samples in which each segment occurs `counts` times; NaN where it is undefined."""
        if len(truth) == 0:
            return np.full(len(counts), np.nan)
        truth, prediction = self._clipped(truth), self._clipped(prediction)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            values = self.formula(truth, prediction, counts)
        defined = np.isfinite(values)
        for need in self.needs:
            defined &= _holds(need, truth, prediction, counts)
        return np.where(defined, values, np.nan)

    def distance(self, value: _Numbers) -> _Numbers:
        """Less is better, whatever `better` says: a key to sort values of this metric by, one or an array of them."""
        return {"higher": -value, "lower": value, "one": abs(value - 1.0), "zero": abs(value)}[self.better]

    def _clipped(self, values: Segments) -> Segments:
        return values if self.clip_to is None else np.clip(values, -self.clip_to, self.clip_to)


def _holds(
    need: Need, truth: Segments, prediction: Segments, counts: Counts
) -> Bool[NDArray[np.bool_], "resample"]:
    if need is Need.NONZERO_TRUTH:
        n_nonzero: Values = counts @ (truth != 0).astype(np.float64)
        return n_nonzero > 0
    # Compared value by value: a variance in floating point need not vanish where all values are equal. A sample with values
    # on both sides of the median varies; only the few that have none on one side are looked at closely.
    values = truth if need is Need.VARYING_TRUTH else prediction
    n_segments: Values = counts.sum(axis=1)
    n_above: Values = counts @ (values > np.median(values)).astype(np.float64)
    varies = (n_above > 0) & (n_above < n_segments)
    one_sided = np.flatnonzero(~varies)
    occurs = counts[one_sided] > 0
    least: Values = np.where(occurs, values, np.inf).min(axis=1)
    greatest: Values = np.where(occurs, values, -np.inf).max(axis=1)
    varies[one_sided] = least < greatest
    return varies


@dataclass(frozen=True)
class Protocol:
    """How a family of corpora is scored.

    Attributes:
        name: The name by which `protocol_named` finds it.
        label_min: Least label.
        label_max: Greatest label.
        metrics: The metrics, in the order in which they are reported.
        headline: Names of three of them: the error that judges, the field's measure of agreement, and the order.
        order: Names of those that need no magnitude.
        constant: What the best constant prediction is, and its name among the models.
    """

    name: str
    label_min: float
    label_max: float
    metrics: tuple[Metric, ...]
    headline: tuple[str, str, str] = ("mae", "pearson", "ordered_pair_accuracy")
    order: tuple[str, ...] = ("pearson", "ordered_pair_accuracy", "kendall_tau")
    constant: Literal["median", "prevalence"] = "median"

    @property
    def is_binary(self) -> bool:
        """Whether labels are 0 and 1, and predictions probabilities of label 1."""
        return self.constant == "prevalence"

    def metric(self, name: str) -> Metric:
        """The metric of this name.

        Raises:
            PipelineError: The protocol has no such metric.
        """
        for metric in self.metrics:
            if metric.name == name:
                return metric
        names = ", ".join(metric.name for metric in self.metrics)
        raise PipelineError(f"Protocol {self.name!r} has no metric {name!r}; choose one of {names}.")


_BOTH_VARY = (Need.VARYING_TRUTH, Need.VARYING_PREDICTION)
# Order and calibration look at the predictions as they are in every protocol: clipping would invent ties and
# hide a scale that is too wide, and the order that selects an epoch (`selection`) has to be the order that is
# reported.
_ORDER = (
    Metric(
        "ordered_pair_accuracy",
        "higher",
        "Share of the pairs with different labels that the predictions order alike; a tie counts half.",
        "share",
        formulas.ordered_pair_accuracy,
        (Need.VARYING_TRUTH,),
    ),
    Metric(
        "kendall_tau",
        "higher",
        "Kendall's tau-b of labels and predictions.",
        "1",
        formulas.kendall_tau,
        _BOTH_VARY,
    ),
)
_CALIBRATION = (
    Metric(
        "calibration_slope",
        "one",
        "Slope of the least-squares line of label on prediction; below 1 predictions spread too far.",
        "1",
        formulas.calibration_slope,
        (Need.VARYING_PREDICTION,),
    ),
    Metric(
        "calibration_offset",
        "zero",
        "Value of the least-squares line of label on prediction where the prediction is 0.",
        "label",
        formulas.calibration_offset,
        (Need.VARYING_PREDICTION,),
    ),
)

MOSI = Protocol(
    name="mosi",
    label_min=-3.0,
    label_max=3.0,
    metrics=(
        Metric(
            "mae", "lower", "Mean absolute error, nothing clipped.", "label", formulas.mean_absolute_error
        ),
        Metric(
            "pearson", "higher", "Pearson correlation, nothing clipped.", "1", formulas.pearson, _BOTH_VARY
        ),
        *_ORDER,
        Metric(
            "acc7",
            "higher",
            "Accuracy in seven classes: values clipped to ±3 and rounded, halves to even.",
            "share",
            formulas.rounded_accuracy(3.0),
        ),
        Metric(
            "acc5",
            "higher",
            "Accuracy in five classes: values clipped to ±2 and rounded, halves to even.",
            "share",
            formulas.rounded_accuracy(2.0),
        ),
        Metric(
            "acc2_negative_nonnegative",
            "higher",
            "Accuracy of negative against not negative, over all segments.",
            "share",
            formulas.accuracy_negative_nonnegative,
        ),
        Metric(
            "f1_negative_nonnegative",
            "higher",
            "F1 of negative and not negative, weighted by their share of the labels, over all segments.",
            "share",
            formulas.f1_negative_nonnegative,
        ),
        Metric(
            "acc2_negative_positive",
            "higher",
            "Accuracy of negative against positive, over labels that are not zero.",
            "share",
            formulas.accuracy_negative_positive,
            (Need.NONZERO_TRUTH,),
        ),
        Metric(
            "f1_negative_positive",
            "higher",
            "F1 of negative and positive, weighted by their share of the labels, over labels that are not zero.",
            "share",
            formulas.f1_negative_positive,
            (Need.NONZERO_TRUTH,),
        ),
        *_CALIBRATION,
    ),
)
"""CMU-MOSI and CMU-MOSEI: labels in [-3, 3]."""

SIMS = Protocol(
    name="sims",
    label_min=-1.0,
    label_max=1.0,
    metrics=(
        Metric(
            "mae",
            "lower",
            "Mean absolute error after clipping to ±1.",
            "label",
            formulas.mean_absolute_error,
            clip_to=1.0,
        ),
        Metric(
            "pearson",
            "higher",
            "Pearson correlation after clipping to ±1.",
            "1",
            formulas.pearson,
            _BOTH_VARY,
            clip_to=1.0,
        ),
        *_ORDER,
        Metric(
            "acc5",
            "higher",
            "Accuracy in five classes, cut at ±0.1 and ±0.7; a value on a cut belongs to the class below.",
            "share",
            formulas.cut_accuracy(-0.7, -0.1, 0.1, 0.7),
        ),
        Metric(
            "acc3",
            "higher",
            "Accuracy in three classes, cut at ±0.1; a value on a cut belongs to the class below.",
            "share",
            formulas.cut_accuracy(-0.1, 0.1),
        ),
        Metric(
            "acc2",
            "higher",
            "Accuracy in two classes, cut at 0, which is negative.",
            "share",
            formulas.cut_accuracy(0.0),
        ),
        Metric(
            "f1",
            "higher",
            "F1 of the two classes cut at 0 (which is negative), weighted by their share of the labels.",
            "share",
            formulas.cut_f1(0.0),
        ),
        *_CALIBRATION,
    ),
)
"""CH-SIMS and CH-SIMS v2: labels in [-1, 1].

The field clips first; that changes no class, so only error and correlation ask for it.
"""

N_CALIBRATION_BINS = 10
"""Bins of the expected calibration error, as most of the literature has it since Guo et al. (2017)."""

BINARY = Protocol(
    name="binary",
    label_min=0.0,
    label_max=1.0,
    metrics=(
        Metric(
            "brier_score",
            "lower",
            "Brier score: mean squared difference of probability and label.",
            "1",
            formulas.mean_squared_error,
        ),
        Metric(
            "auroc",
            "higher",
            "Area under the ROC curve: share of the pairs of a 1 and a 0 in which the 1 is the more probable; a tie counts half.",
            "share",
            formulas.ordered_pair_accuracy,
            (Need.VARYING_TRUTH,),
        ),
        Metric(
            "accuracy",
            "higher",
            "Accuracy in two classes: 1 where the probability is above one half.",
            "share",
            formulas.cut_accuracy(0.5),
        ),
        Metric(
            "f1_weighted",
            "higher",
            "F1 of the two classes, weighted by their share of the labels.",
            "share",
            formulas.cut_f1(0.5),
        ),
        Metric(
            "f1_macro",
            "higher",
            "F1 of the two classes, both alike.",
            "share",
            formulas.cut_f1_macro(0.5),
            (Need.VARYING_TRUTH,),
        ),
        Metric(
            "calibration_error",
            "lower",
            f"Expected calibration error: distance of mean probability and share of ones in {N_CALIBRATION_BINS} bins of equal "
            "width, weighted by segments.",
            "1",
            formulas.binned_calibration_error(N_CALIBRATION_BINS),
        ),
    ),
    headline=("brier_score", "f1_weighted", "auroc"),
    order=("auroc",),
    constant="prevalence",
)
"""Humor (UR-FUNNY) and sarcasm (MUStARD): labels 0 and 1, predictions are probabilities of 1."""

_PROTOCOLS: Mapping[str, Protocol] = {protocol.name: protocol for protocol in (MOSI, SIMS, BINARY)}

METRICS: Mapping[str, Metric] = {
    metric.name: metric for metric in (*BINARY.metrics, *SIMS.metrics, *MOSI.metrics)
}
"""Every metric by name, for its direction and unit, which are the same in every protocol.

A description may differ between protocols, so a report takes it from its own.
"""


def protocol_named(name: str) -> Protocol:
    """The protocol of this name: `mosi` (also for CMU-MOSEI), `sims` (also for CH-SIMS v2) or `binary`.

    Raises:
        PipelineError: There is no such protocol.
    """
    if name not in _PROTOCOLS:
        raise PipelineError(f"There is no protocol {name!r}; choose one of {', '.join(_PROTOCOLS)}.")
    return _PROTOCOLS[name]


def measure(
    truth: Float[NDArray[np.float64], "n_labels"],
    prediction: Float[NDArray[np.float64], "n_predictions"],
    *,
    protocol: Protocol,
) -> dict[str, float | Undefined]:
    """All metrics of a protocol, in its order.

    Args:
        truth: Labels in label units.
        prediction: Predictions of the same segments in label units.
        protocol: Which metrics.

    Returns:
        A finite number, or the reason why there is none, for each metric.

    Raises:
        PipelineError: The lengths differ, a value is not finite, or, by a binary protocol, a label is neither 0 nor 1 or
            a prediction no probability.

    >>> values = measure(np.array([-2.0, 0.0, 1.5]), np.array([0.5, 0.5, 0.5]), protocol=MOSI)
    >>> values["mae"], values["acc2_negative_positive"]
    (1.3333333333333333, 0.5)
    >>> values["pearson"]
    Undefined(reason='all predictions are equal')
    """
    require_comparable(truth, prediction)
    if protocol.is_binary:
        _require_probabilities(truth, prediction)
    return {metric.name: metric.function(truth, prediction) for metric in protocol.metrics}


def _require_probabilities(truth: Segments, prediction: Segments) -> None:
    for what, bad in (
        ("labels are neither 0 nor 1", ~np.isin(truth, (0.0, 1.0))),
        ("predictions lie outside of 0 to 1", (prediction < 0) | (prediction > 1)),
    ):
        if bad.any():
            raise PipelineError(
                f"{int(bad.sum())} of {len(bad)} {what}; the protocol binary is for task.kind: binary, where labels are 0 and "
                "1 and predictions are probabilities"
            )


def require_comparable(
    truth: Float[NDArray[np.float64], "n_labels"], prediction: Float[NDArray[np.float64], "... n_predictions"]
) -> None:
    """Raises `PipelineError` unless every label has a finite prediction; leading axes are seeds."""
    if truth.shape[-1] != prediction.shape[-1]:
        raise PipelineError(
            f"There are {truth.shape[-1]} labels and {prediction.shape[-1]} predictions; "
            "they must be of the same segments."
        )
    for what, values in (("labels", truth), ("predictions", prediction)):
        n_bad = int((~np.isfinite(values)).sum())
        if n_bad:
            raise PipelineError(
                f"{n_bad} of {values.size} {what} are NaN or infinite, and none may be; "
                "look for the segment without data or the training run that diverged."
            )

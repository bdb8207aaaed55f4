"""How the field scores its corpora: the metrics of each protocol, without the field's mistakes.

A metric is a formula in `formulas` and a row here, in each protocol that has it. The row holds everything that tables,
pages and the model card say of it, so nothing else knows metrics by name.
"""

import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from pipeline.artifacts.evaluated.evaluation import Evaluation
from pipeline.errors import PipelineError
from pipeline.evaluation import formulas
from pipeline.evaluation.class_protocols import CLASSES, N_CALIBRATION_BINS, ORDERED_CLASSES
from pipeline.evaluation.metrics import Metric, Need, Protocol, Undefined, require_comparable
from pipeline.evaluation.selection import Outputs, Segments

_BOTH_VARY = (Need.VARYING_TRUTH, Need.VARYING_PREDICTION)
_SIMS_CUTS = (-0.7, -0.1, 0.1, 0.7)

# Order and calibration look at the predictions as they are in every protocol: clipping would invent ties and
# hide a scale that is too wide, and the order that selects an epoch (`selection`) has to be the order that is
# reported.
_ORDER = (
    Metric(
        name="ordered_pair_accuracy",
        title="Ordered pairs",
        better="higher",
        description="Share of the pairs with different labels that the predictions order alike; a tie counts half.",
        unit="share",
        formula=formulas.ordered_pair_accuracy,
        needs=(Need.VARYING_TRUTH,),
        in_words="ordered-pair accuracy",
        shared_out=True,
    ),
    Metric(
        name="kendall_tau",
        title="Kendall τ‑b",
        better="higher",
        description="Kendall's tau-b of labels and predictions.",
        unit="1",
        formula=formulas.kendall_tau,
        needs=_BOTH_VARY,
    ),
)
_CALIBRATION = (
    Metric(
        name="calibration_slope",
        title="Calibration slope",
        better="one",
        description="Slope of the least-squares line of label on prediction; below 1 predictions spread too far.",
        unit="1",
        formula=formulas.calibration_slope,
        needs=(Need.VARYING_PREDICTION,),
        compared=False,
    ),
    Metric(
        name="calibration_offset",
        title="Calibration offset",
        better="zero",
        description="Value of the least-squares line of label on prediction where the prediction is 0.",
        unit="label",
        formula=formulas.calibration_offset,
        needs=(Need.VARYING_PREDICTION,),
        compared=False,
    ),
)

MOSI = Protocol(
    name="mosi",
    label_min=-3.0,
    label_max=3.0,
    metrics=(
        Metric(
            name="mae",
            title="MAE",
            better="lower",
            description="Mean absolute error, nothing clipped.",
            unit="label",
            formula=formulas.mean_absolute_error,
            shared_out=True,
        ),
        Metric(
            name="pearson",
            title="Pearson r",
            better="higher",
            description="Pearson correlation, nothing clipped.",
            unit="1",
            formula=formulas.pearson,
            needs=_BOTH_VARY,
            hub_name="pearsonr",
        ),
        *_ORDER,
        Metric(
            name="acc7",
            title="Acc-7",
            better="higher",
            description="Accuracy in seven classes: values clipped to ±3 and rounded, halves to even.",
            unit="share",
            formula=formulas.rounded_accuracy(3.0),
            in_summary=True,
        ),
        Metric(
            name="acc5",
            title="Acc-5",
            better="higher",
            description="Accuracy in five classes: values clipped to ±2 and rounded, halves to even.",
            unit="share",
            formula=formulas.rounded_accuracy(2.0),
        ),
        Metric(
            name="acc2_negative_nonnegative",
            title="Acc-2 (< 0, ≥ 0)",
            better="higher",
            description="Accuracy of negative against not negative, over all segments.",
            unit="share",
            formula=formulas.accuracy_negative_nonnegative,
            compared=False,
        ),
        Metric(
            name="f1_negative_nonnegative",
            title="F1 (< 0, ≥ 0)",
            better="higher",
            description="F1 of negative and not negative, weighted by their share of the labels, over all segments.",
            unit="share",
            formula=formulas.f1_negative_nonnegative,
            compared=False,
        ),
        Metric(
            name="acc2_negative_positive",
            title="Acc-2 (< 0, > 0)",
            better="higher",
            description="Accuracy of negative against positive, over labels that are not zero.",
            unit="share",
            formula=formulas.accuracy_negative_positive,
            needs=(Need.NONZERO_TRUTH,),
            in_summary=True,
        ),
        Metric(
            name="f1_negative_positive",
            title="F1 (< 0, > 0)",
            better="higher",
            description="F1 of negative and positive, weighted by their share of the labels, over labels that are not zero.",
            unit="share",
            formula=formulas.f1_negative_positive,
            needs=(Need.NONZERO_TRUTH,),
            compared=False,
        ),
        *_CALIBRATION,
    ),
    finest="acc7",
)
"""CMU-MOSI and CMU-MOSEI: labels in [-3, 3]."""

SIMS = Protocol(
    name="sims",
    label_min=-1.0,
    label_max=1.0,
    metrics=(
        Metric(
            name="mae",
            title="MAE",
            better="lower",
            description="Mean absolute error after clipping to ±1.",
            unit="label",
            formula=formulas.mean_absolute_error,
            clip_to=1.0,
            shared_out=True,
        ),
        Metric(
            name="pearson",
            title="Pearson r",
            better="higher",
            description="Pearson correlation after clipping to ±1.",
            unit="1",
            formula=formulas.pearson,
            needs=_BOTH_VARY,
            clip_to=1.0,
            hub_name="pearsonr",
        ),
        *_ORDER,
        Metric(
            name="acc5",
            title="Acc-5",
            better="higher",
            description="Accuracy in five classes, cut at ±0.1 and ±0.7; a value on a cut belongs to the class below.",
            unit="share",
            formula=formulas.cut_accuracy(*_SIMS_CUTS),
            in_summary=True,
        ),
        Metric(
            name="acc3",
            title="Acc-3",
            better="higher",
            description="Accuracy in three classes, cut at ±0.1; a value on a cut belongs to the class below.",
            unit="share",
            formula=formulas.cut_accuracy(-0.1, 0.1),
            compared=False,
        ),
        Metric(
            name="acc2",
            title="Acc-2",
            better="higher",
            description="Accuracy in two classes, cut at 0, which is negative.",
            unit="share",
            formula=formulas.cut_accuracy(0.0),
            in_summary=True,
        ),
        Metric(
            name="f1",
            title="F1",
            better="higher",
            description="F1 of the two classes cut at 0 (which is negative), weighted by their share of the labels.",
            unit="share",
            formula=formulas.cut_f1(0.0),
            compared=False,
        ),
        *_CALIBRATION,
    ),
    finest="acc5",
    cuts=_SIMS_CUTS,
)
"""CH-SIMS and CH-SIMS v2: labels in [-1, 1].

The field clips first; that changes no class, so only error and correlation ask for it.
"""

BINARY = Protocol(
    name="binary",
    label_min=0.0,
    label_max=1.0,
    metrics=(
        Metric(
            name="brier_score",
            title="Brier score",
            better="lower",
            description="Brier score: mean squared difference of probability and label.",
            unit="1",
            formula=formulas.mean_squared_error,
            shared_out=True,
        ),
        Metric(
            name="auroc",
            title="AUROC",
            better="higher",
            description="Area under the ROC curve: share of the pairs of a 1 and a 0 in which the 1 is the more probable; a tie counts half.",
            unit="share",
            formula=formulas.ordered_pair_accuracy,
            needs=(Need.VARYING_TRUTH,),
            shared_out=True,
            hub_name="roc_auc",
        ),
        Metric(
            name="accuracy",
            title="Accuracy",
            better="higher",
            description="Accuracy in two classes: 1 where the probability is above one half.",
            unit="share",
            formula=formulas.cut_accuracy(0.5),
            in_summary=True,
        ),
        Metric(
            name="f1_weighted",
            title="F1, weighted",
            better="higher",
            description="F1 of the two classes, weighted by their share of the labels.",
            unit="share",
            formula=formulas.cut_f1(0.5),
        ),
        Metric(
            name="f1_macro",
            title="F1, macro",
            better="higher",
            description="F1 of the two classes, both alike.",
            unit="share",
            formula=formulas.cut_f1_macro(0.5),
            needs=(Need.VARYING_TRUTH,),
        ),
        Metric(
            name="calibration_error",
            title="Calibration error",
            better="lower",
            description=f"Expected calibration error: distance of mean probability and share of ones in {N_CALIBRATION_BINS} bins of "
            "equal width, weighted by segments.",
            unit="1",
            formula=formulas.binned_calibration_error(N_CALIBRATION_BINS),
            in_summary=True,
        ),
    ),
    headline=("brier_score", "f1_weighted", "auroc"),
    order=("auroc",),
    constant="prevalence",
    finest="accuracy",
    task="binary",
)
"""Humor (UR-FUNNY) and sarcasm (MUStARD): labels 0 and 1, predictions are probabilities of 1."""

REGRESSION = Protocol(
    name="regression",
    label_min=-math.inf,
    label_max=math.inf,
    metrics=(*MOSI.metrics[:2], *_ORDER, *_CALIBRATION),
    finest=None,
)
"""Labels of any range: nothing is clipped, and nothing is cut into classes that the field has not agreed on."""

PROTOCOLS: Mapping[str, Protocol] = {
    protocol.name: protocol for protocol in (MOSI, SIMS, REGRESSION, BINARY, CLASSES, ORDERED_CLASSES)
}

METRICS: Mapping[str, Metric] = {
    metric.name: metric for protocol in reversed([*PROTOCOLS.values()]) for metric in protocol.metrics
}
"""Every metric by name, for its direction and unit, which are the same in every protocol.

A description may differ between protocols, so a report takes it from its own.
"""


def protocol_named(name: str) -> Protocol:
    """The protocol of this name: `mosi` (also for CMU-MOSEI), `sims` (also for CH-SIMS v2), `regression`, `binary`, `classes`
    or `ordered_classes`.

    Raises:
        PipelineError: there is no such protocol.
    """
    if name not in PROTOCOLS:
        raise PipelineError(f"there is no protocol {name!r}; choose one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def require_measured_by(protocol: Protocol, evaluation: Evaluation) -> None:
    """Raises `PipelineError` unless an evaluation holds the metrics of this protocol and no others, and compares by its error and order."""
    known = {metric.name for metric in protocol.metrics}
    for split, models in evaluation.metrics.items():
        for model, found in models.items():
            strange = sorted(known ^ found.keys())
            if strange:
                raise PipelineError(
                    f"the evaluation of {model} on {split} does not hold the metrics of the protocol {protocol.name!r} "
                    f"({', '.join(strange)}); run `dvc repro evaluate` to measure again"
                )
    for split, compared in evaluation.comparisons.items():
        for other, differences in compared.differences.items():
            missing = [
                metric.name for metric in (protocol.error, protocol.ranking) if metric.name not in differences
            ]
            if missing:
                raise PipelineError(
                    f"the evaluation does not compare with {other} on {split} by {' and '.join(missing)}; run `dvc repro evaluate` to "
                    "measure again"
                )


def measure(
    truth: Float[NDArray[np.float64], "n_labels"],
    prediction: Float[NDArray[np.float64], "n_predictions *class"],
    *,
    protocol: Protocol,
) -> dict[str, float | Undefined]:
    """All metrics of a protocol, in its order.

    Args:
        truth: labels in label units.
        prediction: predictions of the same segments in label units, or a probability for each class.
        protocol: protocol whose metrics are computed.

    Returns:
        A finite number, or the reason why there is none, for each metric.

    Raises:
        PipelineError: the lengths differ, a value is not finite, or labels and predictions are of another task than the
            protocol is for.

    >>> values = measure(np.array([-2.0, 0.0, 1.5]), np.array([0.5, 0.5, 0.5]), protocol=MOSI)
    >>> values["mae"], values["acc2_negative_positive"]
    (1.3333333333333333, 0.5)
    >>> values["pearson"]
    Undefined(reason='all predictions are equal')
    """
    require_comparable(truth, prediction, axis=0)
    if protocol.is_classes or prediction.ndim > 1:
        _require_class_probabilities(truth, prediction, protocol)
    elif protocol.is_binary:
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


def _require_class_probabilities(truth: Segments, prediction: Outputs, protocol: Protocol) -> None:
    if not protocol.is_classes or prediction.ndim == 1:
        held = "classes" if prediction.ndim > 1 else "no classes"
        raise PipelineError(
            f"the predictions are of {held}, but the protocol {protocol.name} is for task.kind: {protocol.task}; evaluate by "
            "the protocol of the corpus (evaluate.protocol empty)"
        )
    n_classes = prediction.shape[1]
    for what, bad in (
        (f"labels are no numbers of its {n_classes} classes", ~np.isin(truth, np.arange(n_classes))),
        ("predictions lie outside of 0 to 1", ((prediction < 0) | (prediction > 1)).any(axis=1)),
        # Six digits of each are written to a file.
        ("predictions do not add up to 1", np.abs(prediction.sum(axis=1) - 1) > 1e-3),
    ):
        if bad.any():
            raise PipelineError(
                f"{int(bad.sum())} of {len(truth)} {what}; predict again with `dvc repro evaluate`"
            )

"""What an evaluation found: every model on valid and test, and the models against each other.

Two files, both tracked by git: `reports/metrics.json` holds the metrics of each model, `reports/comparisons.json` the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import with_config

from pipeline.artifacts.evaluated.models import COMPARED, METHOD, is_ensemble, minus
from pipeline.artifacts.formats.files import write_json
from pipeline.artifacts.formats.records import STRICT, read_record
from pipeline.errors import PipelineError

EvaluatedSplit = Literal["valid", "test"]
EVALUATED: tuple[EvaluatedSplit, ...] = ("valid", "test")
"""The splits that are evaluated: valid first, since it is what choices go by."""

Over = Literal["seeds", "segments", "both"]
"""What an interval covers: training again, other segments, or both."""

_WHAT, _REMEDY = "an evaluation", "dvc repro evaluate"


@dataclass(frozen=True, slots=True)
class Summary:
    """One metric of one model over its seeds, or of the ensemble of its seeds.

    An ensemble predicts the mean of its seeds, so its metric has no spread over them: `mean` is its value, `sd` is None,
    and the interval is the percentile bootstrap over segments.

    Attributes:
        mean: mean over the seeds; None where the metric is undefined for a seed.
        sd: standard deviation over the seeds (n - 1 in the denominator); None for fewer than two seeds.
        ci_low: lower end of the t interval of the mean over seeds, or of the ensemble's interval over segments; None where
            there is none.
        ci_high: upper end of that interval.
        n: number of seeds.
        reason: why a value is None; None where no value is.
    """

    mean: float | None
    sd: float | None
    ci_low: float | None
    ci_high: float | None
    n: int
    reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The values by name; `reason` only where one of them is None."""
        return _fields(self)


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of model A minus that of model B, on the same segments.

    Attributes:
        mean: mean over the seeds of `metric(A) - metric(B)`; None where it is undefined for a seed.
        ci_low: lower end of the interval of the mean; None where there is none.
        ci_high: upper end of that interval.
        n_seeds: number of seed pairs; a model without seeds is compared with every seed of the other.
        n_segments: number of segments.
        over: sources of variation that the interval covers: segments, seeds, or both.
        method: how the interval was computed, in one sentence.
        reason: why a value is None; None where no value is.
    """

    mean: float | None
    ci_low: float | None
    ci_high: float | None
    n_seeds: int
    n_segments: int
    over: Over
    method: str
    reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The values by name; `reason` only where one of them is None."""
        return _fields(self)


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The segments of one bin of the predicted score.

    Attributes:
        n_segments: number of segments, at least one.
        mean_prediction: mean of their predictions, in label units.
        mean_truth: mean of their labels.
        mean_absolute_error: mean of `|prediction - truth|`, in label units.
    """

    n_segments: int
    mean_prediction: float
    mean_truth: float
    mean_absolute_error: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """How well the mean prediction over seeds of one model is calibrated; None where there is no such value.

    Attributes:
        bins: quantile bins of the prediction, from the lowest.
        expected_calibration_error: mean distance of the bins from the diagonal, in label units.
        slope: slope of the least-squares line of label on prediction; 1 is calibrated.
        offset: label of that line where the prediction is 0; 0 is calibrated.
    """

    bins: tuple[ReliabilityBin, ...]
    expected_calibration_error: float | None
    slope: float | None
    offset: float | None


Summaries = Mapping[str, Summary]
"""Metric to its summary."""

Differences = Mapping[str, Difference]
"""Metric to its difference."""


Metrics = Mapping[EvaluatedSplit, Mapping[str, Summaries]]
"""Split to model to metric to summary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitComparisons:
    """What the models are worth against each other on one split, and the method without some of its modalities.

    Attributes:
        differences: the method minus each other model, by the name of that model.
        modalities: the method by which modalities it is shown: `all`, `without audio`, `only text`, `nothing`.
        modality_differences: the method shown these modalities minus itself shown all of them.
        contributions: shapley values of each modality, positive where it helps.
        order: metrics of the order after each stage of training, `rank` and `calibrate`.
        reliability: reliability of each trained model.
        ensembles: the ensemble of the method's seeds minus that of the baseline's, over segments; empty for one seed.
    """

    differences: Mapping[str, Differences]
    modalities: Mapping[str, Summaries]
    modality_differences: Mapping[str, Differences]
    contributions: Mapping[str, Summaries]
    order: Mapping[str, Summaries]
    reliability: Mapping[str, Reliability]
    ensembles: Differences = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What the stage `evaluate` found.

    Attributes:
        metrics: split to model to metric to summary.
        comparisons: split to what was compared on it.
        n_weights: weights of the network by stage of training.
    """

    metrics: Metrics
    comparisons: Mapping[EvaluatedSplit, SplitComparisons]
    n_weights: Mapping[str, int]

    def difference(self, split: EvaluatedSplit, other: str, metric: str) -> Difference | None:
        """The method minus another model; None where they are not compared by this metric."""
        return self.comparisons[split].differences[other].get(metric)


def write_evaluation(evaluation: Evaluation, *, metrics: Path, comparisons: Path) -> None:
    """Write both files."""
    write_json(metrics, _as_json(evaluation.metrics))
    content: dict[str, Any] = {"parameters": dict(evaluation.n_weights)}
    for split, found in evaluation.comparisons.items():
        differences = {minus(other): rows for other, rows in found.differences.items()}
        content[split] = replace(found, differences=differences)
    write_json(comparisons, _as_json(content))


def read_evaluation(*, metrics: Path, comparisons: Path) -> Evaluation:
    """Read what `write_evaluation` wrote.

    Raises:
        PipelineError: a file is missing, cut off or holds something else; the files are of different runs; a split or a
            model that is compared is missing.
    """
    measured = read_record(metrics, _Metrics, what=_WHAT, remedy=_REMEDY)
    compared = read_record(comparisons, _Comparisons, what=_WHAT, remedy=_REMEDY)
    splits = {"valid": compared.valid, "test": compared.test}
    evaluation = Evaluation(
        metrics={"valid": measured.valid, "test": measured.test},
        comparisons={split: _with_names_of_models(splits[split]) for split in EVALUATED},
        n_weights=compared.parameters,
    )
    _require_whole(evaluation, metrics, comparisons)
    return evaluation


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class _Metrics:
    """The content of `metrics.json`."""

    valid: Mapping[str, Summaries]
    test: Mapping[str, Summaries]


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparisons:
    """The content of `comparisons.json`, whose differences are named by both models."""

    parameters: Mapping[str, int]
    valid: SplitComparisons
    test: SplitComparisons


def _with_names_of_models(found: SplitComparisons) -> SplitComparisons:
    prefix = minus("")
    return replace(
        found, differences={name.removeprefix(prefix): rows for name, rows in found.differences.items()}
    )


def _require_whole(evaluation: Evaluation, metrics: Path, comparisons: Path) -> None:
    for split in EVALUATED:
        models = evaluation.metrics[split]
        missing = [model for model in COMPARED if model not in models]
        if missing:
            raise PipelineError(
                f"{metrics}: the evaluation of {split} holds no model {' and '.join(missing)}; run `{_REMEDY}` to measure again"
            )
        if any(rows.keys() != models[METHOD].keys() for rows in models.values()):
            raise PipelineError(
                f"{metrics}: the models of {split} were measured by different metrics; run `{_REMEDY}` to measure again"
            )
        others = sorted(model for model in models if model != METHOD and not is_ensemble(model))
        found = sorted(evaluation.comparisons[split].differences)
        if found != others:
            raise PipelineError(
                f"{comparisons}: on {split}, {METHOD} is compared with {', '.join(found) or 'no model'}, but {metrics} holds "
                f"{', '.join(others)}; run `{_REMEDY}` to measure again"
            )


def _as_json(value: Any) -> Any:
    """Dataclasses as mappings; a reason is left out where there is none."""
    if is_dataclass(value):
        value = _fields(value)
    if isinstance(value, Mapping):
        return {name: _as_json(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_as_json(item) for item in value]
    return value


def _fields(value: Any) -> dict[str, Any]:
    named = {field.name: getattr(value, field.name) for field in fields(value)}
    return {name: item for name, item in named.items() if (name, item) != ("reason", None)}

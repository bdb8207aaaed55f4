"""One run against another, in all that they recorded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.artifacts.evaluated.models import BASELINE, METHOD, ensemble_of
from pipeline.comparison.bootstrap import Bootstrap
from pipeline.comparison.comparable import other_machine, require_comparable, require_measurable
from pipeline.comparison.differences import compare_model, with_ensembles
from pipeline.comparison.measured import Measured, ModelComparison
from pipeline.comparison.parameters import ParameterChange, parameter_changes
from pipeline.comparison.runs import Run
from pipeline.comparison.seen import seen_sentence
from pipeline.comparison.stages import StageChange, data_changes, is_the_machine_alone, stage_changes
from pipeline.comparison.verdicts import Judgement, judge
from pipeline.evaluation.metrics import Protocol

JUDGED_ON = "valid"
"""The split that choices go by; the test split is for reading, once a choice is made."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """An experiment against its base.

    Attributes:
        base: the run that is compared with.
        experiment: the run that is compared; differences are its values minus those of the base.
        parameters: the parameters that differ, by key.
        stages: the stages that ran differently, in the order of the data.
        data: outputs of the manifest that differ; None where that is not recorded.
        doubts: sentences about what may make the numbers mean something else.
        confidence: level of the intervals.
        models: the method with every metric, the ensemble of its seeds and the baseline with the headline, per split; or the
            method with the headline alone.
        headline: the method's headline metrics on `JUDGED_ON`, which decide the verdict; the one for sorting comes first.
        judgement: the verdict.
        seen: the sentence about what could have been seen; None where the verdict is beyond chance, or there is none.
    """

    base: Run
    experiment: Run
    parameters: tuple[ParameterChange, ...]
    stages: tuple[StageChange, ...]
    data: tuple[str, ...] | None
    doubts: tuple[str, ...]
    confidence: float
    models: tuple[ModelComparison, ...]
    headline: tuple[Measured, ...]
    judgement: Judgement
    seen: str | None = None


def measured_models(*, headline_only: bool) -> tuple[str, ...]:
    """The models that a run has to have; see `compare_runs`."""
    return (METHOD,) if headline_only else (METHOD, BASELINE)


def compare_runs(
    base: Run,
    experiment: Run,
    *,
    splits: Sequence[str],
    protocol: Protocol,
    confidence: float,
    bootstrap: Bootstrap,
    headline_only: bool = False,
) -> Comparison:
    """Compare two runs; both are measured by today's code, so that a mended metric does not look like progress.

    Args:
        base: the run to compare with.
        experiment: the run that is compared.
        splits: the splits to compare on; `JUDGED_ON`, which decides the verdict, has to be among them.
        protocol: the metrics, and which of them decide.
        confidence: level of the intervals and of the verdict, in (0, 1).
        bootstrap: the resamples; one for all comparisons saves what they have in common.
        headline_only: whether only the metrics that decide the verdict are measured, in a quarter of the time.

    Raises:
        PipelineError: a run lacks a split or a model, or no difference between the runs means anything.
    """
    for run in (base, experiment):
        require_measurable(run, splits=splits, models=measured_models(headline_only=headline_only))
    require_comparable(base, experiment, splits=splits, protocol=protocol)
    models = []
    for split in splits:
        *found, note = with_ensembles(base.predictions[split], experiment.predictions[split], METHOD)
        averaged = [ensemble_of(METHOD)] if ensemble_of(METHOD) in found[0].models else []
        for model in (METHOD,) if headline_only else (METHOD, *averaged, BASELINE):
            compared = compare_model(
                *found,
                model=model,
                metrics=[
                    metric
                    for metric in protocol.metrics
                    if metric.name in protocol.headline or (model == METHOD and not headline_only)
                ],
                confidence=confidence,
                bootstrap=bootstrap,
            )
            if model in averaged and note is not None:
                compared = replace(compared, basis=f"{note} {compared.basis}")
            models.append(compared)
    judged = next(model for model in models if (model.model, model.split) == (METHOD, JUDGED_ON))
    by_name = {row.metric.name: row for row in judged.measured}
    headline = tuple(by_name[name] for name in protocol.headline)
    parameters = parameter_changes(base.parameters, experiment.parameters)
    stages = stage_changes(
        base.stages, experiment.stages, same_libraries=base.libraries == experiment.libraries
    )
    machine_alone = not parameters and is_the_machine_alone(stages)
    judgement = judge(headline, confidence=confidence)
    return Comparison(
        base=base,
        experiment=experiment,
        parameters=parameters,
        stages=stages,
        data=data_changes(base.stages, experiment.stages),
        doubts=(
            *base.doubts,
            *experiment.doubts,
            *([other_machine(base, experiment)] if machine_alone else []),
            *_doubts_about_protocol((base, experiment), protocol),
            *_doubts_about_metrics(models),
            *_doubts_about_seeds(judged),
        ),
        confidence=confidence,
        models=tuple(models),
        headline=headline,
        judgement=judgement,
        seen=seen_sentence(judgement.verdict, headline, judged, confidence=confidence),
    )


def _doubts_about_seeds(judged: ModelComparison) -> list[str]:
    if judged.n_seeds > 1:
        return []
    return [
        "One seed on a side: the intervals know nothing of what training again would change, and a verdict may be that and nothing more. "
        "Run with several seeds."
    ]


def _doubts_about_metrics(models: Sequence[ModelComparison]) -> list[str]:
    return [
        f"{row.metric.name} of {model.model} on {model.split} became undefined ({row.reason})."
        for model in models
        for row in model.measured
        if row.became_undefined
    ]


def _doubts_about_protocol(runs: Sequence[Run], protocol: Protocol) -> list[str]:
    doubts = []
    for run in runs:
        recorded = run.task.get("protocol")
        if recorded is not None and recorded != protocol.name:
            doubts.append(
                f"{run.revision.title}: its own reports use the protocol {recorded}, but here both runs are "
                f"measured by {protocol.name}, which evaluate.protocol says in the workspace."
            )
    return doubts

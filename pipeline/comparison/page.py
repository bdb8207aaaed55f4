"""A comparison as a page to read."""

from pipeline.artifacts.models import METHOD
from pipeline.comparison.comparing import JUDGED_ON, Comparison
from pipeline.comparison.measured import Measured, ModelComparison
from pipeline.comparison.parameters import Parameter
from pipeline.pages.text import Block, Heading, Paragraph, Table, interval, number

ABSENT = "(absent)"


def page(comparison: Comparison) -> list[Block]:
    """The comparison from cause to effect: doubts, parameters, data, stages, then each model and split."""
    base, experiment = comparison.base, comparison.experiment
    blocks: list[Block] = [Heading(f"{experiment.revision.title} against {base.revision.title}", level=1)]
    blocks.append(Paragraph(verdict_sentence(comparison)))
    for doubt in dict.fromkeys(comparison.doubts):
        blocks.append(Paragraph(f"Careful: {doubt}"))
    names = (base.revision.label, experiment.revision.label)
    if names[0] == names[1]:
        names = ("base", "experiment")
    blocks += _parameters(comparison, names)
    blocks += _stages(comparison)
    for model in comparison.models:
        blocks += _model(model, names, comparison.confidence)
    return blocks


def verdict_sentence(comparison: Comparison) -> str:
    """The verdict, why, and by what."""
    judgement = comparison.judgement
    headline = ", ".join(row.metric.name for row in comparison.headline)
    return (
        f"Verdict: {judgement.verdict or 'none'} ({judgement.reason}), by {headline} of {METHOD} on {JUDGED_ON} together at "
        f"{100 * comparison.confidence:.4g} %."
    )


def _parameters(comparison: Comparison, names: tuple[str, str]) -> list[Block]:
    if not comparison.parameters:
        return [Paragraph("Parameters: the same.")]
    rows = tuple(
        (change.key, f"{written(change.base)} → {written(change.experiment)}")
        for change in comparison.parameters
    )
    return [Heading("Parameters changed"), Table(("parameter", f"{names[0]} → {names[1]}"), rows, words=(1,))]


def _stages(comparison: Comparison) -> list[Block]:
    if comparison.data is None:
        data = "Data: not recorded, for a run has no stage manifest in its dvc.lock."
    elif comparison.data:
        data = f"Data: changed ({', '.join(comparison.data)})."
    else:
        data = "Data: the same, by the digests of the manifest's outputs."
    if not comparison.stages:
        return [Paragraph(data), Paragraph("Stages: none recorded anything different.")]
    rows = tuple((change.name, "; ".join(change.differences)) for change in comparison.stages)
    return [
        Paragraph(data),
        Heading("Stages changed"),
        Table(("stage", "what is recorded differently"), rows, words=(1,)),
    ]


def _model(model: ModelComparison, names: tuple[str, str], confidence: float) -> list[Block]:
    table = Table(
        header=("metric", *names, "difference", f"{100 * confidence:.4g} % interval", "verdict"),
        rows=tuple(_row(row) for row in model.measured),
        words=(5,),
    )
    blocks: list[Block] = [Heading(f"{model.model} on {model.split}"), table, Paragraph(model.basis)]
    reasons: dict[str, list[str]] = {}
    for row in model.measured:
        if row.reason is not None:
            reasons.setdefault(row.reason, []).append(row.metric.name)
    blocks += [
        Paragraph(f"No verdict for {', '.join(metrics)}: {reason}.") for reason, metrics in reasons.items()
    ]
    return blocks


def _row(row: Measured) -> tuple[str, ...]:
    return (
        row.metric.name,
        "n/a" if row.base is None else number(row.base),
        "n/a" if row.experiment is None else number(row.experiment),
        "n/a" if row.difference is None else number(row.difference, signed=True),
        "n/a" if row.ci_low is None or row.ci_high is None else interval(row.ci_low, row.ci_high),
        row.verdict or "none",
    )


def written(parameter: Parameter | None) -> str:
    """A value as its file has it, or that the file has none."""
    return ABSENT if parameter is None else parameter.written

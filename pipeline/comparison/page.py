"""A comparison as a page to read."""

from pipeline.artifacts.evaluated.models import METHOD
from pipeline.comparison.comparing import JUDGED_ON, Comparison
from pipeline.comparison.measured import DIGITS, Measured, ModelComparison, verdict_cell
from pipeline.comparison.parameters import Parameter
from pipeline.comparison.seen import seen
from pipeline.pages.blocks import Block, Cell, Heading, Paragraph, plain_table
from pipeline.pages.numbers import NOT_AVAILABLE, fixed, interval, level, signed

ABSENT = "(absent)"


def page(comparison: Comparison) -> list[Block]:
    """The comparison from cause to effect: doubts, parameters, data, stages, then each model and split."""
    base, experiment = comparison.base, comparison.experiment
    blocks: list[Block] = [Heading(f"{experiment.revision.title} against {base.revision.title}", level=1)]
    blocks.append(Paragraph(verdict_sentence(comparison)))
    if comparison.seen is not None:
        blocks.append(Paragraph(comparison.seen))
    for doubt in dict.fromkeys(comparison.doubts):
        blocks.append(Paragraph(doubt, "warning"))
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
        f"{level(comparison.confidence)}."
    )


def _parameters(comparison: Comparison, names: tuple[str, str]) -> list[Block]:
    if not comparison.parameters:
        return [Paragraph("Parameters: the same.", "small")]
    rows = tuple(
        (change.key, f"{written(change.base)} → {written(change.experiment)}")
        for change in comparison.parameters
    )
    return [
        Heading("Parameters changed"),
        plain_table(("parameter", f"{names[0]} → {names[1]}"), rows, worded=(1,)),
    ]


def _stages(comparison: Comparison) -> list[Block]:
    if comparison.data is None:
        data = "Data: not recorded, because a run has no stage manifest in its dvc.lock."
    elif comparison.data:
        data = f"Data: changed ({', '.join(comparison.data)})."
    else:
        data = "Data: the same, by the digests of the manifest's outputs."
    if not comparison.stages:
        return [Paragraph(data, "small"), Paragraph("Stages: all recorded the same.", "small")]
    rows = tuple((change.name, "; ".join(change.differences)) for change in comparison.stages)
    return [
        Paragraph(data, "small"),
        Heading("Stages changed"),
        plain_table(("stage", "what differs"), rows, worded=(1,)),
    ]


def _model(model: ModelComparison, names: tuple[str, str], confidence: float) -> list[Block]:
    # Intervals over speakers decide where there are enough; those over segments then stand beside them.
    beside = ("over segments",) * any(row.segments_low is not None for row in model.measured)
    table = plain_table(
        ("metric", *names, "difference", f"{level(confidence)} interval", *beside, "could show", "verdict"),
        [_row(row, beside=bool(beside), confidence=confidence) for row in model.measured],
        worded=(6 + len(beside),),
        mixed=True,
    )
    blocks: list[Block] = [
        Heading(f"{model.model} on {model.split}"),
        table,
        Paragraph(model.basis, "small"),
    ]
    reasons: dict[str, list[str]] = {}
    for row in model.measured:
        if row.reason is not None:
            reasons.setdefault(row.reason, []).append(row.metric.name)
    blocks += [
        Paragraph(f"No verdict for {', '.join(metrics)}: {reason}.", "small")
        for reason, metrics in reasons.items()
    ]
    return blocks


def _row(row: Measured, *, beside: bool, confidence: float) -> tuple[str | Cell, ...]:
    found = seen(row, alpha=1.0 - confidence)
    return (
        row.metric.name,
        value(row.base),
        *experiment_cells(row),
        *(_interval(row.segments_low, row.segments_high) for _ in range(beside)),
        NOT_AVAILABLE if found is None else fixed(found.detectable, DIGITS),
        verdict_cell(row.verdict),
    )


def experiment_cells(row: Measured) -> tuple[str, str, str]:
    """The value of the experiment, its difference from the base, and the interval of the difference."""
    return (
        value(row.experiment),
        NOT_AVAILABLE if row.difference is None else signed(row.difference, DIGITS),
        _interval(row.ci_low, row.ci_high),
    )


def _interval(low: float | None, high: float | None) -> str:
    return NOT_AVAILABLE if low is None or high is None else interval(low, high, DIGITS)


def value(number: float | None) -> str:
    """The value of a metric, which may be undefined."""
    return NOT_AVAILABLE if number is None else fixed(number, DIGITS)


def written(parameter: Parameter | None) -> str:
    """A value as its file has it, or that the file has none."""
    return ABSENT if parameter is None else parameter.written

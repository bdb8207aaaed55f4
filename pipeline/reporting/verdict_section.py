"""The first screen of the report: who is better, by how much, and what this run could have shown."""

from pipeline.artifacts.evaluated.evaluation import EVALUATED, Difference, EvaluatedSplit
from pipeline.artifacts.evaluated.models import BASELINE, METHOD
from pipeline.evaluation.metrics import Metric
from pipeline.evaluation.power import POWER, detectable_by_interval
from pipeline.pages.blocks import Block, Figure, Grid, Paragraph, Section
from pipeline.pages.numbers import level, plural
from pipeline.reporting.budgets import budget_warning
from pipeline.reporting.chosen_on_valid import ChosenOnValid
from pipeline.reporting.figures.bars import draw_differences
from pipeline.reporting.inputs import ReportInputs
from pipeline.reporting.numbers import change, value
from pipeline.reporting.verdict import OVER, Standing, comparison_sentence, conclusion, one_seed, standing

# Resamples of fewer segments repeat a handful of values: their percentiles are no interval.
_FEWEST_SEGMENTS = 10
_CONSTANTS_OF_TRAIN = {
    "median": "the median label",
    "prevalence": "the share of ones",
    "class_shares": "the shares of the classes",
}


def verdict_section(inputs: ReportInputs) -> Section:
    """The answer in a sentence and a figure for a reader in a hurry, then its numbers, and what weakens it."""
    error, order = inputs.protocol.error, inputs.protocol.ranking
    standings = [standing_of(inputs, split, error) for split in EVALUATED]
    if inputs.n_seeds > 1:
        answer = conclusion(standings[0], standings[1], other=inputs.baseline)
    else:
        answer = one_seed("GRCF", inputs.baseline)
    lead = [answer, *_could_show(inputs, error)]
    details = [
        _sentence(inputs, split, metric, first=metric is error and split == EVALUATED[0])
        for metric in (error, order)
        for split in EVALUATED
    ]
    constants = [_error_of_constant(inputs, split, error) for split in EVALUATED]
    if all(constants):
        constant = _CONSTANTS_OF_TRAIN[inputs.protocol.constant]
        article = "an" if error.title.startswith("M") else "a"
        details.append(
            f"Predicting {constant} of train for every segment gives {article} {error.title} of {constants[0]} on valid and "
            f"{constants[1]} on test."
        )
    figures = tuple(figure for metric in (error, order) if (figure := _figure(inputs, metric)) is not None)
    blocks: list[Block] = [Paragraph(" ".join(lead), "lead")]
    if figures:
        blocks.append(Grid(figures))
    blocks.append(Paragraph(" ".join(details)))
    warning = budget_warning(inputs.parameters)
    blocks += [Paragraph(text, "warning") for text in (_too_few(inputs, error), warning) if text]
    blocks.append(Paragraph(ChosenOnValid.of(inputs.parameters).for_report, "small"))
    return Section("verdict", "Verdict", tuple(blocks))


def standing_of(inputs: ReportInputs, split: EvaluatedSplit, metric: Metric) -> Standing | None:
    """Whether GRCF is better than the baseline on a split by a metric; None where that is not known."""
    difference = inputs.difference(split, BASELINE, metric)
    return None if difference is None else standing(difference, metric)


def covered(inputs: ReportInputs) -> str:
    """What the intervals of differences are over: one seed cannot be resampled."""
    return OVER["both" if inputs.n_seeds > 1 else "segments"]


def _too_few(inputs: ReportInputs, metric: Metric) -> str:
    """A warning where a split is too small for its intervals; empty where none is."""
    sizes = {
        split: difference.n_segments
        for split in EVALUATED
        if (difference := inputs.difference(split, BASELINE, metric)) is not None
    }
    few = [f"{split} has {plural(n, 'segment')}" for split, n in sizes.items() if n < _FEWEST_SEGMENTS]
    if not few:
        return ""
    return (
        f"A split is too small to say anything: {' and '.join(few)}. Its intervals are made of what these few segments show, and "
        "no verdict on it holds for others."
    )


def _could_show(inputs: ReportInputs, metric: Metric) -> list[str]:
    """From where on a difference in error would have been seen; nothing where there is no interval."""
    unit = " points" if metric.unit == "share" else ""
    found = [
        f"{change(size, metric).removeprefix('+')}{unit} on {split}"
        for split in EVALUATED
        if (size := _detectable(inputs, inputs.difference(split, BASELINE, metric)))
    ]
    if not found:
        return []
    sizes = " and ".join(found)
    return [
        f"A true difference in {metric.phrase} would have been seen from about {sizes} ({level(POWER)} power)."
    ]


def _detectable(inputs: ReportInputs, difference: Difference | None) -> float | None:
    if difference is None or difference.ci_low is None or difference.ci_high is None:
        return None
    return detectable_by_interval(difference.ci_low, difference.ci_high, confidence=inputs.confidence)


def _figure(inputs: ReportInputs, metric: Metric) -> Figure | None:
    """The differences by one metric on both splits, of the seeds and of their means; None where none has an interval."""
    rows = {split: inputs.difference(split, BASELINE, metric) for split in EVALUATED}
    of_means = {
        f"{split}, mean of seeds": inputs.comparisons(split).ensembles.get(metric.name) for split in EVALUATED
    }
    sign = -1 if metric.better == "lower" else 1
    bars, detectable = {}, {}
    for name, difference in (rows | of_means).items():
        size = _detectable(inputs, difference)
        if difference is None or size is None:
            continue
        ends = (difference.mean, difference.ci_low, difference.ci_high)
        mean, *interval = (sign * end for end in ends if end is not None)
        bars[name] = (mean, min(interval), max(interval))
        detectable[name] = size
    if not bars:
        return None
    return draw_differences(
        f"verdict-{metric.name.replace('_', '-')}",
        bars,
        detectable=detectable,
        caption=_caption(inputs, metric, with_means=any(of_means.values())),
    )


def _caption(inputs: ReportInputs, metric: Metric, *, with_means: bool) -> str:
    """What the bars and bands are; of the second figure, only by what."""
    shares = "; shares as fractions" if metric.unit == "share" else ""
    if metric is not inputs.protocol.error:
        return f"The same by {metric.phrase}, better to the right{shares}."
    means = (
        f" “Mean of seeds” is one prediction by all seeds, its interval {OVER['segments']}."
        if with_means
        else ""
    )
    return (
        f"GRCF against {inputs.baseline} by {metric.title}, better to the right{shares}: differences with {level(inputs.confidence)} "
        f"intervals {covered(inputs)}. Grey: what fewer than {level(POWER)} of such runs would show, by the width of the interval.{means}"
    )


def _sentence(inputs: ReportInputs, split: EvaluatedSplit, metric: Metric, *, first: bool = False) -> str:
    difference = inputs.difference(split, BASELINE, metric)
    assert difference is not None, "error and order are always compared"
    return comparison_sentence(
        split,
        metric,
        inputs.summary(split, METHOD, metric),
        difference,
        other=inputs.baseline,
        explain=level(inputs.confidence) if first else None,
    )


def _error_of_constant(inputs: ReportInputs, split: EvaluatedSplit, metric: Metric) -> str | None:
    if inputs.protocol.constant not in inputs.evaluation.metrics[split]:
        return None
    mean = inputs.summary(split, inputs.protocol.constant, metric).mean
    return None if mean is None else value(mean, metric)

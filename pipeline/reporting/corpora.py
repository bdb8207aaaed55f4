"""The section on the corpora of a pool: what each model reaches on each of them."""

from pipeline.artifacts.evaluated.by_corpus import CorpusMetric
from pipeline.artifacts.evaluated.evaluation import EVALUATED, Difference, EvaluatedSplit
from pipeline.artifacts.evaluated.models import BASELINE, METHOD, minus
from pipeline.evaluation.metrics import Metric
from pipeline.pages.blocks import Cell, Paragraph, Section, Table
from pipeline.pages.numbers import count, level, plural
from pipeline.reporting.inputs import ReportInputs
from pipeline.reporting.numbers import difference_cell, metric_heading, summary_cell


def corpora_section(inputs: ReportInputs) -> Section:
    """The headline metrics on each corpus, on valid and on test."""
    tables = [
        _table(inputs, split) for split in EVALUATED if any(row.split == split for row in inputs.by_corpus)
    ]
    return Section("corpora", "Corpus by corpus", (*tables, *_explanations(inputs)))


def _table(inputs: ReportInputs, split: EvaluatedSplit) -> Table:
    metrics = [inputs.protocol.metric(name) for name in inputs.protocol.headline]
    found = {(row.corpus, row.model, row.metric): row for row in inputs.by_corpus if row.split == split}
    models = {
        METHOD: "GRCF",
        BASELINE: inputs.baseline,
        minus(BASELINE): f"GRCF minus {inputs.baseline}",
        inputs.protocol.constant: "best constant of train",
    }
    rows = [
        (
            Cell(corpus),
            Cell(_trained(inputs, corpus)),
            Cell(count(found[corpus, model, metrics[0].name].n_segments)),
            Cell(words),
            *(_cell(found[corpus, model, metric.name], metric) for metric in metrics),
        )
        for corpus in dict.fromkeys(corpus for corpus, _, _ in found)
        for model, words in models.items()
    ]
    header = ("Corpus", "In training", "Segments", "Model", *map(metric_heading, metrics))
    caption = (
        f"By corpus on {split}, mean over {plural(inputs.n_seeds, 'seed')} ± standard deviation "
        f"[{level(inputs.confidence)} interval {_covered(inputs, split)}]"
    )
    return Table(caption, header, tuple(rows), frozenset({1, 3}), mixed=True)


def _trained(inputs: ReportInputs, corpus: str) -> str:
    named = inputs.parameters["training.corpora"]
    return "yes" if named is None or corpus in named else "no"


def _cell(row: CorpusMetric, metric: Metric) -> Cell:
    if row.model != minus(BASELINE):
        return summary_cell(row.summary, metric)
    summary = row.summary
    difference = Difference(
        summary.mean,
        summary.ci_low,
        summary.ci_high,
        summary.n,
        row.n_segments,
        "both",
        "",
        summary.reason,
    )
    return difference_cell(difference, metric)


def _covered(inputs: ReportInputs, split: EvaluatedSplit) -> str:
    """What the intervals of one split are over, corpus by corpus where they differ."""
    units = {row.corpus: (row.unit, row.n_units) for row in inputs.by_corpus if row.split == split}
    seeds = "seeds and " if inputs.n_seeds > 1 else ""
    if len({unit for unit, _ in units.values()}) == 1:
        (unit,) = {unit for unit, _ in units.values()}
        return f"over {seeds}{unit}s"
    listed = ", ".join(f"{plural(n, unit)} of {corpus}" for corpus, (unit, n) in units.items())
    return f"over {seeds}{listed}"


def _explanations(inputs: ReportInputs) -> list[Paragraph]:
    metrics = [inputs.protocol.metric(name) for name in inputs.protocol.headline]
    free = [metric.phrase for metric in metrics if metric.name in inputs.protocol.scale_free]
    bound = [metric.phrase for metric in metrics if metric.name not in inputs.protocol.scale_free]
    sentences = [
        f"{' and '.join(free)} {'does' if len(free) == 1 else 'do'} not depend on the scale of the labels, and can be held "
        f"against {'that' if len(free) == 1 else 'those'} of another corpus."
        if free
        else "",
        f"{' and '.join(bound)} {'is' if len(bound) == 1 else 'are'} comparable between the models of one corpus, and not between "
        "corpora: how far labels spread, and what a step of their scale means, differs from corpus to corpus, also where a linear "
        "map gave them the same ends.",
    ]
    text = " ".join(f"{sentence[0].upper()}{sentence[1:]}" for sentence in sentences if sentence)
    return [
        Paragraph(text),
        Paragraph(
            "The interval is a t interval by the standard error over seeds and over speakers (videos where nobody says who speaks, segments "
            "where there are fewer than five of either). Pairs of segments are of one corpus here; in the results above they may be of "
            "two.",
            "small",
        ),
    ]

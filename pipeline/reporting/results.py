"""The sections that show who is better: results, differences, modalities and order."""

from collections.abc import Sequence

from pipeline.artifacts.corpus.sequences import MODALITIES
from pipeline.artifacts.evaluated.evaluation import EVALUATED, Difference, EvaluatedSplit
from pipeline.artifacts.evaluated.models import BASELINE, COMPARED, METHOD, ensemble_of
from pipeline.evaluation.metrics import Metric
from pipeline.pages.blocks import Block, Cell, Figure, Grid, Listing, Paragraph, Section, Table
from pipeline.pages.numbers import NOT_AVAILABLE, level, plural
from pipeline.reporting.figures.bars import draw_differences
from pipeline.reporting.inputs import ReportInputs
from pipeline.reporting.numbers import difference_cell, metric_heading, summary_cell
from pipeline.reporting.verdict import OVER, standing
from pipeline.reporting.verdict_section import covered, standing_of

_TITLES = {
    METHOD: "GRCF",
    ensemble_of(METHOD): "GRCF, mean of seeds",
    BASELINE: "Point-wise",
    ensemble_of(BASELINE): "Point-wise, mean of seeds",
    "median": "Median",
    "prevalence": "Share of ones",
    "class_shares": "Class shares",
}
_CONSTANTS = {
    "median": "the constant median",
    "prevalence": "the constant share of ones",
    "class_shares": "the constant shares of the classes",
}
_STAGES = {"rank": "after stage 1 (rank)", "calibrate": "after stage 2 (calibrate)"}
_SUBSETS = ("all", "without", "only", "nothing")


def results_section(inputs: ReportInputs) -> Section:
    """Every metric of every model, on valid and on test."""
    tables = result_tables(inputs)
    is_bold = any(cell.strong for table in tables for row in table.rows for cell in row)
    rule = f"the better of GRCF and {inputs.baseline}, where the interval of their paired difference excludes zero"
    bold = Paragraph(f"Bold: {rule}{'' if is_bold else ' (nowhere here)'}. {_units(inputs)}", "small")
    ensembles = (
        [
            Paragraph(
                "“Mean of seeds” predicts the mean of all seeds; its intervals are over segments.", "small"
            )
        ]
        if inputs.n_seeds > 1
        else []
    )
    meanings = Listing(
        tuple((metric_heading(metric), metric.description) for metric in inputs.protocol.metrics)
    )
    blocks: tuple[Block, ...] = (Grid(tables, least_width_em=46.0), bold, *ensembles, meanings)
    return Section("results", "Results", blocks)


def result_tables(inputs: ReportInputs) -> tuple[Table, ...]:
    """The main tables, on valid and on test; bold is what is better beyond noise."""
    return tuple(_result_table(inputs, split) for split in EVALUATED)


def differences_section(inputs: ReportInputs) -> Section:
    """GRCF minus each other model, with the intervals that decide."""
    blocks: list[Block] = []
    for other, words in _others(inputs).items():
        rows = [
            (Cell(metric_heading(metric)), *_difference_cells(inputs, other, metric))
            for metric in inputs.protocol.metrics
            if any(inputs.difference(split, other, metric) for split in EVALUATED)
        ]
        if not rows:
            continue
        header = ("Metric", *(text for split in EVALUATED for text in (split, f"GRCF on {split}")))
        caption = f"GRCF minus {words}, with {level(inputs.confidence)} intervals {covered(inputs)}"
        blocks += [
            Table(caption, header, tuple(rows), frozenset({2, 4}), mixed=True),
            *_methods(inputs, other, words),
        ]
        if other == BASELINE:
            blocks.append(Grid(tuple(_differences_figure(inputs, split) for split in EVALUATED)))
    blocks += _ensembles(inputs)
    return Section("differences", "Paired differences", tuple(blocks))


def modalities_section(inputs: ReportInputs) -> Section:
    """What becomes of GRCF when modalities are hidden from it."""
    explanation = Paragraph(
        "The same trained models, with modalities masked at prediction. Nothing is trained again, so a model trained on one "
        "modality alone may do better. Differences are from the row “all”, paired, with the "
        f"{level(inputs.confidence)} interval {covered(inputs)}.",
        "small",
    )
    shares = Paragraph(
        "A modality's contribution is its Shapley value: the mean of what it adds over all orders in which modalities could be "
        "added, exact over all subsets; positive where it helps. The contributions in a column add up to the gain of all "
        "modalities over none.",
        "small",
    )
    tables = [_modality_table(inputs, split) for split in EVALUATED]
    contributions = [_contribution_table(inputs, split) for split in EVALUATED]
    return Section(
        "modalities", "With and without each modality", (*tables, explanation, *contributions, shares)
    )


def order_section(inputs: ReportInputs) -> Section:
    """What stage 2 made of the order that stage 1 had learnt."""
    tables: list[Block] = []
    for split in EVALUATED:
        order = inputs.comparisons(split).order
        metrics = inputs.metrics_in(order["rank"])
        rows = [
            (Cell(words), *(summary_cell(order[stage][metric.name], metric) for metric in metrics))
            for stage, words in _STAGES.items()
        ]
        header = ("GRCF", *(metric_heading(metric) for metric in metrics))
        tables.append(Table(f"Order on {split}, {_spread(inputs)}", header, tuple(rows)))
    sentences = [_order_sentence(inputs, split) for split in EVALUATED]
    return Section(
        "order", "Order before and after stage 2", (Paragraph(" ".join(filter(None, sentences))), *tables)
    )


def _others(inputs: ReportInputs) -> dict[str, str]:
    """The models that GRCF is compared with, in words."""
    constant = inputs.protocol.constant
    return {BASELINE: inputs.baseline, constant: _CONSTANTS[constant]}


def _units(inputs: ReportInputs) -> str:
    errors = {
        "regression": "are in label units",
        "binary": "run from 0 to 1",
        "classes": "are pure numbers: the Brier score runs from 0 to 2, the log loss from 0 up",
    }[inputs.protocol.task]
    return f"Shares are in per cent and their differences in percentage points; errors {errors}."


def _spread(inputs: ReportInputs) -> str:
    if inputs.n_seeds == 1:
        return "one seed"
    return f"mean ± standard deviation over {plural(inputs.n_seeds, 'seed')} [{level(inputs.confidence)} interval over seeds]"


def _result_table(inputs: ReportInputs, split: EvaluatedSplit) -> Table:
    found = inputs.evaluation.metrics[split]
    known = [model for model in _TITLES if model in found]
    models = known + sorted(set(found) - set(known))
    rows = []
    for metric in inputs.metrics_in(found[METHOD]):
        stands = standing_of(inputs, split, metric)
        winner = {"better": METHOD, "worse": BASELINE}.get(stands or "")
        cells = [
            summary_cell(inputs.summary(split, model, metric), metric, strong=model == winner)
            for model in models
        ]
        rows.append((Cell(metric_heading(metric)), *cells))
    rows.append((Cell("Seeds"), *(_n_seeds(inputs, split, model) for model in models)))
    header = ("Metric", *(_TITLES.get(model, model) for model in models))
    return Table(f"Results on {split}: {_spread(inputs)}", header, tuple(rows), mixed=True)


def _n_seeds(inputs: ReportInputs, split: EvaluatedSplit, model: str) -> Cell:
    predicted = inputs.predicted(split)
    trained = {ensemble_of(name): name for name in COMPARED}.get(model, model)
    seeds = predicted.seeds.get(trained, ()) if predicted else ()
    return Cell(str(len(seeds)) if seeds else "–")


def _difference_cells(inputs: ReportInputs, other: str, metric: Metric) -> Sequence[Cell]:
    found = (inputs.difference(split, other, metric) for split in EVALUATED)
    return [cell for difference in found for cell in _stands(difference, metric)]


def _ensembles(inputs: ReportInputs) -> list[Block]:
    """The ensembles against each other; nothing for one seed."""
    rows = []
    for metric in inputs.protocol.metrics:
        found = [inputs.comparisons(split).ensembles.get(metric.name) for split in EVALUATED]
        if any(found):
            rows.append((Cell(metric_heading(metric)), *(c for each in found for c in _stands(each, metric))))
    if not rows:
        return []
    header = ("Metric", *(text for split in EVALUATED for text in (split, f"GRCF on {split}")))
    caption = (
        f"The mean of GRCF's seeds minus the mean of the seeds of {inputs.baseline}, with {level(inputs.confidence)} "
        f"intervals {OVER['segments']}"
    )
    return [Table(caption, header, tuple(rows), frozenset({2, 4}), mixed=True)]


def _stands(difference: Difference | None, metric: Metric) -> Sequence[Cell]:
    """A difference, and what it amounts to in words."""
    if difference is None:
        return Cell("–"), Cell("–")
    stands = standing(difference, metric)
    return difference_cell(difference, metric), Cell(stands or "–", strong=stands in ("better", "worse"))


def _methods(inputs: ReportInputs, other: str, words: str) -> list[Block]:
    """How the intervals of the differences from a model were computed, in the words of the evaluation."""
    rows = [
        row
        for split in EVALUATED
        for row in inputs.comparisons(split).differences[other].values()
        if row.ci_low is not None
    ]
    methods = dict.fromkeys(row.method for row in rows)
    return [Paragraph(f"Intervals of GRCF (A) minus {words} (B): {method}.", "small") for method in methods]


def _differences_figure(inputs: ReportInputs, split: EvaluatedSplit) -> Figure:
    return draw_differences(
        f"differences-{split}",
        _towards_grcf(inputs, split),
        caption=f"GRCF against {inputs.baseline} on {split}: the paired differences and their intervals "
        f"{covered(inputs)}, turned so that GRCF is better to the right of zero. Shares as fractions.",
    )


def _towards_grcf(inputs: ReportInputs, split: EvaluatedSplit) -> dict[str, tuple[float, float, float]]:
    """Name to (mean, low, high) of the differences that have an interval, positive where GRCF is better."""
    bars = {}
    for metric in inputs.protocol.metrics:
        difference = inputs.difference(split, BASELINE, metric)
        if difference is None or difference.ci_low is None:
            continue
        ends = (difference.mean, difference.ci_low, difference.ci_high)
        sign = -1 if metric.better == "lower" else 1
        mean, low, high = (sign * end for end in ends if end is not None)
        bars[metric.title] = (mean, min(low, high), max(low, high))
    return bars


def _modality_table(inputs: ReportInputs, split: EvaluatedSplit) -> Table:
    found = inputs.comparisons(split)
    metrics = [inputs.protocol.metric(name) for name in inputs.protocol.headline]
    rows = []
    for subset in sorted(found.modalities, key=_subset_order):
        cells = []
        for metric in metrics:
            cells.append(summary_cell(found.modalities[subset][metric.name], metric))
            row = found.modality_differences.get(subset, {}).get(metric.name)
            cells.append(Cell("–") if row is None else difference_cell(row, metric))
        rows.append((Cell(subset), *cells))
    header = (
        "Shown",
        *(text for metric in metrics for text in (metric_heading(metric), f"{metric.title} minus “all”")),
    )
    return Table(f"GRCF on {split} with modalities hidden: {_spread(inputs)}", header, tuple(rows))


def _contribution_table(inputs: ReportInputs, split: EvaluatedSplit) -> Table:
    found = inputs.comparisons(split).contributions
    metrics = inputs.metrics_in(next(iter(found.values()), {}))
    rows = [
        (
            Cell(modality),
            *(summary_cell(found[modality][metric.name], metric) for metric in metrics),
        )
        for modality in sorted(found, key=lambda name: _place(name, MODALITIES))
    ]
    header = ("Modality", *(f"gain in {metric.title}" for metric in metrics))
    return Table(f"What each modality contributes to GRCF on {split}: {_spread(inputs)}", header, tuple(rows))


def _subset_order(name: str) -> tuple[int, int, str]:
    first, _, modality = name.partition(" ")
    return _place(first, _SUBSETS), _place(modality, MODALITIES), name


def _place(part: str, of: Sequence[str]) -> int:
    return of.index(part) if part in of else len(of)


def _order_sentence(inputs: ReportInputs, split: EvaluatedSplit) -> str:
    order = inputs.comparisons(split).order
    metric = inputs.protocol.ranking
    name = metric.phrase
    before, after = (order[stage][metric.name] for stage in ("rank", "calibrate"))
    if before.mean is None or after.mean is None:
        return f"On {split}, the {name} is {NOT_AVAILABLE}: {before.reason or after.reason}."
    points = round(100 * (after.mean - before.mean), 2)
    if before.mean == after.mean:
        return f"On {split}, stage 2 left the {name} as it was."
    if points == 0:
        return f"On {split}, stage 2 left the {name} as it was, to 0.01 points."
    way = "raised" if points > 0 else "lowered"
    return f"On {split}, stage 2 {way} the {name} by {abs(points):.2f} points."

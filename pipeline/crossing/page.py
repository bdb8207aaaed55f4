"""The table of A × B for a terminal and for Markdown: one table a metric, with what may be compared in it."""

from collections.abc import Mapping, Sequence

from pipeline.artifacts.evaluated.models import BASELINE, METHOD
from pipeline.crossing.recalibration import N_DRAWS
from pipeline.crossing.table import CALIBRATED_ON, Contrast, Crossed, Crossing, Settings
from pipeline.evaluation.metrics import Metric
from pipeline.pages.blocks import Block, Cell, Heading, Paragraph, plain_table
from pipeline.pages.numbers import level, plural
from pipeline.reporting.numbers import difference_cell, metric_heading, summary_cell

_ERRORS = {
    "regression": "absolute error",
    "binary": "cross-entropy",
    "classes": "cross-entropy",
}
_CONSTANTS = {
    "median": "median of train",
    "prevalence": "share of ones in train",
    "class_shares": "class shares of train",
}


def cross_page(crossed: Crossed, settings: Settings, *, pool: str) -> list[Block]:
    """The tables, metric by metric: what needs no calibration first.

    Args:
        crossed: what `table.cross` found, of at least one run.
        settings: how was measured.
        pool: name of the pool.
    """
    found = crossed.cells
    blocks: list[Block] = [
        Heading(f"Trained on one corpus, measured on another: {settings.split} of {pool}", level=1),
        Paragraph(_intervals(found, settings)),
    ]
    protocol = settings.protocol
    ways = [
        (protocol.metric(name), n_labels)
        for name in sorted(settings.metrics, key=lambda name: name not in protocol.scale_free)
        for n_labels in dict.fromkeys((None, settings.n_labels))
    ]
    for metric, n_labels in ways:
        rows = [row for row in found if (row.metric.name, row.n_labels) == (metric.name, n_labels)]
        if rows:
            with_constant = metric.name not in protocol.scale_free
            calibrated = "" if n_labels is None else f", calibrated with {n_labels} labels of each corpus"
            blocks += [
                Heading(f"{metric_heading(metric)}{calibrated}"),
                _table(rows, settings, with_constant=with_constant),
                Paragraph(_meaning(metric, settings, n_labels=n_labels)),
            ]
            contrasts = [
                each
                for each in crossed.contrasts
                if (each.one.metric.name, each.one.n_labels) == (metric.name, n_labels)
            ]
            blocks += _differences(contrasts, rows, settings)
    return blocks


def _differences(contrasts: Sequence[Contrast], rows: Sequence[Crossing], settings: Settings) -> list[Block]:
    """The differences between rows of one table, if there are any."""
    if not contrasts:
        return []
    corpora = list(dict.fromkeys(row.measured_on for row in rows))
    titles = {METHOD: "GRCF", BASELINE: "point-wise"}
    lines: dict[tuple[str, str, str], dict[str, Cell]] = {}
    for each in contrasts:
        one, other = each.one, each.other
        compared = f"minus {titles[other.model]}" if one.model != other.model else "minus the own model"
        line = lines.setdefault(("+".join(one.trained_on), titles[one.model], compared), {})
        line[one.measured_on] = difference_cell(each.summary, one.metric)
    table = plain_table(
        ("trained on", "model", "difference", *corpora),
        [(*names, *(cells.get(corpus, "") for corpus in corpora)) for names, cells in lines.items()],
        worded=(1, 2),
    )
    return [
        Paragraph(
            f"Differences between these rows, with {level(settings.confidence)} intervals of their own, paired by seed and by what is drawn: a "
            "difference can be beyond noise where the intervals of the two rows overlap. The own model is that of the column's corpus alone."
        ),
        table,
    ]


def _table(rows: Sequence[Crossing], settings: Settings, *, with_constant: bool) -> Block:
    corpora = list(dict.fromkeys(row.measured_on for row in rows))
    cells = {(row.trained_on, row.model, row.measured_on): row for row in rows}
    constant = settings.protocol.constant
    titles = {METHOD: "GRCF", BASELINE: "point-wise"}
    if with_constant:
        calibrated = rows[0].n_labels is not None
        titles[constant] = "constant" if calibrated else _CONSTANTS[constant]
    lines: list[tuple[str | Cell, ...]] = [
        ("+".join(trained_on), title, *(_cell(cells[trained_on, model, corpus]) for corpus in corpora))
        for trained_on in dict.fromkeys(row.trained_on for row in rows)
        for model, title in titles.items()
    ]
    return plain_table(("trained on", "model", *corpora), lines, worded=(1,))


def _cell(row: Crossing) -> Cell:
    cell = summary_cell(row.summary, row.metric, strong=row.is_within)
    # The spread over seeds is part of the interval, and a table of corpora is wide enough.
    _, bracket, interval = cell.detail.partition("[")
    return Cell(cell.text, f"{bracket}{interval}", cell.note, cell.strong)


def _intervals(found: Sequence[Crossing], settings: Settings) -> str:
    n_seeds = max(row.summary.n for row in found)
    units: Mapping[str, str] = {row.measured_on: plural(row.n_units, row.unit) for row in found}
    drawn = ", ".join(f"{units} of {corpus}" for corpus, units in units.items())
    seeds = "one seed" if n_seeds == 1 else f"the mean over {n_seeds} seeds"
    covered = "" if n_seeds == 1 else "seeds and "
    return (
        f"Rows are what a model was trained on, columns what it is measured on. A value is that of {seeds}, in brackets its "
        f"{level(settings.confidence)} interval over {covered}what is drawn of a corpus: {drawn}. Features were normalised on train of all corpora, "
        "without labels."
    )


def _meaning(metric: Metric, settings: Settings, *, n_labels: int | None) -> str:
    """What may be compared, and what needs labels of the corpus."""
    if metric.name in settings.protocol.scale_free:
        return (
            "Needs no calibration: a positive slope and an offset of labels or predictions change nothing, so rows and columns may be "
            "compared. A column may still be a harder corpus."
        )
    if n_labels is None and metric.name in settings.own_metrics:
        return (
            "Nothing says whether this metric of one's own needs the scale of the labels, so take it as one that does: compare within a column "
            "only; --test --calibrate-with N takes the scale out."
        )
    if n_labels is None:
        return (
            "Needs calibration to be comparable: on another corpus it also measures how far that corpus' labels are off the scale of "
            "those that were trained on. Compare within a column only; --test --calibrate-with N takes the scale out."
        )
    times = f", the mean over {N_DRAWS} draws of labels"
    return (
        f"Predictions of every row, the corpus' own included, went through one slope and one offset, fitted by {_ERRORS[settings.protocol.task]} "
        f"on {n_labels} labels of {CALIBRATED_ON} of the column's corpus{times} (one where these are all). The constant is what the labels "
        "give without a model. Compare within a column: corpora spread their labels differently."
    )

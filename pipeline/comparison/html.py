"""Comparisons as one HTML page that needs nothing else: no network, no second file."""

import math
from collections.abc import Sequence
from dataclasses import replace

from pipeline.artifacts.evaluated.models import METHOD
from pipeline.comparison.comparing import JUDGED_ON, Comparison
from pipeline.comparison.curves import curve_blocks
from pipeline.comparison.leaderboard import Leaderboard, leaderboard_page
from pipeline.comparison.measured import TONES, verdict_cell
from pipeline.comparison.page import page
from pipeline.comparison.parameters import Parameter
from pipeline.pages.blocks import Block, Document, Grid, Heading, Paragraph, Picture, Section, Table
from pipeline.pages.charts import N_COLOURS, Bar, Dot, dot_chart, interval_chart
from pipeline.pages.html import to_html
from pipeline.pages.numbers import plural


def as_html(board: Leaderboard, comparisons: Sequence[Comparison], *, with_leaderboard: bool) -> str:
    """The page: every experiment in the order given and their curves, or the leaderboard first and those folded away.

    Args:
        board: the comparisons, sorted.
        comparisons: the same in the order given.
        with_leaderboard: whether the page begins with the leaderboard.
    """
    experiments = [_experiment(number, comparison) for number, comparison in enumerate(comparisons, start=1)]
    curves = _curves(board, comparisons)
    if with_leaderboard:
        folded = Section("experiments", "Each experiment", (), folds=tuple(experiments))
        sections = [*_leaderboard_sections(board), curves, folded]
    else:
        sections = [*experiments, curves]
    title = f"{plural(len(comparisons), 'experiment')} against {board.base.revision.title}"
    if len(comparisons) == 1 and not with_leaderboard:
        title = experiments[0].heading
        sections[0] = replace(experiments[0], heading="What changed", in_contents="")
    return to_html(Document(title, "", tuple(sections)))


def _experiment(number: int, comparison: Comparison) -> Section:
    title, *blocks = page(comparison)
    assert isinstance(title, Heading), "a page begins with its title"
    verdict = comparison.judgement.verdict
    return Section(
        f"experiment-{number}",
        title.text,
        tuple(map(_verdict_first, blocks)),
        in_contents=comparison.experiment.revision.title,
        mark=None if verdict is None else verdict_cell(verdict),
    )


def _verdict_first(block: Block) -> Block:
    """The verdict beside the name, where a phone shows it without scrolling."""
    if not isinstance(block, Table) or "verdict" not in block.header:
        return block
    at = block.header.index("verdict")
    order = [0, at, *(column for column in range(1, len(block.header)) if column != at)]
    return replace(
        block,
        header=tuple(block.header[column] for column in order),
        rows=tuple(tuple(row[column] for column in order) for row in block.rows),
        worded=frozenset(order.index(column) for column in block.worded),
    )


def _leaderboard_sections(board: Leaderboard) -> list[Section]:
    name = board.metric.name
    blocks = [_verdict_first(block) for block in leaderboard_page(board)[1:]]
    bars = [
        Bar(
            row.experiment.revision.label,
            row.headline[0].difference,
            row.headline[0].ci_low,
            row.headline[0].ci_high,
            _style(row),
        )
        for row in board.rows
        if row.headline[0].difference is not None
    ]
    if bars:
        caption = f"Difference in {name} to the base with its interval, best first."
        blocks.append(interval_chart(bars, x_label=f"difference in {name} on {JUDGED_ON}", caption=caption))
    return [
        Section("leaderboard", "Leaderboard", tuple(blocks)),
        Section("parameters", f"Parameters against {name}", tuple(_scatter(board))),
    ]


def _scatter(board: Leaderboard) -> list[Block]:
    """A chart for each parameter that has several values, with a dot for every run that has it."""
    base = board.rows[0].headline[0].base
    runs = [(board.base, base, "base")]
    runs += [(row.experiment, row.headline[0].experiment, _style(row)) for row in board.rows]
    charts: list[Picture] = []
    for key in board.keys:
        measured = [
            (run.revision.label, run.parameters[key], value, style)
            for run, value, style in runs
            if value is not None and key in run.parameters
        ]
        is_number = all(_is_number(parameter) for _, parameter, _, _ in measured)
        dots = [
            Dot(label, float(parameter.value) if is_number else parameter.written, value, style)
            for label, parameter, value, style in measured
        ]
        if len({parameter.written for _, parameter, _, _ in measured}) > 1:
            caption = f"{board.metric.name} of {METHOD} on {JUDGED_ON} by {key}; the ring is the base."
            charts.append(dot_chart(dots, x_label=key, y_label=board.metric.name, caption=caption))
    if not charts:
        return [Paragraph("No parameter has two values among these runs.", "small")]
    remark = "Experiments may differ in more than the one parameter that a chart shows."
    return [Grid(tuple(charts), least_width_em=20.0), Paragraph(remark, "small")]


def _is_number(parameter: Parameter) -> bool:
    value = parameter.value
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _curves(board: Leaderboard, comparisons: Sequence[Comparison]) -> Section:
    """The curves of the base and of as many experiments as there are colours, the best ones where there are more."""
    many = len(comparisons) > N_COLOURS
    experiments = [row.experiment for row in (board.rows[:N_COLOURS] if many else comparisons)]
    names = [run.revision.label for run in (board.base, *experiments)]
    if len(set(names)) < len(names):
        names = ["base", *(f"{index}. {name}" for index, name in enumerate(names[1:], start=1))]
    heading = f"Training curves of the base and the best {N_COLOURS}" if many else "Training curves"
    blocks = curve_blocks([board.base, *experiments], names, protocol=board.protocol)
    return Section("curves", heading, tuple(blocks))


def _style(comparison: Comparison) -> str:
    return TONES.get(comparison.judgement.verdict, "none")

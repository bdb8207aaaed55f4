"""Comparisons as one HTML page that needs nothing else: no network, no second file."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup, escape

from pipeline.artifacts.models import METHOD
from pipeline.comparison.comparing import JUDGED_ON, Comparison
from pipeline.comparison.curves import curve_blocks
from pipeline.comparison.leaderboard import Leaderboard, leaderboard_page
from pipeline.comparison.measured import VERDICTS, Verdict
from pipeline.comparison.page import page
from pipeline.comparison.parameters import Parameter
from pipeline.pages.charts import N_COLOURS, Bar, Chart, Dot, dot_chart, interval_chart
from pipeline.pages.templates import templates_beside
from pipeline.pages.text import Block, Heading, Paragraph, Table

STYLES: dict[Verdict, str] = dict(zip(VERDICTS, ("better", "same", "worse", "regression"), strict=True))
"""The CSS class of each verdict; `none` for none."""

_TEMPLATE = "comparison.html.j2"


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        anchor: What a link goes to.
        heading: Its heading.
        blocks: What stands under it.
        verdict: A verdict beside its heading.
        legend: The names of the colours of its charts, the base first.
        folds: Parts of it that are shown when they are opened.
    """

    anchor: str
    heading: str
    blocks: tuple[Block | Chart, ...] = ()
    verdict: Verdict | None = None
    legend: tuple[str, ...] = ()
    folds: tuple["Section", ...] = ()


def as_html(board: Leaderboard, comparisons: Sequence[Comparison], *, with_leaderboard: bool) -> str:
    """The page: every experiment in the order given and their curves, or the leaderboard first and those folded away.

    Args:
        board: The comparisons, sorted.
        comparisons: The same in the order given.
        with_leaderboard: Begin with the leaderboard.
    """
    experiments = [_experiment(number, comparison) for number, comparison in enumerate(comparisons, start=1)]
    curves = _curves(board, comparisons)
    if with_leaderboard:
        folded = Section("experiments", "Each experiment", folds=tuple(experiments))
        sections = [*_leaderboard_sections(board), curves, folded]
    else:
        sections = [*experiments, curves]
    environment = templates_beside(__file__)
    title = f"{len(comparisons)} experiments against {board.base.revision.title}"
    if len(comparisons) == 1 and not with_leaderboard:
        title, sections[0] = experiments[0].heading, replace(experiments[0], heading="What changed")
    return environment.get_template(_TEMPLATE).render(
        title=title,
        sections=sections,
        kind=lambda block: type(block).__name__.lower(),
        styles=STYLES,
        breakable=_breakable,
    )


def _experiment(number: int, comparison: Comparison) -> Section:
    title, *blocks = page(comparison)
    assert isinstance(title, Heading), "a page begins with its title"
    shown = tuple(_verdict_first(block) if isinstance(block, Table) else block for block in blocks)
    return Section(f"experiment-{number}", title.text, shown, verdict=comparison.judgement.verdict)


def _verdict_first(table: Table) -> Table:
    """The verdict beside the name, where a phone shows it without scrolling."""
    if "verdict" not in table.header:
        return table
    at = table.header.index("verdict")
    order = [0, at, *(column for column in range(1, len(table.header)) if column != at)]
    return Table(
        tuple(table.header[column] for column in order),
        tuple(tuple(row[column] for column in order) for row in table.rows),
        words=tuple(order.index(column) for column in table.words),
    )


def _breakable(name: str) -> Markup:
    """A name that may break after a dot or an underscore and not within a word."""
    return Markup(re.sub("([._])", r"\1<wbr>", str(escape(name))))


def _leaderboard_sections(board: Leaderboard) -> list[Section]:
    name = board.metric.name
    blocks: list[Block | Chart] = [
        _verdict_first(block) if isinstance(block, Table) else block for block in leaderboard_page(board)[1:]
    ]
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


def _scatter(board: Leaderboard) -> list[Block | Chart]:
    """A chart for each parameter that has several values, with a dot for every run that has it."""
    base = board.rows[0].headline[0].base
    runs = [(board.base, base, "base")]
    runs += [(row.experiment, row.headline[0].experiment, _style(row)) for row in board.rows]
    blocks: list[Block | Chart] = []
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
            blocks.append(dot_chart(dots, x_label=key, y_label=board.metric.name, caption=caption))
    if not blocks:
        return [Paragraph("No parameter has two values among these runs.")]
    return [*blocks, Paragraph("Experiments may differ in more than the one parameter that a chart shows.")]


def _is_number(parameter: Parameter) -> bool:
    value = parameter.value
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _curves(board: Leaderboard, comparisons: Sequence[Comparison]) -> Section:
    """The curves of the base and of as many experiments as there are colours, the best ones where there are more."""
    many = len(comparisons) > N_COLOURS
    shown = [row.experiment for row in (board.rows[:N_COLOURS] if many else comparisons)]
    names = [run.revision.label for run in (board.base, *shown)]
    if len(set(names)) < len(names):
        names = ["base", *(f"{index}. {name}" for index, name in enumerate(names[1:], start=1))]
    heading = f"Training curves of the base and the best {N_COLOURS}" if many else "Training curves"
    blocks = curve_blocks([board.base, *shown], names, protocol=board.protocol)
    return Section("curves", heading, tuple(blocks), legend=tuple(names))


def _style(comparison: Comparison) -> str:
    verdict = comparison.judgement.verdict
    return "none" if verdict is None else STYLES[verdict]

"""A metric over the runs of a branch as a page: for a terminal with a line of blocks, for a browser with charts."""

from collections.abc import Iterator

import numpy as np

from pipeline.artifacts.evaluated.models import METHOD
from pipeline.comparison.comparing import JUDGED_ON
from pipeline.comparison.measured import DIGITS
from pipeline.comparison.series import Part, Series, TrackedRun
from pipeline.comparison.steps import Step
from pipeline.evaluation.power import POWER
from pipeline.pages.blocks import (
    Block,
    Cell,
    Document,
    Heading,
    Paragraph,
    Picture,
    Section,
    Tone,
    plain_table,
)
from pipeline.pages.charts import Line, Mark, line_chart
from pipeline.pages.html import to_html
from pipeline.pages.numbers import count, fixed, interval, level, plural, signed

MOST_ROWS = 30
"""Runs that the terminal lists; the page and the JSON have them all."""

_BARS = "▁▂▃▄▅▆▇█"
_STEP = "│"
_VERDICTS: dict[str, Tone] = {"better": "good", "worse": "bad", "changed": "same"}


def verdict_of(part: Part, step: Step) -> str:
    """Whether a step is for the better; `changed` where both levels are as far from the best value."""
    gain = round(part.gain(step), DIGITS)
    return "better" if gain > 0 else "worse" if gain < 0 else "changed"


def as_page(series: Series) -> list[Block]:
    """The series as blocks for `as_text` and `as_markdown`, the newest part first."""
    blocks: list[Block] = [Heading(title_of(series), level=1), Paragraph(summary(series))]
    blocks += [Paragraph(doubt, "warning") for doubt in doubts(series)]
    for number, part in _newest_first(series):
        if len(series.parts) > 1:
            blocks.append(Heading(heading_of(series, number)))
        blocks += [Paragraph(sparkline(part)), *_steps(series, part), *_remarks(part)]
        blocks += _runs(series, part, most=MOST_ROWS)
    blocks += [Paragraph(f"Left out: {sentence}", "small") for sentence in series.skipped]
    return blocks


def as_html(series: Series) -> str:
    """The series as a page that needs nothing else, with a chart of each part."""
    sections = []
    for number, part in _newest_first(series):
        heading = heading_of(series, number) if len(series.parts) > 1 else f"{series.metric} by run"
        blocks: list[Block] = []
        if number == len(series.parts):
            blocks.append(Paragraph(summary(series), "lead"))
            blocks += [Paragraph(doubt, "warning") for doubt in doubts(series)]
        if len(part.runs) > 1:
            blocks.append(_chart(series, part))
        blocks += [*_steps(series, part), *_remarks(part), *_runs(series, part)]
        sections.append(Section(f"part-{number}", heading, tuple(blocks)))
    if series.skipped:
        paragraphs = tuple(Paragraph(sentence, "small") for sentence in series.skipped)
        sections.append(Section("left-out", "Left out", paragraphs))
    return to_html(Document(title_of(series), "", tuple(sections)))


def title_of(series: Series) -> str:
    """What the page is about."""
    n_runs = sum(len(part.runs) for part in series.parts)
    return f"{series.metric} of {METHOD} on {JUDGED_ON}: {plural(n_runs, 'run')} of {series.name}"


def heading_of(series: Series, number: int) -> str:
    """What tells one part from the others, by its number from 1."""
    runs = series.parts[number - 1].runs
    first, last = (run.entry.revision.title for run in (runs[0], runs[-1]))
    reach = first if len(runs) == 1 else f"{first} to {last}"
    return f"Part {number} of {len(series.parts)}: {reach}"


def summary(series: Series) -> str:
    """What came of it, in a sentence or two: the last step, or what could have been seen."""
    newest, steps = series.parts[-1], series.steps
    if steps:
        part, step = steps[-1]
        return (
            f"{plural(len(steps), 'step')} beyond noise. The last is at {_title(part.runs[step.at])}: {verdict_of(part, step)}, "
            f"{_change(step)}."
        )
    text = "No step: nothing changed by more than noise."
    if newest.segmentation is None:
        text = "No step: nothing can be told from noise."
    elif len(newest.runs) == 1:
        text = "No step: a single run has nothing to be compared with."
    elif newest.segmentation.detectable is not None:
        middle, last = (fixed(value, DIGITS) for value in newest.segmentation.detectable)
        text += (
            f" Could have seen: a step from {middle} in the middle of {plural(len(newest.runs), 'run')}, and from {last} at the newest "
            f"({level(POWER)} power)."
        )
    return text


def doubts(series: Series) -> list[str]:
    """What may make the newest run, or those at a step, mean something else."""
    runs = [run for part, step in series.steps for run in part.runs[step.at - 1 : step.at + 1]]
    newest = series.parts[-1].runs[-1]
    return list(dict.fromkeys(doubt for run in (*runs, newest) for doubt in run.run.doubts))


def sparkline(part: Part) -> str:
    """The runs as columns of a line, the least value the lowest, with a bar at each step; then their range, and which way is better."""
    values = np.array([run.mean for run in part.runs])
    low, high = float(values.min()), float(values.max())
    places = np.full(len(values), len(_BARS) // 2 - 1)
    if high > low:
        places = np.floor((values - low) / (high - low) * (len(_BARS) - 1) + 0.5).astype(int)
    at_step = {step.at for step in part.steps}
    drawn = "".join(
        f"{_STEP if number in at_step else ''}{_BARS[place]}" for number, place in enumerate(places.tolist())
    )
    ways = {"higher": "higher is better", "lower": "lower is better", "one": "1 is best", "zero": "0 is best"}
    reach = " to ".join(dict.fromkeys(fixed(end, DIGITS) for end in (low, high)))
    return f"{drawn}  {reach}, {ways[part.metric.better]}"


def _newest_first(series: Series) -> Iterator[tuple[int, Part]]:
    """Parts with their numbers from 1."""
    return reversed(list(enumerate(series.parts, start=1)))


def _steps(series: Series, part: Part) -> list[Block]:
    if not part.steps:
        return []
    header = (
        "step at",
        "verdict",
        "before → after",
        "difference",
        f"{level(series.confidence)} interval",
        "p",
        "date",
        "changed since the run before",
    )
    rows = [
        (
            part.runs[step.at].entry.revision.title,
            Cell(verdict := verdict_of(part, step), tone=_VERDICTS[verdict]),
            _change(step),
            signed(step.difference, DIGITS),
            interval(step.low, step.high, DIGITS),
            fixed(step.p_value, 4),
            part.runs[step.at].entry.date,
            "; ".join(part.causes(step)) or "nothing that is recorded",
        )
        for step in reversed(part.steps)
    ]
    return [Heading("Steps"), plain_table(header, rows, worded=(1, 2, 7))]


def _runs(series: Series, part: Part, *, most: int | None = None) -> list[Block]:
    """A row per run, the newest first."""
    levels = part.segmentation.stretches if part.segmentation else ()
    rows = []
    for number, run in reversed(list(enumerate(part.runs))):
        stretch = next((each for each in levels if each.start <= number < each.end), None)
        noise = (
            "" if stretch is None or stretch.half_width is None else f"± {fixed(stretch.half_width, DIGITS)}"
        )
        rows.append(
            (
                run.entry.revision.title,
                fixed(run.mean, DIGITS),
                "" if stretch is None else Cell(fixed(stretch.level, DIGITS), detail=noise),
                count(len(run.values)),
                run.entry.date,
                run.entry.subject,
            )
        )
    header = ("run", series.metric, "level and noise", "seeds", "date", "message")
    blocks: list[Block] = [Heading("Runs"), plain_table(header, rows[:most], worded=(5,))]
    if most is not None and len(rows) > most:
        blocks.append(
            Paragraph(f"The {plural(len(rows) - most, 'older run')} are in --html and --json.", "small")
        )
    return blocks


def _remarks(part: Part) -> list[Block]:
    """Why the part begins, and what its steps rest on."""
    anew = f"The series begins anew with this part, because {part.reason}." if part.reason else ""
    return [Paragraph(" ".join(filter(None, (anew, *part.remarks))), "small")]


def _chart(series: Series, part: Part) -> Picture:
    """The runs over the level of each stretch, whose band is noise; runs at a step have its colour."""
    values = [run.mean for run in part.runs]
    numbers = np.arange(1.0, len(values) + 1)
    lines = []
    for stretch in part.segmentation.stretches if part.segmentation else ():
        if stretch.half_width is not None:
            ends = np.array([stretch.start + 0.5, stretch.end + 0.5])
            flat = np.full(2, stretch.level)
            band = [flat - stretch.half_width, flat + stretch.half_width]
            name = f"level {fixed(stretch.level, DIGITS)} ± {fixed(stretch.half_width, DIGITS)}"
            lines.append(Line(name, 0, ends, flat, band))
    lines.append(Line(series.metric, 1, numbers, np.array(values)))
    tones = {step.at: _VERDICTS[verdict_of(part, step)] for step in part.steps}
    marks = [
        Mark(
            ", ".join(filter(None, (_title(run), fixed(value, DIGITS), run.entry.subject))),
            number + 1.0,
            value,
            tones.get(number, "c1"),
        )
        for number, (run, value) in enumerate(zip(part.runs, values, strict=True))
    ]
    caption = (
        f"{series.metric} of {METHOD} on {JUDGED_ON} by run, the oldest on the left. Dashed: the level between two steps; its band is where a run "
        f"lies by noise alone ({level(series.confidence)}). A run at which the level changed is coloured."
    )
    return line_chart(lines, x_label="run", y_label=series.metric, caption=caption, marks=marks)


def _title(run: TrackedRun) -> str:
    title = run.entry.revision.title
    return f"{title} {run.entry.date}" if run.entry.date else title


def _change(step: Step) -> str:
    return f"{fixed(step.before, DIGITS)} → {fixed(step.after, DIGITS)}"

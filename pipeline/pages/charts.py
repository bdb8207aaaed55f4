"""Charts as inline SVG: curves, dots, intervals and columns, each with words under the pointer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from markupsafe import Markup

from pipeline.pages.blocks import Picture, shortened
from pipeline.pages.numbers import count, fixed, interval, signed
from pipeline.pages.svg import Axis, Tick, element, picture, points

Numbers = Float64[np.ndarray, "_"]

N_COLOURS = 6
"""Series beside the base that can be told apart; the style sheet has a class `c0` for the base and one for each."""

_WIDTH, _HEIGHT = 380.0, 230.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 10.0, 10.0, 38.0
_ROW_HEIGHT = 22.0
_LABEL_WIDTH, _LABEL_LETTERS, _LINE_LETTERS = 120.0, 18, 58
"""Room for a name beside its interval, and above it."""
_COLUMN_GAP, _COLUMN_TOP = 4.0, 26.0
_DIGITS = 4
_LOG_SPAN = 30.0
"""A parameter whose values span at least this factor has an axis in powers of ten."""


@dataclass(frozen=True, eq=False)
class Line:
    """A curve.

    Attributes:
        name: name that the pointer shows.
        colour: number of its colour, 0 for the base.
        x: horizontal places of its points; values that are not finite are left out.
        y: heights of its points.
        seeds: the values of each seed, whose range is a band behind the curve; empty for no band.
    """

    name: str
    colour: int
    x: Numbers
    y: Numbers
    seeds: Sequence[Numbers] = ()


@dataclass(frozen=True)
class Mark:
    """A place on a chart of curves: what the pointer shows there, and which class of the style sheet colours it."""

    title: str
    x: float
    y: float
    style: str


@dataclass(frozen=True)
class Dot:
    """A point: its name, where it is, and which class of the style sheet colours it."""

    name: str
    x: float | str
    y: float
    style: str


@dataclass(frozen=True)
class Bar:
    """An estimate with the ends of its interval, which are None where it has none."""

    name: str
    value: float
    low: float | None
    high: float | None
    style: str


def line_chart(
    lines: Sequence[Line], *, x_label: str, y_label: str, caption: str, marks: Sequence[Mark] = ()
) -> Picture:
    """Curves over each other; behind each the range of its seeds, where it has them; marks lie on top.

    Args:
        lines: curves, at least one.
        x_label: words under the horizontal axis, which counts something.
        y_label: words beside the vertical axis.
        caption: description of what the curves show.
        marks: places on the curves that tell more.
    """
    across = [value for line in lines for value in line.x.tolist()]
    x_axis = Axis(across, _LEFT, _WIDTH - _RIGHT, whole=True)
    heights = [value for line in lines for row in (line.y, *line.seeds) for value in row.tolist()]
    y_axis = Axis([*heights, *(mark.y for mark in marks)], _HEIGHT - _BOTTOM, _TOP)

    def places(x: Numbers, y: Numbers) -> list[tuple[float, float]]:
        """What is not a number is left out: the line goes straight over it."""
        return [
            (x_axis.at(at), y_axis.at(height))
            for at, height in zip(x.tolist(), y.tolist(), strict=True)
            if math.isfinite(at) and math.isfinite(height)
        ]

    parts = _frame(x_axis.ticks, y_axis.ticks, x_label, y_label)
    for line in lines:
        if len(line.seeds) > 1:
            low, high = np.min(line.seeds, axis=0), np.max(line.seeds, axis=0)
            outline = places(np.concatenate([line.x, line.x[::-1]]), np.concatenate([low, high[::-1]]))
            parts.append(element("polygon", class_=f"band c{line.colour}", points=points(outline)))
    # The base lies on top of what it is compared with: it is dashed, so that what is under it can be seen.
    for line in sorted(lines, key=lambda line: line.colour == 0):
        if len(line.x) == 1:
            ((x, y),) = places(line.x, line.y)
            parts.append(element("circle", title=line.name, class_=f"dot c{line.colour}", cx=x, cy=y, r=4.0))
        else:
            along = points(places(line.x, line.y))
            parts.append(element("polyline", title=line.name, class_=f"curve c{line.colour}", points=along))
    for mark in marks:
        place = {"cx": x_axis.at(mark.x), "cy": y_axis.at(mark.y)}
        parts.append(element("circle", title=mark.title, class_=f"dot {mark.style}", **place, r=3.5))
    return _picture(parts, _HEIGHT, caption)


def dot_chart(dots: Sequence[Dot], *, x_label: str, y_label: str, caption: str) -> Picture:
    """A dot per run; `x` is a number, or a word for each, which then stand side by side in their order."""
    ticks, across = _places([dot.x for dot in dots])
    y_axis = Axis([dot.y for dot in dots], _HEIGHT - _BOTTOM, _TOP)
    parts = _frame(ticks, y_axis.ticks, x_label, y_label)
    for dot, x in zip(dots, across, strict=True):
        title = f"{dot.name}: {dot.x}, {fixed(dot.y, _DIGITS)}"
        parts.append(
            element("circle", title=title, class_=f"dot {dot.style}", cx=x, cy=y_axis.at(dot.y), r=4.5)
        )
    return _picture(parts, _HEIGHT, caption)


def interval_chart(bars: Sequence[Bar], *, x_label: str, caption: str) -> Picture:
    """A row per estimate: a dot on its interval, and a line where there is no difference."""
    # A name that does not fit beside its interval stands above it, and so do all others.
    is_above = any(len(bar.name) > _LABEL_LETTERS for bar in bars)
    row_height, left = (_ROW_HEIGHT + 14.0, _RIGHT) if is_above else (_ROW_HEIGHT, _LABEL_WIDTH)
    height = _TOP + row_height * len(bars) + _BOTTOM
    ends = [end for bar in bars for end in (bar.value, bar.low, bar.high) if end is not None]
    axis = Axis([0.0, *ends], left, _WIDTH - _RIGHT)
    zero = axis.at(0.0)
    parts = _frame(axis.ticks, [], x_label, "", height=height, left=left)
    parts.append(element("line", class_="zero", x1=zero, x2=zero, y1=_TOP, y2=height - _BOTTOM))
    for index, bar in enumerate(bars):
        y = _TOP + row_height * (index + 1) - _ROW_HEIGHT / 2
        name = shortened(bar.name, at_most=_LINE_LETTERS)
        if is_above:
            parts.append(element("text", name, class_="above", x=left, y=y - 10))
        else:
            parts.append(element("text", name, class_="end", x=left - 8, y=y + 4))
        title = f"{bar.name}: {signed(bar.value, _DIGITS)}"
        if bar.low is not None and bar.high is not None:
            title += f" {interval(bar.low, bar.high, _DIGITS)}"
            across = {"x1": axis.at(bar.low), "x2": axis.at(bar.high), "y1": y, "y2": y}
            parts.append(element("line", title=title, class_=f"interval {bar.style}", **across))
        parts.append(
            element("circle", title=title, class_=f"dot {bar.style}", cx=axis.at(bar.value), cy=y, r=4.0)
        )
    return _picture(parts, height, caption)


def column_chart(
    counts: Sequence[int], names: Sequence[str], *, ends: tuple[str, str], style: str, caption: str
) -> Picture:
    """Columns side by side, as high as they count.

    Args:
        counts: heights of the columns, from left to right.
        names: names of the columns, for the pointer.
        ends: words under the left and the right end of the axis.
        style: class of the style sheet that colours them.
        caption: description of what the columns show.
    """
    bottom, most = _HEIGHT - _BOTTOM, max([*counts, 1])
    width = (_WIDTH - 2 * _RIGHT) / max(len(counts), 1)
    parts = []
    for position, (number, name) in enumerate(zip(counts, names, strict=True)):
        x, height = _RIGHT + position * width, (bottom - _COLUMN_TOP) * number / most
        place = {
            "x": x + _COLUMN_GAP / 2,
            "y": bottom - height,
            "width": width - _COLUMN_GAP,
            "height": height,
        }
        title = f"{name}: {count(number)}"
        parts.append(element("rect", title=title, class_=f"column {style}", **place))
        if number:
            parts.append(
                element("text", count(number), class_="middle", x=x + width / 2, y=bottom - height - 4)
            )
    parts.append(element("line", class_="zero", x1=_RIGHT, x2=_WIDTH - _RIGHT, y1=bottom, y2=bottom))
    parts.append(element("text", ends[0], x=_RIGHT, y=bottom + 14))
    parts.append(element("text", ends[1], class_="end", x=_WIDTH - _RIGHT, y=bottom + 14))
    return _picture(parts, bottom + 20, caption)


def _places(values: Sequence[float | str]) -> tuple[list[Tick], list[float]]:
    """Ticks, and where each value stands."""
    numbers = [value for value in values if not isinstance(value, str)]
    if len(numbers) == len(values):
        log = min(numbers) > 0 and max(numbers) / min(numbers) >= _LOG_SPAN
        axis = Axis(numbers, _LEFT, _WIDTH - _RIGHT, log=log)
        return axis.ticks, [axis.at(value) for value in numbers]
    words = sorted({str(value) for value in values})
    width = (_WIDTH - _LEFT - _RIGHT) / len(words)
    place = {word: _LEFT + width * (index + 0.5) for index, word in enumerate(words)}
    most = max(3, int(width / 6))
    return [(x, _cut(word, most)) for word, x in place.items()], [place[str(value)] for value in values]


def _frame(
    x_ticks: Sequence[Tick],
    y_ticks: Sequence[Tick],
    x_label: str,
    y_label: str,
    *,
    height: float = _HEIGHT,
    left: float = _LEFT,
) -> list[Markup]:
    """Lines and words of both axes."""
    bottom, right = height - _BOTTOM, _WIDTH - _RIGHT
    parts = []
    for x, words in x_ticks:
        parts.append(element("line", class_="grid-line", x1=x, x2=x, y1=_TOP, y2=bottom))
        parts.append(element("text", words, class_="middle", x=x, y=bottom + 14))
    for y, words in y_ticks:
        parts.append(element("line", class_="grid-line", x1=left, x2=right, y1=y, y2=y))
        parts.append(element("text", words, class_="end", x=left - 6, y=y + 4))
    parts.append(element("text", x_label, class_="middle", x=(left + right) / 2, y=height - 5))
    if y_label:
        upright = f"translate(11 {(_TOP + bottom) / 2:.1f}) rotate(-90)"
        parts.append(element("text", y_label, class_="middle", transform=upright))
    return parts


def _picture(parts: Sequence[Markup], height: float, caption: str) -> Picture:
    return Picture(picture(parts, width=_WIDTH, height=height, label=caption), caption)


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"

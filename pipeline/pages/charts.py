"""Charts as inline SVG that a page's style sheet colours: lines, dots and intervals, each with words to hover over.

Drawn here and not by a plotting library: importing one takes longer than all else that a comparison does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from markupsafe import Markup

Numbers = Float64[np.ndarray, "_"]

N_COLOURS = 6
"""Series beside the base that can be told apart; the style sheet has a class `c0` for the base and one for each."""

_WIDTH, _HEIGHT = 380.0, 230.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 10.0, 10.0, 38.0
_ROW_HEIGHT = 22.0
_LABEL_WIDTH = 120.0
_MAX_TICKS = 6
_LOG_SPAN = 30.0
"""A parameter whose values span at least this factor has an axis in powers of ten."""


@dataclass(frozen=True)
class Chart:
    """A picture, and a sentence for those who see it and those who do not."""

    svg: Markup
    caption: str


@dataclass(frozen=True, eq=False)
class Line:
    """A curve: its name, its colour (0 for the base), its points, and the values of each seed where they are shown."""

    name: str
    colour: int
    x: Numbers
    y: Numbers
    seeds: Sequence[Numbers] = ()


@dataclass(frozen=True)
class Dot:
    """A point with what it is called, where it is and which CSS class colours it."""

    name: str
    x: float | str
    y: float
    style: str


@dataclass(frozen=True)
class Bar:
    """An estimate with its interval; None where it has none."""

    name: str
    value: float
    low: float | None
    high: float | None
    style: str


class _Axis:
    """From values to points of the picture, linear or by powers of ten."""

    def __init__(self, values: Sequence[float], start: float, end: float, *, log: bool = False) -> None:
        self._log, self._start, self._end = log, start, end
        shown = [math.log10(value) if log else value for value in values if math.isfinite(value)] or [0.0]
        edge = 0.04 * (max(shown) - min(shown)) or abs(shown[0]) * 0.05 or 0.5
        self.low, self.high = min(shown) - edge, max(shown) + edge

    def at(self, value: float) -> float:
        shown = math.log10(value) if self._log else value
        return self._start + (shown - self.low) / (self.high - self.low) * (self._end - self._start)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Places and words: round numbers."""
        if self._log:
            powers = range(math.floor(self.low), math.ceil(self.high) + 1)
            by_factors = [
                [
                    value
                    for power in powers
                    for factor in factors
                    if self.low <= math.log10(value := factor * 10.0**power) <= self.high
                ]
                for factors in ((1, 2, 5), (1,))
            ]
            values = next((values for values in by_factors if len(values) <= _MAX_TICKS), by_factors[-1])
            words = [f"{value:.4g}" for value in values]
        else:
            step = _round_step((self.high - self.low) / (_MAX_TICKS - 1.5))
            first, last = math.ceil(self.low / step), math.floor(self.high / step)
            values = [number * step for number in range(first, last + 1)]
            n_digits = max(0, -math.floor(math.log10(step)))
            words = [f"{value + 0.0:.{n_digits}f}".replace("-", "−") for value in values]
        return [(self.at(value), word) for value, word in zip(values, words, strict=True)]


def line_chart(lines: Sequence[Line], *, x_label: str, y_label: str, caption: str) -> Chart:
    """Curves over each other; behind each the range of its seeds, where it has them."""
    x_axis = _Axis([value for line in lines for value in line.x.tolist()], _LEFT, _WIDTH - _RIGHT)
    y_axis = _Axis(
        [value for line in lines for row in (line.y, *line.seeds) for value in row.tolist()],
        _HEIGHT - _BOTTOM,
        _TOP,
    )
    parts = [_frame(x_axis.ticks, y_axis.ticks, x_label, y_label)]
    for line in lines:
        if len(line.seeds) > 1:
            low, high = np.min(line.seeds, axis=0), np.max(line.seeds, axis=0)
            outline = [*zip(line.x, low, strict=True), *zip(line.x[::-1], high[::-1], strict=True)]
            area = _points([(float(x), float(y)) for x, y in outline], x_axis, y_axis)
            parts.append(Markup('<polygon class="band c{}" points="{}"/>').format(line.colour, area))
    # The base lies on top of what it is compared with: it is dashed, so that what is under it can be seen.
    for line in sorted(lines, key=lambda line: line.colour == 0):
        points = [(float(x), float(y)) for x, y in zip(line.x, line.y, strict=True)]
        title = Markup("<title>{}</title>").format(line.name)
        if len(points) == 1:
            ((x, y),) = points
            parts.append(
                Markup('<circle class="dot c{}" cx="{:.1f}" cy="{:.1f}" r="4">{}</circle>').format(
                    line.colour, x_axis.at(x), y_axis.at(y), title
                )
            )
        else:
            parts.append(
                Markup('<polyline class="line c{}" points="{}">{}</polyline>').format(
                    line.colour, _points(points, x_axis, y_axis), title
                )
            )
    return Chart(_svg(parts, _HEIGHT, caption), caption)


def dot_chart(dots: Sequence[Dot], *, x_label: str, y_label: str, caption: str) -> Chart:
    """A dot a run; `x` is a number, or a word for each, which then stand side by side in their order."""
    ticks, places = _places([dot.x for dot in dots])
    y_axis = _Axis([dot.y for dot in dots], _HEIGHT - _BOTTOM, _TOP)
    parts = [_frame(ticks, y_axis.ticks, x_label, y_label)]
    for dot, x in zip(dots, places, strict=True):
        parts.append(
            Markup(
                '<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="4.5"><title>{}: {}, {:.4f}</title></circle>'
            ).format(dot.style, x, y_axis.at(dot.y), dot.name, dot.x, dot.y)
        )
    return Chart(_svg(parts, _HEIGHT, caption), caption)


def interval_chart(bars: Sequence[Bar], *, x_label: str, caption: str) -> Chart:
    """A row an estimate: a dot on its interval, and a line where there is no difference."""
    height = _TOP + _ROW_HEIGHT * len(bars) + _BOTTOM
    ends = [end for bar in bars for end in (bar.value, bar.low, bar.high) if end is not None]
    axis = _Axis([0.0, *ends], _LABEL_WIDTH, _WIDTH - _RIGHT)
    parts = [_frame(axis.ticks, [], x_label, "", height=height, left=_LABEL_WIDTH)]
    parts.append(
        Markup('<line class="zero" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2:.1f}"/>').format(
            axis.at(0.0), _TOP, height - _BOTTOM
        )
    )
    for index, bar in enumerate(bars):
        y = _TOP + _ROW_HEIGHT * (index + 0.5)
        parts.append(
            Markup('<text class="end" x="{:.1f}" y="{:.1f}">{}</text>').format(
                _LABEL_WIDTH - 8, y + 4, _cut(bar.name, 18)
            )
        )
        words = f"{bar.name}: {bar.value:+.4f}"
        if bar.low is not None and bar.high is not None:
            words += f" [{bar.low:+.4f}, {bar.high:+.4f}]"
            parts.append(
                Markup(
                    '<line class="bar {}" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"><title>{}</title></line>'
                ).format(bar.style, axis.at(bar.low), axis.at(bar.high), y, y, words)
            )
        parts.append(
            Markup('<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}</title></circle>').format(
                bar.style, axis.at(bar.value), y, words
            )
        )
    return Chart(_svg(parts, height, caption), caption)


def _places(values: Sequence[float | str]) -> tuple[list[tuple[float, str]], list[float]]:
    """Ticks, and where each value stands."""
    numbers = [value for value in values if not isinstance(value, str)]
    if len(numbers) == len(values):
        log = min(numbers) > 0 and max(numbers) / min(numbers) >= _LOG_SPAN
        axis = _Axis(numbers, _LEFT, _WIDTH - _RIGHT, log=log)
        return axis.ticks, [axis.at(value) for value in numbers]
    words = sorted({str(value) for value in values})
    width = (_WIDTH - _LEFT - _RIGHT) / len(words)
    place = {word: _LEFT + width * (index + 0.5) for index, word in enumerate(words)}
    most = max(3, int(width / 6))
    return [(x, _cut(word, most)) for word, x in place.items()], [place[str(value)] for value in values]


def _frame(
    x_ticks: Sequence[tuple[float, str]],
    y_ticks: Sequence[tuple[float, str]],
    x_label: str,
    y_label: str,
    *,
    height: float = _HEIGHT,
    left: float = _LEFT,
) -> Markup:
    bottom = height - _BOTTOM
    parts = []
    for x, words in x_ticks:
        parts.append(
            Markup('<line class="grid" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2:.1f}"/>').format(
                x, _TOP, bottom
            )
        )
        parts.append(
            Markup('<text class="middle" x="{:.1f}" y="{:.1f}">{}</text>').format(x, bottom + 14, words)
        )
    for y, words in y_ticks:
        parts.append(
            Markup('<line class="grid" x1="{0:.1f}" x2="{1:.1f}" y1="{2:.1f}" y2="{2:.1f}"/>').format(
                left, _WIDTH - _RIGHT, y
            )
        )
        parts.append(
            Markup('<text class="end" x="{:.1f}" y="{:.1f}">{}</text>').format(left - 6, y + 4, words)
        )
    parts.append(
        Markup('<text class="middle" x="{:.1f}" y="{:.1f}">{}</text>').format(
            (left + _WIDTH - _RIGHT) / 2, height - 5, x_label
        )
    )
    if y_label:
        parts.append(
            Markup('<text class="middle" transform="translate(11 {:.1f}) rotate(-90)">{}</text>').format(
                (_TOP + bottom) / 2, y_label
            )
        )
    return Markup("").join(parts)


def _svg(parts: Sequence[Markup], height: float, caption: str) -> Markup:
    body = Markup("\n").join(parts)
    return Markup('<svg viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">\n{}\n</svg>').format(
        _WIDTH, height, caption, body
    )


def _points(points: Sequence[tuple[float, float]], x_axis: _Axis, y_axis: _Axis) -> str:
    """What is not a number is left out: the line goes straight over it."""
    return " ".join(
        f"{x_axis.at(x):.1f},{y_axis.at(y):.1f}" for x, y in points if math.isfinite(x) and math.isfinite(y)
    )


def _round_step(least: float) -> float:
    """The least of 1, 2 and 5 times a power of ten that is no less."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= least * (1 - 1e-9))


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"

"""SVG that stands in a page and takes its colours from the style sheet: elements, pictures and axes.

Drawn here and not by a plotting library: importing one takes longer than all else that a comparison does.
"""

import math
from collections.abc import Sequence
from typing import TypeAlias

from markupsafe import Markup, escape

from pipeline.pages.numbers import Real, fixed

MAX_TICKS = 6

Tick: TypeAlias = tuple[float, str]
"""Where a tick stands in the picture, and its words."""


def element(name: str, *children: str, title: str = "", **attributes: Real | str) -> Markup:
    """An element of a picture; every text in it is escaped.

    Args:
        name: its tag.
        children: content, texts or other elements.
        title: text that the pointer shows; empty for nothing.
        attributes: `class_` stands for `class`, and other underscores for hyphens; numbers are in units of the picture,
            of which a hundredth cannot be seen.

    >>> element("text", "a < b", class_="middle", x=0.125, font_size="11px")
    Markup('<text class="middle" x="0.12" font-size="11px">a &lt; b</text>')
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(
            key.rstrip("_").replace("_", "-"), value if isinstance(value, str) else coordinate(value)
        )
        for key, value in attributes.items()
    )
    inside = Markup("").join(escape(child) for child in children)
    if title:
        inside = Markup("<title>{}</title>").format(title) + inside
    if not inside:
        return Markup("<{}{}/>").format(Markup(name), written)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), written, inside)


def picture(
    parts: Sequence[Markup],
    *,
    width: float,
    height: float,
    label: str,
    class_: str = "drawn",
    top: float = 0.0,
) -> Markup:
    """A picture that is as wide as its place in the page allows.

    Args:
        parts: its elements, those on top last.
        width: width of its coordinates.
        height: height of its coordinates.
        label: description of what it shows, for those who do not see it.
        class_: class of the style sheet.
        top: vertical coordinate of its upper edge.
    """
    box = " ".join(coordinate(value) for value in (0.0, top, width, height))
    body = Markup("\n{}\n").format(Markup("\n").join(parts))
    return Markup('<svg class="{}" viewBox="{}" role="img" aria-label="{}">{}</svg>').format(
        class_, box, label, body
    )


def coordinate(value: Real) -> str:
    """A place in a picture, to a hundredth of its unit.

    >>> coordinate(12.0), coordinate(0.125), coordinate(-0.001)
    ('12', '0.12', '0')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def points(places: Sequence[tuple[float, float]]) -> str:
    """Places as the points of a line."""
    return " ".join(f"{coordinate(x)},{coordinate(y)}" for x, y in places)


class Axis:
    """From values to places in a picture, linear or by powers of ten.

    Args:
        values: values to place; those that are not finite do not count.
        start: place of the lower end.
        end: place of the upper end.
        log: whether powers of ten are equally far apart; then all values are positive.
        whole: whether ticks stand at whole numbers alone, as for what is counted.
    """

    def __init__(
        self, values: Sequence[float], start: float, end: float, *, log: bool = False, whole: bool = False
    ) -> None:
        self._log, self._whole, self._start, self._end = log, whole, start, end
        finite = [math.log10(value) if log else value for value in values if math.isfinite(value)] or [0.0]
        edge = 0.04 * (max(finite) - min(finite)) or abs(finite[0]) * 0.05 or 0.5
        self.low, self.high = min(finite) - edge, max(finite) + edge

    def at(self, value: float) -> float:
        """Where a value stands."""
        scaled = math.log10(value) if self._log else value
        return self._start + (scaled - self.low) / (self.high - self.low) * (self._end - self._start)

    @property
    def ticks(self) -> list[Tick]:
        """Round numbers along the axis."""
        if self._log:
            values = self._powers()
            words = [f"{value:.4g}" for value in values]
        else:
            least = (self.high - self.low) / (MAX_TICKS - 1.5)
            step = round_step(max(1.0, least) if self._whole else least)
            first, last = math.ceil(self.low / step), math.floor(self.high / step)
            values = [number * step for number in range(first, last + 1)]
            words = [fixed(value, max(0, -math.floor(math.log10(step)))) for value in values]
        return [(self.at(value), word) for value, word in zip(values, words, strict=True)]

    def _powers(self) -> list[float]:
        """Powers of ten, with their doubles and fivefolds where there are few."""
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
        return next((values for values in by_factors if len(values) <= MAX_TICKS), by_factors[-1])


def round_step(least: float) -> float:
    """The least of 1, 2 and 5 times a power of ten that is no less.

    >>> round_step(0.3), round_step(20.0)
    (0.5, 20.0)
    """
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= least * (1 - 1e-9))

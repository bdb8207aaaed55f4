"""Parts of Vega-Lite descriptions: layers, axes, colours by series, and what the pointer is told."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from pipeline.pages.blocks import Figure

Spec: TypeAlias = dict[str, Any]

WIDE, SQUARE, SMALL = (330, 220), (300, 300), (330, 190)
"""Width and height of the plots of a page, in pixels."""

_DIGITS = 5


def figure(name: str, size: tuple[int, int], caption: str, **description: Any) -> Figure:
    """A chart of one size.

    Args:
        name: anchor in a page and name of a file.
        size: width and height of the plot, in pixels.
        caption: description of what it shows.
        description: the rest of its description.
    """
    return Figure(name, {"width": size[0], "height": size[1]} | description, caption)


def layer(
    mark: str | Spec, encoding: Spec, *, values: Sequence[Mapping[str, Any]] | None = None, **more: Any
) -> Spec:
    """One layer of a chart; `values` are its own rows, None for those of the chart."""
    own = {} if values is None else {"data": {"values": list(values)}}
    return own | {"mark": mark, "encoding": encoding} | more


def line(**style: Any) -> Spec:
    """A mark that joins points."""
    return {"type": "line"} | style


def rule(**style: Any) -> Spec:
    """A mark that is a straight line."""
    return {"type": "rule"} | style


def dot(size: int, **style: Any) -> Spec:
    """A mark that is a filled point; its size is an area in square pixels."""
    return {"type": "point", "filled": True, "size": size, "opacity": 1} | style


def digits(value: float) -> float | None:
    """Digits enough for any eye; None where there is no number."""
    return float(f"{value:.{_DIGITS}g}") + 0.0 if np.isfinite(value) else None


def reach(values: Sequence[float | None]) -> tuple[float, ...]:
    """The least and the greatest number; empty where there is none."""
    numbers = [value for value in values if value is not None]
    return (min(numbers), max(numbers)) if numbers else ()


def widened(limits: tuple[float, float]) -> tuple[float, float]:
    """Ends of an axis that reaches a little beyond its values."""
    low, high = limits
    edge = 0.05 * (high - low) or 1.0
    return (float(f"{low - edge:.{_DIGITS}g}"), float(f"{high + edge:.{_DIGITS}g}"))


def quantity(field: str, title: str, *, zero: bool = False) -> Spec:
    """An axis of numbers, which begins at zero only where `zero` says so."""
    scale, axis = {"zero": zero}, {"tickCount": 5}
    return {"field": field, "type": "quantitative", "title": title, "scale": scale, "axis": axis}


def category(field: str, title: str | None, **more: Any) -> Spec:
    """An axis of words."""
    return {"field": field, "type": "nominal", "title": title} | more


def hover(field: str, title: str, format_: str | None = None) -> Spec:
    """A line of a tooltip; `format_` is a number format of d3, None for words."""
    kind = {"type": "nominal"} if format_ is None else {"type": "quantitative", "format": format_}
    return {"field": field, "title": title} | kind


def by_series(field: str, colours: Mapping[str, str]) -> Spec:
    """A colour for each series, by its name in `field`."""
    scale = {"domain": list(colours), "range": list(colours.values())}
    return {"field": field, "type": "nominal", "scale": scale}


def shapes(field: str, names: Sequence[str]) -> Spec:
    """A shape for each of two series, which tells them apart without colour."""
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": list(names), "range": ["circle", "square"]},
    }


def square_axes(x: str, y: str, ends: tuple[float, float]) -> Spec:
    """Both axes on one scale."""
    return {
        field: {
            "field": field,
            "type": "quantitative",
            "title": title,
            "scale": {"domain": list(ends), "nice": False},
            "axis": {"tickCount": 7},
        }
        for field, title in (("x", x), ("y", y))
    }


def diagonal(ends: tuple[float, float]) -> Spec:
    """The line on which both are equal."""
    number = {"type": "quantitative"}
    places = {
        "x": {"field": "x"} | number,
        "y": {"field": "y"} | number,
        "x2": {"field": "to"},
        "y2": {"field": "to"},
    }
    return layer(rule(strokeWidth=1), places, values=[{"x": ends[0], "y": ends[0], "to": ends[1]}])

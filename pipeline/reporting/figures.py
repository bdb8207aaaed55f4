"""The figures of a report, each as a Vega-Lite description."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from pipeline.artifacts.evaluation import ReliabilityBin
from pipeline.artifacts.models import BASELINE, METHOD
from pipeline.artifacts.pair_statistics import PairBinRow
from pipeline.pages.blocks import Figure
from pipeline.pages.vega import PALETTE

_WIDE, _SQUARE, _SMALL = (330, 220), (300, 300), (330, 190)
_DIGITS = 5
# An epoch is looked up in a band as wide as this, in pixels.
_WIDEST_BAND = 40

Spec = dict[str, Any]


def draw_curves(
    name: str,
    epoch: Float[np.ndarray, "epoch"],
    mean: Float[np.ndarray, "epoch"],
    seeds: Float[np.ndarray, "seed epoch"],
    *,
    seed_names: Sequence[str],
    best: Sequence[int | None] | None = None,
    colour: str,
    quantity: str,
    caption: str,
) -> Figure:
    """A thick line for the mean over seeds and a thin one for each; `best` is a position for each."""
    wide = [
        {"epoch": _number(at), "mean": _number(m)} | {f"s{n}": _number(v) for n, v in enumerate(column)}
        for at, m, column in zip(epoch, mean, seeds.T, strict=True)
    ]
    kept = [
        {"epoch": _number(epoch[position]), "value": _number(row[position]), "seed": words}
        for row, words, position in zip(seeds, seed_names, best or [None] * len(seeds), strict=True)
        if position is not None
    ]
    x = {"field": "epoch", "type": "quantitative", "title": "epoch", "scale": {"nice": False}}
    x["axis"] = {"tickMinStep": 1, "format": "d", "tickCount": 6, "grid": False}
    lines: list[Spec] = [
        {
            "mark": {"type": "line", "color": PALETTE[colour], "strokeWidth": width, "opacity": opacity},
            "encoding": {"x": x, "y": _quantity(field, quantity)},
        }
        for field, width, opacity in (*((f"s{n}", 0.8, 0.55) for n in range(len(seeds))), ("mean", 2, 1))
    ]
    band = min(_WIDEST_BAND, _WIDE[0] / max(len(epoch) - 1, 1))
    told = [_told("epoch", "Epoch", "d"), _told("mean", "Mean", ".4f")]
    told += [_told(f"s{n}", f"Seed {words}", ".4f") for n, words in enumerate(seed_names)]
    looked_up: Spec = {
        "params": [
            {
                "name": "at",
                "select": {"type": "point", "on": "pointerover", "clear": "pointerout", "nearest": False},
            }
        ],
        "mark": {"type": "rule", "color": PALETTE["line"], "strokeWidth": round(band, 2)},
        "encoding": {
            "x": x,
            "opacity": {"condition": {"param": "at", "empty": False, "value": 0.3}, "value": 0},
            "tooltip": told,
        },
    }
    chosen: Spec = {
        "data": {"values": kept},
        "mark": {"type": "point", "filled": True, "color": PALETTE[colour], "size": 36, "opacity": 1},
        "encoding": {
            "x": x,
            "y": _quantity("value", quantity),
            "tooltip": [
                _told("seed", "Kept epoch of seed"),
                _told("epoch", "Epoch", "d"),
                _told("value", quantity, ".4f"),
            ],
        },
    }
    spec = _sized(_WIDE) | {
        "data": {"values": wide},
        "layer": [*lines, looked_up, *([chosen] if kept else [])],
    }
    return Figure(name, spec, caption)


def draw_scatter(
    name: str,
    ids: Sequence[str],
    truth: Float[np.ndarray, "segment"],
    predictions: Float[np.ndarray, "seed segment"],
    *,
    limits: tuple[float, float],
    colour: str,
    caption: str,
) -> Figure:
    """A dot a segment, label against mean prediction, and the diagonal on which both are equal."""
    mean, low, high = predictions.mean(axis=0), predictions.min(axis=0), predictions.max(axis=0)
    dots = [
        {"id": id_, "y": _number(label), "x": _number(x), "seeds": f"{_two(least)} to {_two(most)}"}
        for id_, label, x, least, most in zip(ids, truth, mean, low, high, strict=True)
    ]
    # Few dots have to be seen at all, many have to show where they lie on top of each other.
    opacity = round(float(np.clip(150 / max(len(truth), 1), 0.3, 0.8)), 3)
    ends = _ends(limits)
    layer: Spec = {
        "data": {"values": dots},
        "transform": [{"calculate": "datum.x - datum.y", "as": "error"}],
        "mark": {
            "type": "point",
            "shape": "circle",
            "filled": True,
            "size": 36 if len(truth) < 300 else 20,
            "color": PALETTE[colour],
        }
        | {"opacity": opacity},
        "encoding": _square_axes("prediction, label units", "label", ends)
        | {
            "tooltip": [
                _told("id", "Segment"),
                _told("y", "Label", ".2f"),
                _told("x", "Prediction, mean over seeds", ".2f"),
                _told("seeds", "Least to greatest seed"),
                _told("error", "Error", "+.2f"),
            ]
        },
    }
    return Figure(name, _sized(_SQUARE) | {"layer": [_diagonal(ends), layer]}, caption)


def draw_reliability(
    name: str,
    bins: Mapping[str, Sequence[ReliabilityBin]],
    lines: Mapping[str, tuple[float, float]],
    *,
    names: Mapping[str, str],
    labels: tuple[str, str],
    caption: str,
) -> Figure:
    """Mean label against mean prediction by bin, a line a model.

    Args:
        name: Of the figure.
        bins: Rows of `reliability_table` by model.
        lines: Slope and offset of the least-squares line of a model's labels on its predictions; dashed.
        names: Models in words.
        labels: Axes in words.
        caption: What it shows.
    """
    dots: list[Spec] = [
        {
            "model": names[model],
            "x": _number(row.mean_prediction),
            "y": _number(row.mean_truth),
            "n": row.n_segments,
        }
        for model, rows in bins.items()
        for row in rows
    ]
    fitted = [
        {"model": names[model], "x": x, "y": _number(slope * x + offset)}
        for model, (slope, offset) in lines.items()
        for x in _reach([_number(row.mean_prediction) for row in bins[model]])
    ]
    values = [each for dot in dots for each in (dot["x"], dot["y"])]
    ends = _ends((min(values, default=0.0), max(values, default=0.0)))
    axes = _square_axes(labels[0], labels[1], ends) | {"color": _by_model(names)}
    told = [
        _told("model", "Model"),
        _told("x", labels[0], ".3f"),
        _told("y", labels[1], ".3f"),
        _told("n", "Segments in the bin", ",d"),
    ]
    layers: list[Spec] = [
        _diagonal(ends),
        {
            "data": {"values": fitted},
            "mark": {"type": "line", "strokeDash": [5, 4], "strokeWidth": 1.2, "opacity": 0.7, "clip": True},
            "encoding": axes,
        },
        {"data": {"values": dots}, "mark": {"type": "line", "strokeWidth": 1.6}, "encoding": axes},
        {
            "data": {"values": dots},
            "mark": {"type": "point", "filled": True, "size": 55, "opacity": 1},
            "encoding": axes | {"shape": _shape_by_model(names), "tooltip": told},
        },
    ]
    return Figure(name, _sized(_SQUARE) | {"layer": layers}, caption)


def draw_differences(name: str, bars: Mapping[str, tuple[float, float, float]], *, caption: str) -> Figure:
    """Mean, low and high of each difference as a dot and its interval, from the top; coloured where it excludes zero."""
    rows = [
        {"metric": metric, "mean": _number(mean), "low": _number(low), "high": _number(high)}
        | {"side": "neither" if low <= 0 <= high else ("GRCF" if low > 0 else "point-wise")}
        for metric, (mean, low, high) in bars.items()
    ]
    reach = _number(1.1 * max((abs(end) for bar in bars.values() for end in bar), default=1.0)) or 1.0
    y: Spec = {"field": "metric", "type": "nominal", "title": None, "sort": list(bars)}
    y["axis"] = {"ticks": False, "domain": False, "labelLimit": 200}
    sides = {"neither": "ink", "GRCF": METHOD, "point-wise": BASELINE}
    scale = {"domain": list(sides), "range": [PALETTE[colour] for colour in sides.values()]}
    shared: Spec = {
        "y": y,
        "color": {"field": "side", "type": "nominal", "scale": scale, "legend": None},
        "tooltip": [
            _told("metric", "Metric"),
            _told("mean", "Difference", "+.4f"),
            _told("low", "Interval from", "+.4f"),
            _told("high", "to", "+.4f"),
        ],
    }
    x: Spec = {
        "type": "quantitative",
        "title": "← point-wise better\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}·\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}GRCF better →",
    }
    x |= {"scale": {"domain": [-reach, reach], "nice": False}, "axis": {"tickCount": 5}}
    spec = _sized((290, max(60, 24 * len(bars)))) | {
        "data": {"values": rows},
        "layer": [
            {
                "data": {"values": [{}]},
                "mark": "rule",
                "encoding": {"x": {"datum": 0, "type": "quantitative"}},
            },
            {
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": shared | {"x": x | {"field": "low"}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
                "encoding": shared | {"x": x | {"field": "mean"}},
            },
        ],
    }
    return Figure(name, spec, caption)


def draw_shares(
    name: str, classes: Sequence[str], shares: Mapping[str, Float[np.ndarray, "class"]], *, caption: str
) -> Figure:
    """Bars side by side: the share of each class, a colour a series."""
    rows = [
        {"class": words, "series": series, "share": _number(100 * value)}
        for series, values in shares.items()
        for words, value in zip(classes, values, strict=True)
    ]
    scale = {"domain": list(shares), "range": [PALETTE[series] for series in shares]}
    x = {"field": "class", "type": "nominal", "sort": list(classes), "title": "class of label"}
    spec = _sized(_WIDE) | {
        "data": {"values": rows},
        "mark": "bar",
        "encoding": {
            "x": x | {"axis": {"labelAngle": 0, "ticks": False}},
            "xOffset": {"field": "series", "type": "nominal", "sort": list(shares)},
            "y": _quantity("share", "% of the split's segments", zero=True),
            "color": {"field": "series", "type": "nominal", "scale": scale},
            "tooltip": [
                _told("series", "Split"),
                _told("class", "Class"),
                _told("share", "Share, %", ".1f"),
            ],
        },
    }
    return Figure(name, spec, caption)


def draw_order(
    name: str,
    accuracy: Float[np.ndarray, "above below"],
    n_pairs: Int64[np.ndarray, "above below"],
    *,
    classes: Sequence[str],
    caption: str,
) -> Figure:
    """A cell a pair of classes: the share of its pairs in the right order, the darker the fewer; empty without pairs."""
    cells = [
        {"above": classes[above], "below": classes[below], "wrong": _number(1 - accuracy[above, below])}
        | {"right": _number(accuracy[above, below]), "n": int(n_pairs[above, below])}
        for above in range(len(classes))
        for below in range(above)
        if n_pairs[above, below]
    ]
    axis = {"labelAngle": 0, "ticks": False, "domain": False, "labelLimit": 70}
    x = {"field": "below", "type": "nominal", "title": "lower label", "axis": axis}
    y = {"field": "above", "type": "nominal", "title": "higher label", "axis": axis}
    shared: Spec = {
        "x": x | {"scale": {"domain": list(classes[:-1])}},
        "y": y | {"scale": {"domain": list(classes[:0:-1])}},
    }
    told = [
        _told("above", "Higher label"),
        _told("below", "Lower label"),
        _told("right", "In the right order", ".1%"),
        _told("n", "Pairs of segments", ",d"),
    ]
    # Pairs in the wrong order as often as in the right one are as bad as a guess: no darker than that.
    shade = {"domain": [0, 0.5], "range": [0.03, 0.7], "clamp": True}
    spec = _sized((300, 250)) | {
        "data": {"values": cells},
        "layer": [
            {
                "mark": {"type": "rect", "color": PALETTE["pointwise"]},
                "encoding": shared
                | {"fillOpacity": {"field": "wrong", "type": "quantitative", "scale": shade, "legend": None}}
                | {"tooltip": told},
            },
            {
                "mark": {"type": "text"},
                "encoding": shared
                | {"text": {"field": "right", "type": "quantitative", "format": ".0%"}, "tooltip": told},
            },
        ],
    }
    return Figure(name, spec, caption)


def draw_histogram(name: str, bins: Sequence[PairBinRow], *, quantity: str, caption: str) -> Figure:
    """Bars from `low` to `high` as high as `share` (of all), stacked by `distance` (how many groups apart)."""
    apart = sorted({row.distance for row in bins})
    rows = [
        {"low": _number(row.low), "high": _number(row.high), "share": _number(100 * row.share)}
        | {"apart": row.distance, "n": row.n_pairs}
        for row in bins
    ]
    depths = [round(float(each), 3) for each in np.linspace(0.3, 1.0, max(len(apart), 1))]
    shade = {"type": "ordinal", "domain": apart, "range": depths}
    legend = {"title": "groups apart", "symbolType": "square", "symbolFillColor": PALETTE["grcf"]}
    spec = _sized(_WIDE) | {
        "data": {"values": rows},
        "mark": {"type": "bar", "color": PALETTE["grcf"]},
        "encoding": {
            "x": {"field": "low", "type": "quantitative", "title": quantity, "bin": {"binned": True}}
            | {"scale": {"zero": False, "nice": False}, "axis": {"tickCount": 6, "grid": False}},
            "x2": {"field": "high"},
            "y": _quantity("share", "% of the pairs", zero=True) | {"stack": "zero"},
            "opacity": {"field": "apart", "type": "ordinal", "scale": shade, "legend": legend},
            "order": {"field": "apart", "type": "ordinal"},
            "tooltip": [
                _told("low", "From", ".3f"),
                _told("high", "to", ".3f"),
                _told("apart", "Groups apart", "d"),
                _told("share", "Of all pairs, %", ".2f"),
                _told("n", "Pairs, all seeds", ",d"),
            ],
        },
    }
    return Figure(name, spec, caption)


def draw_rates(
    name: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    names: Mapping[str, str],
    quantity: str,
    amount: tuple[str, str],
    limits: tuple[float, float] | None,
    constant: float | None,
    caption: str,
) -> Figure:
    """A line a model over the amount of what is missing or noisy, a band for the interval over seeds where there is one.

    Args:
        name: Of the figure.
        rows: Mappings of `model`, `rate`, `mean`, `low` and `high`, the last two None without an interval.
        names: Models in words.
        quantity: The vertical axis in words.
        amount: The horizontal axis in words, and its format by d3.
        limits: Ends of the vertical axis, alike in figures that are to be compared; None for no values.
        constant: What the best constant reaches; a grey line.
        caption: What it shows.
    """
    values = [
        {
            "model": names[row["model"]],
            "rate": _number(row["rate"]),
            "mean": _number(row["mean"]),
            "low": None if row["low"] is None else _number(row["low"]),
            "high": None if row["high"] is None else _number(row["high"]),
        }
        for row in rows
    ]
    x: Spec = {"field": "rate", "type": "quantitative", "title": amount[0]}
    x |= {"axis": {"format": amount[1], "grid": False, "tickCount": 6}, "scale": {"nice": False}}
    y = _quantity("mean", quantity)
    if limits is not None:
        y["scale"] = {"domain": [_number(end) for end in limits], "nice": False, "zero": False}
    shared: Spec = {"x": x, "color": _by_model(names)}
    told = [
        _told("model", "Model"),
        _told(
            "rate",
            f"{amount[0][0].upper()}{amount[0][1:]}",
            f".0{amount[1]}" if amount[1] == "%" else amount[1],
        ),
        _told("mean", quantity, ".4f"),
        _told("low", "Interval over seeds from", ".4f"),
        _told("high", "to", ".4f"),
    ]
    layers: list[Spec] = [
        {
            "transform": [{"filter": "datum.low !== null"}],
            "mark": {"type": "area", "opacity": 0.15, "clip": True},
            "encoding": shared | {"y": y | {"field": "low"}, "y2": {"field": "high"}},
        },
        {"mark": {"type": "line", "strokeWidth": 1.8}, "encoding": shared | {"y": y}},
        {
            "mark": {"type": "point", "filled": True, "size": 45, "opacity": 1},
            "encoding": shared | {"y": y, "shape": _shape_by_model(names), "tooltip": told},
        },
    ]
    if constant is not None:
        line: Spec = {
            "data": {"values": [{"mean": _number(constant)}]},
            "mark": {"type": "rule", "strokeDash": [3, 3], "strokeWidth": 1.2},
            "encoding": {"y": y},
        }
        layers.insert(0, line)
    return Figure(name, _sized(_SMALL) | {"data": {"values": values}, "layer": layers}, caption)


def _number(value: float) -> float | None:
    """Digits enough for any eye; None where there is no number."""
    return float(f"{value:.{_DIGITS}g}") + 0.0 if np.isfinite(value) else None


def _two(value: float) -> str:
    return f"{value + 0.0:.2f}".replace("-", "−")


def _reach(values: Sequence[float | None]) -> tuple[float, ...]:
    found = [value for value in values if value is not None]
    return (min(found), max(found)) if found else ()


def _sized(size: tuple[int, int]) -> Spec:
    return {"width": size[0], "height": size[1]}


def _told(field: str, title: str, format_: str | None = None) -> Spec:
    """A line of what the pointer is told."""
    kind = {"type": "nominal"} if format_ is None else {"type": "quantitative", "format": format_}
    return {"field": field, "title": title} | kind


def _quantity(field: str, title: str, *, zero: bool = False) -> Spec:
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": {"zero": zero},
        "axis": {"tickCount": 5},
    }


def _by_model(names: Mapping[str, str]) -> Spec:
    scale = {"domain": list(names.values()), "range": [PALETTE[model] for model in names]}
    return {"field": "model", "type": "nominal", "scale": scale}


def _shape_by_model(names: Mapping[str, str]) -> Spec:
    """Told apart without colour too."""
    scale = {"domain": list(names.values()), "range": ["circle", "square"]}
    return {"field": "model", "type": "nominal", "scale": scale}


def _ends(limits: tuple[float, float]) -> tuple[float, float]:
    """A little wider than the values."""
    low, high = limits
    edge = 0.05 * (high - low) or 1.0
    return (float(f"{low - edge:.{_DIGITS}g}"), float(f"{high + edge:.{_DIGITS}g}"))


def _square_axes(x: str, y: str, ends: tuple[float, float]) -> Spec:
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


def _diagonal(ends: tuple[float, float]) -> Spec:
    """The line on which both are equal."""
    return {
        "data": {"values": [{"x": ends[0], "y": ends[0], "to": ends[1]}]},
        "mark": {"type": "rule", "strokeWidth": 1},
        "encoding": {
            "x": {"field": "x", "type": "quantitative"},
            "y": {"field": "y", "type": "quantitative"},
            "x2": {"field": "to"},
            "y2": {"field": "to"},
        },
    }

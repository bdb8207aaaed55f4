"""Figures of bars and intervals: differences of metrics, shares of classes, and quantities of pairs."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from pipeline.artifacts.evaluated.models import BASELINE, METHOD
from pipeline.artifacts.trained.pair_statistics import PairBinRow
from pipeline.pages.blocks import Figure
from pipeline.pages.encodings import (
    WIDE,
    Spec,
    by_series,
    category,
    digits,
    dot,
    figure,
    hover,
    layer,
    quantity,
    rule,
)
from pipeline.pages.palette import LIGHT
from pipeline.reporting.colours import COLOURS

_APART = "\N{NO-BREAK SPACE}" * 2


def draw_differences(
    name: str,
    bars: Mapping[str, tuple[float, float, float]],
    *,
    detectable: Mapping[str, float] | None = None,
    caption: str,
) -> Figure:
    """A dot and its interval per difference, from the top; coloured where the interval excludes zero.

    Args:
        name: name of the figure.
        bars: mean, low and high by the name of the metric; above zero where GRCF is better.
        detectable: smallest difference that could have been seen, by the same names: a band around zero; None for no bands.
        caption: description of what the figure shows.
    """
    rows = [
        {"metric": metric, "mean": digits(mean), "low": digits(low), "high": digits(high)}
        | {"side": "neither" if low <= 0 <= high else ("GRCF" if low > 0 else "point-wise")}
        for metric, (mean, low, high) in bars.items()
    ]
    ends = [abs(end) for bar in (*bars.values(), (detectable or {}).values()) for end in bar]
    furthest = digits(1.1 * max(ends, default=1.0)) or 1.0
    sides = {"neither": LIGHT["quiet"], "GRCF": COLOURS[METHOD], "point-wise": COLOURS[BASELINE]}
    names = {"ticks": False, "domain": False, "labelLimit": 200}
    shared: Spec = {
        "y": category("metric", None, sort=list(bars), axis=names),
        "color": by_series("side", sides) | {"legend": None},
        "tooltip": [
            hover("metric", "Metric"),
            hover("mean", "Difference", "+.4f"),
            hover("low", "Interval from", "+.4f"),
            hover("high", "to", "+.4f"),
        ],
    }
    x: Spec = {
        "type": "quantitative",
        "title": f"← point-wise better{_APART}·{_APART}GRCF better →",
        "scale": {"domain": [-furthest, furthest], "nice": False},
        "axis": {"tickCount": 5},
    }
    layers = [
        layer("rule", {"x": {"datum": 0, "type": "quantitative"}}, values=[{}]),
        *_bands(detectable or {}, shared["y"], x),
        layer(rule(strokeWidth=2), shared | {"x": x | {"field": "low"}, "x2": {"field": "high"}}),
        layer(dot(60), shared | {"x": x | {"field": "mean"}}),
    ]
    size = (290, max(60, 24 * len(bars)))
    return figure(name, size, caption, data={"values": rows}, layer=layers)


def _bands(detectable: Mapping[str, float], y: Spec, x: Spec) -> list[Spec]:
    """From minus to plus what could have been seen, behind the intervals."""
    if not detectable:
        return []
    rows = [
        {"metric": metric, "from": digits(-size), "to": digits(size)} for metric, size in detectable.items()
    ]
    band = rule(strokeWidth=14, color=LIGHT["grid"])
    encoding = {
        "y": y,
        "x": x | {"field": "from"},
        "x2": {"field": "to"},
        "tooltip": [hover("metric", "Differences"), hover("to", "seen from about", ".4f")],
    }
    return [layer(band, encoding, values=rows)]


def draw_shares(
    name: str, classes: Sequence[str], shares: Mapping[str, Float[np.ndarray, "class"]], *, caption: str
) -> Figure:
    """Bars side by side: the share of each class, a colour per split.

    Args:
        name: name of the figure.
        classes: names of the classes.
        shares: share of each class by split, 0 to 1.
        caption: description of what the figure shows.
    """
    rows = [
        {"class": words, "series": series, "share": digits(100 * value)}
        for series, values in shares.items()
        for words, value in zip(classes, values, strict=True)
    ]
    axis = {"labelAngle": 0, "ticks": False}
    encoding: Spec = {
        "x": category("class", "class of label", sort=list(classes), axis=axis),
        "xOffset": {"field": "series", "type": "nominal", "sort": list(shares)},
        "y": quantity("share", "% of the split's segments", zero=True),
        "color": by_series("series", {series: COLOURS[series] for series in shares}),
        "tooltip": [hover("series", "Split"), hover("class", "Class"), hover("share", "Share, %", ".1f")],
    }
    return figure(name, WIDE, caption, data={"values": rows}, mark="bar", encoding=encoding)


def draw_histogram(name: str, bins: Sequence[PairBinRow], *, measure: str, caption: str) -> Figure:
    """Bars from `low` to `high` as high as `share` (of all), stacked by `distance` (how many groups apart).

    Args:
        name: name of the figure.
        bins: rows of the distribution.
        measure: horizontal axis in words.
        caption: description of what the figure shows.
    """
    apart = sorted({row.distance for row in bins})
    rows = [
        {"low": digits(row.low), "high": digits(row.high), "share": digits(100 * row.share)}
        | {"apart": row.distance, "n": row.n_pairs}
        for row in bins
    ]
    depths = [round(float(depth), 3) for depth in np.linspace(0.3, 1.0, max(len(apart), 1))]
    shade = {"type": "ordinal", "domain": apart, "range": depths}
    legend = {"title": "groups apart", "symbolType": "square", "symbolFillColor": COLOURS[METHOD]}
    x: Spec = {"field": "low", "type": "quantitative", "title": measure, "bin": {"binned": True}}
    x |= {"scale": {"zero": False, "nice": False}, "axis": {"tickCount": 6, "grid": False}}
    encoding: Spec = {
        "x": x,
        "x2": {"field": "high"},
        "y": quantity("share", "% of the pairs", zero=True) | {"stack": "zero"},
        "opacity": {"field": "apart", "type": "ordinal", "scale": shade, "legend": legend},
        "order": {"field": "apart", "type": "ordinal"},
        "tooltip": [
            hover("low", "From", ".3f"),
            hover("high", "to", ".3f"),
            hover("apart", "Groups apart", "d"),
            hover("share", "Of all pairs, %", ".2f"),
            hover("n", "Pairs, all seeds", ",d"),
        ],
    }
    mark = {"type": "bar", "color": COLOURS[METHOD]}
    return figure(name, WIDE, caption, data={"values": rows}, mark=mark, encoding=encoding)

"""Figures as inline SVG: the same bytes for the same numbers, and colours that the page may change for a dark screen."""

import io
import re
from collections.abc import Callable, Mapping, Sequence

import matplotlib.style
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from pipeline.reporting.document import Figure

PALETTE = {
    "grcf": "#0072b2",
    "pointwise": "#d55e00",
    "ink": "#5b6470",
    "line": "#a9b0b9",
    "train": "#8a8f98",
    "valid": "#009e73",
    "test": "#aa4499",
}
"""Name to colour on a light page, after Okabe and Ito's colour-blind safe set. In the SVG every colour is
`var(--figure-<name>, <colour>)`, so a page that defines these properties decides."""

_STYLE = {
    # Text stays text: it takes the page's font, can be searched, and needs no glyph outlines in every figure.
    "svg.fonttype": "none",
    "svg.hashsalt": "grcf",
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.edgecolor": PALETTE["line"],
    "axes.labelcolor": PALETTE["ink"],
    "axes.unicode_minus": True,
    "text.color": PALETTE["ink"],
    "xtick.color": PALETTE["line"],
    "ytick.color": PALETTE["line"],
    "xtick.labelcolor": PALETTE["ink"],
    "ytick.labelcolor": PALETTE["ink"],
    "legend.frameon": False,
    "legend.labelcolor": PALETTE["ink"],
    "figure.constrained_layout.use": True,
}
_WIDE_IN, _SQUARE_IN = (4.4, 3.1), (4.0, 3.9)


def draw_curves(
    name: str,
    epoch: Float[np.ndarray, "epoch"],
    mean: Float[np.ndarray, "epoch"],
    seeds: Float[np.ndarray, "seed epoch"],
    *,
    best: Sequence[int | None] | None = None,
    colour: str,
    quantity: str,
    caption: str,
) -> Figure:
    """A thick line for the mean over seeds and a thin one for each; `best` is a position for each."""

    def draw(axes: Axes) -> None:
        for row in seeds:
            axes.plot(epoch, row, color=PALETTE[colour], alpha=0.55, linewidth=0.8)
        axes.plot(epoch, mean, color=PALETTE[colour], linewidth=2.0)
        for row, position in zip(seeds, best or [None] * len(seeds), strict=True):
            if position is not None:
                axes.plot(epoch[position], row[position], "o", color=PALETTE[colour], markersize=4)
        axes.set_xlabel("epoch")
        axes.set_ylabel(quantity)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))

    return _figure(name, caption, draw)


def draw_scatter(
    name: str,
    truth: Float[np.ndarray, "segment"],
    prediction: Float[np.ndarray, "segment"],
    *,
    limits: tuple[float, float],
    colour: str,
    caption: str,
) -> Figure:
    """A dot a segment, label against prediction, and the diagonal on which both are equal."""

    def draw(axes: Axes) -> None:
        _diagonal(axes, limits)
        # Few dots have to be seen at all, many have to show where they lie on top of each other.
        opacity = float(np.clip(150 / max(len(truth), 1), 0.3, 0.8))
        axes.scatter(prediction, truth, s=14, color=PALETTE[colour], alpha=opacity, linewidths=0)
        axes.set_xlabel("prediction, label units")
        axes.set_ylabel("label")

    return _figure(name, caption, draw, size_in=_SQUARE_IN)


def draw_reliability(
    name: str,
    points: Mapping[str, Float[np.ndarray, "bin 2"]],
    *,
    names: Mapping[str, str],
    labels: tuple[str, str],
    caption: str,
) -> Figure:
    """Mean label against mean prediction by bin, a line a model; `names` and `labels` are models and axes in words."""

    def draw(axes: Axes) -> None:
        values = np.concatenate([table.ravel() for table in points.values()])
        _diagonal(axes, (float(values.min(initial=0.0)), float(values.max(initial=0.0))))
        for (model, table), marker in zip(points.items(), ("o", "s"), strict=False):
            axes.plot(
                table[:, 0],
                table[:, 1],
                marker=marker,
                markersize=5,
                linewidth=1.4,
                color=PALETTE[model],
                label=names[model],
            )
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        axes.legend(loc="upper left")

    return _figure(name, caption, draw, size_in=_SQUARE_IN)


def draw_differences(name: str, bars: Mapping[str, tuple[float, float, float]], *, caption: str) -> Figure:
    """Mean, low and high of each difference as a dot and its interval, from the top; filled where it excludes zero."""

    def draw(axes: Axes) -> None:
        axes.axvline(0, color=PALETTE["line"], linewidth=1.0)
        for position, (mean, low, high) in enumerate(bars.values()):
            colour = PALETTE["ink"] if low <= 0 <= high else PALETTE["grcf" if low > 0 else "pointwise"]
            axes.plot([low, high], [position, position], color=colour, linewidth=2.0)
            axes.plot(mean, position, "o", color=colour, markersize=6)
        axes.set_yticks(range(len(bars)), list(bars))
        axes.set_ylim(len(bars) + 0.1, -0.6)
        axes.tick_params(axis="y", length=0)
        reach = 1.1 * max((abs(end) for bar in bars.values() for end in bar), default=1.0) or 1.0
        axes.set_xlim(-reach, reach)
        for side, words in (("left", "← point-wise better"), ("right", "GRCF better →")):
            axes.text(float(side == "right"), 0.01, words, transform=axes.transAxes, ha=side, va="bottom")

    return _figure(name, caption, draw)


def draw_shares(
    name: str, classes: Sequence[str], shares: Mapping[str, Float[np.ndarray, "class"]], *, caption: str
) -> Figure:
    """Bars side by side: the share of each class, a colour a series."""

    def draw(axes: Axes) -> None:
        width = 0.8 / max(len(shares), 1)
        for position, (series, values) in enumerate(shares.items()):
            left = np.arange(len(classes)) - 0.4 + width * (position + 0.5)
            axes.bar(left, 100 * values, width=width, color=PALETTE[series], label=series)
        axes.set_xticks(range(len(classes)), list(classes))
        axes.tick_params(axis="x", length=0)
        axes.set_xlabel("class of label")
        axes.set_ylabel("% of the split's segments")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(shares))

    return _figure(name, caption, draw)


def _diagonal(axes: Axes, limits: tuple[float, float]) -> None:
    """Equal square axes, a little wider than `limits`, and the line on which both are equal."""
    low, high = limits
    edge = 0.05 * (high - low) or 1.0
    ends = (low - edge, high + edge)
    axes.plot(ends, ends, color=PALETTE["line"], linewidth=1.0)
    axes.set(xlim=ends, ylim=ends, box_aspect=1)


def _figure(
    name: str, caption: str, draw: Callable[[Axes], None], *, size_in: tuple[float, float] = _WIDE_IN
) -> Figure:
    # A style of its own: a matplotlibrc on this machine must not change a byte.
    with matplotlib.style.context(["default", _STYLE]):
        canvas = Canvas(figsize=size_in)
        FigureCanvasSVG(canvas)
        draw(canvas.add_subplot())
        svg = io.StringIO()
        canvas.savefig(svg, format="svg", transparent=True, metadata={"Date": None})
    return Figure(name, _inline(svg.getvalue(), name), caption)


_NAMED = {colour: name for name, colour in PALETTE.items()}
_COLOURS = re.compile("(?<=: )#[0-9a-f]{6}")
_FONTS = re.compile(r"(font: [0-9.]+px) [^;\"]+")
_LONG_NUMBERS = re.compile(r"-?\d+\.\d{3,}")
_ALIKE = re.compile(r'(<g[^>]*)>((?:\s*<use [^>]*( style="[^"]*")/>)(?:\s*<use [^>]*\3/>)+\s*</g>)')


def _inline(svg: str, name: str) -> str:
    """An SVG file as an element of a page: ids of its own, the page's font and colours, no fixed size."""
    view_box = re.search(r'viewBox="[^"]*"', svg)
    assert view_box is not None, "matplotlib gives every figure a view box"
    # The first element says who drew it and when; the second has a style sheet that would hold for the whole page.
    body = re.sub(r"^.*?</metadata>\s*<defs>\s*<style.*?</defs>\s*", "", svg, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r'( id="|url\(#)', rf"\1{name}-", body).replace('xlink:href="#', f'href="#{name}-')
    body = _COLOURS.sub(lambda match: _colour(match[0]), body)
    body = _FONTS.sub(r"\1 system-ui, sans-serif", body)
    # A hundredth of a point cannot be seen, and the last digits differ between mathematical libraries.
    body = _LONG_NUMBERS.sub(lambda match: f"{round(float(match[0]), 2) + 0.0:.6g}", body)
    # Hundreds of dots that look alike say it once.
    body = _ALIKE.sub(lambda match: f"{match[1]}{match[3]}>{match[2].replace(match[3], '')}", body)
    return f'<svg {view_box[0]} role="img" aria-labelledby="{name}-caption" stroke-linejoin="round">\n{body.strip()}\n'


def _colour(colour: str) -> str:
    name = _NAMED.get(colour)
    return f"var(--figure-{name}, {colour})" if name else colour

"""The map as a figure that is read in ten seconds: three zones, a heading for each axis, a line for each corpus and condition."""

from itertools import groupby
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from benchmarks.evidence.overview import AXES, Summary, errors_on_folds, name_of, summaries
from benchmarks.evidence.page import Result
from benchmarks.evidence.tables import EQUIVALENT

# Readable on white and on the dark page of a code host alike.
_INK = "#7d8590"
_COLOURS = {"helps": "#2da44e", "level": _INK, "open": _INK, "hurts": "#e5534b"}
# Narrow, so that a telephone shows it hardly smaller than it is.
_WIDTH, _LINE = 4.7, 0.235


def draw(result: Result, path: Path) -> None:
    """For each line of `summaries` a dot with its 95 % interval, a diamond against plain absolute error, and small dots for several splits."""
    lines = summaries(result, errors_on_folds())
    n_rows = len(lines) + len({line.axis for line in lines})
    with plt.rc_context(
        {"svg.hashsalt": "grcf", "text.color": _INK, "axes.labelcolor": _INK, "font.size": 9}
    ):
        figure, axes = plt.subplots(figsize=(_WIDTH, _LINE * n_rows + 1.0), layout="constrained")
        names: list[str] = []
        for axis, of_axis in groupby(lines, key=lambda line: line.axis):
            names.append(AXES[axis])
            for line in of_axis:
                _dot(axes, len(names), line)
                names.append(name_of(line))
        _zones(axes)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_yticks(range(len(names)), names)
        for label in axes.get_yticklabels():
            label.set_fontweight("bold" if label.get_text() in AXES.values() else "normal")
        axes.tick_params(colors=_INK, left=False)
        axes.locator_params(axis="x", nbins=3)
        axes.set_xlabel(
            "test MAE: ranking first minus\n● the hardest point-wise method told the same\n◇ absolute error told nothing",
            loc="right",
        )
        for side in axes.spines.values():
            side.set_visible(False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, transparent=True, bbox_inches="tight", metadata={"Date": None})
        plt.close(figure)


def _dot(axes: Axes, row: int, line: Summary) -> None:
    colour, is_open = _COLOURS[line.verdict], line.verdict == "open"
    if len(line.splits) > 1:
        axes.plot(line.splits, [row] * len(line.splits), "o", color=_INK, alpha=0.5, markersize=2.2, zorder=3)
    if line.plain is not None:
        axes.plot(
            *(line.plain.difference, row),
            "D",
            color=_COLOURS[line.plain.verdict],
            markersize=4,
            markerfacecolor="none",
        )
    axes.plot([line.low, line.high], [row, row], color=colour, linewidth=1.4, alpha=0.6 if is_open else 1)
    axes.plot(
        line.difference, row, "o", color=colour, markersize=5, markerfacecolor="none" if is_open else colour
    )


def _zones(axes: Axes) -> None:
    """Left, narrow middle and right, each with its name above."""
    reach = max(map(abs, axes.get_xlim()))
    axes.set_xlim(-reach, reach)
    edges = (-reach, -EQUIVALENT, EQUIVALENT, reach)
    for name, start, end in zip(("helps", "level", "hurts"), edges, edges[1:], strict=False):
        axes.axvspan(start, end, color=_COLOURS[name], alpha=0.22 if name == "level" else 0.1, linewidth=0)
        axes.text(
            *((start + end) / 2, 1.005),
            name,
            color=_COLOURS[name],
            weight="bold",
            ha="center",
            va="bottom",
            transform=axes.get_xaxis_transform(),
        )
    axes.axvline(0, color=_INK, linewidth=0.8)

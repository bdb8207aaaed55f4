"""The figure of the benchmark: what a minute of video costs."""

from pathlib import Path
from typing import Any

import matplotlib

_COLOURS = {
    "manifest": "#9aa5b1",
    "words": "#c08a3e",
    "text": "#7f9c4b",
    "audio": "#3f7fb5",
    "visual": "#8b5fa8",
}


def draw(result: dict[str, Any], path: Path) -> None:
    """Stacked bars: processor seconds per minute of video, of the kernels, the pipeline and the recipe."""
    matplotlib.use("svg")
    from matplotlib import pyplot

    grey, minutes = "#667085", result["media"]["seconds"] / 60
    style: dict[Any, Any] = {
        "svg.hashsalt": "extraction", "svg.fonttype": "none", "font.size": 10, "axes.spines.top": False,
        "axes.spines.right": False, "text.color": grey, "axes.labelcolor": grey, "axes.edgecolor": grey, "xtick.color": grey,
        "ytick.color": grey,
    }  # fmt: skip
    kernels = {part: result["kernels"][part] for part in ("audio", "visual")}
    rows = {
        "kernels alone": {"start": result["kernels"]["processor_s"] - sum(kernels.values()), **kernels},
        "this pipeline": {name: cost["processor_s"] for name, cost in result["stages"].items()},
        "the recipe of today": {"recipe": result["recipe"]["processor_s"]},
    }
    with pyplot.rc_context(style):
        figure, axes = pyplot.subplots(figsize=(8.6, 2.4), layout="constrained")
        named = set()
        for row, (name, parts) in enumerate(rows.items()):
            left = 0.0
            for part, seconds in parts.items():
                width = seconds / minutes
                label = part if part in _COLOURS and part not in named else None
                axes.barh(
                    name, width, left=left, color=_COLOURS.get(part, "#b8c0cc"), label=label, height=0.62
                )
                named.add(part)
                left += width
            axes.text(left, row, f"  {left:.1f} s", va="center")
        axes.set_yticks(range(len(rows)), list(rows))
        axes.invert_yaxis()
        axes.set_xlabel(f"processor seconds per minute of video ({result['machine']['processor']})")
        axes.legend(
            ncols=5, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), fontsize=9, labelcolor=grey
        )
        figure.savefig(path, transparent=True, metadata={"Date": None})
        pyplot.close(figure)

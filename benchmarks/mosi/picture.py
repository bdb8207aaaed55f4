"""The benchmark at a glance: GRCF minus the baseline, wherever the two were compared."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from benchmarks.mosi.tables import GRCF, MAIN_BASELINE
from pipeline.evaluation.protocols import METRICS

_MEASURES = {"mae": "MAE, label units", "pearson": "Pearson r", "ordered_pair_accuracy": "ordered pairs"}
# Readable on white and on the dark page of a code host alike.
_INK, _BETTER, _WORSE, _OPEN = "#7d8590", "#1a7f37", "#cf222e", "#7d8590"


def draw(result: Mapping[str, Any], path: Path) -> None:
    """One panel a measure; a dot and its 95 % interval over seeds and test segments for each comparison."""
    rows = _rows(result)
    with plt.rc_context(
        {"svg.hashsalt": "grcf", "text.color": _INK, "axes.labelcolor": _INK, "font.size": 9}
    ):
        figure, panels = plt.subplots(1, len(_MEASURES), figsize=(10, 0.3 * len(rows) + 1.2), sharey=True)
        for panel, (measure, words) in zip(panels, _MEASURES.items(), strict=True):
            _panel(panel, rows, measure, words)
        panels[0].set_yticks(range(len(rows)), [name for name, _ in rows])
        panels[0].invert_yaxis()
        figure.suptitle(
            f"GRCF minus absolute error alone on CMU-MOSI, test, {len(result['seeds'])} seeds, 95 % intervals"
        )
        figure.tight_layout()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, transparent=True, metadata={"Date": None})
        plt.close(figure)


def _rows(result: Mapping[str, Any]) -> Sequence[tuple[str, Mapping[str, Any]]]:
    rows = [("standard split", result["comparisons"][f"{GRCF} - {MAIN_BASELINE}"])]
    rows += [(f"split {split}", found["comparison"]) for split, found in result["splits"].items()]
    rows += [
        (f"{float(share):.0%} of train", found["comparison"]) for share, found in result["share"].items()
    ]
    rows += [
        (f"{float(level):.0%} labels replaced", found["comparison"])
        for level, found in result["noise"].items()
    ]
    return [(name, found["test"]["both"]) for name, found in rows]


def _panel(panel: Axes, rows: Sequence[tuple[str, Mapping[str, Any]]], measure: str, words: str) -> None:
    panel.axvline(0, color=_INK, linewidth=0.8)
    for position, (_, found) in enumerate(rows):
        difference = found[measure]
        low, high = difference["ci_low"], difference["ci_high"]
        better = high < 0 if METRICS[measure].better == "lower" else low > 0
        worse = low > 0 if METRICS[measure].better == "lower" else high < 0
        colour = _BETTER if better else _WORSE if worse else _OPEN
        panel.plot([low, high], [position, position], color=colour, linewidth=1.6)
        panel.plot(difference["mean"], position, "o", color=colour, markersize=4.5)
    side = "← better" if METRICS[measure].better == "lower" else "better →"
    panel.set_xlabel(f"{words}   {side}")
    panel.tick_params(colors=_INK)
    for spine in panel.spines.values():
        spine.set_visible(False)

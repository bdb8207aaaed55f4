"""The files of results and their figure."""

import json
from pathlib import Path
from typing import Any

import matplotlib

from benchmarks.scale.corpus import ROOT
from benchmarks.scale.run import STAGES

RESULTS = ROOT / "benchmarks/results/scale.json"
FIGURE = ROOT / "docs/images/scale.svg"
SIZES = [1000, 3000, 10_000]
_DRAWN = {
    "align": ("align", "#0072b2"),
    "rank": ("rank, one epoch and one seed", "#d55e00"),
    "evaluate": ("evaluate", "#009e73"),
    "report": ("report", "#cc79a7"),
}


def results_path(sizes: list[int], *, small: bool) -> Path:
    """The results of this benchmark for the usual sizes; other sizes, and small features, have a file of their own."""
    if sizes == SIZES and not small:
        return RESULTS
    return RESULTS.with_stem("_".join(["small_scale" if small else "scale", *map(str, sizes)]))


def write_results(path: Path, machine: dict[str, str], rows: list[dict[str, Any]]) -> None:
    """Write what was measured, in the place of older rows of the same stages and sizes."""
    older = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.is_file() else []
    by_stage = {(row["segments"], STAGES.index(row["stage"])): row for row in (*older, *rows)}
    result = {"machine": machine, "rows": [by_stage[key] for key in sorted(by_stage)]}
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def measured_rows() -> list[dict[str, Any]]:
    """The rows of all sizes that were ever measured, by size, without those of small features."""
    rows = [
        row
        for path in RESULTS.parent.glob(f"{RESULTS.stem}*.json")
        for row in json.loads(path.read_text(encoding="utf-8"))["rows"]
    ]
    return sorted(rows, key=lambda row: int(row["segments"]))


def draw(rows: list[dict[str, Any]]) -> None:
    """Time and memory against the number of segments."""
    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    plt.rcParams |= {"svg.hashsalt": "scale", "svg.fonttype": "none", "font.size": 9}
    figure, axes = plt.subplots(1, 2, figsize=(7, 2.7), layout="constrained")
    for stage, (label, colour) in _DRAWN.items():
        of_stage = [row for row in rows if row["stage"] == stage]
        sizes = [row["segments"] for row in of_stage]
        axes[0].plot(sizes, [row["processor_s"] for row in of_stage], "o-", color=colour, label=label)
        axes[1].plot(
            sizes, [row["peak_memory_mb"] / 1000 for row in of_stage], "o-", color=colour, label=label
        )
    axes[1].axhline(2.0, color="#777777", linestyle=":", linewidth=1)
    for axis, title in zip(axes, ("processor time, s", "peak memory, GB"), strict=True):
        axis.set(xlabel="segments", title=title, xlim=(0, None), ylim=(0, None))
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False)
    figure.savefig(FIGURE, metadata={"Date": None, "Creator": None})

"""Time and memory of the ranking loss, pair by pair and by the exact path: `python -m benchmarks.ranking_loss`.

Each measurement is forward and backward in a process of its own with one thread: processor time, the best of several, so
that other work on the machine counts little, and the highest resident memory above that before the call. Scores are
random around labels in seven groups, in single precision as in training; advantages are taken within pairs of groups,
which makes the exact path slowest. The pairwise form is measured up to where it needs a few GB. Linux only.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib
import torch
from torch import Tensor

from pipeline.grcf.loss.groupwise import (
    AdvantageSettings,
    MarginSettings,
    exact_ranking_loss,
    pairwise_ranking_loss,
)

RESULTS = Path(__file__).parent / "results" / "ranking_loss.json"
FIGURE = Path(__file__).parent.parent / "docs" / "images" / "ranking_loss.svg"
SIZES = [64, 256, 1024, 4096, 8192, 16_384, 65_536, 262_144, 1_000_000]
MAX_PAIRWISE = 8192

HINGE = MarginSettings(
    groups="integer", base=0.2, slope=0.2, distance="group", shape="quadratic", smoothing=0.0
)
ADVANTAGE = AdvantageSettings(scope="group_pair", scale="std", strength=0.5, cap=2.0)
PATHS = {
    "pairwise": (pairwise_ranking_loss, HINGE),
    "exact, hinge": (exact_ranking_loss, HINGE),
    "exact, quadratic": (exact_ranking_loss, replace(HINGE, smoothing=1.0)),
}


@dataclass(frozen=True)
class Row:
    """One measurement; the difference to the pairwise form is that of the gradients in double precision."""

    n: int
    path: str
    seconds: float | None
    peak_mb: float | None
    max_abs_difference: float | None


def segments(n: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(n)
    label = 6 * torch.rand(n, generator=random, dtype=torch.float64) - 3
    return label / 2 + torch.randn(n, generator=random, dtype=torch.float64), label


def gradient(loss: Callable[..., Tensor], margin: MarginSettings, score: Tensor, label: Tensor) -> Tensor:
    score = score.clone().requires_grad_()
    loss(score, label, margin=margin, advantage=ADVANTAGE).backward()
    assert score.grad is not None
    return score.grad


def resident_mb(field: str) -> float:
    """`VmRSS`, now, or `VmHWM`, the highest so far, as Linux tells them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def measure(path: str, n: int) -> Row:
    """In this process, which should do nothing else."""
    torch.set_num_threads(1)
    loss, margin = PATHS[path]
    gradient(loss, margin, *segments(32))
    score, label = segments(n)
    single = score.float(), label.float()
    Path("/proc/self/clear_refs").write_text("5")  # the highest so far starts anew
    before = resident_mb("VmRSS")
    seconds: list[float] = []
    while sum(seconds) < 1 or len(seconds) < 3:
        started = time.process_time()
        gradient(loss, margin, *single)
        seconds.append(time.process_time() - started)
    peak = resident_mb("VmHWM") - before
    difference = None
    if n <= MAX_PAIRWISE and path != "pairwise":
        expected = gradient(pairwise_ranking_loss, margin, score, label)
        difference = (gradient(loss, margin, score, label) - expected).abs().max().item()
    return Row(n, path, min(seconds), max(peak, 0.0), difference)


def measure_apart(path: str, n: int) -> Row:
    if path == "pairwise" and n > MAX_PAIRWISE:
        return Row(n, path, None, None, None)
    command = [sys.executable, "-m", "benchmarks.ranking_loss", "--only", path, str(n)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    row = Row(**json.loads(done.stdout))
    print(row, flush=True)
    return row


def machine() -> dict[str, str | int]:
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
    return {"processor": f"{platform.machine()}, {model}", "threads": 1, "torch": torch.__version__}


def draw(rows: list[Row]) -> None:
    """Two panels, in grey and saturated middle tones, which light and dark pages both leave readable."""
    matplotlib.use("svg")
    from matplotlib import pyplot

    grey = "#808080"
    style: dict[Any, Any] = {
        "svg.hashsalt": "ranking_loss", "svg.fonttype": "none", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False,
        "text.color": grey, "axes.labelcolor": grey, "axes.edgecolor": grey, "xtick.color": grey, "ytick.color": grey,
        "axes.titlecolor": grey,
    }  # fmt: skip
    colours = {"pairwise": "#d1495b", "exact, hinge": "#2e8bc0", "exact, quadratic": "#3a9d6e"}
    with pyplot.rc_context(style):
        figure, panels = pyplot.subplots(1, 2, figsize=(8.6, 3.3), layout="constrained")
        for panel, field, title in zip(
            panels, ("seconds", "peak_mb"), ("Processor time, s", "Peak memory, MB"), strict=True
        ):
            for path, colour in colours.items():
                measured = [(row.n, getattr(row, field)) for row in rows if row.path == path]
                points = [(n, value) for n, value in measured if value]
                panel.loglog(*zip(*points, strict=True), "o-", ms=3.5, lw=1.6, color=colour, label=path)
            panel.set_title(title, loc="left", fontsize=10)
            panel.set_xlabel("segments compared with each other")
            panel.grid(True, color=grey, alpha=0.25, lw=0.6)
        panels[0].legend(frameon=False, labelcolor="linecolor", loc="lower right")
        FIGURE.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(FIGURE, transparent=True, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs=2, metavar=("PATH", "N"), help="one measurement, printed as JSON")
    parser.add_argument(
        "--draw", action="store_true", help="only draw the figure of the results that are there"
    )
    arguments = parser.parse_args()
    if arguments.only:
        path, n = arguments.only
        print(json.dumps(asdict(measure(path, int(n)))))
        return
    if not arguments.draw:
        rows = [measure_apart(path, n) for n in SIZES for path in PATHS]
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        found = {"machine": machine(), "rows": [asdict(row) for row in rows]}
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    draw([Row(**row) for row in json.loads(RESULTS.read_text())["rows"]])


if __name__ == "__main__":
    main()

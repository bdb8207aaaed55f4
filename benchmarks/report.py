"""Time and size of the report of a large run: `python -m benchmarks.report [SEGMENTS]`.

A run of random numbers is written to a temporary folder in the form that the stages leave, with five seeds and so many
segments in each of valid and test, and the stage `report` renders it there in a process of its own with one thread: from its
start to its end, interpreter and imports included. Metrics and intervals are those of a small run, since the report only
prints them. The targets are 20 s and 15 MB for 10,000 segments of test. Linux only.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.artifacts.corpus.segments import SPLITS, write_segments
from pipeline.artifacts.evaluated.predictions import SplitPredictions, predictions_to_csv
from pipeline.artifacts.formats.files import write_text
from tests.reporting.runs import Run, make_segments, write_run

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks/results/report.json"
SEEDS = (1, 2, 3, 4, 5)


def write_large_run(root: Path, n_segments: int) -> None:
    """Every file that the stage reads."""
    write_run(root, Run(seeds=SEEDS))
    random = np.random.default_rng(1)
    large = Run(seeds=SEEDS, n_segments=dict.fromkeys(SPLITS, n_segments))
    segments = make_segments(large, random)
    write_segments(root / "data/manifest/segments.jsonl", segments)
    predictions = []
    for split in ("valid", "test"):
        part = [segment for segment in segments if segment.split == split]
        truth = np.array([segment.label for segment in part])
        models = {
            name: truth + random.normal(scale=0.8, size=(len(SEEDS), len(part)))
            for name in ("grcf", "pointwise")
        } | {"median": np.full((1, len(part)), 0.2)}
        seeds: dict[str, tuple[int, ...]] = {"grcf": SEEDS, "pointwise": SEEDS, "median": ()}
        ids = tuple(segment.id for segment in part)
        predictions.append(
            SplitPredictions("valid" if split == "valid" else "test", ids, truth, models, seeds)
        )
    write_text(root / "reports/predictions.csv", predictions_to_csv(predictions))


def measure(n_segments: int) -> dict[str, Any]:
    """The stage on a run of this size."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_large_run(root, n_segments)
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        write = [sys.executable, "-c", "from stages import report; report.write_report(report.read_inputs())"]
        subprocess.run(write, cwd=root, env=environment, check=True)
        seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        return {
            "segments_per_split": n_segments,
            "wall_clock_s": round(seconds, 2),
            "processor_s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2),
            # Of other work beside it, which makes the wall clock longer than the processor's time.
            "load_average": round(os.getloadavg()[0], 1),
            "peak_memory_mb": round(after.ru_maxrss / 1024),
            "html_mb": round((root / "reports/report.html").stat().st_size / 1e6, 2),
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("segments", nargs="*", type=int, default=[100, 1000, 10_000])
    rows = []
    for n_segments in parser.parse_args().segments:
        rows.append(measure(n_segments))
        print(rows[-1], flush=True)
    machine = {"processor": platform.machine(), "vl-convert-python": version("vl-convert-python")}
    RESULTS.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""How long `predict` takes for one clip, for each further one, and until it refuses: `python -m benchmarks.predict`.

Run it after `make demo`. All processes of a command count, those that its own children leave behind included. Times are the least of
several rounds, after one that is not counted (libraries come from the disk into memory). Processor time says less of other work on the
machine than the clock does, and nothing of what runs side by side.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.process_tree import ProcessTree
from pipeline.execution.workers import worker_count

RESULTS = Path(__file__).parent / "results" / "predict.json"
CLIPS = Path("data/raw/demo/clips")
N_CLIPS = 9


def measure(arguments: Sequence[str]) -> dict[str, float]:
    """Seconds of the clock and of processors that one command takes, whether it refuses or not."""
    command = [sys.executable, "-m", "pipeline", *arguments]
    spent = ProcessTree(command, folder=Path(), environment=os.environ).wait()
    return {"clock_s": spent.wall_clock_s, "processor_s": spent.processor_s}


def main() -> None:
    """Measure each command in turn, round by round, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count")
    n_rounds = parser.parse_args().rounds
    clips = [str(path) for path in sorted(CLIPS.glob("*.mp4"))[:N_CLIPS]]
    commands = {
        "one clip, its transcript given": ["predict", clips[0], "--transcript", "I would see it again."],
        "one clip, its words recognised": ["predict", clips[0]],
        f"{len(clips)} clips, their words recognised": ["predict", *clips],
        "no such clip": ["predict", "no_such_clip.mp4"],
        "a model's folder without a model": ["predict", clips[0], "--model", "benchmarks"],
        "a preview of what is no recording": ["preview", "params.yaml"],
    }
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    for turn in range(n_rounds + 1):
        for name, arguments in commands.items():
            found = measure(arguments)
            if turn:
                measured[name].append(found)
            sys.stderr.write(
                f"{name}: {found['clock_s']:.1f} s, {found['processor_s']:.1f} s of processors\n"
            )
    least = {
        name: {key: round(min(found[key] for found in rounds), 2) for key in rounds[0]}
        for name, rounds in measured.items()
    }
    one, many = (least[name] for name in list(commands)[1:3])
    further = {key: round((many[key] - one[key]) / (len(clips) - 1), 2) for key in one}
    record: dict[str, Any] = {
        "commands": least,
        "each further clip": further,
        "machine": {
            "cores": os.cpu_count(),
            "workers": worker_count(),
            "platform": platform.platform(),
            "load": round(os.getloadavg()[2], 1),
        },
        "rounds": n_rounds,
    }
    RESULTS.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

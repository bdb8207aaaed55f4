"""The loop of one changed number, before and after: `python -m benchmarks.loop [--before COMMIT] [--runs N]`.

Two worktrees, one at a commit and one at HEAD, each with the demo's intermediate data from DVC's cache and with extraction
finished. In turns, `dvc exp run -S margin.base=…` runs in each with a number that was not tried before, so that every seed
is trained; and in a third, at HEAD, whose stages copy what they wrote before, which leaves what DVC itself takes. The least of
several counts, of the wall clock and of the processor seconds of all processes. Then each stage alone, with cached seeds.
Writes benchmarks/results/loop.json; run it on a machine that does nothing else.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from benchmarks.process_tree import ProcessTree

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks/results/loop.json"
BEFORE = "a9550d4"
STAGES = ("rank", "calibrate", "evaluate", "report")
_QUIET = {"OMP_NUM_THREADS": "1", "DVC_NO_ANALYTICS": "1"}


def measure(folder: Path, *command: str) -> dict[str, float]:
    """Wall clock, and processor seconds of the process and all below it."""
    environment = os.environ | _QUIET | {"GRCF_CACHE": str(folder.with_name(f"{folder.name}_cache"))}
    # Whoever sets it for themselves has every process compile every module anew, which is not what is measured.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    spent = ProcessTree([sys.executable, "-m", *command], folder=folder, environment=environment).wait()
    if spent.returncode:
        raise RuntimeError(f"{' '.join(command)} failed in {folder}: {spent.output[-2000:]}")
    return {"wall_clock_s": round(spent.wall_clock_s, 2), "processor_s": round(spent.processor_s, 2)}


def prepare(folder: Path, commit: str) -> Path:
    """A clone at a commit with everything reproduced."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    subprocess.run(["git", "checkout", "--quiet", "--detach", commit], cwd=folder, check=True)
    cache = subprocess.run(
        [sys.executable, "-m", "dvc", "cache", "dir"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    subprocess.run(
        [sys.executable, "-m", "dvc", "config", "--local", "cache.dir", cache.stdout.strip()],
        cwd=folder,
        check=True,
    )
    measure(folder, "dvc", "repro")
    return folder


def without_work(folder: Path) -> Path:
    """Let the stages of a clone copy what they wrote, each time a little different, so that DVC runs those after them, too."""
    file = folder / "dvc.yaml"
    pipeline = yaml.safe_load(file.read_text(encoding="utf-8"))
    for stage in STAGES:
        declared = pipeline["stages"][stage]
        written = [
            entry if isinstance(entry, str) else next(iter(entry))
            for kind in ("outs", "metrics", "plots")
            for entry in declared.get(kind, [])
        ]
        kept = folder.with_name(f"{folder.name}_{stage}")
        kept.mkdir()
        subprocess.run(["cp", "-rL", "--parents", *written, str(kept)], cwd=folder, check=True)
        other = f"{written[0]}/other" if (folder / written[0]).is_dir() else written[0]
        declared["cmd"] = f"cp -r {kept}/. . && date +%N >> {other}"
    file.write_text(yaml.safe_dump(pipeline, sort_keys=False), encoding="utf-8")
    measure(folder, "dvc", "repro")
    return folder


def least(found: list[dict[str, float]]) -> dict[str, float]:
    """The least of each measure."""
    return {key: min(one[key] for one in found) for key in found[0]}


def main(arguments: list[str]) -> int:
    """Measure both in turns, and write."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.loop",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--before", default=BEFORE, metavar="COMMIT")
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        clones = {
            side: prepare(Path(name) / side, commit)
            for side, commit in (("before", args.before), ("after", "HEAD"), ("dvc_alone", "HEAD"))
        }
        without_work(clones["dvc_alone"])
        runs: dict[str, list[dict[str, float]]] = {side: [] for side in clones}
        for _ in range(args.runs):
            for side, clone in clones.items():
                # DVC would take the results of a number that an earlier run of this benchmark had.
                changed = f"margin.base={random.uniform(0.25, 0.45):.9f}"
                runs[side].append(measure(clone, "dvc", "exp", "run", "-S", changed))
        result: dict[str, Any] = {"processors": os.cpu_count(), "load_average": round(os.getloadavg()[0], 1)}
        result["dvc_alone"] = least(runs["dvc_alone"])
        for side in ("before", "after"):
            stages = {
                stage: least([measure(clones[side], f"stages.{stage}") for _ in range(args.runs)])
                for stage in STAGES
            }
            result[side] = least(runs[side]) | {"stages": stages}
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

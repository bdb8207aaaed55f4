"""Processor time that `compare` takes, and how often it is wrong about runs of one quality: `python -m benchmarks.compare`.

The repository is made of the demo's last run: its predictions disturbed, two parameters set, committed as DVC keeps its
experiments. Times are the least of several, so that other work on the machine counts little. Verdicts are counted over
pairs of simulated runs that are drawn alike, so every `better` and every `regression` is a mistake.
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.artifacts.evaluated.predictions import (
    SplitPredictions,
    predictions_from_csv,
    predictions_to_csv,
)
from pipeline.comparison.bootstrap import Bootstrap
from pipeline.comparison.differences import compare_model
from pipeline.comparison.verdicts import judge
from pipeline.evaluation.protocols import MOSI
from pipeline.yaml12 import parse_yaml

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "compare.json"
TRACKED = ("params.yaml", "dvc.lock", "reports/predictions.csv", "reports/run.json")
N_EXPERIMENTS = 20
CONFIDENCE, N_RESAMPLES = 0.95, 1000
SIZES = ((32, 5),)
"""Segments and seeds: those of the demo."""


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@example.org"]
    finished = subprocess.run(
        ["git", *identity, *arguments], cwd=root, capture_output=True, text=True, check=True
    )
    return finished.stdout.strip()


def commit(root: Path) -> str:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "run")
    return git(root, "rev-parse", "HEAD")


def disturbed(splits: list[SplitPredictions], noise: float, seed: int) -> list[SplitPredictions]:
    """The predictions of the method with noise, more of it where `noise` is greater; the baseline as it was."""
    random = np.random.default_rng(seed)
    return [
        replace(
            split,
            models={
                **split.models,
                "grcf": split.models["grcf"] + noise * random.normal(size=split.models["grcf"].shape),
            },
        )
        for split in splits
    ]


def make_repository(root: Path, *, n_experiments: int, n_copies: int = 1) -> list[str]:
    """A repository with the demo's run and experiments on it; `n_copies` times the demo's segments. Their names."""
    git(root, "init", "--quiet", "--initial-branch", "main")
    for name in TRACKED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    shutil.copytree(ROOT / "reports/curves", root / "reports/curves")
    predictions, parameters = root / "reports/predictions.csv", root / "params.yaml"
    written = parameters.read_text()
    splits = predictions_from_csv(predictions.read_text(), source="predictions.csv")
    if n_copies > 1:
        splits = disturbed([copied(split, n_copies) for split in splits], 0.1, 0)
        predictions.write_text(predictions_to_csv(splits))
        write_lock(root, base=0.2, rate=0.003)
    head = commit(root)
    names = []
    for number in range(n_experiments):
        base, rate = 0.1 * (1 + number % 5), 10.0 ** -(2 + number // 5 * 0.5)
        text = written.replace("  base: 0.2 ", f"  base: {base:.1f} ").replace(
            "  learning_rate: 0.003 ",
            f"  learning_rate: {rate:.2g} ",
            1,
        )
        parameters.write_text(text)
        changed = disturbed(splits, 0.2 * abs(number - n_experiments / 3), number + 1)
        predictions.write_text(predictions_to_csv(changed))
        write_lock(root, base=round(base, 1), rate=float(f"{rate:.2g}"))
        names.append(f"trial-{number:02d}")
        git(root, "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/{names[-1]}", commit(root))
        git(root, "reset", "--quiet", "--hard", head)
    return names


def write_lock(root: Path, *, base: float, rate: float) -> None:
    """The lock file as DVC would have left it, or every run would be doubted."""
    path = root / "dvc.lock"
    lock = parse_yaml(path.read_text())
    for stage in lock["stages"].values():
        sections = stage.get("params", {}).get("params.yaml", {})
        for section, key, value in (("margin", "base", base), ("rank", "learning_rate", rate)):
            if section in sections:
                sections[section][key] = value
        for output in stage["outs"]:
            if output["path"] == "reports/predictions.csv":
                output["md5"] = hashlib.md5((root / output["path"]).read_bytes()).hexdigest()
    path.write_text(json.dumps(lock))  # YAML too, in which the key `on` is one


def copied(split: SplitPredictions, n_copies: int) -> SplitPredictions:
    """The segments `n_copies` times, each copy of other speakers and recordings."""

    def renamed(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(name and f"{name}_{copy}" for copy in range(n_copies) for name in names)

    return replace(
        split,
        ids=renamed(split.ids),
        corpus=split.names_of("corpus") * n_copies,
        speaker=renamed(split.names_of("speaker")),
        video=renamed(split.names_of("video")),
        rater=renamed(split.names_of("rater")),
        truth=np.tile(split.truth, n_copies),
        models={model: np.tile(rows, (1, n_copies)) for model, rows in split.models.items()},
    )


def processor_seconds(root: Path, arguments: list[str], *, n_runs: int) -> float:
    """Of a whole process with one thread; without other work on the machine the clock says little more."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    # The least of several has its modules compiled, as for anybody who calls it a second time.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    found = []
    for _ in range(n_runs):
        before = os.times()
        command = [sys.executable, "-m", "pipeline", "compare", *arguments]
        subprocess.run(command, cwd=root, env=environment, stdout=subprocess.DEVNULL, check=True)
        after = os.times()
        found.append(
            after.children_user + after.children_system - before.children_user - before.children_system
        )
    return round(min(found), 2)


def times(*, n_runs: int) -> dict[str, float]:
    found = {}
    for n_copies in (1, 58, 625):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            names = make_repository(root, n_experiments=N_EXPERIMENTS, n_copies=n_copies)
            asked = {"two runs": ["HEAD", names[0]]}
            if n_copies == 1:
                page = ["--html", str(root / "compare.html")]
                asked |= {
                    "two runs, page": ["HEAD", names[0], *page],
                    "twenty experiments": ["HEAD", *names],
                    "twenty experiments, page": ["HEAD", *names, *page],
                }
            for what, arguments in asked.items():
                segments = f"{n_copies * 32} segments, 5 seeds, {what}"
                found[segments] = processor_seconds(root, arguments, n_runs=n_runs)
    return found


def simulated_run(
    random: np.random.Generator, truth: np.ndarray, hard: np.ndarray, n_seeds: int
) -> SplitPredictions:
    """A run that shares with others how hard each segment is; the rest of its error is its own, and half of that its seeds'."""
    own, of_seeds = random.normal(size=len(truth)), random.normal(size=(n_seeds, len(truth)))
    scale = random.normal(1.0, 0.05, size=(n_seeds, 1))
    rows = scale * (0.7 * truth + 0.6 * hard + 0.3 * own + 0.3 * of_seeds)
    ids = tuple(str(number) for number in range(len(truth)))
    return SplitPredictions("valid", ids, truth, {"grcf": rows}, {"grcf": tuple(range(n_seeds))})


def mistakes(n_segments: int, n_seeds: int, *, n_pairs: int) -> dict[str, Any]:
    """Shares of pairs of runs of one quality; `uncorrected` is what looking at each headline metric on its own would say."""
    counted = dict.fromkeys(("regression", "better", "regression, uncorrected"), 0)
    random = np.random.default_rng([n_segments, n_seeds])
    for _ in range(n_pairs):
        truth = random.uniform(-3, 3, n_segments).round(1)
        hard = random.normal(size=n_segments)
        base, experiment = (simulated_run(random, truth, hard, n_seeds) for _ in range(2))
        compared = compare_model(
            base,
            experiment,
            model="grcf",
            metrics=[MOSI.metric(name) for name in MOSI.headline],
            confidence=CONFIDENCE,
            bootstrap=Bootstrap(n_resamples=N_RESAMPLES),
        )
        verdict = judge(compared.measured, confidence=CONFIDENCE).verdict
        if verdict in counted:
            counted[verdict] += 1
        counted["regression, uncorrected"] += any(row.verdict == "regression" for row in compared.measured)
    shares = {what: round(count / n_pairs, 3) for what, count in counted.items()}
    return {"n_segments": n_segments, "n_seeds": n_seeds, "n_pairs": n_pairs, **shares}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="repetitions of each measurement of time")
    parser.add_argument(
        "--pairs", type=int, default=200, help="pairs of runs that are simulated for each size"
    )
    parser.add_argument(
        "--only", choices=("processor_seconds", "mistakes"), help="keep the other part of the results"
    )
    args = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if args.only else {}
    results |= {"python": platform.python_version(), "n_processors": os.cpu_count()}
    if args.only != "mistakes":
        results["processor_seconds"] = times(n_runs=args.runs)
    if args.only != "processor_seconds":
        results["mistakes"] = [mistakes(*size, n_pairs=args.pairs) for size in SIZES]
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()

"""A git repository with committed runs, written by the writers of the pipeline."""

import hashlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from pipeline.artifacts.evaluated.evaluation import Evaluation, write_evaluation
from pipeline.artifacts.evaluated.predictions import SplitPredictions, predictions_to_csv
from pipeline.artifacts.formats.files import write_text
from pipeline.evaluation.comparisons import compare_split
from pipeline.evaluation.metrics import Protocol
from pipeline.evaluation.protocols import MOSI
from pipeline.evaluation.tables import model_table

SEEDS = (1, 2, 3)
# Git takes its settings from here alone, and a run inside a git hook must not reach the hook's repository.
GIT = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "test",
    "GIT_AUTHOR_EMAIL": "test@example.org",
    "GIT_AUTHOR_DATE": "1577836800 +0000",
    "GIT_COMMITTER_NAME": "test",
    "GIT_COMMITTER_EMAIL": "test@example.org",
    "GIT_COMMITTER_DATE": "1577836800 +0000",
}
PARAMETERS = """\
margin:
  base: {base}     # margin between groups
rank:
  learning_rate: {learning_rate}
evaluate:
  protocol: {protocol}
  confidence: 0.95
  n_resamples: 100
  n_bins: 7
  missing_rates: []
  metrics: []
  noise_scales: []
"""


def split_predictions(
    split: str,
    *,
    noise: float = 0.5,
    seeds: Sequence[int] = SEEDS,
    n_segments: int = 40,
    scale: float = 1.0,
    binary: bool = False,
    shuffled: bool = False,
) -> SplitPredictions:
    """Predictions whose error grows with `noise`; the noise of a seed and segment is always the same.

    `shuffled` gives every segment the label of another, and leaves the predictions as they are.
    """
    place = {"valid": 0, "test": 1}[split]
    truth = np.random.default_rng(place).uniform(-3, 3, n_segments).round(1) * scale
    drawn = np.stack([np.random.default_rng((place, seed)).normal(size=n_segments) for seed in seeds])
    if binary:
        truth = (truth > 0).astype(np.float64)
    models = {
        "grcf": truth + noise * scale * drawn,
        "pointwise": truth + 0.8 * scale * drawn[:, ::-1],
        "prevalence" if binary else "median": np.full((1, n_segments), 0.5 if binary else 0.0),
    }
    if binary:
        models = {name: np.clip(rows, 0, 1) for name, rows in models.items()}
    if shuffled:
        truth = np.random.default_rng(place).permutation(truth)
    return SplitPredictions(
        split,
        tuple(f"{split}_{number:03d}" for number in range(n_segments)),
        truth,
        models,
        {name: tuple(seeds) if name in ("grcf", "pointwise") else () for name in models},
    )


def curves_csv(n_epochs: int, *, noise: float = 0.5) -> str:
    """Training curves as the stages write them; the second measure is missing in the first epoch."""
    rows = [
        f"{epoch},{noise / epoch:.6f},{'' if epoch == 1 < n_epochs else 0.9 - noise / 10 / epoch},{noise / epoch - 0.01},{noise / epoch + 0.01}"
        for epoch in range(1, n_epochs + 1)
    ]
    header = "epoch,train_loss,valid_error,train_loss_seed_1,train_loss_seed_2"
    return "\n".join([header, *rows]) + "\n"


@dataclass(frozen=True)
class Repository:
    root: Path

    def git(self, *arguments: str) -> str:
        finished = subprocess.run(
            ["git", *arguments], cwd=self.root, env=GIT, capture_output=True, text=True, check=True
        )
        return finished.stdout.strip()

    def commit(self, message: str = "run") -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def write_run(
        self,
        *,
        noise: float = 0.5,
        base: str = "0.2",
        learning_rate: str = "0.001",
        seeds: Sequence[int] = SEEDS,
        n_segments: int = 40,
        protocol: Protocol = MOSI,
        shuffled: bool = False,
    ) -> list[SplitPredictions]:
        """What a run leaves in git of what a comparison reads, without committing it."""
        scale = protocol.label_max / 3.0
        splits = [
            split_predictions(
                split,
                noise=noise,
                seeds=seeds,
                n_segments=n_segments,
                scale=scale,
                binary=protocol.is_binary,
                shuffled=shuffled,
            )
            for split in ("valid", "test")
        ]
        write_text(self.root / "reports/predictions.csv", predictions_to_csv(splits))
        parameters = PARAMETERS.format(base=base, learning_rate=learning_rate, protocol=protocol.name)
        write_text(self.root / "params.yaml", parameters)
        for stage, n_epochs in (("rank", 4), ("calibrate", 1), ("pointwise", 4)):
            write_text(self.root / f"reports/curves/{stage}.csv", curves_csv(n_epochs, noise=noise))
        data = (n_segments, "shuffled") if shuffled else n_segments
        self.write_lock(base=float(base), learning_rate=float(learning_rate), data=data)
        return splits

    def write_reports(self, splits: Sequence[SplitPredictions], *, protocol: Protocol = MOSI) -> None:
        """The metrics and comparisons of a run."""
        reports = self.root / "reports"
        evaluation = Evaluation(
            metrics={
                split.split: model_table(split.truth, split.models, protocol=protocol, confidence=0.95)
                for split in splits
            },
            comparisons={
                split.split: compare_split(
                    split,
                    subsets={
                        "all": (frozenset({"text"}), split.models["grcf"]),
                        "nothing": (frozenset(), np.full_like(split.models["grcf"], 0.1)),
                    },
                    scores=split.models["grcf"],
                    protocol=protocol,
                    confidence=0.95,
                    n_resamples=100,
                    n_bins=7,
                )
                for split in splits
            },
            n_weights={"rank": 1, "calibrate": 1, "pointwise": 1},
        )
        write_evaluation(
            evaluation, metrics=reports / "metrics.json", comparisons=reports / "comparisons.json"
        )

    def write_lock(self, *, base: float, learning_rate: float, data: object) -> None:
        """A small dvc.lock, its stages not in the order of the data, as DVC may leave them."""
        segments = _entry("data/manifest/segments.jsonl", data)
        rank = _entry("data/rank", (base, learning_rate, data))
        predictions = (self.root / "reports/predictions.csv").read_bytes()
        stages = {
            "evaluate": {
                "cmd": "python -m stages.evaluate",
                "deps": [rank, _entry("pipeline/evaluation", "code")],
                "outs": [_entry("reports/predictions.csv", predictions)],
            },
            "rank": {
                "cmd": "python -m stages.rank",
                "deps": [segments, _entry("pipeline/grcf", "code")],
                "params": {
                    "params.yaml": {"margin": {"base": base}, "rank": {"learning_rate": learning_rate}}
                },
                "outs": [rank],
            },
            "manifest": {"cmd": "python -m stages.manifest", "outs": [segments]},
        }
        self.write_yaml("dvc.lock", {"schema": "2.0", "stages": stages})

    def write_yaml(self, name: str, values: Mapping[str, object]) -> None:
        write_text(self.root / name, yaml.safe_dump(values, sort_keys=False))

    def experiment(self, name: str, commit: str, *, baseline: str = "abcdef") -> None:
        """Make a commit an experiment, as DVC does; `baseline` is a commit in full, or any hexadecimal digits."""
        start, rest = ("ab", baseline) if len(baseline) < 40 else (baseline[:2], baseline[2:])
        self.git("update-ref", f"refs/exps/{start}/{rest}/{name}", commit)


def new_repository(root: Path) -> Repository:
    root.mkdir(parents=True, exist_ok=True)
    repository = Repository(root)
    repository.git("init", "--quiet", "--template=", "--initial-branch", "main")
    return repository


def _entry(path: str, content: object) -> dict[str, object]:
    content = content if isinstance(content, bytes) else repr(content).encode()
    return {"path": path, "hash": "md5", "md5": hashlib.md5(content).hexdigest(), "size": len(content)}

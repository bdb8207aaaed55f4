"""One trained and evaluated model of the benchmark: a method, a learning rate, a fold and a seed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.methods import Method
from benchmarks.mosi.data import Pool, read_pool
from benchmarks.mustard.corpus import assign_folds, split_of
from benchmarks.training import train_method
from benchmarks.trials import Outcome, map_trials
from pipeline.align.splits import assemble_split, fit_normalisation, normalise
from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.segments import SPLITS
from pipeline.execution.device import best_device
from pipeline.grcf.scoring import predict

_FEATURES = ("manifest/segments.jsonl", "words/words.jsonl", "text/features.safetensors")


@dataclass(frozen=True)
class Trial:
    """What is trained on what.

    Attributes:
        method: the row of the table, with its learning rate.
        fold: the fold that is test.
        seed: seed of the first weights and of everything random in training.
    """

    method: Method
    fold: int
    seed: int


def run_trials(
    trials: Sequence[Trial], *, repository: Path, align: dict[str, Any], title: str
) -> list[Outcome]:
    """Train and evaluate each; see `map_trials`."""
    return map_trials(
        run_trial,
        trials,
        benchmark="mustard",
        features=_FEATURES,
        repository=repository,
        align=align,
        title=title,
    )


def run_trial(trial: Trial, *, repository: Path, align: dict[str, Any]) -> Outcome:
    """Train one model on its fold and let it predict every part; test is never seen in training."""
    parts = divide(read_pool(repository, **align), trial.fold)
    checkpoints = train_method(trial.method, *parts[:2], seed=trial.seed, task="binary")
    said: list[dict[str, np.ndarray]] = [
        {part.split: predict([model], part, device=best_device())[0] for part in parts}
        for model in checkpoints
    ]
    truth: dict[str, np.ndarray] = {part.split: part.labels for part in parts}
    return Outcome(truth, said[0] if len(said) > 1 else {}, said[-1])


def divide(pool: Pool, fold: int) -> tuple[AlignedSplit, AlignedSplit, AlignedSplit]:
    """Train, valid and test of a fold, normalised on train."""
    folds = folds_of(pool)
    segments = [
        replace(segment, split=split_of(int(mine), fold))
        for segment, mine in zip(pool.segments, folds, strict=True)
    ]
    parts = [assemble_split(name, segments, pool.aligned, pool.columns) for name in SPLITS]
    normalisation = fit_normalisation(parts[0])
    train, valid, test = (normalise(part, normalisation) for part in parts)
    return train, valid, test


def folds_of(pool: Pool) -> np.ndarray:
    """The fold of each segment."""
    return assign_folds(
        np.array([segment.speaker for segment in pool.segments]),
        np.array([segment.label for segment in pool.segments]),
    )

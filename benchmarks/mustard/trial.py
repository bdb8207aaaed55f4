"""One trained and evaluated model of the benchmark: a method, a learning rate, a fold and a seed."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.methods import Method
from benchmarks.mosi.data import Pool, read_pool
from benchmarks.mustard.corpus import assign_folds, split_of
from benchmarks.training import outcome_of, train_method
from benchmarks.trials import Outcome, map_trials
from pipeline.align.splits import assemble_split, fit_normalisation, normalise
from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.corpus.segments import SPLITS

_FEATURES = ("manifest/segments.jsonl", "words/words.jsonl", "text/index.json")


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


def run_trial(trial: Trial, *, repository: Path, align: dict[str, Any]) -> Outcome:
    """Train one model on its fold and let it predict every part; test is never seen in training."""
    parts = divide(read_pool(repository, **align), trial.fold)
    checkpoints = train_method(trial.method, *parts[:2], seed=trial.seed, task="binary")
    return outcome_of(checkpoints, {part.split: part for part in parts})


run_trials = partial(map_trials, run_trial, benchmark="mustard", features=_FEATURES)
"""Train and evaluate trials, given `repository`, `align` and `title`; see `map_trials`."""


def divide(pool: Pool, fold: int) -> tuple[AlignedSplit, AlignedSplit, AlignedSplit]:
    """Train, valid and test of a fold, normalised on train."""
    folds = folds_of(pool)
    segments = [
        replace(segment, split=split_of(int(own_fold), fold))
        for segment, own_fold in zip(pool.segments, folds, strict=True)
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

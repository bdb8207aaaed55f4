"""One trained model of the map, and what it predicts for test."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from benchmarks.evidence.conditions import CONDITIONS, spoilt
from benchmarks.evidence.corpora import Corpus, read_corpus
from benchmarks.evidence.methods import train_method
from benchmarks.evidence.vectors import vectors_of
from benchmarks.trials import Outcome
from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.segments import SPLITS, Split
from pipeline.artifacts.sequences import Modality
from pipeline.execution.cache import ResultCache, cache_folder, cache_key
from pipeline.execution.executor import map_cached
from pipeline.execution.source import source_digest
from pipeline.grcf.scoring import predict

STANDARD = "standard"


@dataclass(frozen=True)
class Trial:
    """What is trained on what.

    Attributes:
        corpus: name of the corpus.
        split: "standard", or the seed of a split by video.
        condition: what is done to train, see `conditions`.
        method: how is trained, see `methods`.
        seed: seed of the first weights, of everything random in training, and of the draw of the condition.
    """

    corpus: str
    split: str
    condition: str
    method: str
    seed: int


def run_trial(trial: Trial, *, data: Path) -> Outcome:
    """Train one model and let it predict test, whose labels are as published."""
    train, valid, test = divided(trial.corpus, trial.split, data)
    condition = CONDITIONS[trial.condition]
    model = train_method(
        trial.method,
        spoilt(train, condition, draw=trial.seed),
        valid,
        seed=trial.seed,
        trusted_valid=condition.has_raters,
    )
    return Outcome({"test": test.labels}, {}, {"test": predict([model], test, device="cpu")[0]})


def run_trials(trials: Sequence[Trial], *, data: Path, title: str) -> list[Outcome]:
    """Every trial; those that an earlier or killed run finished are not done again."""
    source = source_digest(run_trial.__module__)
    keys = [cache_key(trial=asdict(trial), source=source) for trial in trials]
    return map_cached(
        partial(run_trial, data=data),
        trials,
        keys=keys,
        cache=ResultCache(cache_folder() / "benchmarks/evidence/trials"),
        encode=Outcome.to_bytes,
        decode=Outcome.from_bytes,
        title=title,
        unit="model",
    )


@cache
def divided(name: str, split: str, data: Path) -> tuple[AlignedSplit, AlignedSplit, AlignedSplit]:
    """Train, valid and test, one row per segment and modality, normalised on train."""
    corpus = read_corpus(name, data)
    text = vectors_of(corpus.text, title=f"Vectors of {name}")
    assigned = corpus.split if split == STANDARD else _by_video(corpus, int(split))
    positions = {part: np.flatnonzero([each == part for each in assigned]) for part in SPLITS}
    rows = {"text": text, "audio": corpus.sound}
    scaled = {modality: _scaled(values, positions["train"]) for modality, values in rows.items()}
    train, valid, test = (_part(corpus, part, positions[part], scaled) for part in SPLITS)
    return train, valid, test


def _scaled(
    values: Float32[np.ndarray, "segment column"], train: np.ndarray
) -> Float32[np.ndarray, "segment column"]:
    mean, spread = np.nanmean(values[train], axis=0), np.nanstd(values[train], axis=0)
    return np.asarray((values - mean) / np.maximum(spread, 1e-6), np.float32)


def _part(corpus: Corpus, part: Split, positions: np.ndarray, scaled: dict[str, np.ndarray]) -> AlignedSplit:
    n = len(positions)
    features: dict[Modality, Any] = {
        "text": scaled["text"][positions],
        "audio": scaled["audio"][positions],
        "visual": np.zeros((n, 0), np.float32),
    }
    valid: dict[Modality, Any] = {
        modality: np.isfinite(rows).all(axis=1) if rows.shape[1] else np.zeros(n, bool)
        for modality, rows in features.items()
    }
    return AlignedSplit(
        split=part,
        ids=tuple(corpus.ids[position] for position in positions),
        labels=corpus.label[positions],
        offsets=np.arange(n + 1, dtype=np.int64),
        features={modality: np.nan_to_num(rows) for modality, rows in features.items()},
        valid=valid,
        columns={
            modality: tuple(f"{modality}_{column}" for column in range(rows.shape[1]))
            for modality, rows in features.items()
        },
        video=tuple(corpus.video[position] for position in positions),
    )


def _by_video(corpus: Corpus, seed: int) -> list[str]:
    """Another split by video, with as many videos in each part as the published one."""
    videos = sorted(set(corpus.video))
    np.random.default_rng(seed).shuffle(videos)
    n_valid, n_test = (
        len({video for video, part in zip(corpus.video, corpus.split, strict=True) if part == name})
        for name in ("valid", "test")
    )
    assigned = dict.fromkeys(videos, "train")
    assigned |= dict.fromkeys(videos[:n_valid], "valid")
    assigned |= dict.fromkeys(videos[n_valid : n_valid + n_test], "test")
    return [assigned[video] for video in corpus.video]

"""One trained model of the map, and what it predicts for test."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from benchmarks.evidence.conditions import CONDITIONS, spoilt
from benchmarks.evidence.corpora import Corpus, read_corpus
from benchmarks.evidence.methods import train_method
from benchmarks.evidence.setups import SETUPS
from benchmarks.evidence.vectors import vectors_of
from benchmarks.trials import Outcome
from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.corpus.segments import SPLITS, Split
from pipeline.artifacts.corpus.sequences import Modality
from pipeline.errors import PipelineError
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
        split: "standard"; the seed of a split by video; or a rater, whose labels are valid and test while train is of the others.
        condition: what is done to train, see `conditions`.
        method: how is trained, see `methods`.
        seed: seed of the first weights and of everything random in training.
        draw: number of the draw of raters, replaced labels or videos; 0 where the condition draws nothing.
        setup: name of the set-up of the network, see `setups`.
    """

    corpus: str
    split: str
    condition: str
    method: str
    seed: int
    draw: int
    setup: str


def paired(condition: str, *, seeds: Sequence[int], draws: Sequence[int]) -> list[tuple[int, int]]:
    """The seed and the draw of each model: the draws in turn, so that each of them meets seeds of its own.

    Raises:
        PipelineError: there are more draws than seeds, so that some would be left out.
    """
    if not CONDITIONS[condition].is_drawn:
        return [(seed, 0) for seed in seeds]
    if len(draws) > len(seeds):
        raise PipelineError(
            f"there are {len(draws)} draws for {len(seeds)} seeds; expected a seed for each draw: add seeds or take fewer draws"
        )
    return [(seed, draws[position % len(draws)]) for position, seed in enumerate(seeds)]


def run_trial(trial: Trial, *, data: Path) -> Outcome:
    """Train one model and let it predict valid and test, whose labels are as published."""
    setup = SETUPS[trial.setup]
    parts = divided(trial.corpus, trial.split, data, side_by_side=setup.side_by_side)
    condition = CONDITIONS[trial.condition]
    model = train_method(
        trial.method,
        spoilt(parts["train"], condition, draw=trial.draw),
        parts["valid"],
        seed=trial.seed,
        steps=read_corpus(trial.corpus, data).steps,
        trusts_valid=condition.trusts_valid,
        setup=setup.at(trial.corpus, trial.condition, trial.method),
    )
    held = {part: parts[part] for part in ("valid", "test")}
    return Outcome(
        {part: split.labels for part, split in held.items()},
        {},
        {part: predict([model], split, device="cpu")[0] for part, split in held.items()},
    )


def run_trials(trials: Sequence[Trial], *, data: Path, title: str) -> list[Outcome]:
    """Every trial; those that an earlier or killed run finished are not done again."""
    source = source_digest(run_trial.__module__)
    keys = [key_of(trial, source=source) for trial in trials]
    return list(
        map_cached(
            partial(run_trial, data=data),
            trials,
            keys=keys,
            cache=ResultCache(cache_folder() / "benchmarks/evidence/trials"),
            encode=Outcome.to_bytes,
            decode=Outcome.from_bytes,
            title=title,
            unit="model",
        )
    )


def key_of(trial: Trial, *, source: str) -> str:
    """The key of a trial's outcome: of its set-up all but the name and what was chosen elsewhere, so that two that learn alike share it."""
    setup = asdict(SETUPS[trial.setup].at(trial.corpus, trial.condition, trial.method))
    trained_as = {field: value for field, value in setup.items() if field not in ("name", "chosen")}
    return cache_key(trial=asdict(replace(trial, setup="")), setup=trained_as, source=source)


@cache
def divided(name: str, split: str, data: Path, *, side_by_side: bool) -> dict[Split, AlignedSplit]:
    """Train, valid and test, one row per segment and modality, normalised on train.

    Args:
        name: name of the corpus.
        split: see `Trial`.
        data: folder that holds the corpora.
        side_by_side: whether the layers of the text encoder stand side by side, or are averaged.
    """
    corpus = read_corpus(name, data)
    return parted(corpus, assignment(corpus, split), side_by_side=side_by_side)


def parted(corpus: Corpus, assigned: Sequence[str], *, side_by_side: bool) -> dict[Split, AlignedSplit]:
    """The parts of a corpus, given the part of each segment; see `divided`."""
    text = corpus.vectors
    if text is None:
        text = vectors_of(
            corpus.text,
            max_words=corpus.max_words,
            side_by_side=side_by_side,
            title=f"Vectors of {corpus.name}",
        )
    positions = {part: np.flatnonzero([each == part for each in assigned]) for part in SPLITS}
    rows = {"text": text, "audio": corpus.sound}
    scaled = {modality: _scaled(values, positions["train"]) for modality, values in rows.items()}
    return {part: _part(corpus, part, positions[part], scaled) for part in SPLITS}


def assignment(corpus: Corpus, split: str) -> Sequence[str]:
    """The part of each segment in a split; empty for one that is in none, see `Trial`.

    Raises:
        PipelineError: the split is neither "standard", nor a number, nor one of several raters of the corpus.
    """
    if split == STANDARD:
        return corpus.split
    if split.isdecimal():
        return _by_video(corpus, int(split))
    raters = sorted(set(corpus.rater)) if corpus.rater != corpus.video else []
    if split not in raters:
        raise PipelineError(
            f"the corpus {corpus.name} has no split {split!r}; expected one of {', '.join((STANDARD, 'a number', *raters))}"
        )
    own = [rater == split for rater in corpus.rater]
    return [
        part if (part == "train") != is_own else "" for part, is_own in zip(corpus.split, own, strict=True)
    ]


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
        rater=tuple(corpus.rater[position] for position in positions),
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

"""The segments of MOSI as the pipeline aligned them, and other ways to divide, spoil or thin them out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from pipeline.align.splits import AlignedSegment, align_segment, assemble_split, fit_normalisation, normalise
from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.corpus.segments import SPLITS, Segment, Split, read_segments
from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.artifacts.corpus.words import read_words
from pipeline.artifacts.features.shards import read_sequences

STANDARD = "standard"
TUNING = tuple(f"tuning-{fold}-of-5" for fold in range(5))
# Videos in train and valid; the rest is test. As many as in the standard split.
_N_TRAIN, _N_VALID = 52, 10


@dataclass(frozen=True, eq=False)
class Pool:
    """All segments on their word axis, not yet normalised, with the standard split."""

    segments: tuple[Segment, ...]
    aligned: tuple[AlignedSegment, ...]
    columns: Mapping[Modality, tuple[str, ...]]


@cache
def read_pool(repository: Path, *, max_words: int, max_gap_s: float) -> Pool:
    """Align what the extraction stages left in `data/` of a repository."""
    data = repository / "data"
    segments = read_segments(data / "manifest/segments.jsonl")
    spoken = read_words(data / "words/words.jsonl")
    sequences = {name: read_sequences(data / name) for name in MODALITIES}
    aligned = [
        align_segment(
            segment,
            words,
            {name: packed[segment.id] for name, packed in sequences.items()},
            max_words=max_words,
            max_gap_s=max_gap_s,
        )
        for segment, words in zip(segments, spoken, strict=True)
    ]
    return Pool(tuple(segments), tuple(aligned), {name: packed.columns for name, packed in sequences.items()})


def divide(pool: Pool, split: str) -> tuple[AlignedSplit, AlignedSplit, AlignedSplit]:
    """Train, valid and test, normalised on train.

    Args:
        pool: all segments.
        split: "standard"; the seed of a random split in which, as in the standard one, no video is in two parts; or a
            fold of tuning, in which the standard train and valid take the place of everything: what is chosen on
            these never saw the standard test.
    """
    if split == STANDARD:
        return _normalised(pool.segments, pool.aligned, pool.columns)
    assigned = _tuning_fold(pool, TUNING.index(split)) if split in TUNING else _random_split(pool, int(split))
    positions = [position for position, segment in enumerate(pool.segments) if segment.video in assigned]
    segments = [
        replace(pool.segments[position], split=assigned[pool.segments[position].video])
        for position in positions
    ]
    return _normalised(segments, [pool.aligned[position] for position in positions], pool.columns)


def _normalised(
    segments: Sequence[Segment],
    aligned: Sequence[AlignedSegment],
    columns: Mapping[Modality, tuple[str, ...]],
) -> tuple[AlignedSplit, AlignedSplit, AlignedSplit]:
    parts = [assemble_split(name, segments, aligned, columns) for name in SPLITS]
    normalisation = fit_normalisation(parts[0])
    train, valid, test = (normalise(part, normalisation) for part in parts)
    return train, valid, test


def spoil_labels(part: AlignedSplit, *, share: float, seed: int) -> AlignedSplit:
    """Replace the labels of a share of the segments by the labels of others drawn at random."""
    random = np.random.default_rng([seed, SPLITS.index(part.split)])
    labels = part.labels.copy()
    chosen = random.choice(len(labels), round(share * len(labels)), replace=False)
    labels[chosen] = random.choice(part.labels, len(chosen))
    return replace(part, labels=labels)


def thin_out(part: AlignedSplit, *, share: float, seed: int) -> AlignedSplit:
    """Keep a share of the segments, drawn at random."""
    positions = np.sort(
        np.random.default_rng(seed).choice(len(part), max(2, round(share * len(part))), replace=False)
    )
    return part.select(positions)


def _random_split(pool: Pool, seed: int) -> dict[str, Split]:
    videos = _shuffled({segment.video for segment in pool.segments}, seed)
    assigned: dict[str, Split] = dict.fromkeys(videos, "train")
    assigned |= dict.fromkeys(videos[_N_TRAIN : _N_TRAIN + _N_VALID], "valid")
    return assigned | dict.fromkeys(videos[_N_TRAIN + _N_VALID :], "test")


def _tuning_fold(pool: Pool, fold: int) -> dict[str, Split]:
    """Every segment of the standard train and valid is in the test of one fold; valid is as large as the standard one.

    A curve fitted on twice as many segments as there will be, by networks that saw half as many, is another choice.
    """
    videos = _shuffled({segment.video for segment in pool.segments if segment.split != "test"}, seed=0)
    assigned: dict[str, Split] = dict.fromkeys(videos, "train")
    assigned |= dict.fromkeys(videos[fold :: len(TUNING)], "test")
    return assigned | dict.fromkeys(videos[(fold + 1) % len(TUNING) :: len(TUNING)][:_N_VALID], "valid")


def _shuffled(videos: set[str], seed: int) -> list[str]:
    ordered = sorted(videos)
    np.random.default_rng(seed).shuffle(ordered)
    return ordered

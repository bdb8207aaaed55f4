"""Aligned splits: the words of every segment with the features of each modality."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32

from pipeline.align.pooling import pool_onto_words, reach_s
from pipeline.artifacts.aligned import AlignedSplit, Normalisation, Ratings
from pipeline.artifacts.coverage import Coverage, ModalityCoverage
from pipeline.artifacts.segments import OWNERS, Segment, Split
from pipeline.artifacts.sequences import MODALITIES, Modality, PackedSequences
from pipeline.artifacts.tokens import TokenizedText, join_tokens
from pipeline.artifacts.words import SegmentWords, Word
from pipeline.errors import PipelineError

# A feature that hardly varies over train is left at its scale instead of being blown up by its inverse.
_MIN_STD = 1e-6
# Double precision takes several times the room of the features, so it is spent on a few of them at a time.
_COLUMNS_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class AlignedSegment:
    """One segment on its word axis, which has at least one slot."""

    features: Mapping[Modality, Float32[np.ndarray, "word _"]]
    valid: Mapping[Modality, Bool[np.ndarray, "word"]]
    tokens: TokenizedText | None = None


def align_segment(
    segment: Segment,
    spoken: SegmentWords,
    sequences: Mapping[Modality, PackedSequences],
    *,
    max_words: int,
    max_gap_s: float,
) -> AlignedSegment:
    """Put the three modalities of one segment onto its first `max_words` words.

    A segment without words gets one slot that spans all of it: its text is invalid, its sound and face still count.

    Raises:
        PipelineError: the text features do not have one row per word of the segment.
    """
    words = spoken.words[:max_words]
    text = sequences["text"][segment.id]
    if len(text.values) != len(spoken.words):
        raise PipelineError(
            f"segment {segment.id}: {len(text.values)} rows of text features for {len(spoken.words)} words, so they were made "
            "from other words; delete the text features and run `dvc repro`"
        )
    slots = words or (Word("", 0.0, segment.duration_s),)
    features: dict[Modality, np.ndarray] = {
        "text": np.where(text.valid[:, None], text.values, np.float32(0))[: len(slots)]
    }
    valid: dict[Modality, np.ndarray] = {"text": text.valid[: len(slots)]}
    if not words:
        features["text"] = np.zeros((1, text.values.shape[1]), np.float32)
        valid["text"] = np.zeros(1, bool)
    frame_modalities: tuple[Modality, ...] = ("audio", "visual")
    for modality in frame_modalities:
        sequence = sequences[modality][segment.id]
        features[modality], valid[modality] = pool_onto_words(
            sequence, slots, max_gap_s=reach_s(sequence, max_gap_s=max_gap_s)
        )
    tokens = text.tokens.keep_words(np.array([len(slots)])) if text.tokens is not None else None
    return AlignedSegment(features, valid, tokens)


def assemble_split(
    split: Split,
    segments: Sequence[Segment],
    aligned: Sequence[AlignedSegment],
    columns: Mapping[Modality, tuple[str, ...]],
) -> AlignedSplit:
    """The segments of one split end to end, not yet normalised; the other splits' segments are left out."""
    chosen = [position for position, segment in enumerate(segments) if segment.split == split]
    n_words = [len(aligned[position].valid["text"]) for position in chosen]
    tokens = [found for position in chosen if (found := aligned[position].tokens) is not None]
    return AlignedSplit(
        split=split,
        ids=tuple(segments[position].id for position in chosen),
        labels=np.array([segments[position].label for position in chosen], np.float64),
        offsets=np.concatenate([[0], np.cumsum(n_words)]).astype(np.int64),
        features={
            modality: np.concatenate([aligned[position].features[modality] for position in chosen])
            for modality in MODALITIES
        },
        valid={
            modality: np.concatenate([aligned[position].valid[modality] for position in chosen])
            for modality in MODALITIES
        },
        columns=columns,
        tokens=join_tokens(tokens) if tokens else None,
        trusted=np.array([segments[position].trusted for position in chosen], bool),
        ratings=Ratings.of([segments[position].ratings for position in chosen]),
        **{owner: tuple(getattr(segments[position], owner) or "" for position in chosen) for owner in OWNERS},
    )


def fit_normalisation(train: AlignedSplit) -> Normalisation:
    """Mean and standard deviation of each feature over the valid words of train, and of nothing else."""
    mean, std = {}, {}
    for modality in MODALITIES:
        features, valid = train.features[modality], train.valid[modality]
        n_columns = features.shape[1]
        mean[modality], spread = np.zeros(n_columns, np.float32), np.zeros(n_columns)
        for first in range(0, n_columns if valid.any() else 0, _COLUMNS_AT_ONCE):
            columns = slice(first, first + _COLUMNS_AT_ONCE)
            seen = features[valid, columns].astype(np.float64)
            mean[modality][columns], spread[columns] = seen.mean(axis=0), seen.std(axis=0)
        std[modality] = np.where(spread < _MIN_STD, 1.0, spread).astype(np.float32)
    return Normalisation(mean, std)


def normalise(split: AlignedSplit, normalisation: Normalisation) -> AlignedSplit:
    """Valid rows to zero mean and unit variance (of train); invalid rows stay zero."""
    features = {}
    for modality in MODALITIES:
        features[modality] = split.features[modality] - normalisation.mean[modality]
        features[modality] /= normalisation.std[modality]
        features[modality][~split.valid[modality]] = 0
    return replace(split, features=features)


def describe_train(
    segments: Sequence[Segment], spoken: Sequence[SegmentWords], train: AlignedSplit
) -> tuple[str, dict[str, Any]]:
    """Describe train, so that a recording that is unlike all of it can be recognised.

    Returns:
        the language of most segments (of equals, the first by the alphabet); and `segments`, the number of segments,
        `label_min` and `label_max`, and `duration_s` and `words` with the `median` and `max` over the segments.
    """
    ids = set(train.ids)
    languages = Counter(segment.language for segment in segments if segment.id in ids)
    durations_s = [segment.duration_s for segment in segments if segment.id in ids]
    n_words = [len(row.words) for row in spoken if row.id in ids]
    return min(languages, key=lambda language: (-languages[language], language)), {
        "segments": len(train),
        "label_min": float(train.labels.min()),
        "label_max": float(train.labels.max()),
        "duration_s": {"median": float(np.median(durations_s)), "max": max(durations_s)},
        "words": {"median": float(np.median(n_words)), "max": max(n_words)},
    }


def coverage(
    segments: Sequence[Segment],
    spoken: Sequence[SegmentWords],
    sequences: Mapping[Modality, PackedSequences],
    splits: Sequence[AlignedSplit],
    *,
    max_words: int,
    n_rejected: int,
) -> Coverage:
    """How much of the corpus each modality really covers."""
    modalities = []
    for split in splits:
        for modality in MODALITIES:
            valid = split.valid[modality]
            per_segment = np.logical_or.reduceat(valid, split.offsets[:-1])
            rows = [sequences[modality][id_].valid for id_ in split.ids]
            n_rows = sum(len(row) for row in rows)
            modalities.append(
                ModalityCoverage(
                    split=split.split,
                    modality=modality,
                    segments=len(split),
                    words=len(valid),
                    valid_words=float(valid.mean()),
                    segments_without=float((~per_segment).mean()),
                    valid_rows=sum(int(row.sum()) for row in rows) / n_rows if n_rows else 0.0,
                )
            )
    failures = {
        modality: dict(sorted(sequences[modality].failures.items()))
        for modality in MODALITIES
        if sequences[modality].failures
    }
    notes = {
        modality: dict(sorted(sequences[modality].notes.items()))
        for modality in MODALITIES
        if sequences[modality].notes
    }
    given = {
        modality: sequences[modality].extractor["given_rows"]
        for modality in MODALITIES
        if "given_rows" in sequences[modality].extractor
    }
    return Coverage(
        segments=len(segments),
        rejected=n_rejected,
        duration_s=sum(segment.duration_s for segment in segments),
        words=sum(len(row.words) for row in spoken),
        words_cut_off=sum(max(0, len(row.words) - max_words) for row in spoken),
        align_methods=dict(sorted(Counter(row.align_method for row in spoken).items())),
        modalities=tuple(modalities),
        failures=failures,
        given_rows=given or None,
        notes=notes or None,
    )

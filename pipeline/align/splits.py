"""Aligned splits: the words of every segment with the features of each modality."""

import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64

from pipeline.align.pooling import pool_onto_words, reach_s
from pipeline.artifacts.aligned.coverage import Coverage, ModalityCoverage
from pipeline.artifacts.aligned.normalisation import Normalisation
from pipeline.artifacts.aligned.rows import Rows
from pipeline.artifacts.aligned.split import AlignedSplit, Ratings
from pipeline.artifacts.corpus.segments import OWNERS, Owner, Segment, Split
from pipeline.artifacts.corpus.sequences import MODALITIES, FeatureSequence, Modality
from pipeline.artifacts.corpus.tokens import TokenizedText, join_tokens
from pipeline.artifacts.corpus.words import SegmentWords, Word
from pipeline.artifacts.features.packed import Sequences
from pipeline.errors import PipelineError

# A feature that hardly varies over train is left at its scale instead of being blown up by its inverse.
_MIN_STD = 1e-6
# Double precision takes twice the room of the features, so it is spent on some words at a time.
_ROWS_AT_ONCE = 8192
# One for all segments that one rater labelled, as most are.
_NO_RATINGS: Mapping[str, float] = {}


@dataclass(frozen=True, eq=False)
class AlignedSegment:
    """One segment on its word axis, which has at least one slot."""

    features: Mapping[Modality, Float32[np.ndarray, "word _"]]
    valid: Mapping[Modality, Bool[np.ndarray, "word"]]
    tokens: TokenizedText | None = None


def align_segment(
    segment: Segment,
    spoken: SegmentWords,
    sequences: Mapping[Modality, FeatureSequence],
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
    text = sequences["text"]
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
        sequence = sequences[modality]
        features[modality], valid[modality] = pool_onto_words(
            sequence, slots, max_gap_s=reach_s(sequence, max_gap_s=max_gap_s)
        )
    tokens = text.tokens.keep_words(np.array([len(slots)])) if text.tokens is not None else None
    return AlignedSegment(features, valid, tokens)


class SegmentColumns:
    """What an aligned split says of its segments beside their rows: some bytes each in columns, in place of whole segments."""

    def __init__(self, segments: Iterable[Segment] = ()) -> None:
        self.ids: list[str] = []
        self.labels = array("d")
        self.trusted = array("b")
        self.ratings: list[Mapping[str, float]] = []
        self.owners: dict[Owner, list[str]] = {owner: [] for owner in OWNERS}
        for segment in segments:
            self.append(segment)

    def append(self, segment: Segment) -> None:
        """Add the next segment."""
        self.ids.append(segment.id)
        self.labels.append(segment.label)
        self.trusted.append(segment.trusted)
        self.ratings.append(segment.ratings or _NO_RATINGS)
        for owner, names in self.owners.items():
            name = getattr(segment, owner) or ""
            # The text of a neighbour's name again: of a recording's segments each brings one of its own.
            names.append(names[-1] if names and names[-1] == name else name)


def assemble_split(
    split: Split,
    segments: Sequence[Segment],
    aligned: Sequence[AlignedSegment],
    columns: Mapping[Modality, tuple[str, ...]],
) -> AlignedSplit:
    """The segments of one split end to end, not yet normalised; the other splits' segments are left out."""
    chosen = [position for position, segment in enumerate(segments) if segment.split == split]
    return split_of_rows(
        split,
        SegmentColumns(segments[position] for position in chosen),
        n_words=[len(aligned[position].valid["text"]) for position in chosen],
        features={
            modality: np.concatenate([aligned[position].features[modality] for position in chosen])
            for modality in MODALITIES
        },
        valid={
            modality: np.concatenate([aligned[position].valid[modality] for position in chosen])
            for modality in MODALITIES
        },
        columns=columns,
        tokens=[found for position in chosen if (found := aligned[position].tokens) is not None],
    )


def split_of_rows(
    split: Split,
    segments: SegmentColumns,
    *,
    n_words: Sequence[int],
    features: Mapping[Modality, Float32[np.ndarray, "word _"]],
    valid: Mapping[Modality, Bool[np.ndarray, "word"]],
    columns: Mapping[Modality, tuple[str, ...]],
    tokens: Sequence[TokenizedText],
) -> AlignedSplit:
    """The segments of one split, whose rows lie end to end already.

    Args:
        split: name of the split.
        segments: its segments.
        n_words: number of rows of each segment.
        features: rows of all segments.
        valid: which rows are real.
        columns: names of the features.
        tokens: the text of each segment as an encoder that learns reads it; none where word vectors are frozen.
    """
    return AlignedSplit(
        split=split,
        ids=tuple(segments.ids),
        labels=np.array(segments.labels, np.float64),
        offsets=np.concatenate([[0], np.cumsum(n_words)]).astype(np.int64),
        features=features,
        valid=valid,
        columns=columns,
        tokens=join_tokens(tokens) if tokens else None,
        trusted=np.array(segments.trusted, bool),
        ratings=Ratings.of(segments.ratings),
        **{owner: tuple(names) for owner, names in segments.owners.items()},
    )


def without_unlearnt(split: AlignedSplit, normalisation: Normalisation) -> AlignedSplit:
    """The split, where a modality that no word of train has counts as absent, with a line on standard error.

    Weights that nothing has trained would else add their chance to every prediction.
    """
    unlearnt = [modality for modality in normalisation.unlearnt if split.valid[modality].any()]
    for modality in sorted(unlearnt):
        sys.stderr.write(
            f"{modality}: no segment of train has any, so no model can learn from it; it counts as absent in {split.split}\n"
        )
    absent = {modality: np.zeros_like(split.valid[modality]) for modality in unlearnt}
    return replace(split, valid={**split.valid, **absent}) if unlearnt else split


def fit_normalisation(train: AlignedSplit) -> Normalisation:
    """Mean and standard deviation of each feature over the valid words of train, and of nothing else.

    Both are sums over words in the order of the split, so rows that lie in a file are read twice and never held.
    """
    mean, std = {}, {}
    for modality in MODALITIES:
        features, valid = train.features[modality], train.valid[modality]
        n_valid = max(1, int(valid.sum()))
        exact_mean = _sum_of_rows(_valid_rows(features, valid), features.shape[1]) / n_valid
        squares = (np.square(rows - exact_mean) for rows in _valid_rows(features, valid))
        spread = np.sqrt(_sum_of_rows(squares, features.shape[1]) / n_valid)
        mean[modality] = exact_mean.astype(np.float32)
        std[modality] = np.where(spread < _MIN_STD, 1.0, spread).astype(np.float32)
    return Normalisation(mean, std)


def _valid_rows(features: Rows, valid: Bool[np.ndarray, "word"]) -> Iterator[Float64[np.ndarray, "some dim"]]:
    for first in range(0, len(features), _ROWS_AT_ONCE):
        block = slice(first, first + _ROWS_AT_ONCE)
        yield features[block][valid[block]].astype(np.float64)


def _sum_of_rows(blocks: Iterable[Float64[np.ndarray, "some dim"]], dim: int) -> Float64[np.ndarray, "dim"]:
    total = np.zeros((1, dim))
    for block in blocks:
        total = np.concatenate([total, block]).sum(axis=0, keepdims=True)
    return np.asarray(total[0])


def normalise(split: AlignedSplit, normalisation: Normalisation) -> AlignedSplit:
    """Valid rows to zero mean and unit variance (of train); invalid rows stay zero."""
    features = {
        modality: normalisation.apply(modality, split.features[modality][:], split.valid[modality])
        for modality in MODALITIES
    }
    return replace(split, features=features)


@dataclass(kw_only=True)
class CorpusCounts:
    """What is counted about a corpus, segment by segment in the order of the manifest.

    Attributes:
        max_words: number of words of a segment that are kept.
        n_segments: number of segments.
        duration_s: length of all segments in seconds.
        n_words: number of words.
        n_cut_off: number of words beyond `max_words`.
        methods: number of segments that had their words found in each way.
        rows: by split and modality, the number of rows that the extractor looked at.
        valid_rows: the number of those that are valid.
        train_languages: number of segments of train by language.
        train_durations_s: length of each segment of train in seconds.
        train_words: number of words of each segment of train.
    """

    max_words: int
    n_segments: int = 0
    duration_s: float = 0.0
    n_words: int = 0
    n_cut_off: int = 0
    methods: Counter[str] = field(default_factory=Counter)
    rows: Counter[tuple[Split, Modality]] = field(default_factory=Counter)
    valid_rows: Counter[tuple[Split, Modality]] = field(default_factory=Counter)
    train_languages: Counter[str] = field(default_factory=Counter)
    # Arrays, because a number of a list takes 32 bytes.
    train_durations_s: "array[float]" = field(default_factory=lambda: array("d"))
    train_words: "array[int]" = field(default_factory=lambda: array("q"))

    def add(
        self, segment: Segment, spoken: SegmentWords, sequences: Mapping[Modality, FeatureSequence]
    ) -> None:
        """Count the next segment."""
        n_words = len(spoken.words)
        self.n_segments += 1
        self.duration_s += segment.duration_s
        self.n_words += n_words
        self.n_cut_off += max(0, n_words - self.max_words)
        self.methods[spoken.align_method] += 1
        for modality, sequence in sequences.items():
            self.rows[segment.split, modality] += len(sequence.valid)
            self.valid_rows[segment.split, modality] += int(sequence.valid.sum())
        if segment.split == "train":
            self.train_languages[segment.language] += 1
            self.train_durations_s.append(segment.duration_s)
            self.train_words.append(n_words)


def describe_train(counts: CorpusCounts, train: AlignedSplit) -> tuple[str, dict[str, Any]]:
    """Describe train, so that a recording that is unlike all of it can be recognised.

    Returns:
        the language of most segments (of equals, the first by the alphabet); and `segments`, the number of segments,
        `corpora`, the number of those of each corpus, `label_min` and `label_max`, and `duration_s` and `words` with the `median` and `max` over the segments.
    """
    languages, durations_s, n_words = (
        counts.train_languages,
        counts.train_durations_s,
        counts.train_words,
    )
    return min(languages, key=lambda language: (-languages[language], language)), {
        "segments": len(train),
        "corpora": dict(sorted(Counter(name for name in train.corpus if name).items())),
        "label_min": float(train.labels.min()),
        "label_max": float(train.labels.max()),
        "duration_s": {"median": float(np.median(durations_s)), "max": max(durations_s)},
        "words": {"median": float(np.median(n_words)), "max": max(n_words)},
    }


def coverage(
    counts: CorpusCounts,
    sequences: Mapping[Modality, Sequences],
    splits: Sequence[AlignedSplit],
    *,
    n_rejected: int,
) -> Coverage:
    """How much of the corpus each modality really covers."""
    modalities = []
    for split in splits:
        for modality in MODALITIES:
            valid = split.valid[modality]
            per_segment = np.logical_or.reduceat(valid, split.offsets[:-1])
            n_rows, n_valid = (found[split.split, modality] for found in (counts.rows, counts.valid_rows))
            modalities.append(
                ModalityCoverage(
                    split=split.split,
                    modality=modality,
                    segments=len(split),
                    words=len(valid),
                    valid_words=float(valid.mean()),
                    segments_without=float((~per_segment).mean()),
                    valid_rows=n_valid / n_rows if n_rows else 0.0,
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
        segments=counts.n_segments,
        rejected=n_rejected,
        duration_s=counts.duration_s,
        words=counts.n_words,
        words_cut_off=counts.n_cut_off,
        align_methods=dict(sorted(counts.methods.items())),
        modalities=tuple(modalities),
        failures=failures,
        given_rows=given or None,
        notes=notes or None,
    )

"""Frames onto words: the mean of the rows from while a word was spoken."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32, Float64

from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.artifacts.corpus.words import Word

# Shorter than any sound, longer than what rounding does to a sum of times.
_ROUNDING_S = 1e-6


def pool_onto_words(
    sequence: FeatureSequence, words: Sequence[Word], *, max_gap_s: float
) -> tuple[Float32[np.ndarray, "word dim"], Bool[np.ndarray, "word"]]:
    """The mean of the valid rows whose middle lies within each word.

    Where rows say which stretch they were computed from, because they are longer than words, a word takes all whose stretch
    it overlaps: one row per segment then belongs to every word of it.

    A word too short to hold a row of its own takes the nearest row at most `max_gap_s` away from it. A word whose rows
    are all invalid stays invalid: the extractor looked there and saw nothing.

    Args:
        sequence: rows of one segment.
        words: words of the segment, with times in seconds from its start.
        max_gap_s: greatest distance of the row that a word without rows of its own takes, in seconds.

    Returns:
        A row per word, zeros where invalid, and whether it is valid.
    """
    starts = np.array([word.start_s for word in words])
    ends = np.array([word.end_s for word in words])
    if sequence.spans_s is not None:
        return _pool_spans(sequence, sequence.spans_s, starts, ends, max_gap_s)
    first = np.searchsorted(sequence.times_s, starts, side="left")
    last = np.searchsorted(sequence.times_s, ends, side="left")
    for position in np.flatnonzero(first == last):
        nearest = _nearest_row(sequence, starts[position], ends[position], max_gap_s)
        if nearest is not None:
            first[position], last[position] = nearest, nearest + 1
    # Differences of running sums pool all words at once; float64 keeps them exact enough over long segments.
    seen = np.where(sequence.valid[:, None], sequence.values.astype(np.float64), 0.0)
    sums = np.concatenate([np.zeros((1, seen.shape[1])), seen.cumsum(axis=0)])
    counts = np.concatenate([[0], sequence.valid.cumsum()])
    n_rows = counts[last] - counts[first]
    pooled = (sums[last] - sums[first]) / np.maximum(n_rows, 1)[:, None]
    valid = n_rows > 0
    return np.where(valid[:, None], pooled, 0.0).astype(np.float32), valid


def reach_s(sequence: FeatureSequence, *, max_gap_s: float) -> float:
    """How far from a word the row may be that stands for it, in seconds.

    A row stands for what follows until the next one. So where rows are rarer than two gaps, as one picture per second is, the
    usual time between two of them takes the place of `max_gap_s`: otherwise half of the short words would have none. Rows that say which stretch they are about need no such guess.
    """
    if sequence.spans_s is not None or len(sequence.times_s) < 2:
        return max_gap_s
    step_s = float(np.median(np.diff(sequence.times_s)))
    return step_s if step_s > 2 * max_gap_s else max_gap_s


def _pool_spans(
    sequence: FeatureSequence,
    spans_s: Float64[np.ndarray, "row 2"],
    starts: Float64[np.ndarray, "word"],
    ends: Float64[np.ndarray, "word"],
    max_gap_s: float,
) -> tuple[Float32[np.ndarray, "word dim"], Bool[np.ndarray, "word"]]:
    # The middle belongs to a word however short it is; times that were added up differ in their last digits.
    middles = (starts + ends) / 2
    first = np.minimum(starts + _ROUNDING_S, middles)[:, None]
    last = np.maximum(ends - _ROUNDING_S, middles)[:, None]
    covers = (spans_s[:, 0] <= last) & (spans_s[:, 1] >= first)
    for position in np.flatnonzero(~covers.any(axis=1)):
        gap = np.maximum(spans_s[:, 0] - ends[position], starts[position] - spans_s[:, 1])
        if len(gap) and gap.min() <= max_gap_s:
            covers[position, gap.argmin()] = True
    seen = covers & sequence.valid
    n_rows = seen.sum(axis=1)
    known = np.where(sequence.valid[:, None], sequence.values.astype(np.float64), 0.0)
    pooled = seen.astype(np.float64) @ known / np.maximum(n_rows, 1)[:, None]
    valid = n_rows > 0
    return np.where(valid[:, None], pooled, 0.0).astype(np.float32), valid


def _nearest_row(sequence: FeatureSequence, start_s: float, end_s: float, max_gap_s: float) -> int | None:
    if not len(sequence.times_s):
        return None
    gap = np.maximum(start_s - sequence.times_s, sequence.times_s - end_s)
    nearest = int(gap.argmin())
    return nearest if gap[nearest] <= max_gap_s else None

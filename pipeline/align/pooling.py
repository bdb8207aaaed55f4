"""Frames onto words: the mean of the rows from while a word was spoken."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32

from pipeline.artifacts.sequences import FeatureSequence
from pipeline.artifacts.words import Word


def pool_onto_words(
    sequence: FeatureSequence, words: Sequence[Word], *, max_gap_s: float
) -> tuple[Float32[np.ndarray, "word dim"], Bool[np.ndarray, "word"]]:
    """The mean of the valid rows whose middle lies within each word.

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
    usual time between two of them takes the place of `max_gap_s`: otherwise half of the short words would have none.
    """
    if len(sequence.times_s) < 2:
        return max_gap_s
    step_s = float(np.median(np.diff(sequence.times_s)))
    return step_s if step_s > 2 * max_gap_s else max_gap_s


def _nearest_row(sequence: FeatureSequence, start_s: float, end_s: float, max_gap_s: float) -> int | None:
    if not len(sequence.times_s):
        return None
    gap = np.maximum(start_s - sequence.times_s, sequence.times_s - end_s)
    nearest = int(gap.argmin())
    return nearest if gap[nearest] <= max_gap_s else None

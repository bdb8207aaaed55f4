"""Forced alignment with the output of a CTC model: which frames each label of a known sequence takes.

A CTC model (Graves et al., 2006) gives for each frame a probability of every label and of a blank; a sequence of labels is
spoken by any path that becomes it once repeats are merged and blanks dropped. The best such path is Viterbi's over the labels
with a blank around each.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int8, Int64, Shaped


@dataclass(frozen=True, eq=False)
class Alignment:
    """The best path of a sequence of labels.

    Attributes:
        frames: first and last frame of each label.
        label_log_prob: mean log-probability of each label over its frames.
        log_prob: log-probability of the whole path, blanks included.
    """

    frames: Int64[np.ndarray, "label 2"]
    label_log_prob: Float64[np.ndarray, "label"]
    log_prob: float


def align_labels(
    log_probs: Float32[np.ndarray, "frame class"], labels: Sequence[int], *, blank: int
) -> Alignment | None:
    """Find the most probable frames of each label.

    The way back is kept for a stretch of the frames at a time and worked out anew from a few stored states, so memory grows with
    labels x sqrt(frames).

    Args:
        log_probs: log-probability of each class in each frame.
        labels: classes that are spoken, in order, none of them the blank.
        blank: class of the blank.

    Returns:
        None where the frames are too few for the labels, or there are no labels; of equal paths, the one that leaves each state
        last.
    """
    if not labels:
        return None
    states = np.full(2 * len(labels) + 1, blank)
    states[1::2] = labels
    # A blank may be left out between two labels, unless they are the same.
    may_skip = np.zeros(len(states), bool)
    may_skip[3::2] = states[3::2] != states[1:-2:2]
    n_frames = len(log_probs)
    stretch = max(math.isqrt(n_frames), 1)

    score = np.full(len(states), -np.inf)
    score[0] = 0.0  # before the first frame: as if in the blank before all
    stored = []
    for frame in range(n_frames):
        if frame % stretch == 0:
            stored.append(score)
        score, _ = _step(score, log_probs[frame, states], may_skip)
    last = len(states) - 1 if score[-1] > score[-2] else len(states) - 2
    if not np.isfinite(score[last]):
        return None

    path = np.empty(n_frames, np.int64)
    state = last
    for first, before in reversed(list(zip(range(0, n_frames, stretch), stored, strict=True))):
        moves = []
        for frame in range(first, min(first + stretch, n_frames)):
            before, moved = _step(before, log_probs[frame, states], may_skip)
            moves.append(moved)
        for offset in reversed(range(len(moves))):
            path[first + offset] = state
            state -= int(moves[offset][state])
    own = np.arange(1, len(states), 2)
    frames = np.stack(
        [np.searchsorted(path, own, side="left"), np.searchsorted(path, own, side="right") - 1], axis=1
    )
    along = log_probs[np.arange(n_frames), states[path]].astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(along)])
    label_log_prob = (sums[frames[:, 1] + 1] - sums[frames[:, 0]]) / (frames[:, 1] + 1 - frames[:, 0])
    return Alignment(frames, label_log_prob, float(score[last]))


def _step(
    score: Float64[np.ndarray, "state"],
    emitted: Float32[np.ndarray, "state"],
    may_skip: Shaped[np.ndarray, "state"],
) -> tuple[Float64[np.ndarray, "state"], Int8[np.ndarray, "state"]]:
    """Scores after one more frame, and how many states each came from below."""
    best, moved = score.copy(), np.zeros(len(score), np.int8)
    forward = score[:-1] > best[1:]
    best[1:][forward], moved[1:][forward] = score[:-1][forward], 1
    skip = may_skip[2:] & (score[:-2] > best[2:])
    best[2:][skip], moved[2:][skip] = score[:-2][skip], 2
    return best + emitted, moved

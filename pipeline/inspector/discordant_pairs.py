"""What a model gets most wrong in a split: discordant pairs, and segments far from their label."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from pipeline.evaluation.selection import pair_counts

# Pairs in memory at a time.
_AT_ONCE = 2**22

_AT_FIRST = 2**11
"""The segments with the largest and the smallest errors among which the widest pairs are looked for first."""


@dataclass(frozen=True, eq=False)
class DiscordantPairs:
    """Positions of the upper and lower segments by label, widest gap first.

    `n_comparable` counts the pairs with different labels, `n_wrong` those of them in the wrong order.
    """

    above: Int64[np.ndarray, "pair"]
    below: Int64[np.ndarray, "pair"]
    n_comparable: int
    n_wrong: int


def discordant_pairs(
    truth: Float64[np.ndarray, "segment"], prediction: Float64[np.ndarray, "segment"], *, at_most: int
) -> DiscordantPairs:
    """The pairs whose order by prediction is the opposite of that by label; equal predictions are no order.

    The gap of a pair is the distance of its labels plus the distance by which its predictions are in the wrong order, in
    label units: the error of the predicted difference. Pairs of equal gap come by position.
    """
    n = len(truth)
    counted = pair_counts(truth, prediction, np.ones((1, n)))
    n_comparable, n_concordant, n_tied = (int(number[0]) for number in counted[:3])
    n_wrong = n_comparable - n_concordant - n_tied
    error = truth - prediction
    by_error = np.argsort(error, kind="stable")
    # A gap is the error above minus the error below, so the widest are found among the segments with extreme errors.
    n_extreme = _AT_FIRST
    while True:
        above, below = np.sort(by_error[-n_extreme:]), np.sort(by_error[:n_extreme])
        widest = _widest(truth, prediction, above, below, at_most=at_most)
        if n_extreme >= n or len(widest) == n_wrong:
            break
        bound = max(
            error[by_error[-n_extreme - 1]] - error[by_error[0]],
            error[by_error[-1]] - error[by_error[n_extreme]],
        )
        if len(widest) == at_most and bound < -widest[-1, 0]:
            break  # every pair of a segment that was left out is narrower
        n_extreme *= 2
    return DiscordantPairs(
        widest[:, 1].astype(np.int64), widest[:, 2].astype(np.int64), n_comparable, n_wrong
    )


def _widest(
    truth: Float64[np.ndarray, "segment"],
    prediction: Float64[np.ndarray, "segment"],
    above: Int64[np.ndarray, "_"],
    below: Int64[np.ndarray, "_"],
    *,
    at_most: int,
) -> Float64[np.ndarray, "pair 3"]:
    """Negative gap and positions of the widest pairs of some segments above and some below, in order."""
    error = truth - prediction
    widest: Float64[np.ndarray, "pair 3"] = np.zeros((0, 3))
    step = max(1, _AT_ONCE // max(len(below), 1))
    for start in range(0, len(above), step):
        rows = above[start : start + step]
        wrong = (truth[rows, None] > truth[below]) & (prediction[rows, None] < prediction[below])
        row, column = np.nonzero(wrong)
        gap = error[rows][row] - error[below][column]
        block = np.stack([-gap, rows[row], below[column]], axis=1)
        if len(block) > at_most:
            block = block[block[:, 0] <= np.partition(block[:, 0], at_most - 1)[at_most - 1]]
        both = np.concatenate([widest, block])
        widest = both[np.lexsort((both[:, 2], both[:, 1], both[:, 0]))[:at_most]]
    return widest


def largest_errors(
    truth: Float64[np.ndarray, "segment"], prediction: Float64[np.ndarray, "segment"], *, at_most: int
) -> Int64[np.ndarray, "_"]:
    """Positions of the segments whose prediction is farthest from its label; equals by position."""
    order = np.argsort(-np.abs(prediction - truth), kind="stable")
    return order[:at_most].astype(np.int64)

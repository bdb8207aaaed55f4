"""What a model gets most wrong in a split: discordant pairs, and segments far from their label."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

# Pairs in memory at a time.
_AT_ONCE = 2**22


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
    error = truth - prediction
    n_comparable = n_wrong = 0
    widest: Float64[np.ndarray, "pair 3"] = np.zeros((0, 3))
    step = max(1, _AT_ONCE // max(n, 1))
    for start in range(0, n, step):
        rows = slice(start, min(start + step, n))
        higher: Bool[np.ndarray, "above below"] = truth[rows, None] > truth[None, :]
        wrong = higher & (prediction[rows, None] < prediction[None, :])
        n_comparable += int(higher.sum())
        n_wrong += int(wrong.sum())
        above, below = np.nonzero(wrong)
        gap = error[rows][above] - error[below]
        block = np.stack([-gap, above + start, below], axis=1)
        if len(block) > at_most:
            block = block[block[:, 0] <= np.partition(block[:, 0], at_most - 1)[at_most - 1]]
        both = np.concatenate([widest, block])
        widest = both[np.lexsort((both[:, 2], both[:, 1], both[:, 0]))[:at_most]]
    return DiscordantPairs(
        widest[:, 1].astype(np.int64), widest[:, 2].astype(np.int64), n_comparable, n_wrong
    )


def largest_errors(
    truth: Float64[np.ndarray, "segment"], prediction: Float64[np.ndarray, "segment"], *, at_most: int
) -> Int64[np.ndarray, "_"]:
    """Positions of the segments whose prediction is farthest from its label; equals by position."""
    order = np.argsort(-np.abs(prediction - truth), kind="stable")
    return order[:at_most].astype(np.int64)

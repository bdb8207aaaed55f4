"""What a model gets most wrong in a split: pairs in the wrong order, and segments far from their label."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

# Pairs in memory at a time.
_AT_ONCE = 2**22


@dataclass(frozen=True, eq=False)
class WrongPairs:
    """Positions of the upper and lower segments by label, widest gap first.

    `n_comparable` counts the pairs with different labels, `n_wrong` those of them in the wrong order.
    """

    above: Int64[np.ndarray, "pair"]
    below: Int64[np.ndarray, "pair"]
    n_comparable: int
    n_wrong: int


def wrong_pairs(
    truth: Float64[np.ndarray, "segment"], prediction: Float64[np.ndarray, "segment"], *, at_most: int
) -> WrongPairs:
    """The pairs whose order by prediction is the opposite of that by label; equal predictions are no order.

    The width of a pair is the distance of its labels plus the distance by which its predictions are in the wrong order, in label units: the error
    of the predicted difference. Equal widths by position.
    """
    n = len(truth)
    error = truth - prediction
    n_comparable = n_wrong = 0
    kept: Float64[np.ndarray, "pair 3"] = np.zeros((0, 3))
    step = max(1, _AT_ONCE // max(n, 1))
    for start in range(0, n, step):
        rows = slice(start, min(start + step, n))
        higher: Bool[np.ndarray, "above below"] = truth[rows, None] > truth[None, :]
        wrong = higher & (prediction[rows, None] < prediction[None, :])
        n_comparable += int(higher.sum())
        n_wrong += int(wrong.sum())
        above, below = np.nonzero(wrong)
        width = error[rows][above] - error[below]
        block = np.stack([-width, above + start, below], axis=1)
        if len(block) > at_most:
            block = block[block[:, 0] <= np.partition(block[:, 0], at_most - 1)[at_most - 1]]
        both = np.concatenate([kept, block])
        kept = both[np.lexsort((both[:, 2], both[:, 1], both[:, 0]))[:at_most]]
    return WrongPairs(kept[:, 1].astype(np.int64), kept[:, 2].astype(np.int64), n_comparable, n_wrong)


def largest_errors(
    truth: Float64[np.ndarray, "segment"], prediction: Float64[np.ndarray, "segment"], *, at_most: int
) -> Int64[np.ndarray, "_"]:
    """Positions of the segments whose prediction is farthest from its label; equals by position."""
    order = np.argsort(-np.abs(prediction - truth), kind="stable")
    return order[:at_most].astype(np.int64)

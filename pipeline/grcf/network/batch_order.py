"""The order in which an epoch meets the segments: at random, or so that labels of one owner meet in a batch."""

from collections import deque
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from pipeline.grcf.network.owned_labels import NOBODY

# Owners in a batch, at least, where each has enough segments: fewer would make steps of one owner's mind, more leave few
# partners.
_OWNERS_PER_BATCH = 4
# How many runs are looked through for one that fits into what is left of a batch.
_LOOK_AHEAD = 32


def order_by_owner(
    owner: Int64[np.ndarray, "segment slot"], *, n_batches: int, rng: np.random.Generator
) -> Int64[np.ndarray, "segment"]:
    """All segments once, in random order, such that segments of one owner stand together.

    The segments of each owner are shuffled and cut into runs of nearly equal length, of at most a quarter of a batch; a lone
    segment has nothing to be compared with, so no run is cut off shorter than the others. The runs are dealt to the batches
    in random order, one that fits before one that has to be cut. Batches are the `n_batches` nearly equal parts of the
    result, as `np.array_split` cuts them.

    Args:
        owner: owners of each segment. Of several, one is drawn anew in each epoch, so that all of its raters meet in time.
        n_batches: number of batches.
        rng: generator of everything random.
    """
    n_segments = len(owner)
    sizes = [len(part) for part in np.array_split(np.arange(n_segments), n_batches)]
    n_owners = (owner != NOBODY).sum(axis=1)
    drawn = (rng.random(n_segments) * n_owners).astype(np.int64)
    chosen = np.where(n_owners > 0, owner[np.arange(n_segments), drawn], NOBODY)
    shuffled = rng.permutation(n_segments)
    by_owner = shuffled[np.argsort(chosen[shuffled], kind="stable")]
    starts = np.flatnonzero(np.diff(chosen[by_owner])) + 1
    longest = max(2, max(sizes) // _OWNERS_PER_BATCH)
    runs = [
        run
        for members in np.split(by_owner, starts)
        for run in np.array_split(members, -(-len(members) // longest))
    ]
    return np.concatenate(_dealt([runs[position] for position in rng.permutation(len(runs))], sizes))


def _dealt(runs: Sequence[np.ndarray], sizes: Sequence[int]) -> list[np.ndarray]:
    """The runs in an order, and cut where they have to be, that fills batches of these sizes one after the other."""
    waiting, dealt = deque(runs), []
    for size in sizes:
        room = size
        while room:
            ahead = range(min(_LOOK_AHEAD, len(waiting)))
            fitting = next((position for position in ahead if len(waiting[position]) <= room), None)
            if fitting is None:
                run = waiting.popleft()
                waiting.appendleft(run[room:])
                run = run[:room]
            else:
                run = waiting[fitting]
                del waiting[fitting]
            dealt.append(run)
            room -= len(run)
    return dealt

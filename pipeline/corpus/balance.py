"""A draw of whole speakers or videos into parts whose labels are as alike as whole speakers allow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

_N_BINS = 5
_MOST_VALUES = 10
# Bounds on the search, for corpora of thousands of owners, which a draw by chance balances well already.
_MOST_ROUNDS, _MOST_OWNERS, _MOST_PARTNERS = 4, 1500, 1000


@dataclass(frozen=True)
class Draw:
    """What a draw is made from: owners in a fixed order, and for each how many of its segments fall into each label bin."""

    owners: Sequence[str]
    counts: Float64[np.ndarray, "owner bin"]


def make_draw(owners: Sequence[str], labels: Sequence[float]) -> Draw:
    """Count segments by owner and label bin: a bin for each label where they are few, else fifths of the labels.

    Args:
        owners: speaker or video of each segment.
        labels: label of each segment.
    """
    names, member = np.unique(np.array(owners, str), return_inverse=True)
    values = np.unique(np.array(labels, float))
    if len(values) > _MOST_VALUES:
        values = np.unique(np.quantile(labels, np.linspace(0, 1, _N_BINS + 1)[1:], method="higher"))
    bins = np.minimum(np.searchsorted(values, labels), len(values) - 1)
    counts = np.zeros((len(names), len(values)))
    np.add.at(counts, (member, bins), 1)
    return Draw(names.tolist(), counts)


def balanced_parts(draw: Draw, n_owners: Mapping[str, int], *, seed: int) -> dict[str, str]:
    """The part of each owner.

    Owners are drawn by chance; then pairs of owners of two parts change places for as long as that brings the number of
    segments of each label in each part nearer to its share. The same seed gives the same parts.

    Args:
        draw: owners and their counts.
        n_owners: how many owners each part gets; together all of them.
        seed: seed of the draw.

    Returns:
        name of the part by owner.
    """
    rng = np.random.default_rng(seed)
    parts = list(n_owners)
    part = np.repeat(np.arange(len(parts)), [n_owners[name] for name in parts])[
        np.argsort(rng.permutation(len(draw.owners)), kind="stable")
    ]
    shares = np.array([n_owners[name] for name in parts]) / len(draw.owners)
    wanted = shares[:, None] * draw.counts.sum(axis=0)
    held = np.stack([draw.counts[part == number].sum(axis=0) for number in range(len(parts))])
    for _ in range(_MOST_ROUNDS):
        if not _improve(draw.counts, part, held, wanted, rng):
            break
    return {owner: parts[number] for owner, number in zip(draw.owners, part.tolist(), strict=True)}


def _improve(
    counts: Float64[np.ndarray, "owner bin"],
    part: Int64[np.ndarray, "owner"],
    held: Float64[np.ndarray, "part bin"],
    wanted: Float64[np.ndarray, "part bin"],
    rng: np.random.Generator,
) -> bool:
    """One round of exchanges, each the best that an owner has; whether there was any."""
    changed = False
    weight = 1 / (wanted + 1)
    for owner in rng.permutation(len(counts))[:_MOST_OWNERS]:
        others = np.flatnonzero(part != part[owner])
        if len(others) > _MOST_PARTNERS:
            others = np.sort(rng.choice(others, _MOST_PARTNERS, replace=False))
        here, there = part[owner], part[others]
        moved = counts[others] - counts[owner]
        off_here, off_there = held[here] - wanted[here], held[there] - wanted[there]
        gain = (moved * (2 * off_here + moved) * weight[here]).sum(axis=1) + (
            -moved * (2 * off_there - moved) * weight[there]
        ).sum(axis=1)
        best = int(gain.argmin()) if len(gain) else 0
        if len(gain) and gain[best] < -1e-9:
            other = others[best]
            held[here] += moved[best]
            held[part[other]] -= moved[best]
            part[owner], part[other] = part[other], part[owner]
            changed = True
    return changed

"""Which labels of a split may be put in order: those that are on one scale, as stage 1 and the choice of its epoch see them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float64, Int64

from pipeline.artifacts.corpus.segments import Segment
from pipeline.inspector.discordant_pairs import DiscordantPairs, discordant_pairs


@dataclass(frozen=True, eq=False)
class OneScale:
    """Labels that may be compared with one another.

    Attributes:
        segment: position of the segment of each label; no segment has two.
        label: the labels, label units.
    """

    segment: Int64[np.ndarray, "label"]
    label: Float64[np.ndarray, "label"]


@dataclass(frozen=True, eq=False)
class WrongPairs:
    """Pairs in the wrong order, widest gap first.

    Attributes:
        above: positions of the segments with the higher label.
        below: positions of those with the lower label.
        label_gap: distances of the labels that were compared, label units.
        n_comparable: number of pairs of different labels on one scale.
        n_wrong: number of these in the wrong order.
    """

    above: Int64[np.ndarray, "pair"]
    below: Int64[np.ndarray, "pair"]
    label_gap: Float64[np.ndarray, "pair"]
    n_comparable: int
    n_wrong: int


def scales_of(segments: Sequence[Segment], within: str) -> tuple[list[OneScale], list[OneScale]]:
    """The labels of each owner, those of all trusted segments, and what belongs to both.

    A segment that several raters labelled has a label on the scale of each. Without an owner it is on nobody's.

    Args:
        segments: the segments of a split.
        within: `margin.within`, other than "any".

    Returns:
        the scales, and those whose pairs are in two of them.
    """
    by_owner: dict[str, dict[int, float]] = {}
    for position, segment in enumerate(segments):
        for owner, label in _labels_of(segment, within):
            by_owner.setdefault(owner, {})[position] = label
    trusted = {position: segment.label for position, segment in enumerate(segments) if segment.trusted}
    # Of several raters the trusted label is that of no single one, so that nothing is the same pair.
    twice = [
        {
            position: label
            for position, label in labels.items()
            if position in trusted and not (within == "rater" and segments[position].ratings)
        }
        for labels in by_owner.values()
    ]
    return [_scale(labels) for labels in (*by_owner.values(), trusted)], [_scale(labels) for labels in twice]


def wrong_pairs(
    truth: Float64[np.ndarray, "segment"],
    prediction: Float64[np.ndarray, "segment"],
    segments: Sequence[Segment],
    *,
    within: str,
    at_most: int,
) -> tuple[WrongPairs, bool]:
    """The pairs of one scale whose order by prediction is the opposite of that by label, and whether scales divided them.

    Where `within` leaves no pair of different labels, all pairs are compared, as in the choice of stage 1's epoch.

    Args:
        truth: labels of the split, label units.
        prediction: predictions, one per segment.
        segments: the segments, in the same order.
        within: `margin.within`; "any" compares all with all.
        at_most: number of pairs to keep.
    """
    if within != "any":
        scales, twice = scales_of(segments, within)
        found = [_wrong(scale, prediction, at_most=at_most) for scale in scales]
        both = [_wrong(scale, prediction, at_most=1) for scale in twice]
        if any(each.n_comparable for each in found):
            return _widest(found, both, prediction, at_most=at_most), True
    everything = OneScale(np.arange(len(truth)), truth)
    return _widest([_wrong(everything, prediction, at_most=at_most)], [], prediction, at_most=at_most), False


def _labels_of(segment: Segment, within: str) -> Iterator[tuple[str, float]]:
    if within == "rater" and segment.ratings:
        yield from segment.ratings.items()
    elif owner := getattr(segment, within):
        yield owner, segment.label


def _scale(labels: dict[int, float]) -> OneScale:
    return OneScale(np.array([*labels], np.int64), np.array([*labels.values()], np.float64))


def _wrong(scale: OneScale, prediction: np.ndarray, *, at_most: int) -> WrongPairs:
    found: DiscordantPairs = discordant_pairs(scale.label, prediction[scale.segment], at_most=at_most)
    return WrongPairs(
        scale.segment[found.above],
        scale.segment[found.below],
        scale.label[found.above] - scale.label[found.below],
        found.n_comparable,
        found.n_wrong,
    )


def _widest(
    found: Sequence[WrongPairs], twice: Sequence[WrongPairs], prediction: np.ndarray, *, at_most: int
) -> WrongPairs:
    """The widest of all, each once; equals by position."""
    above, below, label_gap = (
        np.concatenate([getattr(each, name) for each in found]) for name in ("above", "below", "label_gap")
    )
    width = label_gap - (prediction[above] - prediction[below])
    order = np.lexsort((below, above, -width))
    rows = np.stack([above[order], below[order], label_gap[order]], axis=1)
    is_new = np.ones(len(rows), bool)
    is_new[1:] = [not np.array_equal(one, other) for one, other in pairwise(rows)]
    order = order[is_new][:at_most]
    return WrongPairs(
        above[order],
        below[order],
        label_gap[order],
        sum(each.n_comparable for each in found) - sum(each.n_comparable for each in twice),
        sum(each.n_wrong for each in found) - sum(each.n_wrong for each in twice),
    )

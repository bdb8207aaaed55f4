"""Work in pieces that travel: some neighbouring items of one recording, small enough to be lost without much regret."""

import pickle
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.execution.engines.protocol import Work
from pipeline.execution.engines.surroundings import Surroundings
from pipeline.execution.scheduling import Affinity
from pipeline.execution.together import Together

# About a minute of work: extraction takes a tenth of the length of a recording or more.
LONGEST_PIECE_S = 300.0
MOST_ITEMS = 256
# A guarded process starts for every piece and loads its models. So short recordings are joined, but not to fewer pieces for each slot
# than these, or some slots would wait for the last one; nor to longer ones than a minute needs. Nor are long recordings cut smaller.
_PIECES_PER_SLOT = 4
_LEAST_S = 60.0


@dataclass(frozen=True)
class Given:
    """An item with what its guard has to know of it."""

    item: Any
    limit_s: float | None
    name: str


@dataclass(frozen=True)
class OfGiven:
    """A function of an item as one of a `Given`."""

    function: Callable[[Any], Any]

    def __call__(self, given: Given) -> Any:
        """The result of the item."""
        return self.function(given.item)


@dataclass(frozen=True)
class Piece:
    """What one agent computes; work and items stay bytes until the agent knows that it runs the same code.

    Attributes:
        work: pickled `OfGiven`, or `Together`.
        items: pickled mapping of each item's key to its `Given`.
        keys: keys of the items.
        surroundings: those that the head computed its keys for.
        preloaded: modules that guarded processes find loaded, see `preload`.
    """

    work: bytes
    items: bytes
    keys: tuple[int, ...]
    surroundings: Surroundings
    preloaded: tuple[str, ...] = ()

    def alone(self) -> list["Piece"]:
        """A piece for each item, for when what held the whole piece has died."""
        given: Mapping[int, Given] = pickle.loads(self.items)
        return [replace(self, items=pickle.dumps({key: given[key]}), keys=(key,)) for key in self.keys]


def cut(
    work: Work,
    items: Mapping[int, Any],
    *,
    limit_s: Callable[[Any], float] | None,
    describe: Callable[[Any], str],
    affinity: Callable[[Any], Affinity] | None,
    surroundings: Surroundings,
    n_slots: int,
    preloaded: Sequence[str] = (),
) -> list[Piece]:
    """All items in pieces, those of the longest work first; an item without an affinity is a piece of its own.

    Neighbours of one recording stay together, in order, and short recordings are joined, as long as there are some pieces for each
    of `n_slots`, up to `LONGEST_PIECE_S` and `MOST_ITEMS`.
    """
    groups: dict[Hashable, list[tuple[Affinity, int]]] = defaultdict(list)
    for key, item in items.items():
        place = affinity(item) if affinity else Affinity(key, 0.0, 0.0)
        groups[place.group].append((place, key))
    total_s = sum(place.length for members in groups.values() for place, _ in members)
    longest_s = min(max(total_s / (_PIECES_PER_SLOT * n_slots), _LEAST_S), LONGEST_PIECE_S)
    lengths: list[tuple[float, tuple[int, ...]]] = []
    for members in groups.values():
        keys: list[int] = []
        length_s = 0.0
        for place, key in sorted(members, key=lambda member: member[0].position):
            if keys and (length_s + place.length > longest_s or len(keys) == MOST_ITEMS):
                lengths.append((length_s, tuple(keys)))
                keys, length_s = [], 0.0
            keys.append(key)
            length_s += place.length
        lengths.append((length_s, tuple(keys)))
    if affinity:
        lengths = _joined(lengths, longest_s)
    content = pickle.dumps(work if isinstance(work, Together) else OfGiven(work))
    return [
        Piece(
            content,
            pickle.dumps(
                {
                    key: Given(items[key], limit_s(items[key]) if limit_s else None, describe(items[key]))
                    for key in keys
                }
            ),
            keys,
            surroundings,
            tuple(preloaded),
        )
        for _, keys in sorted(lengths, key=lambda piece: -piece[0])
    ]


def _joined(
    lengths: list[tuple[float, tuple[int, ...]]], longest_s: float
) -> list[tuple[float, tuple[int, ...]]]:
    """Small pieces that follow one another as one, up to `longest_s`."""
    found: list[tuple[float, tuple[int, ...]]] = []
    for length_s, keys in lengths:
        if found and found[-1][0] + length_s <= longest_s and len(found[-1][1]) + len(keys) <= MOST_ITEMS:
            before_s, before = found.pop()
            length_s, keys = before_s + length_s, before + keys
        found.append((length_s, keys))
    return found

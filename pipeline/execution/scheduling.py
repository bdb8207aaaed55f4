"""Which item a worker takes next: items that belong together one after the other, and the longest work first."""

from collections import defaultdict, deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Affinity:
    """Which items one worker had better take one after the other.

    Attributes:
        group: name of what the item shares with others, such as its recording.
        position: rank of the item within its group; the lowest comes first.
        length: amount of work, in any unit that all items share.
    """

    group: Hashable
    position: float
    length: float


class Schedule:
    """The items that wait, in groups: a worker goes through one group, so that it can build on what it did last.

    A worker without a group takes the longest one that nobody has begun. When there is none, it takes the second half of what
    is left of the largest group of another worker. So long work is not left to the end, and no worker waits while another has
    more than one item ahead of it.

    Args:
        affinities: key and affinity of each item; an item without an affinity is a group of its own and comes after all
            others, in the given order.
    """

    def __init__(self, affinities: Iterable[tuple[int, Affinity | None]]) -> None:
        groups: dict[Hashable, list[tuple[Affinity, int]]] = defaultdict(list)
        alone: list[int] = []
        for key, affinity in affinities:
            if affinity is None:
                alone.append(key)
            else:
                groups[affinity.group].append((affinity, key))
        # Stable sorts: equals stay in the order of the items.
        longest_first = sorted(
            groups.values(), key=lambda items: -sum(affinity.length for affinity, _ in items)
        )
        self._fresh = deque(
            [
                *(deque(key for _, key in sorted(items, key=lambda item: item[0].position)) for items in longest_first),
                *(deque([key]) for key in alone),
            ]
        )  # fmt: skip
        self._begun: dict[Hashable, deque[int]] = {}
        self._n_waiting = len(alone) + sum(map(len, groups.values()))

    def __len__(self) -> int:
        return self._n_waiting

    def take(self, worker: Hashable) -> int:
        """The next item for this worker; at least one must be waiting."""
        if not self._begun.get(worker):
            self._begun[worker] = self._fresh.popleft() if self._fresh else self._second_half()
        self._n_waiting -= 1
        return self._begun[worker].popleft()

    def _second_half(self) -> deque[int]:
        longest = max(self._begun.values(), key=len)
        return deque(reversed([longest.pop() for _ in range((len(longest) + 1) // 2)]))

"""Which item a worker takes next: items that go well together one after the other, and the longest work first."""

from collections import defaultdict, deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item lies: `chain` names what it shares with others, `position` its order there, `length` what it takes."""

    chain: Hashable
    position: float
    length: float


class Chains:
    """The items that wait, as chains: a worker goes along one chain, so that it can go on from what it did last.

    A worker without a chain takes the longest one that nobody has begun; when there is none, the second half of what is
    left of the longest chain of another. So long work is not left to the end, and no worker waits while another has more
    than one item before it.

    Args:
        places: key and place of each item; an item without a place is a chain of its own, after the others in their order.
    """

    def __init__(self, places: Iterable[tuple[int, Place | None]]) -> None:
        chains: dict[Hashable, list[tuple[Place, int]]] = defaultdict(list)
        alone: list[int] = []
        for key, place in places:
            if place is None:
                alone.append(key)
            else:
                chains[place.chain].append((place, key))
        # Stable sorts: equals stay in the order of the items.
        longest_first = sorted(chains.values(), key=lambda items: -sum(place.length for place, _ in items))
        self._fresh = deque(
            [
                *(deque(key for _, key in sorted(items, key=lambda item: item[0].position)) for items in longest_first),
                *(deque([key]) for key in alone),
            ]
        )  # fmt: skip
        self._begun: dict[Hashable, deque[int]] = {}
        self._n_waiting = len(alone) + sum(map(len, chains.values()))

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

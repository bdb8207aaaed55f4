"""Sequences whose items are made when they are looked at, so that a corpus's results need not be in memory together."""

from collections.abc import Callable, Sequence
from typing import TypeVar, overload

Item = TypeVar("Item", covariant=True)


class Lazily(Sequence[Item]):
    """A sequence of which nothing is kept: each look makes the item again.

    Args:
        length: number of items.
        make: makes the item at a position from 0 to `length` - 1.
    """

    def __init__(self, length: int, make: Callable[[int], Item]) -> None:
        self._positions, self._make = range(length), make

    def __len__(self) -> int:
        return len(self._positions)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> "Lazily[Item]": ...
    def __getitem__(self, index: int | slice) -> "Item | Lazily[Item]":
        positions = self._positions[index]
        if isinstance(positions, int):
            return self._make(positions)
        return Lazily(len(positions), lambda position: self._make(positions[position]))

"""A sequence whose items are made when they are looked at."""

import pytest

from pipeline.execution.lazily import Lazily


def test_it_is_the_sequence_of_what_is_made():
    squares = Lazily(5, lambda position: position**2)

    assert list(squares) == [0, 1, 4, 9, 16]
    assert (len(squares), squares[-1], 9 in squares) == (5, 16, True)
    assert list(squares[::-2]) == [16, 4, 0]
    with pytest.raises(IndexError):
        squares[5]


def test_nothing_is_made_before_it_is_looked_at_and_nothing_is_kept():
    made = []
    items = Lazily(3, lambda position: made.append(position))

    assert made == []
    items[1], items[1]
    assert made == [1, 1]

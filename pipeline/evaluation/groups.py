"""Which group or class a label belongs to, and what it is called: one rule for metrics, tables and pages.

Labels are compared in single precision, in which features and labels are stored: a label of 0.1 then lies on the cut 0.1
whether it was read from text (a double) or from a float32 array (where it is 0.10000000149).
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int64
from numpy.typing import NDArray

Grouping = Literal["integer"] | Sequence[float]
"""`integer` for labels rounded to whole numbers, or the rising cuts between groups."""


def group_of(label: Float[NDArray[Any], "*shape"], *, groups: Grouping) -> Int64[NDArray[np.int64], "*shape"]:
    """Number of the sentiment group of each label; a larger number is a more positive group.

    Args:
        label: labels in label units.
        groups: `integer` rounds halves to even, the bins of seven-class accuracy on CMU-MOSI; for cuts see `interval_of`.

    >>> group_of(np.array([-2.6, 0.5, 1.5, 2.5]), groups="integer").tolist()
    [-3, 0, 2, 2]
    >>> group_of(np.array([-0.8, 0.0, 0.1, 0.8]), groups=(-0.7, -0.1, 0.1, 0.7)).tolist()
    [0, 2, 2, 4]
    """
    if groups == "integer":
        return np.asarray(np.round(label.astype(np.float32)), np.int64)
    return interval_of(label, groups)


def interval_of(
    value: Float[NDArray[Any], "*shape"], cuts: Sequence[float]
) -> Int64[NDArray[np.int64], "*shape"]:
    """Number of the interval between rising cuts that holds each value, from 0; a value on a cut belongs to the one below.

    Args:
        value: labels or predictions in label units.
        cuts: the borders between the intervals, rising, in label units.
    """
    return np.asarray(
        np.searchsorted(np.asarray(cuts, np.float32), value.astype(np.float32), side="left"), np.int64
    )


def group_names(numbers: Iterable[int], *, groups: Grouping, binary: bool = False) -> tuple[str, ...]:
    """Names of groups by their numbers from `group_of`: the rounded label, or the interval between two cuts.

    Args:
        numbers: numbers of groups.
        groups: the rule by which they were numbered.
        binary: whether labels are 0 and 1, which are written without a sign.

    >>> group_names([-1, 0, 2], groups="integer"), group_names([0, 1], groups=[0.5])
    (('−1', '0', '+2'), ('≤ 0.5', '> 0.5'))
    """
    if binary:
        return tuple(str(number) for number in numbers)
    if groups == "integer":
        return tuple(_with_minus(f"{number:+d}") if number else "0" for number in numbers)
    names = interval_names(groups)
    return tuple(names[number] for number in numbers)


def interval_names(cuts: Sequence[float]) -> tuple[str, ...]:
    """Names of the intervals of `interval_of`, from the lowest.

    >>> interval_names([-0.1, 0.1])
    ('≤ −0.1', '−0.1 … 0.1', '> 0.1')
    """
    ends = [_with_minus(f"{cut:g}") for cut in cuts]
    between = (f"{low} … {high}" for low, high in pairwise(ends))
    return (f"≤ {ends[0]}", *between, f"> {ends[-1]}")


def _with_minus(number: str) -> str:
    return number.replace("-", "−")

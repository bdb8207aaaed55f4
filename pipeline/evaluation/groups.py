"""Which group or class a label belongs to: one rule for metrics, tables and pages.

Labels are compared in single precision, in which features and labels are stored: a label of 0.1 then lies on the cut 0.1
whether it was read from text (a double) or from a float32 array (where it is 0.10000000149).
"""

from collections.abc import Sequence
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
    with np.errstate(over="ignore"):  # infinity lies behind the last cut, too
        single = value.astype(np.float32)
        return np.asarray(np.searchsorted(np.asarray(cuts, np.float32), single, side="left"), np.int64)

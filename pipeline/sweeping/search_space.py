"""What a search may choose from: `margin.base=0.1..1.0`, `rank.learning_rate=log:1e-4..3e-3`, `advantage.scope=anchor,batch`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import PipelineError
from pipeline.sweeping.points import Check, Point, parse_value, split_axis, written

_RANGE = re.compile(r"(?P<log>log:)?(?P<low>[^\s:]+?)\.\.(?P<high>[^\s:]+)")
_DIGITS = 4

# What is measured, and on which segments: to search here is to look for the kindest judge.
_JUDGES = ("corpus", "manifest", "evaluate", "degrade")


@dataclass(frozen=True)
class Range:
    """Numbers between two ends, both included.

    Attributes:
        key: dotted key of the parameter.
        low: lower end of the range.
        high: upper end of the range.
        is_log: whether values are spread evenly over the orders of magnitude.
    """

    key: str
    low: int | float
    high: int | float
    is_log: bool

    @property
    def is_whole(self) -> bool:
        """Whether the parameter is a whole number."""
        return isinstance(self.low, int)

    def rounded(self, value: int | float) -> int | float:
        """A value that a person would write: four digits count.

        >>> Range("margin.base", 0.1, 1.0, False).rounded(0.437182)
        0.4372
        """
        if self.is_whole:
            return value
        return min(max(float(f"{value:.{_DIGITS}g}"), self.low), self.high)


@dataclass(frozen=True)
class Choice:
    """Some values without an order, by what is written for each."""

    key: str
    values: dict[str, Any]


Dimension = Range | Choice


def search_space(axes: Sequence[str], *, check: Check) -> tuple[Dimension, ...]:
    """The dimensions of `key=low..high`, `key=log:low..high` and `key=value,value` arguments, sorted by key.

    Raises:
        PipelineError: an argument is of another form, a key comes twice or decides what is measured, an end is not one
            that `check` takes, or the ends are in the wrong order.
    """
    dimensions: dict[str, Dimension] = {}
    for axis in axes:
        key, texts = split_axis(axis)
        if key in dimensions:
            raise PipelineError(f"{key} is given twice; a parameter has one range or one list of values")
        section = key.split(".")[0]
        if section == "report":
            raise PipelineError(
                f"{axis}: {key} decides what the report shows and no result, so there is nothing to look for"
            )
        if section in _JUDGES:
            raise PipelineError(
                f"{axis}: {key} decides what is measured, so a search would look for the kindest measure and not for the "
                "best model; use `python -m pipeline sweep` to see what it does"
            )
        if key == "training.seeds":
            raise PipelineError(
                f"{axis}: a search over seeds finds those that happen to do best on valid, and no better model; give it more "
                "seeds instead: -S training.seeds=…"
            )
        found = _RANGE.fullmatch(texts[0]) if len(texts) == 1 else None
        dimensions[key] = (
            _choice(key, texts, axis=axis, check=check)
            if found is None
            else _range(key, found, axis=axis, check=check)
        )
    return tuple(dimensions[key] for key in sorted(dimensions))


def _choice(key: str, texts: Sequence[str], *, axis: str, check: Check) -> Choice:
    values = {}
    # A single text may be a range that is written otherwise, such as 0.1-1.0, which is no value either.
    for text in texts if len(texts) > 1 else ():
        value = check({key: parse_value(text, axis=axis)})[key]
        values[written(value)] = value
    if len(values) < 2:
        raise PipelineError(
            f"{axis}: one value leaves nothing to choose; expected {key}=low..high, {key}=log:low..high or several values"
        )
    return Choice(key, values)


def _range(key: str, found: re.Match[str], *, axis: str, check: Check) -> Range:
    low, high = (check({key: parse_value(found[end], axis=axis)})[key] for end in ("low", "high"))
    is_log = found["log"] is not None
    if any(isinstance(end, bool) or not isinstance(end, (int, float)) for end in (low, high)):
        raise PipelineError(
            f"{axis}: {key} has no range, because it is no number; list its values: {key}=…,…"
        )
    if low >= high or (is_log and low <= 0):
        raise PipelineError(
            f"{axis}: the lower end has to be {'above 0 and ' if is_log else ''}below the upper end"
        )
    return Range(key, low, high, is_log)


def n_points(space: Sequence[Dimension]) -> int | None:
    """How many experiments there are to choose from; None where a range is of numbers that are not whole.

    >>> n_points([Choice("advantage.scope", {"anchor": "anchor", "batch": "batch"}), Range("training.patience", 1, 3, False)])
    6
    """
    total = 1
    for one in space:
        if isinstance(one, Choice):
            total *= len(one.values)
        elif one.is_whole:
            total *= int(one.high) - int(one.low) + 1
        else:
            return None
    return total


def described(space: Sequence[Dimension]) -> list[str]:
    """The dimensions in the notation in which they were given, the same for the same space."""
    return [
        f"{one.key}={','.join(one.values)}"
        if isinstance(one, Choice)
        else f"{one.key}={'log:' if one.is_log else ''}{one.low!r}..{one.high!r}"
        for one in space
    ]


def point_of(space: Sequence[Dimension], chosen: dict[str, Any]) -> Point:
    """The experiment of what a sampler chose."""
    return Point.of(
        {
            one.key: one.values[chosen[one.key]] if isinstance(one, Choice) else one.rounded(chosen[one.key])
            for one in space
        }
    )

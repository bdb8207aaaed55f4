"""How numbers are written: a real minus sign, no negative zero, and one way for each kind of number."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

NOT_AVAILABLE = "n/a"
_MINUS = "\N{MINUS SIGN}"

EXACT = 9
"""Digits after the point to which a difference is told from zero; what lies behind them is arithmetic."""

Real: TypeAlias = float | int
"""A number of params.yaml may be written without a point."""


def fixed(value: Real, digits: int) -> str:
    """A number with a fixed number of decimals, a minus sign and no negative zero.

    >>> fixed(-0.0001, 3), fixed(-1.25, 1)
    ('0.000', '−1.2')
    """
    return _without_hyphen(f"{value:.{digits}f}")


def signed(value: Real, digits: int) -> str:
    """A number as by `fixed`, with a plus sign where it is above zero.

    >>> signed(0.04, 2), signed(-0.04, 2), signed(0.0, 2)
    ('+0.04', '−0.04', '0.00')
    """
    text = f"{value:+.{digits}f}"
    return _without_hyphen(text if float(text) else text[1:])


def digits_beside_zero(value: Real, digits: int) -> int:
    """The number of digits after the point that tell a number from zero: `digits`, or more, at most `EXACT`.

    >>> digits_beside_zero(0.2, 4), digits_beside_zero(0.00003, 4), digits_beside_zero(0.0, 4)
    (4, 5, 4)
    """
    return next((enough for enough in range(digits, EXACT + 1) if round(value, enough) != 0), digits)


def end(value: Real, digits: int) -> str:
    """An end of an interval: as by `signed`, and never zero where it is not, for it says whether the interval holds zero.

    >>> end(-0.2, 4), end(0.00003, 4), end(0.0, 4)
    ('−0.2000', '+0.00003', '0.0000')
    """
    return signed(value, digits_beside_zero(value, digits))


def short(value: Real) -> str:
    """A number with as few digits as it needs, at most six.

    >>> short(-0.5), short(3.0), short(-0.0)
    ('−0.5', '3', '0')
    """
    return _without_hyphen(f"{value:g}")


def interval(low: Real, high: Real, digits: int) -> str:
    """The interval of a difference, its ends as by `end`.

    >>> interval(-0.2, 0.1, 4)
    '[−0.2000, +0.1000]'
    """
    return f"[{end(low, digits)}, {end(high, digits)}]"


def share(value: Real) -> str:
    """A share from 0 to 1 in per cent, without the sign.

    >>> share(0.384)
    '38.4'
    """
    return fixed(100 * value, 1)


def level(confidence: Real) -> str:
    """A confidence level.

    >>> level(0.95)
    '95 %'
    """
    return f"{100 * confidence:.10g} %"


def count(number: int) -> str:
    """A whole number with separators of thousands.

    >>> count(2115)
    '2,115'
    """
    return f"{number:,}"


def plural(number: int, noun: str) -> str:
    """A count and what is counted.

    >>> plural(1, "seed"), plural(5, "seed")
    ('1 seed', '5 seeds')
    """
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def typed(text: str) -> str:
    """Text for a terminal: its numbers have the minus sign of a keyboard, so that they can be copied into a program.

    >>> typed("from −0.2 to +0.1")
    'from -0.2 to +0.1'
    """
    return re.sub(rf"{_MINUS}(?=\d)", "-", text)


def group_names(
    numbers: Iterable[int], *, groups: Literal["integer"] | Sequence[Real], binary: bool = False
) -> tuple[str, ...]:
    """Names of groups by their numbers from `pipeline.evaluation.groups.group_of`: the rounded label, or the interval between two cuts.

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
        return tuple(signed(number, 0) for number in numbers)
    names = interval_names(groups)
    return tuple(names[number] for number in numbers)


def interval_names(cuts: Sequence[Real]) -> tuple[str, ...]:
    """Names of the intervals between rising cuts, from the lowest.

    >>> interval_names([-0.1, 0.1])
    ('≤ −0.1', '−0.1 … 0.1', '> 0.1')
    """
    ends = [short(cut) for cut in cuts]
    between = (f"{low} … {high}" for low, high in pairwise(ends))
    return (f"≤ {ends[0]}", *between, f"> {ends[-1]}")


def _without_hyphen(text: str) -> str:
    if text.startswith("-") and float(text) == 0:
        text = text[1:]
    return text.replace("-", _MINUS)

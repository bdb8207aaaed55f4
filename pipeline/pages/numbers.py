"""How numbers are written: a real minus sign, no negative zero, and one way for each kind of number."""

import re

NOT_AVAILABLE = "n/a"
_MINUS = "\N{MINUS SIGN}"


def fixed(value: float, digits: int) -> str:
    """A number with a fixed number of decimals, a minus sign and no negative zero.

    >>> fixed(-0.0001, 3), fixed(-1.25, 1)
    ('0.000', '−1.2')
    """
    return _without_hyphen(f"{value:.{digits}f}")


def signed(value: float, digits: int) -> str:
    """A number as by `fixed`, with a plus sign where it is above zero.

    >>> signed(0.04, 2), signed(-0.04, 2), signed(0.0, 2)
    ('+0.04', '−0.04', '0.00')
    """
    text = f"{value:+.{digits}f}"
    return _without_hyphen(text if float(text) else text[1:])


def short(value: float) -> str:
    """A number with as few digits as it needs, at most six.

    >>> short(-0.5), short(3.0), short(-0.0)
    ('−0.5', '3', '0')
    """
    return _without_hyphen(f"{value:g}")


def interval(low: float, high: float, digits: int) -> str:
    """The interval of a difference.

    >>> interval(-0.2, 0.1, 4)
    '[−0.2000, +0.1000]'
    """
    return f"[{signed(low, digits)}, {signed(high, digits)}]"


def share(value: float) -> str:
    """A share from 0 to 1 in per cent, without the sign.

    >>> share(0.384)
    '38.4'
    """
    return fixed(100 * value, 1)


def level(confidence: float) -> str:
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


def _without_hyphen(text: str) -> str:
    if text.startswith("-") and float(text) == 0:
        text = text[1:]
    return text.replace("-", _MINUS)

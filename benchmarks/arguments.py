"""Arguments of benchmarks: names from a list, and numbers with spans."""

import argparse
from collections.abc import Callable, Iterable


def names(known: Iterable[str] | None = None) -> Callable[[str], list[str]]:
    """A reader of names with commas between them, such as `mosi,mosei`.

    Args:
        known: all there are; None if any may stand.
    """

    def read(text: str) -> list[str]:
        found = text.split(",")
        unknown = [] if known is None else [name for name in found if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(
                f"{', '.join(map(repr, unknown))} is none of {', '.join(known or ())}; expected names with commas and no spaces between them"
            )
        return found

    return read


def numbers(text: str) -> list[int]:
    """Whole numbers and spans of them with commas between, such as `1-10,15`."""
    found: list[int] = []
    for span in text.split(","):
        first, dash, last = span.partition("-")
        try:
            found.extend(range(int(first), int(last if dash else first) + 1))
        except ValueError:
            raise argparse.ArgumentTypeError(f"{span!r} is no number; expected such as 1-10,15") from None
    if not found or len(set(found)) < len(found):
        raise argparse.ArgumentTypeError(f"{text} names a number twice or none; expected such as 1-10,15")
    return found

"""Word times where nothing better is to be had: end to end, each in proportion to its number of characters."""

from collections.abc import Sequence

import numpy as np

from pipeline.artifacts.words import Word


def spread_over(tokens: Sequence[str], *, start_s: float, end_s: float) -> tuple[Word, ...]:
    """Lay at least one word end to end from `start_s` to `end_s`, each in proportion to its number of characters."""
    ends = np.cumsum([0, *map(len, tokens)]) / sum(map(len, tokens))
    bounds_s = start_s + (end_s - start_s) * ends
    return tuple(
        Word(token, float(start), float(end))
        for token, start, end in zip(tokens, bounds_s[:-1], bounds_s[1:], strict=True)
    )

"""Word times where nothing better is to be had: one after the other, each as long as its share of all characters."""

from collections.abc import Sequence

import numpy as np

from pipeline.artifacts.corpus.words import Word


def spread_over(tokens: Sequence[str], *, spans_s: Sequence[tuple[float, float]]) -> tuple[Word, ...]:
    """Lay at least one word end to end over the time in which somebody speaks.

    Args:
        tokens: the words.
        spans_s: start and end of each stretch of speech in seconds, in order and apart, at least one. A word that would lie on
            both sides of a pause is cut to the side where its middle is.

    Returns:
        one word per token, in order, each of its share of all characters but for such a cut.
    """
    starts_s, ends_s = np.array(spans_s, np.float64).T
    spoken_s = np.cumsum([0.0, *(ends_s - starts_s)])
    bounds_s = spoken_s[-1] * np.cumsum([0, *map(len, tokens)]) / sum(map(len, tokens))
    words = []
    for token, start, end in zip(tokens, bounds_s[:-1], bounds_s[1:], strict=True):
        span = min(int(np.searchsorted(spoken_s, (start + end) / 2, side="right")) - 1, len(starts_s) - 1)
        pause_s = starts_s[span] - spoken_s[span]
        first, last = max(start, spoken_s[span]), min(end, spoken_s[span + 1])
        words.append(Word(token, float(pause_s + first), float(pause_s + max(first, last))))
    return tuple(words)

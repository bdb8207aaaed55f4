"""Letters of another script than a language is written in: the sign of a language that nobody named."""

import unicodedata
from collections import Counter
from collections.abc import Iterable

_LATIN = {"en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "tr"}
# As a share of all letters.
_FOREIGN = 0.5
_LETTERS_OF_A_TEXT = 200


def foreign_script(texts: Iterable[tuple[str, str]]) -> tuple[str, int, float] | None:
    """The script that most letters are of, where that cannot be.

    Args:
        texts: the language of each text, an ISO 639-1 code, and its beginning at least. Those of languages that are not written in
            Latin letters, or of which that is unknown, do not count.

    Returns:
        name of the most frequent other script, its number of letters, and its share of all; None where other scripts are the
        smaller part.
    """
    scripts: Counter[str] = Counter()
    for language, text in texts:
        if language in _LATIN:
            scripts.update(
                unicodedata.name(letter, "?").split()[0]
                for letter in text[:_LETTERS_OF_A_TEXT]
                if letter.isalpha()
            )
    foreign = {script: n for script, n in scripts.items() if script != "LATIN"}
    if not foreign or sum(foreign.values()) < _FOREIGN * scripts.total():
        return None
    script, n = max(foreign.items(), key=lambda pair: (pair[1], pair[0]))
    return script.title(), n, n / scripts.total()

"""Which words a transcript holds: the same words, in the same order, for timing and for the text encoder."""

import re
import unicodedata
from collections.abc import Sequence

# Scripts written without spaces whose characters are words or syllables: ideographs, kana, bopomofo, fullwidth forms of them.
_IDEOGRAPHS = (
    (0x2E80, 0x2FDF),
    (0x3005, 0x3007),
    (0x3021, 0x30FF),
    (0x3105, 0x312F),
    (0x31A0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9D),
    (0x1B000, 0x1B16F),
    (0x20000, 0x3FFFF),
)
_APOSTROPHES_AND_HYPHENS = frozenset("'’ʼ＇-‐‑")
_DECIMAL_MARKS = frozenset(".,")

# One letter for the class of each character keeps positions, so a match here is a span of the text.
# I ideograph, L letter, D digit, M mark on the character before it, J joins two letters, P joins two digits.
_TOKEN = re.compile(r"IM*|[LD](?:[LDM]|J(?=[LD])|(?<=D)P(?=D))*")


def is_ideograph(character: str) -> bool:
    """Whether a character is a word of its own: Han, kana or bopomofo."""
    code = ord(character)
    return any(first <= code <= last for first, last in _IDEOGRAPHS) and character.isalnum()


def tokenise(transcript: str) -> list[str]:
    r"""Split a transcript into its words, as written.

    A word is a run of letters and digits, with apostrophes and hyphens between them and a point or comma between two
    digits; each ideograph or kana is one. Everything else (punctuation, symbols, emoji) separates and is dropped.

    Args:
        transcript: text in any script.

    Returns:
        The words in order, none of them empty or with white space; each is a substring of the transcript.

    Example:
        >>> tokenise('"It\'s 3.5 well-known stars," 他说。')
        ["It's", '3.5', 'well-known', 'stars', '他', '说']
    """
    classes = "".join(map(_class_of, transcript))
    return [transcript[found.start() : found.end()] for found in _TOKEN.finditer(classes)]


def _class_of(character: str) -> str:
    if character in _APOSTROPHES_AND_HYPHENS:
        return "J"
    if character in _DECIMAL_MARKS:
        return "P"
    category = unicodedata.category(character)
    if category[0] == "M" or category == "Cf":  # Cf: joiners that sit inside Persian and Indic words
        return "M"
    if category[0] == "N":
        return "I" if is_ideograph(character) else "D"
    if category[0] == "L":
        return "I" if is_ideograph(character) else "L"
    return " "


def sentence_of(words: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Join words as they would be written: by spaces, ideographs without.

    Returns:
        The sentence, and for each word its span `(start, end)` in characters of the sentence.
    """
    sentence, spans = "", []
    for word in words:
        if sentence and word and not (is_ideograph(sentence[-1]) and is_ideograph(word[0])):
            sentence += " "
        spans.append((len(sentence), len(sentence) + len(word)))
        sentence += word
    return sentence, spans

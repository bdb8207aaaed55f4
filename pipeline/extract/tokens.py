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
# Scripts of South-East Asia that are written without spaces: Thai, Lao, Burmese, Khmer, Tai Le, New Tai Lue, Tai Tham, Balinese,
# Javanese, Tai Viet. Where a word ends only a dictionary knows, so a consonant with its vowels and marks is one here.
_CLUSTERED = (
    (0x0E01, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x1950, 0x19DF),
    (0x1A20, 0x1AAF),
    (0x1B00, 0x1B7F),
    (0xA980, 0xA9FF),
    (0xAA60, 0xAADF),
)
_BEFORE = frozenset(
    "\u0e40\u0e41\u0e42\u0e43\u0e44\u0ec0\u0ec1\u0ec2\u0ec3\u0ec4"
)  # vowels written before their consonant
# Vowels, repetition and abbreviation written after what they belong to, though Unicode calls them letters.
_AFTER = frozenset("\u0e2f\u0e30\u0e32\u0e33\u0e45\u0e46\u0eaf\u0eb0\u0eb2\u0eb3\u0ebd\u0ec6\u17d7")
_STACKS = frozenset("\u1039\u17d2\u1a60\u1b44\ua9c0")  # puts the next consonant under the one before
_ENDS_SYLLABLE = "\u103a"  # the Burmese asat: its consonant belongs to the syllable before
_APOSTROPHES_AND_HYPHENS = frozenset("'’ʼ＇-‐‑")
_DECIMAL_MARKS = frozenset(".,")

# One letter for the class of each character keeps positions, so a match here is a span of the text.
# I ideograph, L letter, D digit, M mark on the character before it, J joins two letters, P joins two digits. Of clustered scripts:
# C consonant, B vowel before it, A letter after it, K stacks the next consonant, E ends the syllable.
_TOKEN = re.compile(
    r"I[MKE]*"
    r"|[LD](?:[LDMKE]|J(?=[LD])|(?<=D)P(?=D))*"
    r"|B*[CA](?:[MAE]|KC?|CM?E)*|B+"
)


def is_ideograph(character: str) -> bool:
    """Whether a character is a word of its own: Han, kana or bopomofo."""
    code = ord(character)
    return any(first <= code <= last for first, last in _IDEOGRAPHS) and character.isalnum()


def tokenise(transcript: str) -> list[str]:
    r"""Split a transcript into its words, as written.

    A word is a run of letters and digits, with apostrophes and hyphens between them and a point or comma between two
    digits; each ideograph or kana is one, and so is each consonant with its vowels in scripts such as Thai, whose words
    are not separated. Everything else (punctuation, symbols, emoji) separates and is dropped.

    Args:
        transcript: text in any script.

    Returns:
        the words in order, none of them empty or with white space; each is a substring of the transcript.

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
    if character in _STACKS:
        return "K"
    if character == _ENDS_SYLLABLE:
        return "E"
    if category[0] == "M" or category == "Cf":  # Cf: joiners that sit inside Persian and Indic words
        return "M"
    if category[0] == "N":
        return "I" if is_ideograph(character) else "D"
    if category[0] == "L" and _is_clustered(character):
        return "B" if character in _BEFORE else "A" if character in _AFTER else "C"
    if category[0] == "L":
        return "I" if is_ideograph(character) else "L"
    return " "


def _is_clustered(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in _CLUSTERED)


def _are_joined(before: str, word: str) -> bool:
    """Whether two words are written without a space: ideographs, and clusters where that joins them to no other cluster."""
    if is_ideograph(before[-1]) and is_ideograph(word[0]):
        return True
    clustered = _is_clustered(before[-1]) and _is_clustered(word[0])
    return clustered and tokenise(before + word) == [before, word]


def sentence_of(words: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Join words as they would be written: by spaces, but without in scripts that have none.

    Returns:
        the sentence, and for each word its span `(start, end)` in characters of the sentence.
    """
    sentence, spans, before = "", [], ""
    for word in words:
        if before and word and not _are_joined(before, word):
            sentence += " "
        spans.append((len(sentence), len(sentence) + len(word)))
        sentence += word
        before = word or before
    return sentence, spans

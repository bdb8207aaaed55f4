"""Words as labels of a speech model: its letters where it has them, in its own case, with its own sign between words."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.extract.tokens import is_ideograph
from pipeline.extract.words.pronunciation import number_words

_APOSTROPHES = str.maketrans("’ʼ＇‑‐", "'''--")


@dataclass(frozen=True)
class Spelt:
    """A transcript as labels.

    Attributes:
        labels: class of each label.
        owner: position of the word of each label, None for a sign between words.
        n_readable: number of words that could be spelt.
    """

    labels: tuple[int, ...]
    owner: tuple[int | None, ...]
    n_readable: int


@dataclass(frozen=True, eq=False)
class Speller:
    """How a model writes words.

    Attributes:
        labels: class of each label, those without a sound left out.
        delimiter: class of the sign between words, None where there is none.
        anything: class that stands for a word of which no character is among the labels.
        tokenizer: tokenizer that cuts words into labels of several characters; None where each label is one character.
    """

    labels: Mapping[str, int]
    delimiter: int | None
    anything: int
    tokenizer: Any | None = None

    def spell(self, words: Sequence[str], *, language: str) -> Spelt:
        """The labels of words, in order; a word that cannot be spelt at all is one `anything`.

        Args:
            words: words as `tokenise` gives them.
            language: ISO 639 code, by which digits are written out where the model has none (English alone).
        """
        labels: list[int] = []
        owner: list[int | None] = []
        n_readable = 0
        for position, word in enumerate(words):
            joined = position and is_ideograph(words[position - 1][-1]) and is_ideograph(word[0])
            if position and self.delimiter is not None and not joined:
                labels.append(self.delimiter)
                owner.append(None)
            own = self._word(word, language)
            n_readable += bool(own)
            labels += own or [self.anything]
            owner += [position] * max(len(own), 1)
        return Spelt(tuple(labels), tuple(owner), n_readable)

    def _word(self, word: str, language: str) -> list[int]:
        plain = unicodedata.normalize("NFKC", word).translate(_APOSTROPHES)
        if self.tokenizer is not None:
            known = set(self.labels.values())
            for written in (plain, plain.lower(), plain.upper()):
                found = [
                    i for i in self.tokenizer(written, add_special_tokens=False)["input_ids"] if i in known
                ]
                if found:
                    return found
            return []
        if language.lower().startswith("en") and not any(digit in self.labels for digit in "0123456789"):
            plain = _without_digits(plain)
        return [label for character in plain for label in self._character(character)]

    def _character(self, character: str) -> list[int]:
        bare = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
        for written in (character, character.upper(), character.lower(), character.casefold(), bare):
            for cased in (written, written.upper(), written.lower()):
                if cased and all(part in self.labels for part in cased):
                    return [self.labels[part] for part in cased]
        return []


def _without_digits(word: str) -> str:
    """A word with its numbers written out: `3.5` as `threefive`, for letters are all that is looked for."""
    pieces, digits = [], ""
    for character in word + " ":
        if character in "0123456789":
            digits += character
            continue
        if digits:
            pieces.append("".join(number_words(digits)))
            digits = ""
        pieces.append(character)
    return "".join(pieces).rstrip(" ")

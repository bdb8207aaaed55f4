"""TextGrids of Praat, in the long and the short text form (https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.artifacts.corpus.words import Cue, Word
from pipeline.artifacts.formats.foreign import head_of
from pipeline.corpus.tables import read_text_file
from pipeline.corpus.timed.transcript import MAX_ENTRIES, TimedTranscript, check_times, of_cues, of_words
from pipeline.errors import PipelineError

# What Praat reads of either form: texts in quotes, numbers and flags that stand alone. All else is for people.
_TOKEN = re.compile(r'"((?:[^"]|"")*)"|![^\n]*|(?<!\S)([+-]?[0-9][^\s]*)|<(\w+)>')
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
_WORD_TIER = re.compile(
    r"(?:.*\W)?words?(?:\W.*)?|.*[- _]words?|w(?:rd|or)|mau_ort|ort-mau|wort|mots?|palabras?|orth?",
    re.IGNORECASE,
)
_CUE_TIER = re.compile(
    r".*(?:utt|sentence|transcri|text|speech|phrase|turn|sent|ipu|orthogr|segment)\w*", re.IGNORECASE
)
_NO_TEXT_TIER = re.compile(r".*(?:phone|phoneme|syll|pitch|tone|segment id)s?.*", re.IGNORECASE)
_BINARY = b"ooBinaryFile"


@dataclass(frozen=True)
class _Tier:
    """An interval tier: its name, and its intervals that hold text."""

    name: str
    intervals: tuple[Cue, ...]


def read_textgrid(path: Path) -> TimedTranscript:
    """Read a TextGrid: the words of its tiers of words (`words`, `anna - words`), else the cues of a tier of utterances.

    A tier is known by its name; the only tier of a file is one of words where most of its intervals hold one word.

    Raises:
        PipelineError: the file is no TextGrid, is binary, is cut short, or has no such tier.
    """
    if head_of(path).startswith(_BINARY):
        raise PipelineError(f"{path}: is a binary TextGrid; save it as a text file in Praat")
    tiers = [tier for tier in _tiers(path) if not _NO_TEXT_TIER.fullmatch(tier.name)]
    of_word = [tier for tier in tiers if _WORD_TIER.fullmatch(tier.name.strip())]
    if not of_word and len(tiers) == 1:
        texts = [interval.text for interval in tiers[0].intervals]
        if sum(len(text.split()) == 1 for text in texts) > len(texts) / 2:
            of_word = tiers
    if of_word:
        return of_words(
            Word(" ".join(interval.text.split()), interval.start_s, interval.end_s)
            for tier in of_word
            for interval in tier.intervals
        )
    of_cue = tiers if len(tiers) == 1 else [tier for tier in tiers if _CUE_TIER.fullmatch(tier.name)][:1]
    if not of_cue:
        names = ", ".join(repr(tier.name) for tier in tiers[:6]) or "none with text"
        raise PipelineError(
            f"{path}: its interval tiers are {names}; expected one called words, or utterances, with what is said"
        )
    return of_cues(of_cue[0].intervals)


class _Tokens:
    """What stands in a TextGrid, one after another, and of which kind it has to be."""

    def __init__(self, path: Path, text: str) -> None:
        self._path, self._found = path, self._tokens(text)

    def _tokens(self, text: str) -> Iterator[tuple[int, str | None, str | None, str | None]]:
        line, at = 1, 0
        for found in _TOKEN.finditer(text):
            line, at = line + text.count("\n", at, found.start()), found.start()
            if found[1] is not None or found[2] is not None or found[3] is not None:
                yield line, found[1], found[2], found[3]

    def text(self, what: str) -> str:
        line, text, _, _ = self._next(what)
        if text is None:
            raise PipelineError(f"{self._path}, line {line}: expected {what} in quotes")
        return text.replace('""', '"')

    def number(self, what: str) -> tuple[float, int]:
        line, _, number, _ = self._next(what)
        if number is None or not _NUMBER.fullmatch(number):
            raise PipelineError(f"{self._path}, line {line}: expected {what}, a number")
        return float(number), line

    def count(self, what: str) -> int:
        number, line = self.number(what)
        if not 0 <= number <= MAX_ENTRIES or number != int(number):
            raise PipelineError(
                f"{self._path}, line {line}: {what} is {number:g}; expected a whole number of them"
            )
        return int(number)

    def flag(self) -> bool:
        line, _, _, flag = self._next("<exists>")
        if flag not in ("exists", "absent"):
            raise PipelineError(f"{self._path}, line {line}: expected <exists>, as every TextGrid has it")
        return flag == "exists"

    def _next(self, what: str) -> tuple[int, str | None, str | None, str | None]:
        found = next(self._found, None)
        if found is None:
            raise PipelineError(f"{self._path}: is cut short; expected {what}")
        return found


def _tiers(path: Path) -> list[_Tier]:
    tokens = _Tokens(path, read_text_file(path))
    kind, class_ = tokens.text("ooTextFile"), tokens.text("TextGrid")
    if not kind.startswith("ooTextFile") or class_ != "TextGrid":
        raise PipelineError(f"{path}: is {class_[:40]!r} of {kind[:40]!r}; expected a TextGrid of Praat")
    for what in ("the start of the file", "the end of the file"):
        tokens.number(what)
    tiers = []
    for _ in range(tokens.count("the number of tiers") if tokens.flag() else 0):
        class_, name = tokens.text("the class of a tier"), tokens.text("the name of a tier")
        for what in ("the start of a tier", "the end of a tier"):
            tokens.number(what)
        n_entries = tokens.count("the number of intervals")
        if class_ == "IntervalTier":
            tiers.append(_Tier(name, tuple(_intervals(path, tokens, n_entries))))
        elif class_ == "TextTier":
            for _ in range(n_entries):
                tokens.number("the time of a point")
                tokens.text("the mark of a point")
        else:
            raise PipelineError(
                f"{path}: has a tier of the class {class_[:40]!r}; expected IntervalTier or TextTier"
            )
    return tiers


def _intervals(path: Path, tokens: _Tokens, n: int) -> Iterator[Cue]:
    for _ in range(n):
        start_s, line = tokens.number("the start of an interval")
        end_s, _ = tokens.number("the end of an interval")
        text = tokens.text("the text of an interval")
        check_times(start_s, end_s, f"{path}, line {line}")
        if text.strip():
            yield Cue(text, start_s, end_s)

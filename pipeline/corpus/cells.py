"""What a cell of a corpus table means: a number, a split, a language, a transcript; anything else is refused by name."""

import csv
import math
import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from pipeline.artifacts.corpus.segments import Split
from pipeline.errors import PipelineError, did_you_mean

# Python reads more as a number than a person means by one: 1_0, nan, and digits of every writing system.
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_MINUS_SIGN = "\N{MINUS SIGN}"
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
_ANY_CODE = re.compile(r"[a-z]{2,3}")
_NO_NUMBERS = ("nan", "inf", "infinity")
_LONGEST = 60

SPLIT_NAMES: Mapping[str, Split] = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "dev": "valid",
    "development": "valid",
    "test": "test",
    "testing": "test",
}


def number(text: str, place: str, column: str) -> float:
    """The finite number in a cell; blanks around it and the typographic minus sign are understood.

    Raises:
        PipelineError: the cell holds anything else; the sentence says what is wrong with it.
    """
    plain = text.strip().replace(_MINUS_SIGN, "-")
    value = float(plain) if _NUMBER.fullmatch(plain) else math.nan
    if not math.isfinite(value):
        raise PipelineError(f"{place}: {column} is {shortened(text)}; expected a number{_why_not(plain)}")
    return value


def is_name(text: str) -> bool:
    """Whether a cell of a label is a word; a number, and what was meant as one (1,5 or nan), is none."""
    plain = text.strip().replace(_MINUS_SIGN, "-")
    if _NUMBER.fullmatch(plain) or plain.lower().lstrip("+-") in _NO_NUMBERS:
        return False
    return any(letter.isalpha() for letter in plain)


def _why_not(text: str) -> str:
    if _NUMBER.fullmatch(text):
        return " that is not as large"
    if text.lower().lstrip("+-") in _NO_NUMBERS:
        return ", and a finite one"
    if _DECIMAL_COMMA.fullmatch(text):
        return " with a decimal point instead of a comma"
    strange = next((character for character in text if ord(character) > 126), None)
    if strange is not None:
        return f", and {strange!r} ({unicodedata.name(strange, 'a control character')}) is no part of one"
    return " such as -1.5"


def truth_value(text: str, place: str, column: str) -> bool:
    """Whether a cell says yes: 1 or true, in any letter case; 0 or false is no.

    Raises:
        PipelineError: it says neither.
    """
    known = {"1": True, "true": True, "0": False, "false": False}.get(text.strip().casefold())
    if known is None:
        raise PipelineError(f"{place}: {column} is {shortened(text)}; expected 1 or true, 0 or false")
    return known


def split_named(text: str, place: str, column: str = "split") -> Split:
    """The split that a cell names, in any letter case; val, dev and validation are valid.

    Raises:
        PipelineError: it names no split.
    """
    known = SPLIT_NAMES.get(text.strip().casefold())
    if known is None:
        raise PipelineError(
            f"{place}: {column} is {shortened(text)}{did_you_mean(text, SPLIT_NAMES)}; expected train, valid or test"
        )
    return known


def language_code(text: str, place: str) -> str:
    """The ISO 639-1 code of a language that is named by a code or tag (en, eng, en-US) or a word (English, Deutsch).

    The code of three letters where a language has no shorter one.

    Raises:
        PipelineError: it names no language that is known here.
    """
    named = " ".join(unicodedata.normalize("NFC", text).casefold().replace("_", "-").split())
    known = _languages()
    # What follows the language in a tag is a script, a region or a variant: zh-Hans-CN.
    first, *further = named.split("-")
    is_tag = len(first) <= 3 and all(part.isalnum() and len(part) <= 8 for part in further)
    without_brackets = named.split("(")[0].strip()
    code = known.get(named) or known.get(without_brackets) or (known.get(first) if is_tag else None)
    if code is None:
        raise PipelineError(
            f"{place}: the language is {shortened(text)}{did_you_mean(text, known)}; expected an ISO 639-1 code such "
            "as en, or a name such as English"
        )
    return code


def language_of_corpus(text: str, place: str) -> str:
    """Likewise, but a code of two or three small letters that is not known here stays, for a language may be rarer than those that are.

    Raises:
        PipelineError: it is no code, and names no language that is known here.
    """
    try:
        return language_code(text, place)
    except PipelineError:
        if _ANY_CODE.fullmatch(text):
            return text
        raise


@cache
def _languages() -> Mapping[str, str]:
    """Codes by every code and name, in lower case. The names are those of the Unicode CLDR."""
    with files("pipeline.corpus").joinpath("languages.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    known = {row["code"]: row["code"] for row in rows}
    return known | {
        unicodedata.normalize("NFC", name).casefold(): row["code"]
        for row in rows
        for name in row["names"].split("|")
    }


def spoken(text: str) -> str | None:
    """A transcript on one line, None where nothing is said."""
    return " ".join(text.split()) or None


def shortened(text: str) -> str:
    """A cell as an error quotes it: on one line, and not for pages."""
    return repr(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")

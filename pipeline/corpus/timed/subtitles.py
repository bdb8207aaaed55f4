"""SubRip (`.srt`) and WebVTT (`.vtt`, https://www.w3.org/TR/webvtt1/)."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.artifacts.corpus.words import Cue, Word
from pipeline.corpus.cells import shortened
from pipeline.corpus.tables import read_text_file
from pipeline.corpus.timed.transcript import TimedTranscript, check_times, of_cues, of_words, spoken_word
from pipeline.errors import PipelineError

_STAMP = r"(?:([0-9]{1,4}):)?([0-9]{1,2}):([0-9]{1,2})[.,]([0-9]{1,3})"
_ARROW = re.compile(rf"\s*{_STAMP}\s*-->\s*{_STAMP}(?:\s.*)?")
_INNER = re.compile(rf"<{_STAMP}>")
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,200}>")
_NO_CUE = ("NOTE", "STYLE", "REGION")


@dataclass(frozen=True)
class _Block:
    """The lines under one line of times."""

    place: str
    start_s: float
    end_s: float
    lines: Sequence[str]


def read_srt(path: Path) -> TimedTranscript:
    """Read SubRip. The lines of a cue reach to the next line of times, so a blank line within a cue does no harm.

    Raises:
        PipelineError: the file cannot be read, a line of times is damaged, or there is none.
    """
    lines = read_text_file(path).split("\n")
    arrows = [number for number, line in enumerate(lines) if "-->" in line]
    blocks = []
    for number, following in zip(arrows, [*arrows[1:], len(lines)][: len(arrows)], strict=True):
        text = lines[number + 1 : following]
        while text and not text[-1].strip():
            text.pop()
        # The number of the next cue stands alone above its times.
        if following < len(lines) and text and re.fullmatch(r"\s*[0-9]+\s*", text[-1]):
            text.pop()
        blocks.append(_block(path, number, lines[number], [line for line in text if line.strip()]))
    if not blocks:
        raise PipelineError(
            f"{path}: holds no cue; expected times such as 00:00:01,000 --> 00:00:04,500 above each"
        )
    return of_cues(_cue(block) for block in blocks)


def read_vtt(path: Path) -> TimedTranscript:
    """Read WebVTT. Timestamps within cues are the starts of words; a file in which all words have one has word times.

    The two lines that captions of YouTube show at a time repeat what was shown before; it is taken once.

    Raises:
        PipelineError: the file cannot be read, does not begin with WEBVTT, or a line of times is damaged.
    """
    lines = read_text_file(path).split("\n")
    if not re.match(r"WEBVTT(?:\s|$)", lines[0]):
        raise PipelineError(
            f"{path}: begins with {shortened(lines[0])}; expected WEBVTT, as every WebVTT file does"
        )
    blocks: list[_Block] = []
    number = 1
    while number < len(lines):
        first = number
        # A line of blanks is part of a cue, as the captions of YouTube have them.
        while number < len(lines) and lines[number]:
            number += 1
        within = lines[first:number]
        arrows = [first + position for position, line in enumerate(within) if "-->" in line]
        if arrows and arrows[0] - first < 2:
            for arrow, following in zip(arrows, [*arrows[1:], number], strict=True):
                blocks.append(_block(path, arrow, lines[arrow], lines[arrow + 1 : following]))
        elif "".join(within).strip() and not (first == 1 or within[0].startswith(_NO_CUE)):
            raise PipelineError(
                f"{path}, line {first + 1}: is {shortened(within[0])}; expected the times of a cue, such as "
                "00:01.000 --> 00:04.500"
            )
        number += 1
    blocks = _shown_once(blocks)
    words = [word for block in blocks for word in _words(block) or ()]
    if all(_words(block) is not None for block in blocks):
        return of_words(words)
    return of_cues(_cue(block) for block in blocks)


def _block(path: Path, number: int, line: str, text: Sequence[str]) -> _Block:
    place = f"{path}, line {number + 1}"
    found = _ARROW.fullmatch(line)
    if found is None:
        raise PipelineError(
            f"{place}: is {shortened(line)}; expected times such as 00:00:01,000 --> 00:00:04,500"
        )
    start_s, end_s = _seconds(found.groups()[:4]), _seconds(found.groups()[4:])
    check_times(start_s, end_s, place)
    return _Block(place, start_s, end_s, text)


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = parts
    # In whole milliseconds, so that the same times come out however they are written.
    in_ms = (int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)) * 1000
    return (in_ms + int((fraction or "0").ljust(3, "0"))) / 1000


def _cue(block: _Block) -> Cue:
    return Cue(html.unescape(_INNER.sub("", " ".join(block.lines))), block.start_s, block.end_s)


def _shown_once(blocks: Sequence[_Block]) -> list[_Block]:
    """Without the lines that were there in the cue before, where words have times, as in the captions of YouTube."""
    if not any(_INNER.search(line) for block in blocks for line in block.lines):
        return list(blocks)
    kept, before = [], set[str]()
    for block in blocks:
        plain = [_TAG.sub("", _INNER.sub("", line)).strip() for line in block.lines]
        lines = [
            line
            for line, shown in zip(block.lines, plain, strict=True)
            if shown and (shown not in before or _INNER.search(line))
        ]
        before = set(plain)
        if lines:
            kept.append(_Block(block.place, block.start_s, block.end_s, lines))
    return kept


def _words(block: _Block) -> list[Word] | None:
    """The words of a cue, each between two timestamps; None where several words stand between two."""
    text = " ".join(block.lines)
    stamps = [(block.start_s, 0, 0)]
    stamps += [(_seconds(found.groups()), found.start(), found.end()) for found in _INNER.finditer(text)]
    words = []
    for position, (start_s, _, first) in enumerate(stamps):
        end_s, last = stamps[position + 1][:2] if position + 1 < len(stamps) else (block.end_s, len(text))
        # A no-break space is part of a word.
        spoken = re.findall(r"[^ \t\n]+", html.unescape(_TAG.sub("", text[first:last])))
        if len(spoken) > 1:
            return None
        word = " ".join(spoken_word(spoken[0]).split()) if spoken else ""
        if word:
            check_times(start_s, end_s, block.place)
            words.append(Word(word, start_s, end_s))
    return words

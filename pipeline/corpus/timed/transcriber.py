"""Files of Transcriber (`.trs`), also those that tools have put lines of their own between and that are no XML any more."""

import html
import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.artifacts.corpus.words import Cue
from pipeline.artifacts.formats.foreign import head_of
from pipeline.corpus.cells import number
from pipeline.corpus.tables import read_text_file
from pipeline.corpus.timed.transcript import TimedTranscript, check_times, of_cues
from pipeline.errors import PipelineError

_TAG = re.compile(r"<(/?)(\w+)([^<>]*)>|<[!?][^<>]*>")
_ATTRIBUTE = re.compile(r"(\w+)\s*=\s*\"([^\"]*)\"")
_ENCODING = re.compile(rb"encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_ENCODINGS = {"iso-8859-1": "cp1252", "latin-1": "cp1252", "windows-1252": "cp1252", "utf-8": "utf-8-sig"}
# What stands on a line of its own and is none of the transcript's.
_STRAY = re.compile(r"^[\s,;]*$")


def read_trs(path: Path) -> TimedTranscript:
    """Read the text between two `Sync` as a cue; the last one of a turn reaches to the turn's `endTime`.

    Raises:
        PipelineError: the file cannot be read, holds no `Sync`, or a time in it is none.
    """
    named = _ENCODING.search(head_of(path))
    encoding = named[1].decode().lower() if named is not None else "utf-8"
    text = read_text_file(path, encodings=("utf-8-sig", _ENCODINGS.get(encoding, "utf-8-sig")))
    cues = list(_cues(path, text))
    if not cues:
        raise PipelineError(
            f"{path}: holds no Sync with a time; expected the transcript of Transcriber (.trs)"
        )
    return of_cues(cues)


def _cues(path: Path, text: str) -> Iterator[Cue]:
    start_s: float | None = None
    turn_end_s = 0.0
    spoken: list[str] = []
    at, line = 0, 1
    for found in _TAG.finditer(text):
        spoken.append(text[at : found.start()])
        line += text.count("\n", at, found.start())
        at, place = found.start(), f"{path}, line {line}"
        closes, name = found[1] == "/", (found[2] or "").casefold()
        attributes = dict(_ATTRIBUTE.findall(found[3] or ""))
        if name == "turn" and not closes and "endTime" in attributes:
            turn_end_s = number(attributes["endTime"], place, "endTime")
        if name == "sync" or (name == "turn" and closes):
            time_s = turn_end_s if closes else number(attributes.get("time", ""), place, "time of Sync")
            if start_s is not None:
                check_times(start_s, time_s, place)
                yield Cue(_joined(spoken), start_s, time_s)
            start_s = None if closes else time_s
            spoken = []
        line += text.count("\n", at, found.end())
        at = found.end()
    if start_s is not None:
        raise PipelineError(f"{path}: is cut short; expected the end of the last Turn")


def _joined(spoken: list[str]) -> str:
    lines = [line for part in spoken for line in part.split("\n") if not _STRAY.fullmatch(line)]
    return html.unescape(" ".join(lines))

"""The words of each segment and when they were spoken."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from pipeline.artifacts.formats.files import iterate_json_lines, write_whole_file
from pipeline.errors import PipelineError

AlignMethod = Literal["given", "forced", "proportional", "recognised", "none"]
"""Where the timing comes from: the corpus itself, forced alignment of the transcript, the transcript spread over
the voiced part, rough recognition without a transcript, or nowhere because nothing was said."""

# Word times come from tools that round to a frame; an overlap below this is rounding, not an error.
TOLERANCE_S = 1e-3


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word; `start_s` and `end_s` are seconds from the start of its segment."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Cue:
    """A stretch of a transcript whose words lie between two times, such as a subtitle; seconds, as those of `Word`."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SegmentWords:
    """The words of one segment in the order in which they were spoken.

    `confidence` says from 0 to 1 how well words and sound fit, by the measure of what aligned or recognised them (docs/howto/words.md);
    it tells segments of one corpus and one method apart, and is None for the other methods.

    Raises:
        PipelineError: a word ends before it starts, or starts before the word in front of it.
    """

    id: str
    align_method: AlignMethod
    words: tuple[Word, ...]
    confidence: float | None = None

    def __post_init__(self) -> None:
        if self.align_method not in get_args(AlignMethod):
            raise PipelineError(f"segment {self.id}: unknown align_method {self.align_method!r}")
        previous_s = 0.0
        for word in self.words:
            if not previous_s - TOLERANCE_S <= word.start_s <= word.end_s:
                raise PipelineError(
                    f"segment {self.id}: the word {word.text!r} at {word.start_s}–{word.end_s} s does not follow "
                    f"the word that starts at {previous_s} s; times have to be non-decreasing"
                )
            previous_s = word.start_s

    def named(self, segment_id: str) -> "SegmentWords":
        """The same words under another id: two segments of one name in two corpora may share a cache entry."""
        return replace(self, id=segment_id)

    def to_bytes(self) -> bytes:
        """One JSON line, for the file and for the clip cache."""
        return json.dumps(asdict(self), ensure_ascii=False).encode() + b"\n"

    @classmethod
    def from_bytes(cls, line: bytes) -> "SegmentWords":
        """Read what `to_bytes` wrote."""
        return cls.from_row(json.loads(line))

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "SegmentWords":
        """Rebuild from the value of a JSON line."""
        words = tuple(Word(**word) for word in row["words"])
        return cls(row["id"], row["align_method"], words, row["confidence"])


def write_words(path: Path, rows: Iterable[SegmentWords]) -> None:
    """Write one JSON line a segment."""
    write_whole_file(path, lambda file: file.writelines(row.to_bytes() for row in rows))


def read_words(path: Path) -> list[SegmentWords]:
    """Read what `write_words` wrote.

    Raises:
        PipelineError: the file is missing, cut short or damaged.
    """
    return list(iterate_words(path))


def iterate_words(path: Path) -> Iterator[SegmentWords]:
    """`read_words`, one segment at a time."""
    return iterate_json_lines(path, SegmentWords.from_row, stage="words")

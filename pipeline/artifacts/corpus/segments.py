"""The manifest: one labelled stretch of speech a line, whatever corpus it came from."""

import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from pipeline.artifacts.corpus.words import Cue, Word
from pipeline.artifacts.formats.files import iterate_json_lines, write_text
from pipeline.errors import PipelineError

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
Owner = Literal["corpus", "speaker", "video", "rater"]
"""Whose a segment is; each is a column of names."""
OWNERS: tuple[Owner, ...] = get_args(Owner)

# What is not written for a segment of which it says nothing.
_ABSENT: Mapping[str, Any] = {
    "other_labels": {},
    "label_spread": None,
    "cues": (),
    "corpus": "",
    "rater": None,
    "ratings": {},
    "trusted": False,
    "has_length": True,
}
# One for all segments without any; nobody writes into it.
_NO_LABELS: Mapping[str, float] = {}
# Names that many segments have in common; each is kept in memory once.
_REPEATED = ("split", "speaker", "video", "language", "media", "media_sha256", "corpus", "rater")


@dataclass(frozen=True, slots=True)
class Segment:
    """One labelled stretch of a recording.

    `media` is a path relative to the repository root with forward slashes, or None where a corpus holds no recording.
    `start_s` and `end_s` are seconds from the start of the media. `text` is the transcript, None where there is none.
    `timed_words` are the corpus's own word times in seconds from the start of the *segment*, empty where it has none.
    `other_labels` are further labels by name, such as those of one modality alone. `label_spread` is the standard
    deviation of several raters' labels, None where there was one. `cues` are stretches of the transcript with times, seconds
    from the start of the segment, empty where it has none.

    `corpus` names the corpus, empty for a recording that is in none. `rater` is who gave the label, None where nobody says
    or several did; `ratings` are the labels of several by rater, and `label` is then their mean, unless the corpus has one of
    its own. `trusted` says that the label is on the scale that all labels should be on, such as that of an expert. `has_length` is
    False where nothing said how long the segment is, and `end_s` stands for that.

    Raises:
        PipelineError: no id, an unknown split, a label that is no finite number, a negative spread, or an empty span.
    """

    id: str
    split: Split
    label: float
    speaker: str
    video: str
    language: str
    text: str | None
    media: str | None
    media_sha256: str | None
    has_audio: bool
    has_video: bool
    start_s: float
    end_s: float
    timed_words: tuple[Word, ...] = ()
    other_labels: Mapping[str, float] = field(default_factory=lambda: _NO_LABELS, hash=False)
    label_spread: float | None = None
    corpus: str = ""
    rater: str | None = None
    ratings: Mapping[str, float] = field(default_factory=lambda: _NO_LABELS, hash=False)
    trusted: bool = False
    cues: tuple[Cue, ...] = ()
    has_length: bool = True

    def __post_init__(self) -> None:
        if not self.id:
            raise PipelineError("a segment has an empty id; every segment needs one of its own")
        if self.split not in SPLITS:
            raise PipelineError(f"segment {self.id}: split {self.split!r} is none of {', '.join(SPLITS)}")
        for label in (self.label, *self.other_labels.values(), *self.ratings.values()):
            if not math.isfinite(label):
                raise PipelineError(f"segment {self.id}: the label {label} is not a finite number")
        if self.label_spread is not None and not 0 <= self.label_spread < math.inf:
            raise PipelineError(
                f"segment {self.id}: the spread of its labels is {self.label_spread}; expected a finite number from 0"
            )
        if not (math.isfinite(self.start_s) and 0 <= self.start_s < self.end_s < math.inf):
            raise PipelineError(
                f"segment {self.id}: the span {self.start_s}–{self.end_s} s is empty or negative; "
                "expected 0 <= start_s < end_s"
            )

    @property
    def recording(self) -> str:
        """Name of the recording that the segment is of, which is unlike that of any other in a pool of corpora."""
        return f"{self.corpus}/{self.video or self.media or self.id}"

    @property
    def duration_s(self) -> float:
        """Length of the segment in seconds, always positive."""
        return self.end_s - self.start_s


def write_segments(path: Path, segments: Iterable[Segment]) -> None:
    """Write one JSON line a segment; what only some corpora say is there only where it is said."""
    write_text(path, "".join(json.dumps(_row(segment), ensure_ascii=False) + "\n" for segment in segments))


def _row(segment: Segment) -> dict[str, Any]:
    row = asdict(segment)
    for name, absent in _ABSENT.items():
        if row[name] == absent:
            del row[name]
    return row


def read_segments(path: Path) -> list[Segment]:
    """Read what `write_segments` wrote.

    Raises:
        PipelineError: the file is missing, cut short or damaged.
    """
    return list(iterate_segments(path))


def iterate_segments(path: Path) -> Iterator[Segment]:
    """`read_segments`, one segment at a time."""
    return iterate_json_lines(path, _segment, stage="manifest")


def _segment(row: dict[str, Any]) -> Segment:
    for name in _REPEATED:
        if row.get(name):
            row[name] = sys.intern(row[name])
    words = tuple(Word(**word) for word in row["timed_words"])
    cues = tuple(Cue(**cue) for cue in row.get("cues", ()))
    return Segment(**row | {"timed_words": words, "cues": cues})

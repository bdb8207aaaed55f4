"""What a corpus claims about one of its segments, before anything was checked."""

from dataclasses import dataclass

from pipeline.artifacts.words import Word


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row of a corpus table, whatever its layout.

    `place` says where it stands, for error sentences. `media` is relative to the corpus folder. Times, those of `words`
    too, are seconds from the start of the media. What is None, the corpus does not say.
    """

    place: str
    id: str
    label: float
    media: str | None
    text: str | None
    split: str | None
    speaker: str | None
    video: str
    language: str | None
    start_s: float | None
    end_s: float | None
    words: tuple[Word, ...]

"""A corpus by its own description and by its table."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.artifacts.corpus.segments import Split
from pipeline.reporting.counted_segments import CountedSegments

_TERMS = re.compile(r"licen[cs]e|terms|copyright|rights", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CorpusTerms:
    """What a corpus says in its `corpus.yaml` of where it comes from and what it may be used for; None where it does not say.

    Attributes:
        rated_by: who gave the labels.
        licence: on what terms the corpus may be used.
        citation: what to cite.
    """

    rated_by: str | None = None
    licence: str | None = None
    citation: str | None = None


@dataclass(frozen=True, slots=True)
class SplitRow:
    """How much of a corpus a split holds; labels in label units."""

    split: Split
    n_segments: int
    n_speakers: int
    duration_min: float
    label_min: float
    label_mean: float
    label_max: float


def split_rows(segments: CountedSegments) -> list[SplitRow]:
    """A row for every split that has segments."""
    return [
        SplitRow(
            split,
            len(found),
            len(found.speakers),
            found.duration_min,
            float(found.labels.min()),
            float(found.labels.mean()),
            float(found.labels.max()),
        )
        for split, found in segments.by_split.items()
        if len(found)
    ]


def class_counts(segments: CountedSegments, classes: Sequence[str]) -> dict[Split, list[int]]:
    """How many segments of each class a split has; empty lists where labels are no classes."""
    return {
        split: np.bincount(found.labels.astype(np.int64), minlength=len(classes)).tolist() if classes else []
        for split, found in segments.by_split.items()
    }


@dataclass(frozen=True, slots=True)
class Statement:
    """The first paragraph of a corpus's README.md, and its section about its terms; empty where it has none."""

    about: str
    terms: str


def statement_of(readme: str) -> Statement:
    r"""Find both in Markdown.

    Example:
        >>> statement_of("# A corpus\n\nRead aloud.\n\n* `a.csv`\n\n## Licence\n\nCC0.\n")
        Statement(about='Read aloud.', terms='CC0.')
    """
    # Each section with the heading that leads it; what stands before the first heading has none.
    parts = re.split(r"^#+[ \t]+(.*)$", readme, flags=re.MULTILINE)
    sections = [("", parts[0]), *zip(parts[1::2], parts[2::2], strict=True)]
    paragraphs = [text.strip() for _, body in sections for text in re.split(r"\n\s*\n", body)]
    about = next((text for text in paragraphs if text), "")
    terms = next((body.strip() for heading, body in sections if _TERMS.search(heading)), "")
    return Statement(about, terms)

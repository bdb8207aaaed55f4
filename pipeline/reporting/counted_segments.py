"""What the tables of a corpus count, taken from the manifest while it is read: some bytes a segment, and names once."""

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from pipeline.artifacts.corpus.segments import SPLITS, Segment, Split


@dataclass(eq=False)
class SplitCounts:
    """The segments of one split, counted one by one.

    Attributes:
        speakers: names of the speakers.
        videos: names of the recordings.
        n_without_transcript: number of segments without a transcript.
        n_without_sound: number of segments whose media have no sound.
        n_without_picture: number of segments whose media have no picture.
    """

    speakers: set[str] = field(default_factory=set)
    videos: set[str] = field(default_factory=set)
    n_without_transcript: int = 0
    n_without_sound: int = 0
    n_without_picture: int = 0
    # Arrays, because a number of a list takes 32 bytes.
    _labels: "array[float]" = field(default_factory=lambda: array("d"))
    _durations_s: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, segment: Segment) -> None:
        """Count the next segment."""
        self._labels.append(segment.label)
        self._durations_s.append(segment.duration_s)
        self.speakers.add(segment.speaker)
        self.videos.add(segment.video)
        self.n_without_transcript += not (segment.text or "").strip()
        self.n_without_sound += not segment.has_audio
        self.n_without_picture += not segment.has_video

    def __len__(self) -> int:
        """Number of segments."""
        return len(self._labels)

    @property
    def labels(self) -> Float64[np.ndarray, "segment"]:
        """The label of each segment, label units."""
        return np.array(self._labels, np.float64)

    @property
    def duration_min(self) -> float:
        """Length of all segments together, minutes."""
        return sum(self._durations_s) / 60


@dataclass(frozen=True, eq=False)
class CountedSegments:
    """The segments of a corpus.

    Attributes:
        by_split: what was counted of each split, also of one without segments.
        languages: languages of the segments.
    """

    by_split: Mapping[Split, SplitCounts]
    languages: frozenset[str]

    def __len__(self) -> int:
        """Number of segments."""
        return sum(map(len, self.by_split.values()))


def count_segments(segments: Iterable[Segment]) -> CountedSegments:
    """Count segments as they come; none is held."""
    by_split = {split: SplitCounts() for split in SPLITS}
    languages: set[str] = set()
    for segment in segments:
        by_split[segment.split].add(segment)
        languages.add(segment.language)
    return CountedSegments(by_split, frozenset(languages))

"""One new segment with everything that was extracted from it."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.sequences import FeatureSequence, Modality
from pipeline.artifacts.corpus.words import SegmentWords

LEARNT_FROM = {"text": "a word", "audio": "sound", "visual": "a face"}
"""What a segment of training has to have for a model to learn from a modality, in words."""


@dataclass(frozen=True, eq=False)
class Observed:
    """One segment with its words, and the rows of each modality or a reason where there are none.

    Attributes:
        segment: the segment.
        spoken: words of the segment with their times.
        sequences: rows of each modality; without text while it is not yet read.
        notes: sentences on what of the segment was not read.
    """

    segment: Segment
    spoken: SegmentWords
    sequences: Mapping[Modality, FeatureSequence]
    notes: tuple[str, ...] = ()

    def lacking(self, modality: Modality) -> str | None:
        """What the file of the segment does not have that the modality is made of; None where it has it."""
        if modality == "audio" and not self.segment.has_audio:
            return "no sound track"
        return "no pictures" if modality == "visual" and not self.segment.has_video else None

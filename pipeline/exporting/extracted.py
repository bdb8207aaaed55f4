"""What the stages up to `align` made, before it was normalised: the source of every export."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.align.splits import AlignedSegment, align_segment
from pipeline.artifacts.aligned.preprocessing import preprocessing_path, read_preprocessing
from pipeline.artifacts.corpus.segments import Segment, Split
from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.artifacts.corpus.words import SegmentWords, read_words
from pipeline.artifacts.features.packed import Sequences
from pipeline.artifacts.features.shards import read_sequences
from pipeline.errors import PipelineError


@dataclass(frozen=True, eq=False)
class Extracted:
    """Segments, their words, and the rows of each modality as they were extracted; `align` holds the stage's settings."""

    segments: tuple[Segment, ...]
    spoken: Mapping[str, SegmentWords]
    sequences: Mapping[Modality, Sequences]
    align: Mapping[str, Any]

    def of(self, split: Split) -> list[Segment]:
        """The segments of one split, in the order of the manifest."""
        return [segment for segment in self.segments if segment.split == split]

    def aligned(self, split: Split) -> Iterator[tuple[Segment, AlignedSegment]]:
        """The segments of one split on their words, not normalised, one after another."""
        for segment in self.of(split):
            rows = {modality: self.sequences[modality][segment.id] for modality in MODALITIES}
            yield segment, align_segment(segment, self.spoken[segment.id], rows, **self.align)


def read_extracted(data: Path, segments: Sequence[Segment]) -> Extracted:
    """Read what the stages below a folder made of the segments of its manifest.

    Raises:
        PipelineError: one of them is missing or damaged, or they do not belong together.
    """
    spoken = {row.id: row for row in read_words(data / "words/words.jsonl")}
    sequences = {modality: read_sequences(data / modality) for modality in MODALITIES}
    ids = {segment.id for segment in segments}
    if any(set(found) != ids for found in (spoken, *(set(sequence.ids) for sequence in sequences.values()))):
        raise PipelineError(f"{data}: manifest, words and features are of other segments; run `dvc repro`")
    for modality, packed in sequences.items():
        if packed.dim != len(packed.columns):
            raise PipelineError(
                f"{data}: {modality} has no vectors of its own, because its encoder learns with the network; run the stages with "
                "the encoder frozen to export them"
            )
    align = read_preprocessing(preprocessing_path(data / "align")).align
    return Extracted(tuple(segments), spoken, sequences, align)

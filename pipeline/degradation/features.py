"""The aligned test split of a condition: extracted again where it reaches, as it was elsewhere."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.align.splits import align_segment, assemble_split, normalise, without_unlearnt
from pipeline.artifacts.aligned.preprocessing import Preprocessing
from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.artifacts.corpus.words import SegmentWords
from pipeline.artifacts.features.packed import Sequences
from pipeline.artifacts.features.shards import read_sequences, write_sequences_of
from pipeline.degradation.conditions import Condition
from pipeline.degradation.extractors import on_degraded
from pipeline.errors import PipelineError
from pipeline.extract.cached.frames import CachedFrames
from pipeline.extract.cached.text import TextExtractor
from pipeline.extract.cached.words import CachedWords


@dataclass(frozen=True, eq=False, kw_only=True)
class Extractors:
    """The extractors of the ordinary stages; None for a modality whose features the corpus brings.

    Attributes:
        words: extractor of words and their times.
        text: extractor of text.
        audio: extractor of sound.
        visual: extractor of faces.
        hears_faces: whether it depends on the sound which face is looked at.
    """

    words: CachedWords
    text: TextExtractor | None
    audio: CachedFrames | None
    visual: CachedFrames | None
    hears_faces: bool

    @property
    def preloaded(self) -> Sequence[str]:
        """Modules that the workers of all of them need, see `preload`."""
        return [
            module
            for extractor in (self.words, self.audio, self.visual)
            if extractor is not None
            for module in extractor.preloaded
        ]

    def check(self, conditions: Sequence[Condition]) -> None:
        """Refuse what no feature could show.

        Raises:
            PipelineError: a condition is about sound or pictures whose features the corpus brings.
        """
        for condition in conditions:
            modality, made = ("audio", self.audio) if condition.is_of_sound else ("visual", self.visual)
            if made is None:
                raise PipelineError(
                    f"degrade.{condition.degradation}: the {modality} features come with the corpus, so no recording is read for them; "
                    f"set degrade.{condition.degradation} to [], or {modality}.precomputed to extract"
                )


@dataclass(frozen=True, eq=False, kw_only=True)
class Ordinary:
    """The test split as the ordinary stages see it.

    Attributes:
        segments: segments of test.
        words: words of each of them.
        sequences: rows of all modalities.
        preprocessing: what was fitted on train.
    """

    segments: Sequence[Segment]
    words: Sequence[SegmentWords]
    sequences: Mapping[Modality, Sequences]
    preprocessing: Preprocessing


def degraded_split(ordinary: Ordinary, extractors: Extractors, condition: Condition) -> AlignedSplit:
    """The test split under a condition, normalised with what was fitted on train.

    Noise on the sound changes the words, too: those of a transcript are timed again, and where there is none they are recognised
    again. Only where the corpus brings vectors of words, words and times stay, because there are no others.

    Args:
        ordinary: the split as it is.
        extractors: the extractors that made it.
        condition: what is done to its recordings.

    Raises:
        PipelineError: the disk has no room, or the extractors gave other columns than those of training.
    """
    sys.stderr.write(f"{condition.degradation} {condition.level:g}\n")
    with TemporaryDirectory(prefix="degraded-") as folder:
        scratch = Path(folder)
        words, sequences = ordinary.words, dict(ordinary.sequences)
        of_frames: dict[Modality, CachedFrames | None] = {}
        if condition.is_of_sound:
            of_frames["audio"] = extractors.audio
            if extractors.text is not None:
                words = list(on_degraded(extractors.words, condition, scratch=scratch).map(ordinary.segments))
                rows = extractors.text.map(words)
                sequences["text"] = _packed(scratch, "text", ordinary, extractors.text, rows)
        if not condition.is_of_sound or extractors.hears_faces:
            of_frames["visual"] = extractors.visual
        for modality, extractor in of_frames.items():
            if extractor is not None:
                degraded = on_degraded(extractor, condition, scratch=scratch)
                rows = degraded.map(ordinary.segments)
                sequences[modality] = _packed(scratch, modality, ordinary, degraded, rows)
        aligned = [
            align_segment(
                segment,
                spoken,
                {modality: sequences[modality][segment.id] for modality in MODALITIES},
                **ordinary.preprocessing.align,
            )
            for segment, spoken in zip(ordinary.segments, words, strict=True)
        ]
        columns = {modality: sequences[modality].columns for modality in MODALITIES}
        split = assemble_split("test", ordinary.segments, aligned, columns)
        normalisation = ordinary.preprocessing.normalisation
        return normalise(without_unlearnt(split, normalisation), normalisation)


def _packed(
    scratch: Path,
    modality: Modality,
    ordinary: Ordinary,
    extractor: CachedFrames | TextExtractor,
    rows: Sequence[Any],
) -> Sequences:
    """The rows of all segments as a stage would leave them; they stay on the disk until they are looked at."""
    ids = [segment.id for segment in ordinary.segments]
    write_sequences_of(
        scratch / modality,
        modality,
        ids,
        rows,
        recordings=[segment.recording for segment in ordinary.segments],
        columns=extractor.columns,
        extractor=extractor.description,
    )
    return read_sequences(scratch / modality)

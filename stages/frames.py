"""What the stages `audio` and `visual` have in common: extract, or take the features that the corpus brings."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.artifacts.corpus.segments import read_segments
from pipeline.artifacts.corpus.sequences import Modality
from pipeline.artifacts.features.shards import write_sequences, write_sequences_of
from pipeline.corpus.facts import Facts
from pipeline.extract.cached.frames import CachedFrames
from pipeline.extract.precomputed import is_precomputed, read_precomputed


def write_features(
    modality: Modality,
    path: Path,
    *,
    segments: Path,
    folder: Path,
    facts: Facts,
    settings: Mapping[str, Any],
    make_extractor: Callable[[Mapping[str, Any]], CachedFrames],
) -> None:
    """Write the packed rows of a modality.

    Args:
        modality: `audio` or `visual`.
        path: folder to write.
        segments: manifest with the segments.
        folder: folder of the corpus; a precomputed file lies there.
        facts: facts of the corpus.
        settings: section of the modality; its `precomputed` decides, or else that of the facts.
        make_extractor: makes the cached extractor from the section.
    """
    listed = read_segments(segments)
    recordings = [segment.recording for segment in listed]
    name = facts.precomputed(modality, settings["precomputed"])
    if is_precomputed(name, layout=facts.layout):
        packed = read_precomputed(modality, listed, folder=folder, layout=facts.layout, name=name)
        write_sequences(path, packed, recordings=recordings)
    else:
        extractor = make_extractor(settings)
        write_sequences_of(
            path,
            modality,
            [segment.id for segment in listed],
            extractor.map(listed),
            recordings=recordings,
            columns=extractor.columns,
            extractor=extractor.description,
        )

"""What the stages `audio` and `visual` have in common: extract, or take the features that the corpus brings."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline import params
from pipeline.artifacts.segments import read_segments
from pipeline.artifacts.sequences import Modality, pack, write_sequences
from pipeline.extract.cached.frames import CachedFrames
from pipeline.extract.precomputed import is_precomputed, read_precomputed


def write_features(
    modality: Modality,
    path: Path,
    *,
    segments: Path,
    corpus: params.Corpus,
    settings: Mapping[str, Any],
    make_extractor: Callable[[Mapping[str, Any]], CachedFrames],
) -> None:
    """Write the packed rows of a modality.

    Args:
        modality: `audio` or `visual`.
        path: file to write.
        segments: manifest with the segments.
        corpus: section `corpus` of the parameters; a precomputed file lies in its folder.
        settings: section of the modality; its `precomputed` decides.
        make_extractor: makes the cached extractor from the section.
    """
    listed = read_segments(segments)
    if is_precomputed(settings["precomputed"], layout=corpus.layout):
        packed = read_precomputed(
            modality,
            listed,
            folder=Path("data/raw") / corpus.name,
            layout=corpus.layout,
            name=settings["precomputed"],
        )
    else:
        extractor = make_extractor(settings)
        ids = [segment.id for segment in listed]
        packed = pack(
            modality, ids, extractor.map(listed), columns=extractor.columns, extractor=extractor.description
        )
    write_sequences(path, packed)

"""What the stages `audio` and `visual` have in common: extract, or take the features that the corpus brings."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline import params
from pipeline.artifacts.segments import read_segments
from pipeline.artifacts.sequences import Modality, pack, write_sequences
from pipeline.extract.cached.frames import FrameEntries
from pipeline.extract.precomputed import is_precomputed, read_precomputed


def write_features(
    modality: Modality,
    path: Path,
    *,
    segments: Path,
    corpus: params.Corpus,
    settings: Mapping[str, Any],
    entries: Callable[..., FrameEntries],
) -> None:
    """Write the packed rows of a modality.

    Args:
        modality: which.
        path: the file to write.
        segments: the manifest.
        corpus: that section of the parameters; a precomputed file lies in its folder.
        settings: the section of the parameters; `precomputed` decides.
        entries: what makes the entries of the other keys.
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
        chosen = entries(**{name: value for name, value in settings.items() if name != "precomputed"})
        ids = [segment.id for segment in listed]
        packed = pack(modality, ids, chosen.map(listed), columns=chosen.columns, extractor=chosen.description)
    write_sequences(path, packed)

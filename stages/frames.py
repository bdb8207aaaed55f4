"""What the stages `audio` and `visual` have in common: extract, or take the features that the corpus brings."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.artifacts.segments import read_segments
from pipeline.artifacts.sequences import Modality, pack, write_sequences
from pipeline.extract.entries.frames import FrameEntries
from pipeline.extract.precomputed import read_precomputed


def write_features(
    modality: Modality,
    path: Path,
    *,
    segments: Path,
    corpus: Path,
    settings: Mapping[str, Any],
    entries: Callable[..., FrameEntries],
) -> None:
    """Write the packed rows of a modality.

    Args:
        modality: which.
        path: the file to write.
        segments: the manifest.
        corpus: folder of the corpus, where a precomputed file lies.
        settings: the section of the parameters; `precomputed` decides.
        entries: what makes the entries of the other keys.
    """
    listed = read_segments(segments)
    if settings["precomputed"] is None:
        chosen = entries(**{name: value for name, value in settings.items() if name != "precomputed"})
        ids = [segment.id for segment in listed]
        packed = pack(modality, ids, chosen.map(listed), columns=chosen.columns, extractor=chosen.description)
    else:
        name = settings["precomputed"]
        packed = read_precomputed(modality, listed, folder=corpus, name=name, extractor={"precomputed": name})
    write_sequences(path, packed)

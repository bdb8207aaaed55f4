"""A working directory with a corpus whose recordings lie elsewhere."""

import os
from pathlib import Path, PurePosixPath

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.formats.files import sha256_of
from pipeline.corpus.inspection import inspect_all
from pipeline.corpus.layouts import layout_of
from pipeline.corpus.manifest import build_segment, media_files
from pipeline.extract.cached.audio import audio_extractor
from pipeline.extract.cached.visual import visual_extractor
from pipeline.extract.cached.words import words_extractor
from pipeline.extract.words.locate import WordSettings
from pipeline.storage.media_list import Listed, list_to_text
from tests.corpus.replicas import REPLICAS
from tests.extract.word_settings import WITHOUT_MODELS
from tests.prediction.models import AUDIO, VISUAL

CORPUS = Path("data/raw/mine")


def write_corpus(folder: Path) -> Path:
    """Six clips and their table, which nobody has touched for long."""
    REPLICAS["folder"](folder)
    for path in folder.rglob("*.*"):
        os.utime(path, (1e9, 1e9))
    return folder


def list_of(folder: Path) -> str:
    """The list that an import of a folder writes."""
    return list_to_text(
        {
            path.relative_to(folder).as_posix(): Listed(sha256_of(path), path.stat().st_size)
            for path in (folder / "clips").iterdir()
        }
    )


def manifest(folder: Path = CORPUS) -> list[Segment]:
    """The segments of the corpus, every one of which can be used."""
    candidates = layout_of("folder").read(folder)
    inspected = inspect_all(media_files(candidates), folder=folder)
    built = [build_segment(row, "train", PurePosixPath(folder), inspected, "en") for row in candidates]
    segments = [segment for segment in built if isinstance(segment, Segment)]
    assert len(segments) == len(built), built
    return segments


def sound(segments: list[Segment]) -> list[bytes]:
    """What is extracted of the sound of the segments."""
    return [row.to_bytes() for row in audio_extractor({"encoder": "classic", **AUDIO}).map(segments)]


def features(segments: list[Segment]) -> list[bytes]:
    """All that is extracted of the segments."""
    extractors = [
        words_extractor(WordSettings(**WITHOUT_MODELS)),
        audio_extractor({"encoder": "classic", **AUDIO}),
        visual_extractor({"encoder": "mesh", **VISUAL}),
    ]
    return [row.to_bytes() for extractor in extractors for row in extractor.map(segments)]

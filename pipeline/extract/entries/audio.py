"""The entries of the sound of a segment."""

from functools import partial
from typing import Any

from pipeline.artifacts.sequences import FeatureSequence, row_bytes
from pipeline.execution.clips import ClipEntries, describe_extractor
from pipeline.extract.audio import audio_columns, extract_audio
from pipeline.extract.entries.naming import extract_unnamed, named


def audio_entries(**settings: Any) -> ClipEntries[FeatureSequence]:
    """Keys, function and format of the entries; `settings` are those of `extract_audio`."""
    columns = audio_columns(n_mfcc=settings["n_mfcc"], n_chroma=settings["n_chroma"])
    libraries = ("av", "librosa", "numpy", "scipy")
    return ClipEntries(
        kind="audio",
        content=("media_sha256", "has_audio", "start_s", "end_s"),
        function=partial(extract_unnamed, extract=partial(extract_audio, **settings)),
        module="pipeline.extract.audio",
        description=describe_extractor(settings, libraries=libraries, device="cpu"),
        encode=FeatureSequence.to_bytes,
        decode=FeatureSequence.from_bytes,
        name=named,
        on_loss=lambda _, sentence: FeatureSequence.empty(len(columns), sentence),
        bytes_per_s=row_bytes(len(columns)) / settings["hop_s"],
    )

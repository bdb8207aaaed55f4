"""The entries of the face in a segment."""

from functools import partial
from typing import Any

from pipeline.artifacts.sequences import FeatureSequence, row_bytes
from pipeline.execution.clips import ClipEntries, describe_extractor
from pipeline.extract.entries.naming import extract_unnamed, named
from pipeline.extract.visual import VISUAL_COLUMNS, extract_visual


def visual_entries(**settings: Any) -> ClipEntries[FeatureSequence]:
    """Keys, function and format of the entries; `settings` are those of `extract_visual`."""
    libraries = ("av", "mediapipe", "numpy", "opencv-python-headless")
    return ClipEntries(
        kind="visual",
        content=("media_sha256", "has_video", "start_s", "end_s"),
        function=partial(extract_unnamed, extract=partial(extract_visual, **settings)),
        module="pipeline.extract.visual",
        description=describe_extractor(settings, libraries=libraries, device="cpu"),
        encode=FeatureSequence.to_bytes,
        decode=FeatureSequence.from_bytes,
        name=named,
        on_loss=lambda _, sentence: FeatureSequence.empty(len(VISUAL_COLUMNS), sentence),
        bytes_per_s=row_bytes(len(VISUAL_COLUMNS)) * settings["frame_rate_hz"],
    )

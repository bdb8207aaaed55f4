"""Stage `visual`: the face in each segment to facial features."""

from functools import partial
from pathlib import Path

from pipeline import params
from pipeline.artifacts.segments import read_segments
from pipeline.artifacts.sequences import FeatureSequence, pack, write_sequences
from pipeline.execution.clips import clip_keys, describe_extractor, map_clips
from pipeline.extract.visual import VISUAL_COLUMNS, extract_visual
from stages.entry import run

SEGMENTS = Path("data/manifest/segments.jsonl")
FEATURES = Path("data/visual/features.safetensors")


def main() -> None:
    """Extract every segment through the clip cache and pack the result."""
    settings = params.load(params.Visual)
    segments = read_segments(SEGMENTS)
    extractor = describe_extractor(
        settings.model_dump(), libraries=("av", "mediapipe", "numpy", "opencv-python-headless"), device="cpu"
    )
    sequences = map_clips(
        partial(extract_visual, **settings.model_dump()),
        segments,
        kind="visual",
        keys=clip_keys(segments, module="pipeline.extract.visual", extractor=extractor),
        encode=FeatureSequence.to_bytes,
        decode=FeatureSequence.from_bytes,
    )
    ids = [segment.id for segment in segments]
    write_sequences(FEATURES, pack("visual", ids, sequences, columns=VISUAL_COLUMNS, extractor=extractor))


if __name__ == "__main__":
    run(main)

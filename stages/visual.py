"""Stage `visual`: the face in each segment to facial features."""

from functools import partial
from pathlib import Path

from pipeline import params
from pipeline.artifacts.segments import Segment, read_segments
from pipeline.artifacts.sequences import FeatureSequence, PackedSequences, pack, write_sequences
from pipeline.execution.clips import clip_keys, describe_extractor, map_clips
from pipeline.extract.precomputed import is_precomputed, read_precomputed
from pipeline.extract.visual import VISUAL_COLUMNS, extract_visual
from stages.entry import run

SEGMENTS = Path("data/manifest/segments.jsonl")
FEATURES = Path("data/visual/features.safetensors")


def extract(segments: list[Segment], settings: params.Visual) -> PackedSequences:
    """Extract every segment through the clip cache."""
    chosen = settings.model_dump(exclude={"precomputed"})
    libraries = ("av", "mediapipe", "numpy", "opencv-python-headless")
    extractor = describe_extractor(chosen, libraries=libraries, device="cpu")
    sequences = map_clips(
        partial(extract_visual, **chosen),
        segments,
        kind="visual",
        keys=clip_keys(segments, module="pipeline.extract.visual", extractor=extractor),
        encode=FeatureSequence.to_bytes,
        decode=FeatureSequence.from_bytes,
    )
    ids = [segment.id for segment in segments]
    return pack("visual", ids, sequences, columns=VISUAL_COLUMNS, extractor=extractor)


def main() -> None:
    """Extract the features, or take those that the corpus brings."""
    settings, corpus = params.load(params.Visual), params.load(params.Corpus)
    segments = read_segments(SEGMENTS)
    if is_precomputed(settings.precomputed, layout=corpus.layout):
        folder = Path("data/raw") / corpus.name
        packed = read_precomputed(
            "visual", segments, folder=folder, layout=corpus.layout, name=settings.precomputed
        )
    else:
        packed = extract(segments, settings)
    write_sequences(FEATURES, packed)


if __name__ == "__main__":
    run(main)

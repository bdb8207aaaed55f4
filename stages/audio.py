"""Stage `audio`: the sound of each segment to acoustic features."""

from functools import partial
from pathlib import Path

from pipeline import params
from pipeline.artifacts.segments import read_segments
from pipeline.artifacts.sequences import FeatureSequence, pack, write_sequences
from pipeline.execution.clips import clip_keys, describe_extractor, map_clips
from pipeline.extract.audio import audio_columns, extract_audio
from stages.entry import run

SEGMENTS = Path("data/manifest/segments.jsonl")
FEATURES = Path("data/audio/features.safetensors")


def main() -> None:
    """Extract every segment through the clip cache and pack the result."""
    settings = params.load(params.Audio)
    segments = read_segments(SEGMENTS)
    extractor = describe_extractor(
        settings.model_dump(), libraries=("av", "librosa", "numpy", "scipy"), device="cpu"
    )
    sequences = map_clips(
        partial(extract_audio, **settings.model_dump()),
        segments,
        kind="audio",
        keys=clip_keys(segments, module="pipeline.extract.audio", extractor=extractor),
        encode=FeatureSequence.to_bytes,
        decode=FeatureSequence.from_bytes,
    )
    columns = audio_columns(n_mfcc=settings.n_mfcc, n_chroma=settings.n_chroma)
    ids = [segment.id for segment in segments]
    write_sequences(FEATURES, pack("audio", ids, sequences, columns=columns, extractor=extractor))


if __name__ == "__main__":
    run(main)

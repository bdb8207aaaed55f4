"""Stage `audio`: the sound of each segment to acoustic features."""

from functools import partial
from pathlib import Path

from pipeline import params
from pipeline.artifacts.segments import Segment, read_segments
from pipeline.artifacts.sequences import FeatureSequence, PackedSequences, pack, write_sequences
from pipeline.execution.clips import clip_keys, describe_extractor, map_clips
from pipeline.extract.audio import audio_columns, extract_audio
from pipeline.extract.precomputed import is_precomputed, read_precomputed
from stages.entry import run

SEGMENTS = Path("data/manifest/segments.jsonl")
FEATURES = Path("data/audio/features.safetensors")


def extract(segments: list[Segment], settings: params.Audio) -> PackedSequences:
    """Extract every segment through the clip cache."""
    chosen = settings.model_dump(exclude={"precomputed"})
    extractor = describe_extractor(chosen, libraries=("av", "librosa", "numpy", "scipy"), device="cpu")
    sequences = map_clips(
        partial(extract_audio, **chosen),
        segments,
        kind="audio",
        keys=clip_keys(segments, module="pipeline.extract.audio", extractor=extractor),
        encode=FeatureSequence.to_bytes,
        decode=FeatureSequence.from_bytes,
    )
    columns = audio_columns(n_mfcc=settings.n_mfcc, n_chroma=settings.n_chroma)
    return pack(
        "audio", [segment.id for segment in segments], sequences, columns=columns, extractor=extractor
    )


def main() -> None:
    """Extract the features, or take those that the corpus brings."""
    settings, corpus = params.load(params.Audio), params.load(params.Corpus)
    segments = read_segments(SEGMENTS)
    if is_precomputed(settings.precomputed, layout=corpus.layout):
        folder = Path("data/raw") / corpus.name
        packed = read_precomputed(
            "audio", segments, folder=folder, layout=corpus.layout, name=settings.precomputed
        )
    else:
        packed = extract(segments, settings)
    write_sequences(FEATURES, packed)


if __name__ == "__main__":
    run(main)

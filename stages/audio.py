"""Stage `audio`: the sound of each segment to acoustic features."""

from pathlib import Path

from pipeline import params
from pipeline.artifacts.segments import Segment, read_segments
from pipeline.artifacts.sequences import PackedSequences, pack, write_sequences
from pipeline.extract.audio import audio_columns
from pipeline.extract.entries.audio import audio_entries
from pipeline.extract.precomputed import is_precomputed, read_precomputed
from stages.entry import run

SEGMENTS = Path("data/manifest/segments.jsonl")
FEATURES = Path("data/audio/features.safetensors")


def extract(segments: list[Segment], settings: params.Audio) -> PackedSequences:
    """Extract every segment through the clip cache."""
    entries = audio_entries(**settings.model_dump(exclude={"precomputed"}))
    return pack(
        "audio",
        [segment.id for segment in segments],
        entries.map(segments),
        columns=audio_columns(n_mfcc=settings.n_mfcc, n_chroma=settings.n_chroma),
        extractor=entries.description,
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

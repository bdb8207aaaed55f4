"""Stage `visual`: the face in each segment to facial features."""

from pathlib import Path

from pipeline import params
from pipeline.artifacts.segments import Segment, read_segments
from pipeline.artifacts.sequences import PackedSequences, pack, write_sequences
from pipeline.extract.entries.visual import visual_entries
from pipeline.extract.precomputed import is_precomputed, read_precomputed
from pipeline.extract.visual import VISUAL_COLUMNS
from stages.entry import run

SEGMENTS = Path("data/manifest/segments.jsonl")
FEATURES = Path("data/visual/features.safetensors")


def extract(segments: list[Segment], settings: params.Visual) -> PackedSequences:
    """Extract every segment through the clip cache."""
    entries = visual_entries(**settings.model_dump(exclude={"precomputed"}))
    ids = [segment.id for segment in segments]
    return pack("visual", ids, entries.map(segments), columns=VISUAL_COLUMNS, extractor=entries.description)


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

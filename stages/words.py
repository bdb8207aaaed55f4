"""Stage `words`: what was said, and when."""

from functools import partial
from pathlib import Path

from pipeline import params
from pipeline.artifacts.files import write_json
from pipeline.artifacts.segments import read_segments
from pipeline.artifacts.words import SegmentWords, write_words
from pipeline.execution.clips import clip_keys, describe_extractor, map_clips
from pipeline.extract.words import locate_words
from stages.entry import run

SEGMENTS = Path("data/manifest/segments.jsonl")
WORDS = Path("data/words/words.jsonl")
EXTRACTOR = Path("data/words/extractor.json")


def main() -> None:
    """Locate the words of every segment through the clip cache."""
    settings = params.load(params.Words)
    segments = read_segments(SEGMENTS)
    extractor = describe_extractor(
        settings.model_dump(), libraries=("av", "numpy", "pocketsphinx"), device="cpu"
    )
    spoken = map_clips(
        partial(locate_words, **settings.model_dump()),
        segments,
        kind="words",
        keys=clip_keys(segments, module="pipeline.extract.words", extractor=extractor),
        encode=SegmentWords.to_bytes,
        decode=SegmentWords.from_bytes,
    )
    write_words(WORDS, (row.named(segment.id) for row, segment in zip(spoken, segments, strict=True)))
    write_json(EXTRACTOR, extractor)


if __name__ == "__main__":
    run(main)

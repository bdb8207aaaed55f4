"""Stage `words`: what was said, and when."""

from pathlib import Path

from stages.entry import run

from pipeline import params
from pipeline.artifacts.files import write_json
from pipeline.artifacts.segments import read_segments
from pipeline.artifacts.words import write_words
from pipeline.extract.cached.words import locate_all, words_entries

SEGMENTS = Path("data/manifest/segments.jsonl")
WORDS = Path("data/words/words.jsonl")
EXTRACTOR = Path("data/words/extractor.json")


def main() -> None:
    """Locate the words of every segment through the clip cache."""
    entries = words_entries(**params.load(params.Words).model_dump())
    write_words(WORDS, locate_all(entries, read_segments(SEGMENTS)))
    write_json(EXTRACTOR, entries.description)


if __name__ == "__main__":
    run(main)

"""Stage `words`: what was said, and when."""

from pathlib import Path

from stages.entry import run

from pipeline import params
from pipeline.artifacts.corpus.segments import read_segments
from pipeline.artifacts.corpus.words import write_words
from pipeline.artifacts.formats.files import write_json
from pipeline.extract.cached.words import words_extractor
from pipeline.extract.words.locate import WordSettings
from pipeline.settled.facts import load_facts

SEGMENTS = Path("data/manifest/segments.jsonl")
WORDS = Path("data/words/words.jsonl")
EXTRACTOR = Path("data/words/extractor.json")


def main() -> None:
    """Locate the words of every segment through the clip cache."""
    load_facts()  # refuses what does not fit together, before anything heavy runs
    extractor = words_extractor(WordSettings(**params.load(params.Words).model_dump()))
    write_words(WORDS, extractor.map(read_segments(SEGMENTS)))
    write_json(EXTRACTOR, extractor.description)


if __name__ == "__main__":
    run(main)

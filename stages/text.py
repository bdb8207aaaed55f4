"""Stage `text`: the words of each segment to vectors of a language model."""

from pathlib import Path

from stages.entry import run

from pipeline import params
from pipeline.artifacts.corpus.segments import iterate_segments, read_segments
from pipeline.artifacts.corpus.words import SegmentWords, read_words
from pipeline.artifacts.features.shards import write_sequences, write_sequences_of
from pipeline.extract.cached.text import text_extractor
from pipeline.extract.precomputed import is_precomputed, read_precomputed, rows_of_words
from pipeline.extract.text.encoder import TextSettings
from pipeline.settled.facts import load_facts

SEGMENTS = Path("data/manifest/segments.jsonl")
WORDS = Path("data/words/words.jsonl")
FEATURES = Path("data/text")


def recordings_of(rows: list[SegmentWords]) -> list[str]:
    """Name of the recording of each segment, of which the words say nothing."""
    return [segment.recording for segment, _ in zip(iterate_segments(SEGMENTS), rows, strict=True)]


def extract(rows: list[SegmentWords], settings: params.Text) -> None:
    """Encode the words that are not in the clip cache yet, or only tokenise them where the encoder learns."""
    extractor = text_extractor(TextSettings(**settings.model_dump(exclude={"precomputed"})))
    write_sequences_of(
        FEATURES,
        "text",
        [row.id for row in rows],
        extractor.map(rows),
        recordings=recordings_of(rows),
        columns=extractor.columns,
        extractor=extractor.description,
    )


def main() -> None:
    """Encode the words, or take the vectors that the corpus brings."""
    settings, corpus, facts = params.load(params.Text), params.load(params.Corpus), load_facts()
    rows = read_words(WORDS)
    name = facts.precomputed("text", settings.precomputed)
    if is_precomputed(name, layout=facts.layout):
        folder = Path("data/raw") / corpus.name
        given = read_precomputed(
            "text", read_segments(SEGMENTS), folder=folder, layout=facts.layout, name=name
        )
        write_sequences(FEATURES, rows_of_words(given, rows), recordings=recordings_of(rows))
    else:
        extract(rows, settings)


if __name__ == "__main__":
    run(main)

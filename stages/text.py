"""Stage `text`: the words of each segment to vectors of a language model."""

from pathlib import Path

from pipeline import params
from pipeline.artifacts.segments import read_segments
from pipeline.artifacts.sequences import PackedSequences, pack, write_sequences
from pipeline.artifacts.words import SegmentWords, read_words
from pipeline.execution.cache import ResultCache, cache_folder
from pipeline.execution.clips import describe_extractor
from pipeline.execution.device import best_device, device_class
from pipeline.extract.precomputed import check_a_row_a_word, is_precomputed, read_precomputed
from pipeline.extract.text import TextEncoder, encode_cached
from stages.entry import run

SEGMENTS = Path("data/manifest/segments.jsonl")
WORDS = Path("data/words/words.jsonl")
FEATURES = Path("data/text/features.safetensors")


def extract(rows: list[SegmentWords], settings: params.Text) -> PackedSequences:
    """Encode the words that are not in the clip cache yet."""
    encoder = TextEncoder(**settings.model_dump(exclude={"precomputed"}), device=best_device())
    sequences = encode_cached(encoder, rows, cache=ResultCache(cache_folder() / "clips" / "text"))
    extractor = describe_extractor(
        encoder.spec, libraries=("tokenizers", "torch", "transformers"), device=device_class()
    )
    ids = [row.id for row in rows]
    return pack("text", ids, sequences, columns=encoder.columns, extractor=extractor)


def main() -> None:
    """Encode the words, or take the vectors that the corpus brings."""
    settings, corpus = params.load(params.Text), params.load(params.Corpus)
    rows = read_words(WORDS)
    if is_precomputed(settings.precomputed, layout=corpus.layout):
        folder = Path("data/raw") / corpus.name
        packed = read_precomputed(
            "text", read_segments(SEGMENTS), folder=folder, layout=corpus.layout, name=settings.precomputed
        )
        check_a_row_a_word(packed, rows)
    else:
        packed = extract(rows, settings)
    write_sequences(FEATURES, packed)


if __name__ == "__main__":
    run(main)

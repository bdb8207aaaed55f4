"""Stage `text`: the words of each segment to vectors of a language model."""

from pathlib import Path

from pipeline import params
from pipeline.artifacts.sequences import pack, write_sequences
from pipeline.artifacts.words import read_words
from pipeline.execution.clips import clip_cache, describe_extractor
from pipeline.execution.device import best_device, device_class
from pipeline.extract.text import TextEncoder, encode_cached
from stages.entry import run

WORDS = Path("data/words/words.jsonl")
FEATURES = Path("data/text/features.safetensors")


def main() -> None:
    """Encode the words that are not in the clip cache yet and pack the result."""
    settings = params.load(params.Text)
    rows = read_words(WORDS)
    encoder = TextEncoder(**settings.model_dump(), device=best_device(mps=True))
    sequences = encode_cached(encoder, rows, cache=clip_cache("text"))
    extractor = describe_extractor(
        encoder.spec, libraries=("tokenizers", "torch", "transformers"), device=device_class(encoder.device)
    )
    ids = [row.id for row in rows]
    write_sequences(FEATURES, pack("text", ids, sequences, columns=encoder.columns, extractor=extractor))


if __name__ == "__main__":
    run(main)

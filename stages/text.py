"""Stage `text`: the words of each segment to vectors of a language model."""

from pathlib import Path
from typing import Any

from pipeline import params
from pipeline.artifacts.sequences import FeatureSequence, pack, write_sequences
from pipeline.artifacts.words import SegmentWords, read_words
from pipeline.execution.cache import ResultCache, cache_folder
from pipeline.execution.clips import describe_extractor
from pipeline.execution.device import best_device, device_class
from pipeline.extract.text import TextEncoder, encode_cached, token_sequence
from stages.entry import run

WORDS = Path("data/words/words.jsonl")
FEATURES = Path("data/text/features.safetensors")


def tokenise(encoder: TextEncoder, rows: list[SegmentWords]) -> tuple[list[FeatureSequence], dict[str, Any]]:
    """What an encoder that learns reads, and what made it: the same on every device."""
    texts = encoder.tokenise([[word.text for word in row.words] for row in rows])
    sequences = [token_sequence(row, tokens) for row, tokens in zip(rows, texts, strict=True)]
    spec = dict(texts[0].encoder) if texts else dict(encoder.spec)
    return sequences, describe_extractor(spec, libraries=("tokenizers", "transformers"), device="any")


def main() -> None:
    """Encode the words that are not in the clip cache yet, or only tokenise them, and pack the result."""
    settings = params.load(params.Text)
    rows = read_words(WORDS)
    encoder = TextEncoder(**settings.model_dump(exclude={"mode"}), device=best_device())
    if settings.mode == "finetuned":
        sequences, extractor = tokenise(encoder, rows)
    else:
        sequences = encode_cached(encoder, rows, cache=ResultCache(cache_folder() / "clips" / "text"))
        extractor = describe_extractor(
            encoder.spec, libraries=("tokenizers", "torch", "transformers"), device=device_class()
        )
    ids = [row.id for row in rows]
    write_sequences(FEATURES, pack("text", ids, sequences, columns=encoder.columns, extractor=extractor))


if __name__ == "__main__":
    run(main)

"""The cached extractor of text: vectors of an encoder that stays as it is, or sub-tokens for one that learns."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32

from pipeline.artifacts.files import tensors_from_bytes, tensors_to_bytes
from pipeline.artifacts.sequences import FeatureSequence, row_bytes
from pipeline.artifacts.words import SegmentWords
from pipeline.execution.cache import ResultCache, cache_key
from pipeline.execution.clips import clip_cache, describe_extractor, group_of
from pipeline.execution.device import best_device, device_class
from pipeline.execution.disk_space import check_space
from pipeline.execution.lazily import Lazily
from pipeline.execution.progress import track
from pipeline.execution.source import source_digest
from pipeline.execution.versions import library_versions
from pipeline.extract.text.encoder import TextEncoder, TextSettings, token_sequence, word_sequence

_STORE_EVERY = 512  # segments; what a kill can cost
_KIND, _VERSION = "word vectors of one segment", 1


class TextExtractor(ABC):
    """What makes the text features of segments from their words.

    Attributes:
        columns: names of the numbers in a row.
        description: settings, libraries and device for the header of features, see `describe_extractor`.
    """

    columns: tuple[str, ...]
    description: Mapping[str, Any]

    @abstractmethod
    def keys(self, rows: Sequence[SegmentWords]) -> list[str]:
        """The cache key of each segment, none where nothing is kept."""

    @abstractmethod
    def map(self, rows: Sequence[SegmentWords]) -> Sequence[FeatureSequence]:
        """The features of every segment, one row per word."""

    def one(self, row: SegmentWords) -> FeatureSequence:
        """The features of one segment, the same bits, without the cache."""
        (sequence,) = self._extract([row])
        return sequence

    @abstractmethod
    def _extract(self, rows: Sequence[SegmentWords]) -> list[FeatureSequence]: ...


def text_extractor(settings: TextSettings) -> TextExtractor:
    """Make the extractor for an encoder that stays as it is (`frozen`) or learns (`finetuned`).

    Raises:
        PipelineError: no such model, no such layer, or files that do not make an encoder.
    """
    encoder = TextEncoder(settings.model, settings=settings, device=best_device(mps=True))
    return _Tokens(encoder) if settings.mode == "finetuned" else CachedText(encoder)


class CachedText(TextExtractor):
    """The vectors of an encoder that stays as it is; what an earlier or killed run encoded is not encoded again.

    Weights are loaded only for what is missing.
    """

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder, self.columns = encoder, encoder.columns
        self.description = describe_extractor(
            encoder.spec,
            libraries=("tokenizers", "torch", "transformers"),
            device=device_class(encoder.device),
        )

    @property
    def cache(self) -> ResultCache:
        """Where the vectors are kept."""
        return clip_cache("text")

    def keys(self, rows: Sequence[SegmentWords]) -> list[str]:
        """The cache key of each segment, made of its words alone: times, ids and neighbours change no vector."""
        key_parts = {
            "extractor": self.description,
            "libraries": library_versions("numpy"),
            "source": source_digest(TextEncoder.__module__),
        }
        return [cache_key(words=_words(row), **key_parts) for row in rows]

    def map(self, rows: Sequence[SegmentWords]) -> Sequence[FeatureSequence]:
        """The vectors of every segment; they stay in the cache until they are looked at.

        Raises:
            PipelineError: the disk has no room for what is missing.
        """
        keys, texts, cache = self.keys(rows), [_words(row) for row in rows], self.cache
        sizes = [float(row_bytes(len(self.columns)) * len(words)) for words in texts]
        check_space("text", sizes, keys=keys, cache=cache)
        missing = [position for position, key in enumerate(keys) if cache.load(key, _from_bytes) is None]

        def encoded() -> Iterator[tuple[int, Float32[np.ndarray, "word dim"]]]:
            for first in range(0, len(missing), _STORE_EVERY):
                chunk = missing[first : first + _STORE_EVERY]
                made = self._encoder.encode([texts[position] for position in chunk])
                yield from zip(chunk, made, strict=True)

        n_done = len(rows) - len(missing)
        for position, made in track(encoded(), total=len(rows), title="text", unit="segment", done=n_done):
            cache.put(keys[position], _to_bytes(made))
        cache.pack_all(keys, group=group_of(self.description, source_digest(TextEncoder.__module__)))
        vectors = cache.results(
            keys, _from_bytes, name=lambda position: f"text: segment {rows[position].id}", instead={}
        )
        return Lazily(len(rows), lambda position: word_sequence(rows[position], vectors[position]))

    def _extract(self, rows: Sequence[SegmentWords]) -> list[FeatureSequence]:
        vectors = self._encoder.encode([_words(row) for row in rows])
        return [word_sequence(row, made) for row, made in zip(rows, vectors, strict=True)]


class _Tokens(TextExtractor):
    """The sub-tokens of an encoder that learns: made in no time, so nothing is kept of them."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder, self.columns = encoder, encoder.columns
        # The same on every device.
        self.description = describe_extractor(
            encoder.token_spec, libraries=("tokenizers", "transformers"), device="any"
        )

    def keys(self, rows: Sequence[SegmentWords]) -> list[str]:
        return []

    def map(self, rows: Sequence[SegmentWords]) -> Sequence[FeatureSequence]:
        return self._extract(rows)

    def _extract(self, rows: Sequence[SegmentWords]) -> list[FeatureSequence]:
        texts = self._encoder.tokenise([_words(row) for row in rows])
        return [token_sequence(row, tokens) for row, tokens in zip(rows, texts, strict=True)]


def _words(row: SegmentWords) -> list[str]:
    return [word.text for word in row.words]


def _to_bytes(vectors: Float32[np.ndarray, "word dim"]) -> bytes:
    return tensors_to_bytes({"vectors": vectors}, kind=_KIND, version=_VERSION, header={})


def _from_bytes(content: bytes) -> Float32[np.ndarray, "word dim"]:
    tensors, _ = tensors_from_bytes(content, kind=_KIND, version=_VERSION, source="clip cache entry")
    return tensors["vectors"]

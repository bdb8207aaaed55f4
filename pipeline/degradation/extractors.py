"""Cached extractors of degraded recordings: those of the stages, on copies, with keys of their own."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.degradation.conditions import Condition
from pipeline.degradation.copies import OnDegraded, degraded_copy
from pipeline.execution.clips import CachedExtractor
from pipeline.execution.source import source_digest
from pipeline.execution.versions import library_versions
from pipeline.extract.cached.frames import CachedEncoder, cached_encoder
from pipeline.extract.extractors import FrameEncoder
from pipeline.storage.checked_media import WithCheckedMedia

Extractor = TypeVar("Extractor", bound=CachedExtractor[Any])

# What makes sound and pictures worse, beyond what the extractors themselves may use.
_LIBRARIES = ("av", "numpy", "opencv-python-headless", "scipy")


def on_degraded(extractor: Extractor, condition: Condition, *, scratch: Path) -> Extractor:
    """The same extractor for degraded copies of recordings.

    Its entries in the clip cache are keyed by the condition and the code behind it as well; those of the extractor itself are neither
    read nor changed.

    Args:
        extractor: a cached extractor of words, sound or faces.
        condition: what is done to each recording.
        scratch: an existing folder for one copy at a time and process.
    """
    checked = extractor.function
    description = {**extractor.description, "degradation": _described(condition)}
    if isinstance(extractor, CachedEncoder):
        encoder = _OnDegraded(extractor.encoder, condition, scratch=scratch, sees=extractor.kind == "visual")
        made = cached_encoder("visual" if extractor.kind == "visual" else "audio", encoder)
        return replace(extractor, function=made.function, encoder=encoder, description=description)
    assert isinstance(checked, WithCheckedMedia)
    sees = extractor.kind == "visual"
    function = OnDegraded(checked.function, condition, scratch=scratch, sees=sees, reads=checked.reads)
    return replace(extractor, function=replace(checked, function=function), description=description)


def _described(condition: Condition) -> Mapping[str, Any]:
    code = source_digest(degraded_copy.__module__)
    return {**condition.description, "libraries": library_versions(*_LIBRARIES), "source": code}


@dataclass(frozen=True, eq=False)
class _Given:
    """What an encoder prepared of a copy, and the names that its sentences may hold instead of those of the recording."""

    given: Any
    media: str | None
    copied: str | None


@dataclass(frozen=True, eq=False)
class _Prepare:
    """The worker's part of an encoder, on copies."""

    encoder_prepare: Any
    condition: Condition
    scratch: Path
    sees: bool

    def __call__(self, segment: Segment) -> _Given:
        with degraded_copy(segment, self.condition, scratch=self.scratch, sees=self.sees) as copy:
            return _Given(self.encoder_prepare(copy), segment.media, copy.media)


class _OnDegraded:
    """A pretrained encoder that reads degraded copies."""

    def __init__(self, encoder: FrameEncoder, condition: Condition, *, scratch: Path, sees: bool) -> None:
        self._encoder = encoder
        self.columns, self.spec, self.libraries = encoder.columns, encoder.spec, encoder.libraries
        self.device, self.rate_hz = encoder.device, encoder.rate_hz
        self.prepare: Callable[[Segment], Any] = _Prepare(encoder.prepare, condition, scratch, sees)

    def windows(self, given: _Given) -> Sequence[Any]:
        return self._encoder.windows(given.given)

    def read(self, windows: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, np.ndarray]]:
        return self._encoder.read(windows)

    def sequence(self, given: _Given, rows: Sequence[np.ndarray]) -> FeatureSequence:
        made = self._encoder.sequence(given.given, rows)
        if made.failure is None or given.media is None or given.copied is None:
            return made
        return replace(made, failure=made.failure.replace(given.copied, given.media))

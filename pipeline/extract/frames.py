"""From segments to rows with times, by a function or by an encoder, through the clip cache."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from pipeline.artifacts.segments import Segment
from pipeline.artifacts.sequences import FeatureSequence, Modality
from pipeline.errors import PipelineError
from pipeline.execution.cache import ResultCache, cache_folder
from pipeline.execution.clips import clip_keys, describe_extractor, map_clips
from pipeline.execution.executor import feed
from pipeline.execution.resume import resumed


@runtime_checkable
class FrameExtractor(Protocol):
    """What makes the rows of a modality: names its columns, describes itself for headers, and extracts."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""

    @property
    def description(self) -> dict[str, Any]:
        """Settings, libraries and device, for the header of the packed file."""

    def extract(self, segments: Sequence[Segment]) -> list[FeatureSequence]:
        """The rows of each segment; those in the clip cache are not made again."""

    def extract_one(self, segment: Segment) -> FeatureSequence:
        """The rows of one segment, the same bits, past the cache."""


@dataclass(frozen=True, eq=False)
class FunctionExtractor:
    """Rows by a pure function of a segment, in worker processes.

    `module` is where the function lives, whose source the cached rows depend on.
    """

    modality: Modality
    function: Callable[[Segment], FeatureSequence]
    columns: tuple[str, ...]
    settings: Mapping[str, Any]
    libraries: tuple[str, ...]
    module: str

    @property
    def description(self) -> dict[str, Any]:
        """See `FrameExtractor`."""
        return describe_extractor(self.settings, libraries=self.libraries, device="cpu")

    def extract(self, segments: Sequence[Segment]) -> list[FeatureSequence]:
        """See `FrameExtractor`."""
        return map_clips(
            self.function,
            segments,
            kind=self.modality,
            keys=clip_keys(segments, module=self.module, extractor=self.description),
            encode=FeatureSequence.to_bytes,
            decode=FeatureSequence.from_bytes,
        )

    def extract_one(self, segment: Segment) -> FeatureSequence:
        """See `FrameExtractor`."""
        return self.function(segment)


@runtime_checkable
class FrameEncoder(Protocol):
    """A pretrained encoder of sound or pictures.

    Attributes:
        columns: names of its dimensions.
        spec: what makes the vectors, for headers and cache keys; holds no path.
        libraries: the distributions whose versions matter.
        device: where it computes, with the model of the GPU.
        prepare: decodes a segment, in a worker process; a picklable function whose module does not load the encoder.
    """

    columns: tuple[str, ...]
    spec: Mapping[str, Any]
    libraries: tuple[str, ...]
    device: str
    prepare: Callable[[Segment], Any]

    def windows(self, given: Any) -> Sequence[Any]:
        """What is to be read of a prepared segment, in pieces that fit into a batch; nothing where nothing is valid."""

    def read(self, windows: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, np.ndarray]]:
        """The rows of each window, by its key, as `map_batches` gives them."""

    def sequence(self, given: Any, rows: Sequence[np.ndarray]) -> FeatureSequence:
        """The rows of all windows of a segment, put together."""


@dataclass(frozen=True, eq=False)
class EncoderExtractor:
    """Rows by an encoder: worker processes decode, one process computes in batches across segments."""

    modality: Modality
    encoder: FrameEncoder
    module: str

    @property
    def columns(self) -> tuple[str, ...]:
        """See `FrameExtractor`."""
        return self.encoder.columns

    @property
    def description(self) -> dict[str, Any]:
        """See `FrameExtractor`."""
        spec, libraries = self.encoder.spec, self.encoder.libraries
        return describe_extractor(spec, libraries=libraries, device=self.encoder.device)

    def extract(self, segments: Sequence[Segment]) -> list[FeatureSequence]:
        """See `FrameExtractor`."""
        return resumed(
            lambda missing: self._encoded(feed(self.encoder.prepare, segments, missing)),
            keys=clip_keys(segments, module=self.module, extractor=self.description),
            cache=ResultCache(cache_folder() / "clips" / self.modality),
            encode=FeatureSequence.to_bytes,
            decode=FeatureSequence.from_bytes,
            title=self.modality,
            unit="segment",
        )

    def extract_one(self, segment: Segment) -> FeatureSequence:
        """See `FrameExtractor`."""
        ((_, sequence),) = self._encoded([(0, self.encoder.prepare(segment))])
        return sequence

    def _encoded(self, prepared: Iterable[tuple[int, Any]]) -> Iterator[tuple[int, FeatureSequence]]:
        """Each segment as soon as its last window was read; held are those that are under way."""
        under_way: dict[int, _UnderWay] = {}
        whole: deque[int] = deque()

        def windows() -> Iterator[tuple[tuple[int, int], Any]]:
            for position, given in prepared:
                found = self.encoder.windows(given)
                under_way[position] = _UnderWay(given, [None] * len(found), len(found))
                if not found:
                    whole.append(position)
                for index, window in enumerate(found):
                    yield (position, index), window

        def finished() -> Iterator[tuple[int, FeatureSequence]]:
            while whole:
                position = whole.popleft()
                done = under_way.pop(position)
                yield position, self.encoder.sequence(done.given, done.rows)

        for (position, index), rows in self.encoder.read(windows()):
            owner = under_way[position]
            if not np.isfinite(rows).all():
                name, precision = self.encoder.spec["encoder"], self.encoder.spec["precision"]
                raise PipelineError(
                    f"{self.modality}.precision: {name} overflows in {precision}; set {self.modality}.precision to float32"
                )
            owner.rows[index] = rows
            owner.n_left -= 1
            if owner.n_left == 0:
                whole.append(position)
            yield from finished()
        yield from finished()


@dataclass
class _UnderWay:
    given: Any
    rows: list[Any]
    n_left: int

"""From segments to rows with times, by a function or by an encoder, through the clip cache."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from pipeline.artifacts.segments import Segment
from pipeline.artifacts.sequences import FeatureSequence, Modality, row_bytes
from pipeline.errors import PipelineError
from pipeline.execution.clips import ClipEntries, clip_limit_s, describe_extractor, name_of
from pipeline.execution.executor import feed
from pipeline.execution.pool import Done, Lost
from pipeline.execution.resume import resumed


@runtime_checkable
class FrameExtractor(Protocol):
    """What makes the rows of a modality: names its columns, describes itself for headers, and extracts."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""

    @property
    def entries(self) -> ClipEntries[FeatureSequence]:
        """What the clip cache has to know: the keys, and settings, libraries and device for the header of the packed file."""

    def extract(self, segments: Sequence[Segment]) -> list[FeatureSequence]:
        """The rows of each segment; those in the clip cache are not made again."""

    def extract_one(self, segment: Segment) -> FeatureSequence:
        """The rows of one segment, the same bits, past the cache."""


@dataclass(frozen=True, eq=False)
class FunctionExtractor:
    """Rows by a pure function of a segment, in worker processes.

    `module` is where the function lives, whose source the cached rows depend on; `rows_per_s` of media, for an estimate.
    """

    modality: Modality
    function: Callable[[Segment], FeatureSequence]
    columns: tuple[str, ...]
    settings: Mapping[str, Any]
    libraries: tuple[str, ...]
    module: str
    rows_per_s: float

    @property
    def entries(self) -> ClipEntries[FeatureSequence]:
        """See `FrameExtractor`."""
        return _entries(
            self.modality,
            self.function,
            self.columns,
            module=self.module,
            description=describe_extractor(self.settings, libraries=self.libraries, device="cpu"),
            rows_per_s=self.rows_per_s,
        )

    def extract(self, segments: Sequence[Segment]) -> list[FeatureSequence]:
        """See `FrameExtractor`."""
        return self.entries.map(segments)

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
        rows_per_s: how many rows a second of media has, about.
        prepare: decodes a segment, in a worker process; a picklable function whose module does not load the encoder.
    """

    columns: tuple[str, ...]
    spec: Mapping[str, Any]
    libraries: tuple[str, ...]
    device: str
    rows_per_s: float
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
    def entries(self) -> ClipEntries[FeatureSequence]:
        """See `FrameExtractor`."""
        spec, libraries = self.encoder.spec, self.encoder.libraries
        return _entries(
            self.modality,
            self.extract_one,
            self.columns,
            module=self.module,
            description=describe_extractor(spec, libraries=libraries, device=self.encoder.device),
            rows_per_s=self.encoder.rows_per_s,
        )

    def extract(self, segments: Sequence[Segment]) -> list[FeatureSequence]:
        """See `FrameExtractor`."""
        entries = self.entries
        keys = entries.keys(segments)
        entries.check_space(segments, keys)

        def computed(missing: list[int]) -> Iterator[tuple[int, FeatureSequence | Lost]]:
            return self._encoded(
                feed(self.encoder.prepare, segments, missing, limit_s=clip_limit_s, describe=name_of)
            )

        return resumed(
            computed,
            keys=keys,
            cache=entries.cache,
            encode=entries.encode,
            decode=entries.decode,
            title=self.modality,
            unit="segment",
            on_loss=lambda position, reason: entries.on_loss(
                segments[position], f"{name_of(segments[position])}: {reason}"
            ),
        )

    def extract_one(self, segment: Segment) -> FeatureSequence:
        """See `FrameExtractor`."""
        ((_, sequence),) = self._encoded([(0, Done(self.encoder.prepare(segment)))])
        assert isinstance(sequence, FeatureSequence), "what was prepared cannot be lost"
        return sequence

    def _encoded(
        self, prepared: Iterable[tuple[int, Done[Any] | Lost]]
    ) -> Iterator[tuple[int, FeatureSequence | Lost]]:
        """Each segment as soon as its last window was read; held are those that are under way."""
        under_way: dict[int, _UnderWay] = {}
        whole: deque[int] = deque()
        lost: deque[tuple[int, Lost]] = deque()

        def windows() -> Iterator[tuple[tuple[int, int], Any]]:
            for position, outcome in prepared:
                if isinstance(outcome, Lost):
                    lost.append((position, outcome))
                    continue
                given = outcome.result
                found = self.encoder.windows(given)
                under_way[position] = _UnderWay(given, [None] * len(found), len(found))
                if not found:
                    whole.append(position)
                for index, window in enumerate(found):
                    yield (position, index), window

        def finished() -> Iterator[tuple[int, FeatureSequence | Lost]]:
            while lost:
                yield lost.popleft()
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


def _entries(
    modality: Modality,
    function: Callable[[Segment], FeatureSequence],
    columns: Sequence[str],
    *,
    module: str,
    description: Mapping[str, Any],
    rows_per_s: float,
) -> ClipEntries[FeatureSequence]:
    return ClipEntries(
        kind=modality,
        function=function,
        module=module,
        description=description,
        encode=FeatureSequence.to_bytes,
        decode=FeatureSequence.from_bytes,
        on_loss=lambda _, sentence: FeatureSequence.empty(len(columns), sentence),
        bytes_per_s=row_bytes(len(columns)) * rows_per_s,
    )


@dataclass
class _UnderWay:
    given: Any
    rows: list[Any]
    n_left: int

"""Cached extractors of rows in time: a function of a segment, or an encoder that reads batches across segments."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.sequences import FeatureSequence, row_bytes
from pipeline.errors import PipelineError
from pipeline.execution.clips import CachedExtractor, affinity_of, clip_limit_s, describe_extractor, name_of
from pipeline.execution.pool import Done, Lost, run_in_workers
from pipeline.execution.together import Together
from pipeline.extract.cached.naming import extract_unnamed, named, unnamed
from pipeline.extract.extractors import FrameEncoder, FrameFunction
from pipeline.storage.checked_media import WithCheckedMedia

FrameModality = Literal["audio", "visual"]


@dataclass(frozen=True, eq=False, kw_only=True)
class CachedFrames(CachedExtractor[FeatureSequence]):
    """A cached extractor whose rows are moments; `columns` names the numbers in a row."""

    columns: tuple[str, ...]


# The fields of a segment on which its rows depend. Which face speaks is a question of the sound, too.
_CONTENT: dict[FrameModality, tuple[str, ...]] = {
    "audio": ("media_sha256", "has_audio", "start_s", "end_s"),
    "visual": ("media_sha256", "has_audio", "has_video", "start_s", "end_s"),
}


def cached_function(
    kind: FrameModality, name: str, extractor: FrameFunction, *, module: str | None = None
) -> CachedFrames:
    """Keep the results of a function of a segment, which worker processes call.

    Args:
        kind: modality, and folder in the clip cache.
        name: name of the extractor in the parameters.
        extractor: function and all that its results depend on.
        module: name of the module on whose source, with all that it imports, the results depend; that of the function by default.
    """
    function = extractor.function
    return CachedFrames(
        kind=kind,
        content=_CONTENT[kind],
        function=WithCheckedMedia(partial(extract_unnamed, extract=function)),
        module=module or (function.func if isinstance(function, partial) else function).__module__,
        description=describe_extractor(
            {"encoder": name, **_beside_name(extractor.settings)}, libraries=extractor.libraries, device="cpu"
        ),
        encode=FeatureSequence.to_bytes,
        decode=FeatureSequence.from_bytes,
        name=named,
        on_loss=lambda _, sentence: FeatureSequence.empty(len(extractor.columns), sentence),
        bytes_per_s=row_bytes(len(extractor.columns)) * extractor.rate_hz,
        columns=extractor.columns,
        preloaded=extractor.preloaded,
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class CachedEncoder(CachedFrames):
    """A cached encoder; `encoder` computes what is not stored, in batches across segments."""

    encoder: FrameEncoder

    @property
    def work(self) -> "FrameEncoding":
        """The encoder, for many segments at once."""
        return FrameEncoding(self.encoder, self.kind, self.encoder.device)


@dataclass(frozen=True, eq=False)
class FrameEncoding(Together[Segment, FeatureSequence]):
    """Segments through an encoder: worker processes decode, and the one that holds the encoder reads batches across segments.

    A worker waits until its last segment is taken, and segments are taken as batches are read, so that what is decoded and
    not yet encoded stays within a few batches, however large the corpus is.

    Attributes:
        encoder: what reads the windows of segments.
        kind: modality, for messages.
        device: class of the encoder's device.
    """

    encoder: FrameEncoder
    kind: str
    device: str

    def outcomes(
        self, items: Mapping[int, Segment], *, n_workers: int
    ) -> Generator[tuple[int, Done[FeatureSequence] | Lost], None, None]:
        """The rows of each segment.

        Raises:
            PipelineError: the precision is too small for the encoder.
        """
        # As the workers saw them: the files that they read may have been copies with other names.
        seen: dict[int, Segment] = {}
        prepared = run_in_workers(
            WithCheckedMedia(self.encoder.prepare).named,
            items,
            n_workers=n_workers,
            limit_s=clip_limit_s,
            describe=name_of,
            affinity=affinity_of,
        )
        with (
            closing(prepared),
            closing(_encoded(self.encoder, self.kind, _noting(prepared, seen))) as encoded,
        ):
            for position, outcome in encoded:
                if isinstance(outcome, Done):
                    outcome = Done(unnamed(outcome.result, seen.pop(position)))
                yield position, outcome


def cached_encoder(
    kind: FrameModality, encoder: FrameEncoder, *, reference: str | None = None, module: str | None = None
) -> CachedEncoder:
    """Keep the results of a pretrained encoder.

    Args:
        kind: modality, and folder in the clip cache.
        encoder: encoder and all that its results depend on.
        reference: what names a plug-in in the parameters; it is found again by that.
        module: name of the module that makes a plug-in; its source counts beside that of the encoder's class.
    """

    spec = dict(encoder.spec)
    if reference is not None:
        spec = {**_beside_name(spec), "encoder": reference}
    defined_in = type(encoder).__module__

    def alone(segment: Segment) -> FeatureSequence:
        seen, prepared = WithCheckedMedia(encoder.prepare).named(segment)
        ((_, outcome),) = _encoded(encoder, kind, [(0, Done(prepared))])
        assert isinstance(outcome, Done)
        return unnamed(outcome.result, seen)

    return CachedEncoder(
        kind=kind,
        content=_CONTENT[kind],
        function=alone,
        module=module or defined_in,
        also=() if module in (None, defined_in) else (defined_in,),
        description=describe_extractor(spec, libraries=encoder.libraries, device=encoder.device),
        encode=FeatureSequence.to_bytes,
        decode=FeatureSequence.from_bytes,
        name=named,
        on_loss=lambda _, sentence: FeatureSequence.empty(len(encoder.columns), sentence),
        bytes_per_s=row_bytes(len(encoder.columns)) * encoder.rate_hz,
        columns=encoder.columns,
        encoder=encoder,
    )


def _beside_name(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A plug-in's own settings, ready for a description in which `encoder` is its reference: what it calls so stays in the keys."""
    if "encoder" not in settings:
        return dict(settings)
    free = "encoder_within"
    while free in settings:
        free += "_within"
    return {name if name != "encoder" else free: value for name, value in settings.items()}


def _noting(
    prepared: Iterable[tuple[int, Done[tuple[Segment, Any]] | Lost]], seen: dict[int, Segment]
) -> Iterator[tuple[int, Done[Any] | Lost]]:
    """What was prepared, without the segments, which go into `seen`."""
    for position, outcome in prepared:
        if isinstance(outcome, Done):
            seen[position], given = outcome.result
            yield position, Done(given)
        else:
            yield position, outcome


@dataclass
class _UnderWay:
    given: Any
    rows: list[Any]
    n_left: int


def _encoded(
    encoder: FrameEncoder, kind: str, prepared: Iterable[tuple[int, Done[Any] | Lost]]
) -> Generator[tuple[int, Done[FeatureSequence] | Lost], None, None]:
    """Each segment as soon as its last window was read; held are those that are under way."""
    under_way: dict[int, _UnderWay | Lost] = {}
    whole: deque[int] = deque()

    def windows() -> Iterator[tuple[tuple[int, int], Any]]:
        for position, outcome in prepared:
            if isinstance(outcome, Lost):
                under_way[position] = outcome
                whole.append(position)
                continue
            found = encoder.windows(outcome.result)
            under_way[position] = _UnderWay(outcome.result, [None] * len(found), len(found))
            if not found:
                whole.append(position)
            for index, window in enumerate(found):
                yield (position, index), window

    def finished() -> Iterator[tuple[int, Done[FeatureSequence] | Lost]]:
        while whole:
            position = whole.popleft()
            done = under_way.pop(position)
            yield position, done if isinstance(done, Lost) else Done(encoder.sequence(done.given, done.rows))

    for (position, index), rows in encoder.read(windows()):
        if not np.isfinite(rows).all():
            name, precision = encoder.spec.get("encoder", "the encoder"), encoder.spec.get("precision")
            if precision in (None, "float32"):
                raise PipelineError(
                    f"{kind}.encoder: {name} gives numbers that are not finite; correct the encoder or its weights"
                )
            raise PipelineError(
                f"{kind}.precision: {name} overflows in {precision}; set {kind}.precision to float32"
            )
        owner = under_way[position]
        assert isinstance(owner, _UnderWay)
        owner.rows[index] = rows
        owner.n_left -= 1
        if owner.n_left == 0:
            whole.append(position)
        yield from finished()
    yield from finished()

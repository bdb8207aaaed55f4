"""Extraction through the clip cache: the result of a segment is computed once per extractor."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

from pipeline.artifacts.corpus.segments import Segment
from pipeline.errors import written_out
from pipeline.execution.cache import ResultCache, cache_folder, cache_key
from pipeline.execution.disk_space import check_space
from pipeline.execution.executor import map_cached
from pipeline.execution.lazily import Lazily
from pipeline.execution.scheduling import Affinity
from pipeline.execution.source import source_digest
from pipeline.execution.together import Together
from pipeline.execution.versions import library_versions
from pipeline.storage.checked_media import fetch_limit_s

Result = TypeVar("Result")

# No clip takes this long: an extractor that is ten times slower than the recording, on a machine that is busy with other
# work, which has to look for the clip from the start of its recording, stays below.
_LIMIT_S = 300.0
_LIMIT_PER_S = 60.0


def describe_extractor(
    settings: Mapping[str, Any], *, libraries: Sequence[str], device: str
) -> dict[str, Any]:
    """Settings, libraries and device that made the features, for the header of the packed file."""
    return {"settings": dict(settings), "libraries": library_versions(*libraries), "device": device}


@dataclass(frozen=True, eq=False)
class CachedExtractor(Generic[Result]):
    """An extractor whose results are kept in the clip cache, and everything that their keys are made of.

    Attributes:
        kind: name of the folder, below `clips` in the cache.
        content: names of the fields of a segment on which a result depends; ids, file names and the position in the corpus are
            none of them.
        function: computes one segment; pure and picklable.
        module: module that defines the extractor; the source of its import closure is part of the keys.
        description: settings, libraries and device, see `describe_extractor`.
        encode: turns a result into bytes.
        decode: turns bytes into a result; raises PipelineError on an entry that it cannot read.
        name: puts the id and file name of the segment at hand into a result, which may have been computed for one with other
            names.
        on_loss: makes the result of a segment that crashed or hung its worker, from a sentence that says so; it is not stored.
        bytes_per_s: bytes of results per second of media, to estimate the space that a run needs.
        preloaded: modules that the process imports from which workers are forked.
        also: further modules whose source, with all that it imports, is part of the keys.
    """

    kind: str
    content: Sequence[str]
    function: Callable[[Segment], Result]
    module: str
    description: Mapping[str, Any]
    encode: Callable[[Result], bytes]
    decode: Callable[[bytes], Result]
    name: Callable[[Result, Segment], Result]
    on_loss: Callable[[Segment, str], Result]
    bytes_per_s: float
    preloaded: Sequence[str] = ()
    also: Sequence[str] = ()

    @property
    def cache(self) -> ResultCache:
        """The results that are stored."""
        return clip_cache(self.kind)

    @property
    def source(self) -> str:
        """The digest of the code that the results rest on."""
        first = source_digest(self.module)
        return cache_key(source=[first, *map(source_digest, self.also)]) if self.also else first

    @property
    def group(self) -> str:
        """What the results of this extractor have in common, as the name of their packs."""
        return group_of(self.description, self.source)

    def keys(self, segments: Sequence[Segment]) -> list[str]:
        """The key of each segment: its content, the extractor, and the extractor's own source code."""
        source = self.source
        keys = []
        for segment in segments:
            fields = asdict(segment)
            content = {name: fields[name] for name in self.content}
            keys.append(cache_key(content=content, extractor=self.description, source=source))
        return keys

    @property
    def work(self) -> Callable[[Segment], Result] | Together[Segment, Result]:
        """What computes segments that are not stored."""
        return self.function

    def one(self, segment: Segment) -> Result:
        """The result of one segment, the same bits, without the cache."""
        return self.name(self.function(segment), segment)

    def check_space(self, segments: Sequence[Segment], keys: Sequence[str]) -> None:
        """Refuse a run whose results cannot fit.

        Raises:
            PipelineError: the disk has no room for what is missing.
        """
        sizes = [self.bytes_per_s * segment.duration_s for segment in segments]
        check_space(self.kind, sizes, keys=keys, cache=self.cache)

    def map(self, segments: Sequence[Segment]) -> Sequence[Result]:
        """Every segment's result; what an earlier or killed run finished is not done again.

        The results stay in the cache until they are looked at, see `map_cached`.

        Raises:
            PipelineError: the disk has no room for what is missing.
        """
        keys = self.keys(segments)
        self.check_space(segments, keys)
        return self._through_cache(segments, self.work, keys=keys, title=self.kind)

    def _through_cache(
        self,
        segments: Sequence[Segment],
        work: Callable[[Segment], Result] | Together[Segment, Result],
        *,
        keys: Sequence[str],
        title: str,
    ) -> Lazily[Result]:
        results = map_cached(
            work,
            segments,
            keys=keys,
            cache=self.cache,
            encode=self.encode,
            decode=self.decode,
            title=title,
            unit="segment",
            limit_s=clip_limit_s,
            describe=name_of,
            on_loss=self.on_loss,
            affinity=affinity_of,
            preloaded=self.preloaded,
            group=self.group,
        )
        return Lazily(len(segments), lambda position: self.name(results[position], segments[position]))


def clip_cache(kind: str) -> ResultCache:
    """The stored results of one kind of extractor."""
    return ResultCache(cache_folder() / "clips" / kind)


def group_of(description: Mapping[str, Any], source: str) -> str:
    """The name under which the results of an extractor are packed: those of others are removed at other times.

    Args:
        description: settings, libraries and device, see `describe_extractor`.
        source: digest of the code.
    """
    return cache_key(extractor=description, source=source)[:16]


def clip_limit_s(segment: Segment) -> float:
    """How long a segment may take until it counts as hanging; it decides over no result of a clip that does not."""
    return _LIMIT_S + _LIMIT_PER_S * segment.end_s + fetch_limit_s(segment.media)


def affinity_of(segment: Segment) -> Affinity:
    """The segments of one recording belong together: decoding goes on from one to the next."""
    return Affinity(segment.media_sha256 or segment.id, segment.start_s, segment.duration_s)


def name_of(segment: Segment) -> str:
    """The name of a segment in messages: its file and its id."""
    return written_out(f"{segment.media}, segment {segment.id}" if segment.media else f"segment {segment.id}")

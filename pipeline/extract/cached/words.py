"""The cached extractor of words and their times."""

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache, partial
from typing import Any

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.words import SegmentWords
from pipeline.execution.clips import CachedExtractor, clip_limit_s, describe_extractor, name_of
from pipeline.execution.lazily import Lazily
from pipeline.execution.pool import Done, Lost
from pipeline.execution.side_by_side import SideBySide
from pipeline.execution.together import Together
from pipeline.extract.words.locate import (
    WordSettings,
    ctc_aligner,
    locate_words,
    needs_model,
    whisper_recogniser,
)
from pipeline.storage.checked_media import WithCheckedMedia

# A fast speaker says four words a second, and a word is a line of JSON with its times.
_BYTES_PER_S = 4 * 64.0
# A large recogniser in one thread takes some minutes for as many seconds, and begins anew where it repeats itself.
_MODEL_FACTOR = 4


@dataclass(frozen=True, eq=False, kw_only=True)
class CachedWords(CachedExtractor[SegmentWords]):
    """`locate_words` with the settings that it has."""

    settings: WordSettings

    def map(self, segments: Sequence[Segment]) -> Sequence[SegmentWords]:
        """The words of every segment; what an earlier or killed run finished is not done again.

        Segments that take a network go through one guarded process, which loads it once and owns the GPU, several at a time: one is
        decoded while another is read. Each is read alone, since padding to a common length changes what many of these models
        hear, and with it the words of a segment would change with its neighbours. The others go through worker processes.

        Raises:
            PipelineError: the disk has no room for what is missing.
        """
        if "models" not in self.description:
            return super().map(segments)
        keys = self.keys(segments)
        self.check_space(segments, keys)
        # They were loaded here for the keys alone, which have been made.
        ctc_aligner.cache_clear()
        whisper_recogniser.cache_clear()
        by_model = [needs_model(segment, self.settings) for segment in segments]
        found: dict[int, tuple[Sequence[SegmentWords], int]] = {}
        for kind, work, title in (
            (True, ByModels(self.function, self.description["device"], self.settings), "words by a model"),
            (False, self.function, self.kind),
        ):
            positions = [position for position, needs in enumerate(by_model) if needs == kind]
            rows = self._through_cache(
                [segments[position] for position in positions],
                work,
                keys=[keys[position] for position in positions],
                title=title,
            )
            found |= {position: (rows, place) for place, position in enumerate(positions)}

        def row(position: int) -> SegmentWords:
            rows, place = found[position]
            return rows[place]

        return Lazily(len(segments), row)


@dataclass(frozen=True, eq=False)
class ByModels(Together[Segment, SegmentWords]):
    """Segments through a network that one guarded process loads once.

    Attributes:
        function: finds the words of a segment.
        device: class of the network's device.
        settings: settings that name the network.
    """

    function: Callable[[Segment], SegmentWords]
    device: str
    settings: WordSettings

    @cached_property
    def _guarded(self) -> SideBySide[Segment, SegmentWords]:
        return SideBySide(_ToTheBit(self.function, self.settings), limit_s=model_limit_s, describe=name_of)

    def outcomes(
        self, items: Mapping[int, Segment], *, n_workers: int
    ) -> Generator[tuple[int, Done[SegmentWords] | Lost], None, None]:
        """The words of each segment, several segments at a time; one that crashes the process or hangs costs itself."""
        # Most of the work around the network is done by processors, hence one thread for each.
        return self._guarded.outcomes(items, n_threads=n_workers)


def model_limit_s(segment: Segment) -> float:
    """How long the words of a segment may take by a network, which has a core or a part of a GPU to itself."""
    return _MODEL_FACTOR * clip_limit_s(segment)


@dataclass(frozen=True)
class _ToTheBit:
    """A function of a segment as every process computes it, whatever it had set for itself and computes beside it.

    Attributes:
        function: finds the words of a segment, in any thread.
        settings: settings that name its models.
    """

    function: Callable[[Segment], SegmentWords]
    settings: WordSettings

    def __call__(self, segment: Segment) -> SegmentWords:
        with _LOADING:
            _settle(self.settings)
        return self.function(segment)


# Neither the libraries nor `lru_cache` keep two threads from loading a model at once.
_LOADING = threading.Lock()


@lru_cache(maxsize=1)
def _settle(settings: WordSettings) -> AbstractContextManager[None]:
    """Load the models, and let this process split no operation from now on: for good, since its threads share what is set."""
    from pipeline.extract.batches import (
        one_thread_per_operation,
    )  # torch, which the words need for models alone

    _identities(settings)
    entered = one_thread_per_operation()
    entered.__enter__()
    return entered  # held by the cache, or what it set would end with it


def words_extractor(settings: WordSettings) -> CachedWords:
    """Make the extractor of words.

    Raises:
        PipelineError: a model that the settings name cannot be found or loaded.
    """

    def without_sound(segment: Segment, _: str) -> SegmentWords:
        silent = replace(segment, media=None, media_sha256=None, has_audio=False, has_video=False)
        return locate_words(silent, settings)

    return CachedWords(
        kind="words",
        content=(
            "media_sha256",
            "has_audio",
            "start_s",
            "end_s",
            "text",
            "language",
            "timed_words",
            "cues",
        ),
        function=words_of_checked(settings),
        module=locate_words.__module__,
        description=_describe(settings),
        encode=SegmentWords.to_bytes,
        decode=SegmentWords.from_bytes,
        name=lambda words, segment: words.named(segment.id),
        on_loss=without_sound,
        bytes_per_s=_BYTES_PER_S,
        settings=settings,
    )


def words_of_checked(settings: WordSettings) -> WithCheckedMedia[SegmentWords]:
    """`locate_words` with these settings, of recordings that may lie elsewhere; one that is not heard is not fetched."""
    return WithCheckedMedia(partial(locate_words, settings=settings), reads=_is_heard)


def _is_heard(segment: Segment) -> bool:
    """Whether the sound of a segment is read to locate its words."""
    return segment.has_audio and not segment.timed_words


def _describe(settings: WordSettings) -> dict[str, Any]:
    """What finds the words; models, their libraries and the device only where there are models."""
    models = _identities(settings)
    libraries = ("av", "numpy", "pocketsphinx", "silero-vad", "torch")
    if not models:
        return describe_extractor(asdict(settings), libraries=libraries, device="cpu")
    from pipeline.execution.device import device_class

    networks = ("tokenizers", "transformers")
    described = describe_extractor(asdict(settings), libraries=(*libraries, *networks), device=device_class())
    return {**described, "models": models}


def _identities(settings: WordSettings) -> dict[str, dict[str, str]]:
    """What each model is that the settings name, by its task; they are loaded for that."""
    models = {}
    if settings.aligner == "ctc":
        assert settings.ctc_model is not None
        models["ctc"] = dict(ctc_aligner(settings.ctc_model, settings.ctc_revision).identity)
    if settings.recogniser == "whisper":
        assert settings.whisper_model is not None
        whisper = whisper_recogniser(settings.whisper_model, settings.whisper_revision)
        models["whisper"] = dict(whisper.identity)
    return models

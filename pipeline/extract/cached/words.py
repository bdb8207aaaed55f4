"""The entries of the words of a segment."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from pipeline.artifacts.segments import Segment
from pipeline.artifacts.words import SegmentWords
from pipeline.execution.clips import ClipEntries, describe_extractor
from pipeline.extract.words.locate import ctc_aligner, locate_words, needs_model, whisper_recogniser

# A fast speaker says four words a second, and a word is a line of JSON with its times.
_BYTES_PER_S = 4 * 64.0


def words_entries(**settings: Any) -> ClipEntries[SegmentWords]:
    """Keys, function and format of the entries; `settings` are those of `locate_words`.

    Raises:
        PipelineError: a model that they name cannot be found or loaded.
    """

    def without_sound(segment: Segment, _: str) -> SegmentWords:
        silent = replace(segment, media=None, media_sha256=None, has_audio=False, has_video=False)
        return locate_words(silent, **settings)

    return ClipEntries(
        kind="words",
        content=(
            "media_sha256",
            "has_audio",
            "start_s",
            "end_s",
            "text",
            "language",
            "timed_words",
        ),
        function=partial(locate_words, **settings),
        module="pipeline.extract.words.locate",
        description=_describe(**settings),
        encode=SegmentWords.to_bytes,
        decode=SegmentWords.from_bytes,
        name=lambda words, segment: words.named(segment.id),
        on_loss=without_sound,
        bytes_per_s=_BYTES_PER_S,
    )


def locate_all(entries: ClipEntries[SegmentWords], segments: Sequence[Segment]) -> list[SegmentWords]:
    """The words of every segment through the clip cache.

    Segments that take a network go through this process, which loads it once and owns the GPU, several at a time: one is decoded
    while another is read. Each is read alone, since padding to a common length changes what many of these models hear, and
    with it the words of a segment would change with its neighbours. The others go through worker processes.
    """
    settings = entries.description["settings"]
    if "models" in entries.description:
        _fill(entries, segments, settings)
    return entries.map(segments)


def _fill(entries: ClipEntries[SegmentWords], segments: Sequence[Segment], settings: dict[str, Any]) -> None:
    from pipeline.execution.progress import track
    from pipeline.extract.batches import map_batches  # torch, which the words need for models alone

    waiting = [
        (key, segment)
        for key, segment in zip(entries.keys(segments), segments, strict=True)
        if needs_model(segment, aligner=settings["aligner"], recogniser=settings["recogniser"])
        and entries.cache.load(key, entries.decode) is None
    ]
    located = map_batches(
        waiting,
        lambda batch, _: [entries.function(segment) for segment in batch],
        length_of=lambda _: 1,
        n_rows=lambda _: 1,
        device="cpu",  # where most of the work around the network is done, hence a thread a core
    )
    for key, row in track(located, total=len(waiting), title="words by a model", unit="segment"):
        entries.cache.put(key, entries.encode(row))


def _describe(**settings: Any) -> dict[str, Any]:
    """What finds the words; models, their libraries and the device only where there are models."""
    models = {}
    if settings["aligner"] == "ctc":
        models["ctc"] = dict(ctc_aligner(settings["ctc_model"], settings["ctc_revision"]).identity)
    if settings["recogniser"] == "whisper":
        whisper = whisper_recogniser(settings["whisper_model"], settings["whisper_revision"])
        models["whisper"] = dict(whisper.identity)
    libraries = ("av", "numpy", "pocketsphinx")
    if not models:
        return describe_extractor(settings, libraries=libraries, device="cpu")
    from pipeline.execution.device import device_class

    networks = ("tokenizers", "torch", "transformers")
    described = describe_extractor(settings, libraries=(*libraries, *networks), device=device_class())
    return {**described, "models": models}

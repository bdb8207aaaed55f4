"""The entries of the words of a segment."""

from dataclasses import replace
from functools import partial
from typing import Any

from pipeline.artifacts.segments import Segment
from pipeline.artifacts.words import SegmentWords
from pipeline.execution.clips import ClipEntries, describe_extractor
from pipeline.extract.words import locate_words

# A fast speaker says four words a second, and a word is a line of JSON with its times.
_BYTES_PER_S = 4 * 64.0


def words_entries(**settings: Any) -> ClipEntries[SegmentWords]:
    """Keys, function and format of the entries; `settings` are those of `locate_words`."""

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
        module="pipeline.extract.words",
        description=describe_extractor(settings, libraries=("av", "numpy", "pocketsphinx"), device="cpu"),
        encode=SegmentWords.to_bytes,
        decode=SegmentWords.from_bytes,
        name=lambda words, segment: words.named(segment.id),
        on_loss=without_sound,
        bytes_per_s=_BYTES_PER_S,
    )

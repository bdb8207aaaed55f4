"""Reasons without names in the cache, with names outside: a renamed file has the same features, and its own sentence."""

from collections.abc import Callable
from dataclasses import replace

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.sequences import FeatureSequence

# No file and no id can hold this character.
_MEDIA, _ID = "\0media", "\0id"


def extract_unnamed(segment: Segment, *, extract: Callable[[Segment], FeatureSequence]) -> FeatureSequence:
    """`extract(segment)`, whose failure names neither the segment nor its file."""
    return unnamed(extract(segment), segment)


def unnamed(sequence: FeatureSequence, segment: Segment) -> FeatureSequence:
    """The same sequence, whose failure names neither the segment nor its file."""
    if sequence.failure is None:
        return sequence
    failure = sequence.failure.replace(segment.media, _MEDIA) if segment.media else sequence.failure
    return replace(sequence, failure=failure.replace(f"segment {segment.id}", f"segment {_ID}"))


def named(sequence: FeatureSequence, segment: Segment) -> FeatureSequence:
    """The same sequence as that of `segment`."""
    if sequence.failure is None:
        return sequence
    failure = sequence.failure.replace(_MEDIA, segment.media or "").replace(_ID, segment.id)
    return replace(sequence, failure=failure)

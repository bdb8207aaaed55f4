"""Pictures of one span after the other: a recording with many segments is decoded once, not once per segment."""

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.media.container import identity
from pipeline.media.linear_pass import Decoded, LinearPass, decode

# A time is a fraction rounded to a float; a picture this close before a bound lies on it.
TOLERANCE_S = 1e-6
# Where no index says whether a keyframe lies ahead, a gap longer than this is worth looking for one.
_LONG_GAP_S = 30.0


@dataclass
class SpanFacts:
    """What is known of a span, up to the picture that was taken last; times in seconds from the start of the recording.

    Attributes:
        next_s: when the first picture at or after the end of the span is shown; None where none came.
        ends_s: where the recording ends; None where its header does not say.
        lost_s: when pictures would have been shown that could not be decoded, before the span and in it.
    """

    next_s: float | None = None
    ends_s: float | None = None
    lost_s: Sequence[float] = ()


@dataclass
class _Pass:
    """A pass over one file, what it has passed by, and the picture that ended the last span and may begin the next."""

    file: tuple[int, ...]
    frames: LinearPass
    latest: Decoded | None = None
    next: list[Decoded] = field(default_factory=list)

    @property
    def latest_s(self) -> float:
        return -math.inf if self.latest is None else self.latest.time_s

    def take(self) -> Decoded | None:
        decoded = self.next.pop() if self.next else next(self.frames, None)
        if decoded is not None and decoded.time_s >= self.latest_s:
            self.latest = decoded
        return decoded

    def put_back(self, decoded: Decoded, latest: Decoded | None) -> None:
        self.next.append(decoded)
        self.latest = latest

    def wind_to(self, start_s: float) -> bool:
        """Pass by what lies before `start_s`; False where a new pass is needed for the same pictures, or faster."""
        if self.latest_s - start_s >= -TOLERANCE_S:
            return False
        entry_s = self.frames.entry_s(start_s)
        if entry_s > self.latest_s if entry_s is not None else start_s - self.latest_s > _LONG_GAP_S:
            return False
        while self.frames.intact:
            latest, decoded = self.latest, self.take()
            if decoded is None:
                return False
            if decoded.time_s - start_s >= -TOLERANCE_S:
                self.put_back(decoded, latest)
                return self.frames.intact
        return False


# The pass that was made last, in case the next span lies ahead of it. Whoever goes on with it takes it out.
_resting: list[_Pass] = []


def decode_span(
    path: Path, *, start_s: float, end_s: float, facts: SpanFacts | None = None
) -> Iterator[Decoded]:
    """Pictures from before `start_s` up to the first one at or after `end_s`, which is left out.

    The one that is shown at `start_s` is among them, where there is one. They are those of `decode(path, "video", start_s=start_s)`. But a span that lies ahead of the span read last goes on
    from there, unless the container's index leads further or the recording is damaged on the way. A pass of its own would
    decode once more what lies between the last keyframe and the span, which is the whole way where there is but one
    keyframe. The recording read last stays open for that.

    Args:
        path: the recording.
        start_s: start of the span in seconds from the start of the recording.
        end_s: end of the span, likewise.
        facts: filled as pictures are taken.

    Raises:
        MediaError: the file cannot be opened, or has no video.
    """
    current = _begin(path, start_s)
    facts = facts or SpanFacts()
    try:
        if current.latest is not None:
            yield current.latest
        while True:
            latest, decoded = current.latest, current.take()
            facts.ends_s, facts.lost_s = current.frames.ends_s, current.frames.lost_s
            if decoded is None:  # a pass that seeks may find more behind what ended this one
                return
            if decoded.time_s >= end_s - TOLERANCE_S:
                facts.next_s = decoded.time_s
                current.put_back(decoded, latest)
                break
            yield decoded
    except GeneratorExit:
        _rest(current)
        raise
    _rest(current)


def forget() -> None:
    """Close the recording that stays open, if any."""
    with suppress(IndexError):
        _resting.pop().frames.close()


def _begin(path: Path, start_s: float) -> _Pass:
    file = identity(path)
    with suppress(IndexError):
        resting = _resting.pop()
        if file and resting.file == file and resting.wind_to(start_s):
            return resting
        resting.frames.close()
    return _Pass(file, decode(path, "video", start_s=start_s))


def _rest(done: _Pass) -> None:
    forget()  # what another span, read side by side with this one, has left
    _resting.append(done)

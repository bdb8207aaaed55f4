"""Pictures of one span after the other: a recording with many segments is decoded once, not once per segment."""

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.media.linear_pass import Decoded, LinearPass, decode

# A time is a fraction rounded to a float; a picture this close before a bound lies on it.
TOLERANCE_S = 1e-6
# Where no index says whether a keyframe lies ahead, a gap longer than this is worth looking for one.
_LONG_GAP_S = 30.0


@dataclass
class _Pass:
    """A pass over one file, what it has passed by, and the picture that ended the last span and may begin the next."""

    file: tuple[int, ...]
    frames: LinearPass
    latest_s: float = -math.inf
    next: list[Decoded] = field(default_factory=list)

    def take(self) -> Decoded | None:
        decoded = self.next.pop() if self.next else next(self.frames, None)
        if decoded is not None:
            self.latest_s = max(self.latest_s, decoded.time_s)
        return decoded

    def put_back(self, decoded: Decoded, latest_s: float) -> None:
        self.next.append(decoded)
        self.latest_s = latest_s

    def wind_to(self, start_s: float) -> bool:
        """Pass by what lies before `start_s`; False where a new pass is needed for the same pictures, or faster."""
        if self.latest_s - start_s >= -TOLERANCE_S:
            return False
        entry_s = self.frames.entry_s(start_s)
        if entry_s > self.latest_s if entry_s is not None else start_s - self.latest_s > _LONG_GAP_S:
            return False
        while self.frames.intact:
            latest_s, decoded = self.latest_s, self.take()
            if decoded is None:
                return False
            if decoded.time_s - start_s >= -TOLERANCE_S:
                self.put_back(decoded, latest_s)
                return self.frames.intact
        return False


# The pass that was made last, in case the next span lies ahead of it. Whoever goes on with it takes it out.
_resting: list[_Pass] = []


def decode_span(path: Path, *, start_s: float, end_s: float) -> Iterator[Decoded]:
    """Pictures from before `start_s` up to the first one at or after `end_s`, which is left out.

    They are those of `decode(path, "video", start_s=start_s)`. But a span that lies ahead of the span read last goes on
    from there, unless the container's index leads further or the recording is damaged on the way. A pass of its own would
    decode once more what lies between the last keyframe and the span, which is the whole way where there is but one
    keyframe. The recording read last stays open for that.

    Raises:
        MediaError: the file cannot be opened, or has no video.
    """
    current = _begin(path, start_s)
    try:
        while True:
            latest_s, decoded = current.latest_s, current.take()
            if decoded is None:  # a pass that seeks may find more behind what ended this one
                return
            if decoded.time_s >= end_s - TOLERANCE_S:
                current.put_back(decoded, latest_s)
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
    file = _identity(path)
    with suppress(IndexError):
        resting = _resting.pop()
        if file and resting.file == file and resting.wind_to(start_s):
            return resting
        resting.frames.close()
    return _Pass(file, decode(path, "video", start_s=start_s))


def _rest(done: _Pass) -> None:
    forget()  # what another span, read side by side with this one, has left
    _resting.append(done)


def _identity(path: Path) -> tuple[int, ...]:
    """What tells that a file is still the same; empty where there is none."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

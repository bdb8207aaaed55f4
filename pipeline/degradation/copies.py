"""A degraded copy of a segment, without any other loss, for extractors that know nothing of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, TypeVar

import av
import numpy as np

from pipeline.artifacts.corpus.segments import Segment
from pipeline.degradation.conditions import Condition
from pipeline.degradation.pictures import as_video, blurred, encoded_again, in_low_light, scaled, video_stream
from pipeline.degradation.sound import SAMPLE_RATE_HZ, with_noise, with_opus, with_reverberation
from pipeline.media.audio import Sound, read_audio
from pipeline.media.container import MediaError
from pipeline.media.video import Frame, read_frames

Result = TypeVar("Result")

# Extractors look a little beyond a segment, so that its first and last rows have neighbours.
_MARGIN_S = 1.0
# Every picture of any camera.
_EVERY_HZ = 1000.0


@dataclass(frozen=True)
class OnDegraded(Generic[Result]):
    """A function of a segment, which is given a degraded copy of it; picklable if the function is.

    Attributes:
        function: computes one segment.
        condition: what is done to the recording.
        scratch: folder for the copies, of which there is one at a time per process.
        sees: whether the function looks at pictures; otherwise the copy has none.
        reads: whether the function opens the recording of a segment; without, there is no copy.
    """

    function: Callable[[Segment], Result]
    condition: Condition
    scratch: Path
    sees: bool
    reads: Callable[[Segment], bool]

    def __call__(self, segment: Segment) -> Result:
        """The result of a segment."""
        if not self.reads(segment):
            return self.function(segment)
        with degraded_copy(segment, self.condition, scratch=self.scratch, sees=self.sees) as copy:
            return self.function(copy)


@contextmanager
def degraded_copy(segment: Segment, condition: Condition, *, scratch: Path, sees: bool) -> Iterator[Segment]:
    """A segment of a recording of its own, which holds its stretch of the recording as the condition makes it.

    Sound is stored as floats and pictures are encoded without loss, so that the condition alone makes a difference. What cannot be
    decoded, or has no recording, is left to the extractor: it is given the segment as it is.

    Args:
        segment: a segment whose recording, if it has one, is a file.
        condition: what is done to it.
        scratch: folder for the copy, which is removed after the context; where it does not exist, the folder for temporary files.
        sees: whether the copy has pictures.
    """
    if segment.media is None:
        yield segment
        return
    try:
        start_s = max(segment.start_s - _MARGIN_S, 0.0)
        sound, frames = _degraded(segment, condition, start_s=start_s, sees=sees)
    except MediaError:
        yield segment
        return
    if sound is None and frames is None:
        yield segment
        return
    # On another machine of a cluster, the folder is not there.
    with TemporaryDirectory(dir=scratch if scratch.is_dir() else None) as folder:
        path = Path(folder) / "degraded.nut"
        try:
            _write(path, sound, frames)
        except MediaError:
            yield segment
            return
        yield replace(
            segment,
            media=str(path),
            media_sha256=None,
            start_s=segment.start_s - start_s,
            end_s=segment.end_s - start_s,
        )


def _degraded(
    segment: Segment, condition: Condition, *, start_s: float, sees: bool
) -> tuple[Sound | None, Iterator[Frame] | None]:
    """The sound and the pictures of a copy; both None where the condition reaches neither."""
    assert segment.media is not None
    path = Path(segment.media)
    sound = frames = None
    if segment.has_audio:
        sound = _recorded(
            path, start_s=start_s, end_s=segment.end_s + _MARGIN_S, needed=condition.is_of_sound
        )
    if segment.has_video and sees:
        # Up to the end of the segment: further on, a last picture might count as a still that it is not here.
        frames = _changes(read_frames(path, start_s=start_s, end_s=segment.end_s, frame_rate_hz=_EVERY_HZ))
    if condition.is_of_sound:
        if sound is None:
            return None, None
        begin, end = (
            round((time_s - start_s) * SAMPLE_RATE_HZ) for time_s in (segment.start_s, segment.end_s)
        )
        return _of_sound(sound, condition, segment, within=slice(begin, end)), frames
    return (None, None) if frames is None else (sound, _of_pictures(frames, condition, segment))


def _recorded(path: Path, *, start_s: float, end_s: float, needed: bool) -> Sound | None:
    """The sound of a span; None where there is none, or where it is damaged and pictures alone are made worse."""
    try:
        sound = read_audio(path, start_s=start_s, end_s=end_s, sample_rate_hz=SAMPLE_RATE_HZ)
    except MediaError:
        if needed:
            raise
        return None
    return sound if sound.recorded.any() else None


def _changes(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Each picture when it is first shown, since whoever reads it repeats it; the last one again until the recording ends."""
    shown: Frame | None = None
    again: list[Frame] = []
    for frame in frames:
        if shown is not None and frame.image is shown.image:
            again.append(frame)
            continue
        yield frame
        shown, again = frame, []
    yield from again


def _of_sound(sound: Sound, condition: Condition, segment: Segment, *, within: slice) -> Sound:
    level = condition.level
    match condition.degradation:
        case "noise_snr_db":
            return with_noise(sound, snr_db=level, rng=condition.rng(segment), within=within)
        case "reverberation_s":
            return with_reverberation(sound, reverberation_s=level, rng=condition.rng(segment))
        case "opus_kbps":
            return with_opus(sound, kbps=level)
    raise AssertionError(condition)


def _of_pictures(frames: Iterator[Frame], condition: Condition, segment: Segment) -> Iterator[Frame]:
    level = condition.level
    match condition.degradation:
        case "blur_px":
            return (replace(frame, image=blurred(frame.image, sigma_px=level)) for frame in frames)
        case "light":
            rng = condition.rng(segment)
            return (replace(frame, image=in_low_light(frame.image, light=level, rng=rng)) for frame in frames)
        case "vp9_crf":
            return encoded_again(frames, crf=level)
    raise AssertionError(condition)


def _write(path: Path, sound: Sound | None, frames: Iterator[Frame] | None) -> None:
    with av.open(str(path), "w", format="nut") as container:
        heard: Any = container.add_stream("pcm_f32le", rate=SAMPLE_RATE_HZ, layout="mono")
        first = next(frames, None) if frames is not None else None
        seen = None if first is None else video_stream(container, "ffv1", first.image, "bgr0", {})
        # A recording's clock starts with what it holds first, so a copy holds a sample at its start in any case.
        samples = np.zeros(1, np.float32) if sound is None else sound.samples
        recorded = np.ones(1, bool) if sound is None else sound.recorded.copy()
        recorded[0] = True
        edges = np.flatnonzero(np.diff(recorded, prepend=False, append=False)).tolist()
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            for start in range(begin, end, SAMPLE_RATE_HZ):
                block = np.ascontiguousarray(samples[None, start : min(start + SAMPLE_RATE_HZ, end)])
                frame = av.AudioFrame.from_ndarray(block, format="flt", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = (
                    SAMPLE_RATE_HZ,
                    start,
                    Fraction(1, SAMPLE_RATE_HZ),
                )
                container.mux(heard.encode(frame))
        container.mux(heard.encode(None))
        if first is None or seen is None or frames is None:
            return
        size = first.image.shape[0], first.image.shape[1]
        container.mux(seen.encode(as_video(first.image, first.time_s)))
        for shown in frames:
            container.mux(seen.encode(as_video(scaled(shown.image, size), shown.time_s)))
        container.mux(seen.encode(None))

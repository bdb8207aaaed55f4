"""Small real recordings, written by the tests that read them."""

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition


def shared_data(part: str) -> Path:
    """A folder of the shared data, or a skip where it is absent."""
    root = Path(os.environ.get("GRCF_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not (root / part).is_dir():
        pytest.skip(f"no shared data at {root / part}; set GRCF_SHARED_DATA to run this test")
    return root / part


def write_recording(
    path: Path,
    *,
    pictures: Sequence[tuple[float, np.ndarray]] = (),
    sound: np.ndarray | None = None,
    sound_rate_hz: int = 16000,
    sound_start_s: float = 0.0,
    sound_gap_s: tuple[float, float] | None = None,
    video_codec: str = "mpeg4",
    video_options: dict[str, str] | None = None,
    audio_codec: str = "pcm_s16le",
    rotation_deg: int = 0,
    flipped: tuple[bool, bool] = (False, False),
    layout: str | None = None,
    other_sounds: Sequence[np.ndarray] = (),
    default_sound: int | None = None,
    pixel_aspect: Fraction | None = None,
) -> Path:
    """Write pictures at their times and sound of shape (channel, sample) in [-1, 1]; the suffix names the container.

    Within `sound_gap_s` nothing is written, as if the recorder had dropped it. `flipped` mirrors left and right, and up and down,
    after the rotation. `other_sounds` are further tracks, of which `default_sound` counts the one that is marked.
    """
    with av.open(str(path), "w") as container:
        video, tracks, sounds = None, [], []
        if len(pictures):
            height, width, _ = pictures[0][1].shape
            video = container.add_stream(video_codec, rate=25, width=width, height=height, pix_fmt="yuv420p")
            video.options = video_options or {}
            video.codec_context.time_base = Fraction(1, 1000)
            if rotation_deg or any(flipped):
                video.set_display_rotation(rotation_deg, hflip=flipped[0], vflip=flipped[1])
            if pixel_aspect is not None:
                video.codec_context.sample_aspect_ratio = pixel_aspect
        if sound is not None:
            layout = layout or {1: "mono", 2: "stereo", 4: "quad", 6: "5.1", 8: "7.1"}[len(sound)]
            sounds = [sound, *other_sounds]
            tracks = [container.add_stream(audio_codec, rate=sound_rate_hz, layout=layout) for _ in sounds]
            for number, track in enumerate(tracks):
                if default_sound is not None:
                    track.disposition = Disposition.default if number == default_sound else Disposition(0)
        for time_s, image in pictures:
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(time_s * 1000), Fraction(1, 1000)
            container.mux(video.encode(frame))
        if video is not None:
            container.mux(video.encode(None))
        for audio, sound in zip(tracks, sounds, strict=True):
            for frame in _sound_frames(audio, sound, sound_rate_hz):
                start_s = frame.pts / sound_rate_hz
                frame.pts += round(sound_start_s * sound_rate_hz)
                if sound_gap_s is None or not sound_gap_s[0] <= start_s < sound_gap_s[1]:
                    container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path


def _sound_frames(audio, sound, rate_hz):
    size = audio.codec_context.frame_size or 1000
    to_codec = av.AudioResampler(format=audio.codec_context.format, layout=audio.layout, rate=rate_hz)
    for start in range(0, sound.shape[1], size):
        block = np.ascontiguousarray(sound[:, start : start + size].T, dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="flt", layout=audio.layout.name)
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
        yield from to_codec.resample(frame)


def write_many_channels(path: Path, *, n_channels: int, codec: str = "libopus") -> Path:
    """Write a second of silence with more channels than most decoders give out in one plane, or other samples."""
    layout = {1: "mono", 16: "hexadecagonal"}[n_channels]
    with av.open(str(path), "w") as container:
        options = {"mapping_family": "255"} if codec == "libopus" else {}
        stream = container.add_stream(codec, rate=48000, layout=layout, options=options)
        silence = np.zeros((1, 48000 * n_channels), np.float32)
        frame = av.AudioFrame.from_ndarray(silence, format="flt", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
        for each in (frame, None):
            container.mux(stream.encode(each))
    return path


def numbered_pictures(times_s: Sequence[float], *, width: int = 64, height: int = 48):
    """Grey pictures, each lighter than the one before, so that a decoded one can be told by its level."""
    levels = np.linspace(20, 235, len(times_s)).astype(np.uint8)
    return [
        (time_s, np.full((height, width, 3), level, np.uint8))
        for time_s, level in zip(times_s, levels, strict=True)
    ]


def tone(
    frequency_hz: float,
    duration_s: float,
    *,
    rate_hz: int = 16000,
    amplitude: float = 0.5,
    n_harmonics: int = 1,
):
    """A tone of shape (1, sample) whose harmonics fall off as 1 / k."""
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    wave = sum(np.sin(2 * np.pi * k * frequency_hz * time_s) / k for k in range(1, n_harmonics + 1))
    return (amplitude * wave / np.abs(wave).max())[None]

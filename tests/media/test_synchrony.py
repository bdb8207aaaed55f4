"""A flash and a click that were recorded at one instant come out at one instant, whatever the container does to its clock."""

import numpy as np
import pytest

from pipeline.media.audio import read_audio
from pipeline.media.probe import probe
from pipeline.media.video import read_frames
from tests.media.recordings import tone, write_recording

pytestmark = pytest.mark.slow

RATE_HZ, SOURCE_HZ = 16_000, 48_000
STEADY_S = np.arange(70) / 25
UNSTEADY_S = np.cumsum(np.random.default_rng(3).choice([17, 33, 40, 41, 80], 70)) / 1000
OUT_OF_ORDER = {
    "video_codec": "libx264",
    "video_options": {"bf": "2", "g": "24", "sc_threshold": "0", "preset": "veryfast"},
}
# AVI does not say how much an MP3 encoder put before the sound.
MP3_DELAY_S = 1105 / SOURCE_HZ


def flashes(times_s, flash_s) -> list[tuple[float, np.ndarray]]:
    return [(time_s, np.full((48, 64, 3), 220 if time_s in flash_s else 30, np.uint8)) for time_s in times_s]


def clicks(at_s, duration_s: float) -> np.ndarray:
    """Four milliseconds of a tone around each moment."""
    sound, n_half = np.zeros(round(duration_s * SOURCE_HZ)), round(0.002 * SOURCE_HZ)
    for moment_s in at_s:
        middle = round(moment_s * SOURCE_HZ)
        wave = np.sin(2 * np.pi * 1000 * np.arange(2 * n_half) / SOURCE_HZ)
        sound[middle - n_half : middle + n_half] += 0.9 * np.hanning(2 * n_half) * wave
    return sound[None]


def heard_s(samples: np.ndarray) -> float:
    return float(np.convolve(np.abs(samples), np.ones(64), "same").argmax()) / RATE_HZ


def found(path, *, start_s: float = 0.0) -> tuple[list[float], list[float], int]:
    """When the two flashes are seen and the two clicks heard, and how many pictures there are."""
    end_s = probe(path).duration_s
    frames = [
        (frame.time_s, frame.image.mean())
        for frame in read_frames(path, start_s=start_s, end_s=end_s, frame_rate_hz=1000.0)
    ]
    seen = [time_s for time_s, level in frames if level > 120]
    samples = read_audio(path, start_s=start_s, end_s=end_s, sample_rate_hz=RATE_HZ).samples
    half = round((seen[0] + seen[-1]) / 2 * RATE_HZ)
    return seen, [heard_s(samples[:half]), half / RATE_HZ + heard_s(samples[half:])], len(frames)


@pytest.mark.parametrize(
    ("name", "times_s", "settings"),
    [
        ("priming.mp4", STEADY_S, {"audio_codec": "aac"}),
        ("out_of_order.mp4", STEADY_S, {"audio_codec": "aac", **OUT_OF_ORDER}),
        ("upright.mov", UNSTEADY_S, {"audio_codec": "aac", "rotation_deg": 90, **OUT_OF_ORDER}),
        ("unsteady.mkv", UNSTEADY_S, {"audio_codec": "aac", **OUT_OF_ORDER}),
        ("preskip.mkv", UNSTEADY_S, {"audio_codec": "libopus", **OUT_OF_ORDER}),
        ("preskip.mp4", STEADY_S, {"audio_codec": "libopus", **OUT_OF_ORDER}),
        ("delay.mp4", STEADY_S, {"audio_codec": "libmp3lame", **OUT_OF_ORDER}),
        ("offset.ts", STEADY_S, {"audio_codec": "aac", **OUT_OF_ORDER}),
        ("flash.flv", STEADY_S, {"audio_codec": "aac", **OUT_OF_ORDER}),
        ("before_zero.mov", STEADY_S - 0.04, OUT_OF_ORDER),
        ("late_pictures.mp4", STEADY_S + 0.5, {"audio_codec": "aac", **OUT_OF_ORDER}),
        ("no_times.avi", STEADY_S, {"video_options": {"bf": "2"}}),
        ("no_times_h264.avi", STEADY_S, OUT_OF_ORDER),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_flash_and_a_click_of_one_instant_stay_together(tmp_path, name, times_s, settings):
    at_s = [float(times_s[25]), float(times_s[50])]
    path = write_recording(
        tmp_path / name,
        pictures=flashes(times_s, at_s),
        sound=clicks(at_s, times_s[-1] + 0.5),  # longer than the pictures
        sound_rate_hz=SOURCE_HZ,
        **settings,
    )

    seen_s, click_s, n_pictures = found(path)

    np.testing.assert_allclose(seen_s, click_s, atol=2e-3)
    assert seen_s[1] - seen_s[0] == pytest.approx(at_s[1] - at_s[0], abs=2e-3)
    assert n_pictures == sum(times_s >= 0)


@pytest.mark.parametrize("name", ["late.mp4", "late.mkv"])
def test_a_sound_that_starts_late_stays_late(tmp_path, name):
    at_s = [float(STEADY_S[25]), float(STEADY_S[50])]
    path = write_recording(
        tmp_path / name,
        pictures=flashes(STEADY_S, at_s),
        sound=clicks([moment_s - 0.3 for moment_s in at_s], 2.5),
        sound_rate_hz=SOURCE_HZ,
        sound_start_s=0.3,
        audio_codec="aac",
        **OUT_OF_ORDER,
    )

    seen_s, click_s, _ = found(path)

    np.testing.assert_allclose(seen_s, click_s, atol=2e-3)


def test_the_delay_that_a_container_does_not_tell_is_less_than_a_picture(tmp_path):
    at_s = [float(STEADY_S[25]), float(STEADY_S[50])]
    path = write_recording(
        tmp_path / "mp3.avi",
        pictures=flashes(STEADY_S, at_s),
        sound=clicks(at_s, 3.3),
        sound_rate_hz=SOURCE_HZ,
        audio_codec="libmp3lame",
        **OUT_OF_ORDER,
    )

    seen_s, click_s, _ = found(path)

    np.testing.assert_allclose(np.subtract(click_s, seen_s), MP3_DELAY_S, atol=2e-3)


@pytest.mark.parametrize("name", ["span.mp4", "span.ts", "span.avi"])
def test_a_span_has_the_same_instants_as_the_whole(tmp_path, name):
    times_s = np.arange(150) / 25
    at_s = [float(times_s[90]), float(times_s[120])]
    path = write_recording(
        tmp_path / name,
        pictures=flashes(times_s, at_s),
        sound=clicks(at_s, 6.0),
        sound_rate_hz=SOURCE_HZ,
        audio_codec="pcm_s16le" if name.endswith("avi") else "aac",
        **OUT_OF_ORDER,
    )
    seen_s, click_s, _ = found(path)

    seen_in_span_s, click_in_span_s, _ = found(path, start_s=3.0)

    np.testing.assert_allclose(np.add(seen_in_span_s, 3.0), seen_s, atol=1e-6)
    np.testing.assert_allclose(np.add(click_in_span_s, 3.0), click_s, atol=1e-3)


def test_sound_ends_with_the_recording_and_not_with_the_decoder(tmp_path):
    path = write_recording(
        tmp_path / "voice.m4a",
        sound=tone(200, 2.0, rate_hz=SOURCE_HZ),
        sound_rate_hz=SOURCE_HZ,
        audio_codec="aac",
    )
    duration_s = probe(path).duration_s

    sound = read_audio(path, start_s=0.0, end_s=duration_s, sample_rate_hz=RATE_HZ)

    assert duration_s == pytest.approx(2.0, abs=1e-3)
    assert len(sound.samples) == round(duration_s * RATE_HZ)
    assert sound.recorded.all()

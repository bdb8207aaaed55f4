"""How long recordings are whose content starts late on the clock of their container."""

import shutil
import subprocess

import av
import numpy as np
import pytest

from pipeline.media.container import open_media
from pipeline.media.length import duration_s, ends_s
from pipeline.media.probe import probe
from pipeline.media.video import read_frames
from tests.media.recordings import numbered_pictures, tone, write_recording

TIMES_S = np.arange(100) / 25

# Suffix, codec of the pictures, codec of the sound; FFmpeg's headers of all but the last four say when the recording ends.
LATE = [
    ("mkv", "mpeg4", "aac"),
    ("webm", "libvpx", "libopus"),
    ("webm", "libvpx", None),
    ("mka", None, "aac"),
    ("nut", "mpeg4", "aac"),
    ("ogv", "libvpx", "libopus"),
    ("asf", "msmpeg4", "mp3"),
    ("wtv", "mpeg4", "mp2"),
    ("mp4", "mpeg4", "aac"),
    ("flv", "flv", "mp3"),
    ("ts", "mpeg4", "mp2"),
    ("mpg", "mpeg4", "mp2"),
]


def written(path, video, audio, *, late_s):
    pictures = [(time_s + late_s, image) for time_s, image in numbered_pictures(TIMES_S)]
    sounds = {"sound": tone(200, 4.0, rate_hz=48000), "sound_rate_hz": 48000, "audio_codec": audio}
    return write_recording(
        path,
        pictures=pictures if video else (),
        video_codec=video or "mpeg4",
        sound_start_s=late_s,
        **(sounds if audio else {}),
    )


def copied(source_path, path, **options):
    with (
        av.open(str(source_path)) as source,
        av.open(str(path), "w", options=options) as target,
    ):
        streams = [target.add_stream_from_template(stream) for stream in source.streams]
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    return path


@pytest.mark.parametrize("late_s", [0.0, 0.1, 3.0, 300.0])
@pytest.mark.parametrize(("suffix", "video", "audio"), LATE)
def test_a_recording_lasts_as_long_wherever_its_clock_starts(tmp_path, suffix, video, audio, late_s):
    path = written(tmp_path / f"late.{suffix}", video, audio, late_s=late_s)

    assert probe(path).duration_s == pytest.approx(4.0, abs=0.25 if suffix in ("asf", "wtv") else 0.15)
    with open_media(path) as container:
        assert ends_s(path, container) == pytest.approx(duration_s(path), abs=0.05)


@pytest.mark.parametrize("options", [{"flvflags": "no_metadata"}, {"flvflags": "no_duration_filesize"}])
def test_a_flash_file_without_a_length_ends_with_its_last_packet(tmp_path, options):
    path = copied(written(tmp_path / "whole.flv", "flv", "mp3", late_s=3.0), tmp_path / "bare.flv", **options)

    assert probe(path).duration_s == pytest.approx(4.0, abs=0.1)


def test_a_header_that_counts_pictures_is_no_length(tmp_path):
    path = written(tmp_path / "counted.ivf", "libvpx", None, late_s=0.0)

    assert probe(path).duration_s == pytest.approx(4.0, abs=0.05)


def test_the_last_picture_is_not_looked_at_for_as_long_as_the_recording_starts_late(tmp_path):
    path = written(tmp_path / "late.mkv", "mpeg4", None, late_s=3.0)

    times_s = [frame.time_s for frame in read_frames(path, start_s=0.0, end_s=7.0, frame_rate_hz=10.0)]

    assert max(times_s) < 4.0


@pytest.mark.skipif(shutil.which("mkvmerge") is None, reason="mkvmerge is not installed")
@pytest.mark.parametrize("suffix", ["mkv", "webm"])
def test_a_length_that_mkvmerge_wrote_is_one(tmp_path, suffix):
    video, audio = {"mkv": ("mpeg4", "aac"), "webm": ("libvpx", "libopus")}[suffix]
    source = written(tmp_path / f"late.{suffix}", video, audio, late_s=3.0)
    path = tmp_path / "merged.mkv"
    subprocess.run(["mkvmerge", "-q", "-o", path, source], check=True)

    assert probe(path).duration_s == pytest.approx(4.0, abs=0.1)


def test_matroska_with_a_length_in_its_header_lasts_that_long(tmp_path):
    """What mkvmerge writes, made by putting the length where FFmpeg has put the end."""
    path = written(tmp_path / "late.mkv", "mpeg4", None, late_s=3.0)
    content = path.read_bytes()
    header = b"\x44\x89\x88"  # Duration, a float of eight bytes, in milliseconds
    at = content.index(header) + len(header)
    ends_ms = np.frombuffer(content[at : at + 8], ">f8")[0]
    path.write_bytes(content[:at] + np.array(ends_ms - 3000, ">f8").tobytes() + content[at + 8 :])

    assert ends_ms == pytest.approx(7000, abs=1)
    assert probe(path).duration_s == pytest.approx(4.0, abs=1e-3)


@pytest.mark.parametrize("is_loud_first", [True, False])
def test_sound_without_a_header_lasts_as_long_as_its_packets(tmp_path, is_loud_first):
    # Noise takes many more bits than silence, so that what the first packets take is no measure of the rest.
    parts = [np.random.default_rng(0).normal(0, 0.2, (1, 6 * 44100)), np.zeros((1, 2 * 44100))]
    sound = np.concatenate(parts if is_loud_first else parts[::-1], axis=1)
    path = write_recording(
        tmp_path / "bare.aac", sound=sound, sound_rate_hz=44100, audio_codec="aac", layout="mono"
    )
    with open_media(path) as container:
        assert abs(container.duration / 1e6 - 8) > 1
    assert probe(path).duration_s == pytest.approx(8, abs=0.06)


def test_an_mp3_that_says_its_length_is_not_longer_by_what_its_encoder_added(tmp_path):
    path = write_recording(
        tmp_path / "talk.mp3", sound=tone(200, 4, rate_hz=44100), sound_rate_hz=44100, audio_codec="mp3"
    )
    assert duration_s(path) == pytest.approx(4, abs=1e-3)

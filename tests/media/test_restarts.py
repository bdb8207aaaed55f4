"""Recordings that were copied one behind the other have two moments of each time, and are refused instead of being mixed up."""

from pathlib import Path

import pytest

from pipeline.media.container import MediaError
from pipeline.media.probe import probe
from pipeline.media.restarts import refuse_restart
from tests.media.recordings import numbered_pictures, shared_data, tone, write_recording


def part(path: Path, duration_s: float, *, sound: bool = True, pictures: bool = True) -> bytes:
    """A recording that starts at its own zero, as bytes."""
    codecs = {".flac": "flac", ".ogg": "libopus"}
    write_recording(
        path,
        pictures=numbered_pictures([n / 25 for n in range(round(25 * duration_s))]) if pictures else (),
        sound=tone(300, duration_s, rate_hz=48000) if sound else None,
        sound_rate_hz=48000,
        video_codec="mpeg4",
        audio_codec=codecs.get(path.suffix, "mp2"),
    )
    return path.read_bytes()


@pytest.mark.parametrize(
    ("suffix", "streams"),
    [
        (".ts", {}),
        (".ts", {"sound": False}),
        (".ts", {"pictures": False}),
        (".mpg", {}),
        (".flac", {"pictures": False}),
        (".ogg", {"pictures": False}),
    ],
)
@pytest.mark.parametrize("lengths_s", [(3.0, 3.0), (6.0, 2.0), (2.0, 6.0)])
def test_a_clock_that_begins_anew_is_refused(suffix, streams, lengths_s, tmp_path):
    parts = [part(tmp_path / f"part{n}{suffix}", lengths_s[n], **streams) for n in range(2)]
    (whole := tmp_path / f"whole{suffix}").write_bytes(b"".join(parts))
    with pytest.raises(MediaError, match="its times begin anew after") as raised:
        probe(whole)
    assert abs(float(str(raised.value).split(" after ")[1].split(" s")[0]) - lengths_s[0]) < 0.6
    for n in range(2):
        assert probe(tmp_path / f"part{n}{suffix}").duration_s == pytest.approx(lengths_s[n], abs=0.3)


def test_a_gap_and_damage_are_no_restart(tmp_path):
    content = bytearray(part(tmp_path / "whole.ts", 6.0))
    content[len(content) // 3 : len(content) // 3 + 188 * 40] = b"\xff" * 188 * 40
    (tmp_path / "damaged.ts").write_bytes(content)
    (tmp_path / "cut.ts").write_bytes(content[: len(content) // 4] + content[len(content) // 2 :])
    for name in ("damaged.ts", "cut.ts"):
        refuse_restart(tmp_path / name)


def test_public_clips_have_one_clock():
    for path in shared_data("clips/grid").glob("*.mpg"):
        refuse_restart(path)

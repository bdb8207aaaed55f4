"""Recordings that are damaged on purpose, made from small whole ones by the tests that read them."""

import random
import struct
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from pipeline.media.audio import read_audio
from pipeline.media.container import MediaError
from pipeline.media.probe import probe
from pipeline.media.video import read_frames
from tests.media.recordings import numbered_pictures, tone, write_recording

CONTAINERS = {
    "mp4": {"video_codec": "libx264", "audio_codec": "aac"},
    "mkv": {"video_codec": "mpeg4", "audio_codec": "libmp3lame"},
    "avi": {"video_codec": "mpeg4", "audio_codec": "pcm_s16le"},
    "ts": {"video_codec": "libx264", "audio_codec": "aac"},
    "webm": {"video_codec": "libvpx", "audio_codec": "libopus"},
}
SOUND_FILES = {"wav": "pcm_s16le", "mp3": "libmp3lame", "flac": "flac", "ogg": "libopus"}
_RATE_HZ = 48000
# One pixel, and shown again and again.
GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00!\xf9\x04\x00"
    b"\x0a\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)


def whole_recordings(folder: Path) -> list[Path]:
    """A second of pictures and sound in each container, and of sound alone in each kind of sound file."""
    folder.mkdir(parents=True, exist_ok=True)
    sound = tone(150, 1.0, rate_hz=_RATE_HZ, n_harmonics=5)
    pictures = numbered_pictures(np.arange(10) / 10)
    films = [
        write_recording(folder / f"film.{suffix}", pictures=pictures, sound=sound, sound_rate_hz=_RATE_HZ, **codecs)
        for suffix, codecs in CONTAINERS.items()
    ]  # fmt: skip
    return films + [
        write_recording(folder / f"sound.{suffix}", sound=sound, sound_rate_hz=_RATE_HZ, audio_codec=codec)
        for suffix, codec in SOUND_FILES.items()
    ]


def truncated(recording: Path, folder: Path) -> Iterator[Path]:
    """The recording cut at every tenth."""
    content = recording.read_bytes()
    for tenth in range(10):
        path = folder / f"{recording.stem}_{tenth}0.{recording.suffix[1:]}"
        path.write_bytes(content[: len(content) * tenth // 10])
        yield path


def mutated(recordings: list[Path], folder: Path, *, seed: int) -> Iterator[Path]:
    """Endless damage: bytes replaced, numbers put in, pieces cut out, doubled and moved, mostly in the first kilobyte."""
    draw = random.Random(seed)
    number = 0
    while True:
        recording = draw.choice(recordings)
        content = bytearray(recording.read_bytes())
        for _ in range(draw.randint(1, 8)):
            reach = min(len(content), draw.choice([64, 1024, 1024, len(content)]))
            # The header of an MP4 that was written in one go stands at its end.
            place = draw.choice([0, 0, max(len(content) - 2048, 0)]) + draw.randrange(reach)
            kind = draw.randrange(5)
            if kind == 0:
                content[place : place + 1] = draw.randbytes(1)
            elif kind == 1:
                value = draw.choice([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, draw.getrandbits(32)])
                content[place : place + 4] = struct.pack(draw.choice("<>") + "I", value)
            elif kind == 2:
                del content[place : place + draw.randint(1, 64)]
            elif kind == 3:
                content[place:place] = content[place : place + draw.randint(1, 256)]
            else:
                content[place : place + 8] = draw.choice([b"\0" * 8, b"\xff" * 8, draw.randbytes(8)])
        path = folder / f"{number:05d}{recording.suffix}"
        path.write_bytes(content)
        number += 1
        yield path


def _with(content: bytes, place: int, value: bytes) -> bytes:
    return content[:place] + value + content[place + len(value) :]


def absurd(recordings: list[Path], folder: Path) -> dict[str, Path]:
    """Headers that claim what cannot be, by what they claim."""
    whole = {path.suffix[1:]: path.read_bytes() for path in recordings}
    wav, mp4, mkv, avi = (whole[suffix] for suffix in ("wav", "mp4", "mkv", "avi"))
    data = wav.index(b"data") + 4
    duration = mkv.index(b"\x44\x89\x88") + 3
    wide = mp4.index(b"avc1") + 28
    claims = {
        "one_hertz.wav": _with(wav, 24, struct.pack("<I", 1)),
        "no_hertz.wav": _with(wav, 24, struct.pack("<I", 0)),
        "gigahertz.wav": _with(wav, 24, struct.pack("<I", 2_000_000_000)),
        "endless.wav": _with(wav, data, b"\xff\xff\xff\xff"),
        "no_samples.wav": wav[: data + 4],
        "no_channels.wav": _with(wav, 22, struct.pack("<H", 0)),
        "many_channels.wav": _with(wav, 22, struct.pack("<H", 60000)),
        "lasting.mkv": _with(mkv, duration, struct.pack(">d", 1e12)),
        "lasting_a_day.mkv": _with(mkv, duration, struct.pack(">d", 86400e3)),
        "giant_pictures.mp4": _with(mp4, wide, struct.pack(">HH", 65000, 65000)),
        "giant_pictures.gif": _with(GIF, 6, struct.pack("<HH", 15000, 15000)),
        "giant_pictures.y4m": b"YUV4MPEG2 W60000 H60000 F25:1 C420\nFRAME\n" + bytes(1000),
        "flat_pixels.y4m": b"YUV4MPEG2 W64 H48 F25:1 A1000000:1 C420\nFRAME\n" + bytes(4608),
        "giant_pictures.avi": _with(avi, avi.index(b"strf") + 12, struct.pack("<II", 60000, 60000)),
        "slow_pictures.avi": _with(avi, avi.index(b"strh") + 28, struct.pack("<II", 0x7FFFFFFF, 1)),
        "zeros.mp4": bytes(100_000),
        "looping.gif": GIF,
    }
    for name, content in claims.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in claims}


def read_all(path: Path) -> str:
    """What came of reading all of a recording as the extractors do: `read`, or the sentence that refuses it."""
    try:
        info = probe(path)
        if info.has_audio:
            read_audio(path, start_s=-0.1, end_s=info.duration_s, sample_rate_hz=16000)
        if info.has_video:
            for frame in read_frames(path, start_s=0.0, end_s=info.duration_s, frame_rate_hz=10.0):
                assert frame.image.size
    except MediaError as error:
        return str(error)
    return "read"


def damage(part: int, *, whole: list[Path], folder: Path, n_files: int, seed: int) -> list[str]:
    """Read so many mutated files and keep none; the sentences that are not as they should be."""
    work = folder / str(part)
    work.mkdir()
    wrong = []
    for path in islice(mutated(whole, work, seed=1000 * seed + part), n_files):
        sentence = read_all(path)
        if sentence != "read" and f"{path}: " not in sentence:
            wrong.append(sentence)
        path.unlink()
    return wrong

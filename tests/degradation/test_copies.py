"""A degraded copy differs from its recording by the condition alone, whatever kind of recording it is."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.artifacts.corpus.segments import Segment
from pipeline.degradation.conditions import Condition
from pipeline.degradation.copies import degraded_copy
from pipeline.media.audio import read_audio
from pipeline.media.container import MediaError
from pipeline.media.video import read_frames
from tests.media.recordings import numbered_pictures, tone, write_recording
from tests.segments import make_segment

# So little that nothing of it is left in the numbers.
NO_NOISE = Condition("noise_snr_db", 400.0, 1)
NOISE = Condition("noise_snr_db", 0.0, 1)
BLUR = Condition("blur_px", 2.0, 1)
RATE_HZ = 48_000


def sound(n_channels: int = 1, duration_s: float = 3.0) -> np.ndarray:
    waves = [tone(200 * (n + 1), duration_s, rate_hz=RATE_HZ, amplitude=0.2) for n in range(n_channels)]
    return np.concatenate(waves)


def recording(path: Path, **fields) -> Path:
    return write_recording(path / "recording.nut", sound_rate_hz=RATE_HZ, audio_codec="pcm_f32le", **fields)


def segment_of(path: Path, **fields) -> Segment:
    plain = {"media": str(path), "media_sha256": "ab", "has_audio": True, "has_video": True, "end_s": 3.0}
    return make_segment(**plain | fields)


def heard(segment: Segment):
    assert segment.media is not None
    return read_audio(
        Path(segment.media), start_s=segment.start_s, end_s=segment.end_s, sample_rate_hz=16_000
    )


def seen(segment: Segment):
    assert segment.media is not None
    return list(
        read_frames(Path(segment.media), start_s=segment.start_s, end_s=segment.end_s, frame_rate_hz=10.0)
    )


PICTURES = numbered_pictures(np.arange(0, 3, 0.04).tolist())
UNEVEN = numbered_pictures([0.0, 0.05, 0.3, 0.31, 0.32, 1.0, 1.04, 1.5, 2.9], width=64, height=48)
KINDS = {
    "mono": {"sound": sound(), "pictures": PICTURES},
    "stereo": {"sound": sound(2), "pictures": PICTURES},
    "sound that starts late": {"sound": sound(), "sound_start_s": 0.4, "pictures": PICTURES},
    "a gap in the sound": {"sound": sound(), "sound_gap_s": (1.0, 1.5), "pictures": PICTURES},
    "pictures that start late": {"sound": sound(), "pictures": [(t + 0.4, image) for t, image in PICTURES]},
    "pictures that end early": {"sound": sound(), "pictures": PICTURES[:60]},
    "a variable frame rate": {"sound": sound(), "pictures": UNEVEN},
    "no sound": {"pictures": PICTURES},
    "no pictures": {"sound": sound()},
}


@pytest.mark.parametrize("span", [(0.0, 3.0), (0.5, 2.0), (1.2, 2.9), (2.9, 3.0)])
@pytest.mark.parametrize("fields", KINDS.values(), ids=KINDS)
def test_a_copy_without_a_degradation_is_the_recording(tmp_path, fields, span):
    segment = segment_of(
        recording(tmp_path, **fields),
        has_audio="sound" in fields,
        has_video="pictures" in fields,
        start_s=span[0],
        end_s=span[1],
    )
    with degraded_copy(segment, NO_NOISE, scratch=tmp_path, sees=True) as copy:
        if segment.has_audio:
            assert copy.media != segment.media
            expected, found = heard(segment), heard(copy)
            assert (found.recorded != expected.recorded).sum() <= 1
            assert found.samples == pytest.approx(expected.samples, abs=2e-4)
        if segment.has_video:
            expected, found = seen(segment), seen(copy)
            assert [frame.time_s for frame in found] == pytest.approx([frame.time_s for frame in expected])
            assert all((a.image == b.image).all() for a, b in zip(found, expected, strict=True))
    assert [path.name for path in tmp_path.iterdir()] == ["recording.nut"]


def test_damaged_sound_leaves_no_picture_as_it_was(tmp_path, monkeypatch):
    segment = segment_of(recording(tmp_path, sound=sound(), pictures=PICTURES))

    def damaged(*_, **__):
        raise MediaError("the sample rate changes")

    monkeypatch.setattr("pipeline.degradation.copies.read_audio", damaged)
    with degraded_copy(segment, Condition("light", 0.1, 1), scratch=tmp_path, sees=True) as copy:
        assert all((a.image != b.image).any() for a, b in zip(seen(segment), seen(copy), strict=True))
    with degraded_copy(segment, NOISE, scratch=tmp_path, sees=True) as copy:
        assert copy == segment, "what cannot be heard is left to the extractor"


def test_a_machine_without_the_scratch_folder_makes_copies_elsewhere(tmp_path):
    segment = segment_of(recording(tmp_path, sound=sound()), has_video=False)
    with degraded_copy(segment, NOISE, scratch=tmp_path / "of another machine", sees=False) as copy:
        assert copy.media != segment.media
        assert Path(copy.media).is_file()
    assert not Path(copy.media).exists()


def test_the_ratio_in_a_segment_is_reached_after_extraction_reads_it(tmp_path):
    loud_before = sound()
    loud_before[:, : RATE_HZ // 2] *= 1.5
    segment = segment_of(recording(tmp_path, sound=loud_before), has_video=False, start_s=0.6, end_s=2.8)
    with degraded_copy(segment, NOISE, scratch=tmp_path, sees=False) as copy:
        clean, noisy = heard(segment).samples, heard(copy).samples
    noise = noisy - clean
    # Of ten octaves of noise, that above 8 kHz is gone.
    assert 10 * np.log10(np.dot(clean, clean) / np.dot(noise, noise)) == pytest.approx(0.5, abs=0.5)


@pytest.mark.parametrize(
    "condition", [NOISE, BLUR, Condition("light", 0.1, 1), Condition("vp9_crf", 40.0, 1)]
)
def test_a_copy_is_the_same_wherever_the_recording_lies(tmp_path, condition):
    found = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        path = recording(tmp_path / name, sound=sound(), pictures=PICTURES)
        segment = segment_of(path, id=name, start_s=0.3, end_s=1.3)
        with degraded_copy(segment, condition, scratch=tmp_path, sees=True) as copy:
            found.append(Path(copy.media).read_bytes())
    assert found[0] == found[1]


def test_noise_is_not_the_same_in_every_segment_and_for_every_seed(tmp_path):
    path = recording(tmp_path, sound=sound())
    first, later = segment_of(path, end_s=1.0), segment_of(path, start_s=1.0, end_s=2.0)
    other = segment_of(path, end_s=1.0, media_sha256="cd")
    draws = [NOISE.rng(segment).random() for segment in (first, later, other)]
    draws.append(Condition("noise_snr_db", 0.0, 2).rng(first).random())
    assert len(set(draws)) == 4
    assert Condition("noise_snr_db", 10.0, 1).rng(first).random() == draws[0]


@pytest.mark.parametrize(
    ("condition", "fields"),
    [
        (NOISE, {"pictures": PICTURES}),
        (BLUR, {"sound": sound()}),
        (NOISE, {"sound": sound(), "pictures": PICTURES, "sound_start_s": 5.0}),
    ],
    ids=["noise without sound", "blur without pictures", "noise before the sound starts"],
)
def test_what_a_condition_does_not_reach_is_left_as_it_is(tmp_path, condition, fields):
    segment = segment_of(
        recording(tmp_path, **fields), has_audio="sound" in fields, has_video="pictures" in fields
    )
    with degraded_copy(segment, condition, scratch=tmp_path, sees=True) as copy:
        assert copy == segment


@pytest.mark.parametrize("content", [b"", b"no recording at all"])
def test_a_damaged_recording_is_left_to_the_extractor(tmp_path, content):
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    with degraded_copy(segment_of(path), NOISE, scratch=tmp_path, sees=True) as copy:
        assert copy.media == str(path)


@pytest.mark.parametrize("condition", [NOISE, BLUR])
def test_a_segment_without_a_recording_stays_as_it_is(tmp_path, condition):
    segment = make_segment(media=None, media_sha256=None, has_audio=False, has_video=False)
    with degraded_copy(segment, condition, scratch=tmp_path, sees=True) as copy:
        assert copy is segment

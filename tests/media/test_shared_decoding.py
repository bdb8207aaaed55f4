"""A recording with many segments is decoded once, and nobody can tell it from the pictures."""

import shutil

import numpy as np
import pytest

from pipeline.media import shared_decoding
from pipeline.media.video import read_frames
from tests.media.recordings import write_recording

pytestmark = pytest.mark.slow

TIMES_S = np.arange(300) / 25
SPANS_S = [
    (0.3, 1.7),
    (1.7, 2.52),
    (2.9, 4.4),
    (4.0, 4.9),
    (8.1, 9.3),
    (9.31, 9.33),
    (11.0, 14.0),
    (5.0, 5.6),
]


def moving_pictures():
    """Smooth noise that wanders, so that each picture rests on the ones before it."""
    scene = np.kron(
        np.random.default_rng(1).integers(0, 255, (24, 50, 3), np.uint8), np.ones((8, 8, 1), np.uint8)
    )
    return [(time_s, scene[30 : 30 + 96, k : k + 80]) for k, time_s in enumerate(TIMES_S)]


RECORDINGS = {
    "b_frames.mp4": ("mpeg4", {"g": "40", "bf": "2"}),
    "one_keyframe.mp4": ("libx264", {"preset": "ultrafast", "g": "100000"}),
    "open_groups.ts": ("libx264", {"preset": "fast", "x264-params": "keyint=40:open-gop=1:bframes=3"}),
    "renewed_in_strips.mp4": ("libx264", {"preset": "fast", "x264-params": "keyint=40:intra-refresh=1:bframes=0"}),
    "no_index.webm": ("libvpx", {"g": "40", "deadline": "realtime", "cpu-used": "8"}),
}  # fmt: skip


@pytest.fixture(scope="module", params=RECORDINGS)
def recording(request, tmp_path_factory):
    codec, options = RECORDINGS[request.param]
    path = tmp_path_factory.mktemp("shared") / request.param
    return write_recording(path, pictures=moving_pictures(), video_codec=codec, video_options=options)


@pytest.fixture
def passes(monkeypatch):
    """Where each pass that is begun starts, in a process that has read nothing yet."""
    begun = []

    def decode(path, kind, *, start_s):
        begun.append(start_s)
        return original(path, kind, start_s=start_s)

    original = shared_decoding.decode
    monkeypatch.setattr(shared_decoding, "decode", decode)
    shared_decoding.forget()
    return begun


def read(path, span_s, *, alone):
    if alone:
        shared_decoding.forget()
    start_s, end_s = span_s
    frames = read_frames(path, start_s=start_s, end_s=end_s, frame_rate_hz=10.0)
    return [(frame.time_s, frame.image.tobytes()) for frame in frames]


def test_spans_in_order_hold_what_each_holds_alone(recording, passes):
    alone = [read(recording, span_s, alone=True) for span_s in SPANS_S]
    shared_decoding.forget()

    together = [read(recording, span_s, alone=False) for span_s in SPANS_S]

    assert together == alone
    assert all(alone[:-1])


def damaged(path, folder, *, share):
    content = bytearray(path.read_bytes())
    at = int(share * len(content))
    content[at : at + 200] = bytes(200)
    copy = folder / path.name
    copy.write_bytes(content)
    return copy


@pytest.mark.parametrize("share", [0.25, 0.5, 0.7])
def test_damage_costs_speed_and_changes_nothing(recording, passes, tmp_path, share):
    path = damaged(recording, tmp_path, share=share)
    alone = [read(path, span_s, alone=True) for span_s in SPANS_S]
    shared_decoding.forget()

    assert [read(path, span_s, alone=False) for span_s in SPANS_S] == alone


@pytest.mark.parametrize("recording", ["one_keyframe.mp4", "no_index.webm"], indirect=True)
def test_spans_that_follow_each_other_take_one_pass(recording, passes):
    for span_s in [(0.3, 1.7), (1.7, 2.52), (2.9, 4.4), (4.4, 4.9), (8.1, 9.3)]:
        read(recording, span_s, alone=False)

    assert passes == [0.3]


def test_a_keyframe_ahead_is_jumped_to(recording, passes):
    if recording.suffix != ".mp4" or recording.stem == "one_keyframe":
        pytest.skip("the container has no index of keyframes")
    read(recording, (0.0, 0.5), alone=False)
    read(recording, (9.0, 9.5), alone=False)

    assert passes == [0.0, 9.0]


@pytest.mark.parametrize("recording", ["one_keyframe.mp4"], indirect=True)
def test_overlapping_spans_begin_anew(recording, passes):
    assert read(recording, (2.0, 3.0), alone=False)[5][1] == read(recording, (2.5, 3.0), alone=False)[0][1]
    assert passes == [2.0, 2.5]


@pytest.mark.parametrize("recording", ["one_keyframe.mp4"], indirect=True)
def test_a_reader_that_stops_early_leaves_the_rest_to_the_next(recording, passes):
    frames = read_frames(recording, start_s=1.0, end_s=5.0, frame_rate_hz=10.0)
    next(frames)
    frames.close()

    times_s = [time_s for time_s, _ in read(recording, (2.0, 2.5), alone=False)]

    np.testing.assert_allclose(times_s, np.arange(5) / 10, atol=0.04)
    assert passes == [1.0]


@pytest.mark.parametrize("recording", ["one_keyframe.mp4"], indirect=True)
def test_a_file_that_was_replaced_is_read_anew(recording, passes, tmp_path):
    path = tmp_path / "recording.mp4"
    shutil.copy(recording, path)
    read(path, (1.0, 2.0), alone=False)
    write_recording(path, pictures=[(time_s, np.zeros((48, 64, 3), np.uint8)) for time_s in TIMES_S])

    (_, image), *_ = read(path, (3.0, 3.5), alone=False)

    assert len(image) == 48 * 64 * 3
    assert passes == [1.0, 3.0]

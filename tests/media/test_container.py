from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.media.container import MediaError, open_media, time_zero
from pipeline.media.linear_pass import decode
from tests.media.recordings import numbered_pictures, write_recording

TIMES_S = np.arange(120) / 20


@pytest.fixture(scope="module")
def ordered_backwards(tmp_path_factory):
    """Six seconds with a keyframe every second and pictures stored out of order in between."""
    path = tmp_path_factory.mktemp("container") / "bframes.mp4"
    return write_recording(
        path,
        pictures=numbered_pictures(TIMES_S),
        video_codec="libx264",
        video_options={"bf": "2", "g": "20", "sc_threshold": "0", "preset": "veryfast"},
    )


def test_frames_come_in_the_order_and_at_the_times_of_display(ordered_backwards):
    times_s = [decoded.time_s for decoded in decode(ordered_backwards, "video", start_s=0.0)]

    np.testing.assert_allclose(times_s, TIMES_S, atol=1e-6)


@pytest.mark.parametrize("start_s", [1.5, 3.0, 4.999, 5.9])
def test_a_later_start_gives_the_same_frames_without_decoding_from_the_beginning(ordered_backwards, start_s):
    whole = {
        d.time_s: d.frame.to_ndarray(format="gray") for d in decode(ordered_backwards, "video", start_s=0.0)
    }

    late = {
        d.time_s: d.frame.to_ndarray(format="gray")
        for d in decode(ordered_backwards, "video", start_s=start_s)
    }

    assert max(0.0, start_s - 2.1) <= min(late) <= start_s
    assert {time_s for time_s in whole if time_s >= start_s} <= set(late)
    assert all(np.array_equal(late[time_s], whole[time_s]) for time_s in late)


def test_a_damaged_packet_leaves_a_gap_up_to_the_next_keyframe(ordered_backwards, tmp_path):
    damaged = tmp_path / "damaged.mkv"
    with av.open(str(ordered_backwards)) as source, av.open(str(damaged), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(source.streams.video[0])):
            if packet.dts is None:
                continue
            if number == 30:  # in the second group of pictures, which spans 1 to 2 s
                broken = av.Packet(b"\xff" * packet.size)
                broken.pts, broken.dts, broken.time_base = packet.pts, packet.dts, packet.time_base
                packet = broken
            packet.stream = stream
            target.mux(packet)

    times_s = np.array([decoded.time_s for decoded in decode(damaged, "video", start_s=0.0)])

    before, after = times_s[times_s < 1.2], times_s[times_s > 1.65]
    np.testing.assert_allclose(before, TIMES_S[TIMES_S < 1.2], atol=2e-3)
    np.testing.assert_allclose(after, TIMES_S[TIMES_S >= 2.0], atol=2e-3)


def test_the_clock_starts_with_the_stream_that_starts_first(tmp_path):
    late = write_recording(
        tmp_path / "late.mkv",
        pictures=[(time_s + 0.7, image) for time_s, image in numbered_pictures(TIMES_S[:20])],
        sound=np.zeros((1, 16000)),
        sound_start_s=0.3,
    )

    with open_media(late) as container:
        assert float(time_zero(container)) == pytest.approx(0.3, abs=1e-3)
    assert next(decode(late, "video", start_s=0.0)).time_s == pytest.approx(0.4, abs=2e-3)


def test_a_missing_stream_is_named(ordered_backwards):
    with pytest.raises(MediaError, match=r"bframes\.mp4: has no audio stream"):
        next(decode(ordered_backwards, "audio", start_s=0.0))


@pytest.mark.parametrize("name", ["nothing.mp4", "a folder"])
def test_what_is_no_file_is_refused_with_its_name(tmp_path, name):
    (tmp_path / "a folder").mkdir()

    with pytest.raises(MediaError, match=name), open_media(tmp_path / name):
        pass


@pytest.mark.parametrize("name", ["-dash.mp4", "10:30 talk.mp4", "http:clip.mp4", "100%d.mp4"])
def test_no_file_name_is_taken_for_something_else(ordered_backwards, tmp_path, monkeypatch, name):
    (tmp_path / name).write_bytes(ordered_backwards.read_bytes())
    monkeypatch.chdir(tmp_path)

    with open_media(Path(name)) as container:
        assert len(container.streams) == 1

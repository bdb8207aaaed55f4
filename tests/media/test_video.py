import av
import numpy as np
import pytest

from pipeline.media import shared_decoding
from pipeline.media.container import MediaError
from pipeline.media.video import PictureCount, read_frames
from tests.media.recordings import numbered_pictures, shared_data, tone, write_recording

pytestmark = pytest.mark.slow

STEADY_S = np.arange(100) / 25
# Milliseconds between two pictures of a camera that drops some and is late with others.
UNSTEADY_S = np.cumsum(np.random.default_rng(3).choice([17, 33, 40, 41, 80, 160], 90)) / 1000


def read(path, *, start_s=0.0, end_s=100.0, frame_rate_hz=1000.0):
    return list(read_frames(path, start_s=start_s, end_s=end_s, frame_rate_hz=frame_rate_hz))


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "steady.mp4"
    return write_recording(path, pictures=numbered_pictures(STEADY_S))


@pytest.fixture(scope="module")
def unsteady(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "unsteady.mp4"
    return write_recording(path, pictures=numbered_pictures(UNSTEADY_S))


def test_times_are_those_in_the_container_at_a_variable_frame_rate(unsteady):
    times_s = [frame.time_s for frame in read(unsteady)]

    np.testing.assert_allclose(times_s, UNSTEADY_S - UNSTEADY_S[0], atol=1e-6)


def test_pictures_belong_to_their_times(unsteady):
    levels = [frame.image.mean() for frame in read(unsteady)]

    np.testing.assert_allclose(levels, [image.mean() for _, image in numbered_pictures(UNSTEADY_S)], atol=6)


@pytest.mark.parametrize("frame_rate_hz", [3.0, 10.0, 12.5, 25.0, 60.0])
@pytest.mark.parametrize("name", ["steady", "unsteady"])
def test_the_first_picture_at_or_after_each_tick_is_taken_once(request, name, frame_rate_hz):
    path = request.getfixturevalue(name)
    every_s = [frame.time_s for frame in read(path)]
    ticks_s = np.arange(0, every_s[-1] + 1, 1 / frame_rate_hz)
    expected = {min((t for t in every_s if t >= tick - 1e-6), default=None) for tick in ticks_s} - {None}

    taken = [frame.time_s for frame in read(path, frame_rate_hz=frame_rate_hz)]

    assert taken == sorted(expected)


@pytest.mark.parametrize(("start_s", "end_s"), [(0.0, 0.5), (0.72, 1.6), (2.44, 3.0), (3.9, 9.0)])
def test_a_span_holds_the_same_pictures_as_the_whole_at_times_from_its_start(steady, start_s, end_s):
    whole = [
        frame for frame in read(steady) if start_s <= frame.time_s + 1e-6 and frame.time_s < end_s - 1e-6
    ]

    span = read(steady, start_s=start_s, end_s=end_s)

    np.testing.assert_allclose([f.time_s for f in span], [f.time_s - start_s for f in whole], atol=1e-6)
    assert all(np.array_equal(a.image, b.image) for a, b in zip(span, whole, strict=True))


def test_a_span_behind_the_end_is_empty(steady):
    assert read(steady, start_s=50.0, end_s=51.0) == []


@pytest.mark.parametrize(
    ("rotation_deg", "corner"), [(0, (0, 0)), (90, (-1, 0)), (180, (-1, -1)), (-90, (0, -1))]
)
def test_a_picture_is_turned_as_the_container_says(tmp_path, rotation_deg, corner):
    image = np.zeros((48, 64, 3), np.uint8)
    image[:16, :16] = 255  # a white top left corner as stored
    path = write_recording(
        tmp_path / "turned.mp4", pictures=[(0.0, image), (0.04, image)], rotation_deg=rotation_deg
    )

    (frame, _) = read(path)

    assert frame.image.shape == ((48, 64, 3) if rotation_deg % 180 == 0 else (64, 48, 3))
    bright = {(y, x) for y in (0, -1) for x in (0, -1) if frame.image[y, x].mean() > 128}
    assert bright == {corner}


def test_a_phone_held_upright_gives_portraits():
    turned = read(shared_data("zoo") / "rotated_90.mov")[0].image
    flat = read(shared_data("zoo") / "rotated_0.mov")[0].image

    assert (turned.shape, flat.shape) == ((568, 320, 3), (320, 568, 3))


def test_colours_survive(tmp_path):
    image = np.zeros((48, 64, 3), np.uint8)
    image[..., 0] = 200  # red
    (frame,) = read(write_recording(tmp_path / "red.mp4", pictures=[(0.0, image)]))

    np.testing.assert_allclose(frame.image.mean(axis=(0, 1)), [200, 0, 0], atol=8)


def test_what_decodes_of_a_corrupt_file_is_used_and_no_more():
    times_s = [frame.time_s for frame in read(shared_data("zoo") / "corrupt_after_28_frames.mp4")]

    np.testing.assert_allclose(times_s, np.arange(28) / 10, atol=1e-6)


def test_unordered_timestamps_come_out_increasing():
    times_s = [frame.time_s for frame in read(shared_data("zoo") / "unordered_timestamps.mov")]

    np.testing.assert_allclose(times_s, [0.0, 0.03125, 0.0625, 0.09375])


def test_sound_has_no_pictures():
    with pytest.raises(MediaError, match=r"jfk\.flac: has no video stream"):
        read(shared_data("clips") / "jfk.flac")


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("flipped", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("rotation_deg", [0, 90, 180, -90])
def test_mirrors_are_undone_like_turns(tmp_path, rotation_deg, flipped, container):
    image = np.zeros((48, 64, 3), np.uint8)
    image[:16, :16], image[:16, -16:] = (255, 255, 255), (255, 0, 0)  # no two orientations look alike
    path = write_recording(
        tmp_path / f"held.{container}",
        pictures=[(0.0, image), (0.04, image)],
        rotation_deg=rotation_deg,
        flipped=flipped,
    )
    expected = np.rot90(image, rotation_deg // 90)
    expected = expected[:, ::-1] if flipped[0] else expected
    expected = expected[::-1] if flipped[1] else expected

    (frame, _) = read(path)

    assert frame.image.shape == expected.shape
    assert np.abs(frame.image.astype(int) - expected).mean() < 8
    assert frame.image.flags.c_contiguous


@pytest.mark.parametrize(("rotation_deg", "nearest_deg"), [(3, 0), (80, 90), (-100, -90), (170, 180)])
def test_a_slanted_picture_is_turned_to_the_nearest_right_angle(tmp_path, rotation_deg, nearest_deg):
    image = numbered_pictures([0.0])[0][1].copy()
    image[:16, :16] = 255
    slanted, straight = (
        write_recording(tmp_path / f"{turn}.mp4", pictures=[(0.0, image)], rotation_deg=turn)
        for turn in (rotation_deg, nearest_deg)
    )

    np.testing.assert_array_equal(read(slanted)[0].image, read(straight)[0].image)


def levels(frames):
    return [float(frame.image.mean()) for frame in frames]


@pytest.mark.parametrize("container", ["mp4", "mkv", "mov"])
@pytest.mark.parametrize(("start_s", "shown"), [(3.0, 1), (2.0, 1), (1.0, 0), (4.5, 2)])
def test_the_last_shown_picture_holds_where_pictures_are_rare(tmp_path, container, start_s, shown):
    pictures = numbered_pictures([0.0, 2.0, 4.0])
    path = write_recording(tmp_path / f"slides.{container}", pictures=pictures, sound=tone(200, 6.0))

    frames = read(path, start_s=start_s, end_s=start_s + 1, frame_rate_hz=10.0)

    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(10) / 10, atol=1e-6)
    np.testing.assert_allclose(levels(frames), pictures[shown][1].mean(), atol=6)


@pytest.mark.parametrize("container", ["mp4", "mkv", "mov"])
@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_one_picture_stands_for_the_whole_sound(tmp_path, container, codec):
    pictures = numbered_pictures([0.0])
    path = write_recording(
        tmp_path / f"still.{container}", pictures=pictures, sound=tone(200, 6.0), video_codec=codec
    )

    frames = read(path, end_s=6.0, frame_rate_hz=10.0)

    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(60) / 10, atol=1e-6)
    assert all(frame.image is frames[0].image for frame in frames)


def test_a_screen_on_which_nothing_happens_any_more_is_still_shown(tmp_path):
    times_s = [*np.arange(50) / 25, 5.03]
    path = write_recording(tmp_path / "screen.mkv", pictures=numbered_pictures(times_s), sound=tone(200, 8.0))

    frames = read(path, end_s=8.0, frame_rate_hz=10.0)

    found_s = np.array([frame.time_s for frame in frames])
    # The pictures of the first two seconds, the last of them until 5 s, the one of 5.03 s, and that one until the end.
    np.testing.assert_allclose(found_s, [*np.arange(50) / 10, 5.03, *np.arange(51, 80) / 10], atol=0.021)
    np.testing.assert_allclose(np.diff(levels(frames)[20:50]), 0, atol=1)


@pytest.mark.parametrize("frame_rate_hz", [1.0, 10.0, 25.0, 60.0])
def test_a_held_picture_comes_no_more_often_than_every_tenth_of_a_second(tmp_path, frame_rate_hz):
    path = write_recording(tmp_path / "slides.mkv", pictures=numbered_pictures([0.0, 3.0]))

    found_s = [frame.time_s for frame in read(path, end_s=3.0, frame_rate_hz=frame_rate_hz)]

    assert len(found_s) > 2
    assert np.diff(found_s).min() >= max(0.1, 1 / frame_rate_hz) - 1e-6
    assert np.diff(found_s).max() <= max(0.13, 1 / frame_rate_hz) + 1e-6


@pytest.mark.parametrize("frame_rate_hz", [5.0, 10.0, 30.0])
def test_a_slow_camera_has_its_own_pictures_alone(tmp_path, frame_rate_hz):
    times_s = np.arange(24) / 8
    path = write_recording(tmp_path / "slow.mkv", pictures=numbered_pictures(times_s), sound=tone(200, 3.6))

    found_s = [frame.time_s for frame in read(path, end_s=3.6, frame_rate_hz=frame_rate_hz)]

    assert set(np.round(found_s, 3)) <= set(np.round(times_s, 3))


def test_spans_of_slides_read_in_turn_hold_what_each_holds_alone(tmp_path):
    path = write_recording(
        tmp_path / "slides.mp4", pictures=numbered_pictures([0.0, 2.0, 4.0, 4.2]), sound=tone(200, 7.0)
    )
    spans = [(0.5, 1.5), (1.5, 1.6), (1.7, 3.1), (3.1, 4.1), (4.1, 5.0), (6.0, 7.0)]
    alone = []
    for start_s, end_s in spans:
        shared_decoding.forget()
        frames = read(path, start_s=start_s, end_s=end_s, frame_rate_hz=10.0)
        alone.append([(frame.time_s, frame.image.tobytes()) for frame in frames])
    shared_decoding.forget()

    together = [
        [(frame.time_s, frame.image.tobytes()) for frame in frames]
        for frames in (read(path, start_s=a, end_s=b, frame_rate_hz=10.0) for a, b in spans)
    ]

    assert together == alone
    assert all(alone)


def broken_between(path, folder, *, first, last):
    """The recording with the bytes of the packets of pictures `first` to `last` replaced by noise."""
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        for packet in packets[first : last + 1]:
            content[packet.pos : packet.pos + packet.size] = np.random.default_rng(1).bytes(packet.size)
    copy = folder / f"broken_{path.name}"
    copy.write_bytes(content)
    return copy


def moving(n_pictures):
    scene = np.random.default_rng(1).integers(0, 255, (12, 60, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    return [(k / 25, scene[:96, k : k + 128]) for k in range(n_pictures)]


def test_pictures_that_cannot_be_decoded_are_counted_and_none_holds_in_their_place(tmp_path):
    whole = write_recording(
        tmp_path / "talk.mp4",
        pictures=moving(100),
        video_codec="libx264",
        video_options={"g": "100", "bf": "0", "preset": "ultrafast"},
    )
    path = broken_between(whole, tmp_path, first=40, last=99)
    count = PictureCount()

    frames = list(read_frames(path, start_s=0.0, end_s=4.0, frame_rate_hz=10.0, count=count))

    assert count.decoded + count.lost == 100
    assert count.lost > 30
    assert max(frame.time_s for frame in frames) * 25 < count.decoded


def test_of_a_file_that_was_cut_off_the_index_tells_what_is_missing(tmp_path):
    path = write_recording(
        tmp_path / "talk.mov",
        pictures=moving(100),
        video_codec="libx264",
        video_options={"g": "25", "bf": "0", "preset": "ultrafast"},
    )
    content = path.read_bytes()
    index = content.index(b"moov") - 4
    # The index comes first in files that are made for streaming; only then can one that was cut off be opened.
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        at = packets[60].pos
    path.write_bytes(content[:at] + bytes(index - at) + content[index:])
    count = PictureCount()

    list(read_frames(path, start_s=0.0, end_s=4.0, frame_rate_hz=10.0, count=count))

    assert (count.decoded, count.lost) == (60, 40)


def test_a_whole_file_has_lost_nothing(steady):
    count = PictureCount()

    list(read_frames(steady, start_s=0.0, end_s=4.0, frame_rate_hz=10.0, count=count))

    assert (count.decoded, count.lost) == (100, 0)


def test_pictures_of_changing_sizes_are_converted_as_each_frame_converts_itself(tmp_path):
    """One converter serves all recordings of a process."""
    rng = np.random.default_rng(4)
    paths = [
        write_recording(
            tmp_path / f"{width}.mp4",
            pictures=[(i / 10, rng.integers(0, 255, (height, width, 3)).astype(np.uint8)) for i in range(4)],
        )
        for width, height in ((64, 48), (98, 46), (64, 48), (320, 240))
    ]
    readers = [read_frames(path, start_s=0.0, end_s=1.0, frame_rate_hz=10.0) for path in paths]
    found = list(zip(*readers, strict=True))

    for number, path in enumerate(paths):
        with av.open(str(path)) as container:
            expected = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert len(expected) == len(found) == 4
        for pictures, wanted in zip(found, expected, strict=True):
            np.testing.assert_array_equal(pictures[number].image, wanted)

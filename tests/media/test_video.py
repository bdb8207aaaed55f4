import numpy as np
import pytest

from pipeline.media.container import MediaError
from pipeline.media.video import read_frames
from tests.media.recordings import numbered_pictures, shared_data, write_recording

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

import os
import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.extract.visual.mesh import MeshSettings, extract_visual, visual_columns
from pipeline.media.video import read_frames
from tests.media.recordings import shared_data, write_recording
from tests.segments import make_segment

pytestmark = pytest.mark.slow

SETTINGS = {"face": "largest", "landmarks": False, "frame_rate_hz": 10.0, "min_confidence": 0.5}
VISUAL_COLUMNS = visual_columns(landmarks=False)
DEMO = Path(__file__).parents[3] / "data" / "raw" / "demo" / "clips"


@pytest.fixture(scope="module")
def faces():
    """Two recordings of a talking face, of the demo corpus where it is there, else of the shared data."""
    demo = sorted(DEMO.glob("*.mp4"))
    return demo[:2] if len(demo) >= 2 else [shared_data("clips") / f"hdtf_{i}.mp4" for i in (1, 2)]


@pytest.fixture(scope="module")
def picture(faces):
    """One picture with a face."""
    return next(read_frames(faces[0], start_s=0.5, end_s=9.0, frame_rate_hz=5.0)).image


def segment(path, **fields):
    return make_segment(
        **{"id": Path(path).stem, "media": str(path), "has_audio": True, "has_video": True} | fields
    )


def extract(path, *, start_s=0.0, end_s=2.0, **settings):
    return extract_visual(segment(path, start_s=start_s, end_s=end_s), MeshSettings(**SETTINGS | settings))


def filmed(path, image, n_pictures=4):
    """A recording of one picture; cropped to even sides, which its codec wants."""
    even = np.ascontiguousarray(image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2])
    return write_recording(
        path, pictures=[(i / 10, even) for i in range(n_pictures)], video_options={"qmin": "2", "qmax": "3"}
    )


def column(sequence, name):
    return sequence.values[:, VISUAL_COLUMNS.index(name)]


def test_a_talking_face_is_found_in_every_picture(faces):
    sequence = extract(faces[0])

    assert sequence.values.shape == (20, len(VISUAL_COLUMNS))
    assert sequence.valid.all()


def test_rows_have_the_times_of_their_pictures(faces):
    times_s = [f.time_s for f in read_frames(faces[0], start_s=0.3, end_s=1.5, frame_rate_hz=10.0)]

    np.testing.assert_array_equal(extract(faces[0], start_s=0.3, end_s=1.5).times_s, times_s)


def test_values_are_those_of_a_face(faces):
    sequence = extract(faces[0])

    for name, low, high in (
        ("mouth_width", 0.5, 1.4),
        ("jaw_drop", 0.7, 1.7),
        ("mouth_corner_left", -0.6, 0.0),
        ("brow_raise_left", 0.2, 0.7),
        ("eye_open_right", 0.0, 0.35),
        ("yaw_deg", -30, 30),
        ("pitch_deg", -30, 30),
        ("roll_deg", -30, 30),
        ("face_size", 0.1, 1.0),
    ):
        assert ((low <= column(sequence, name)) & (column(sequence, name) <= high)).all(), name
    assert column(sequence, "mouth_open").std() > 0.01  # it talks


def test_black_pictures_have_rows_and_none_is_valid(tmp_path):
    sequence = extract(filmed(tmp_path / "black.mp4", np.zeros((120, 160, 3), np.uint8)))

    assert (len(sequence.values), sequence.valid.any(), sequence.values.any()) == (4, False, False)
    assert sequence.failure is None


@pytest.mark.parametrize("name", ["no_face.mp4", "speech_no_face.mp4", "one_pixel.mp4"])
def test_where_there_is_no_face_none_is_found(name):
    sequence = extract(shared_data("zoo") / name, end_s=3.0)

    assert len(sequence.values) > 0
    assert not sequence.valid.any()


def test_a_face_that_leaves_is_valid_until_it_does():
    sequence = extract(shared_data("zoo") / "face_leaves_audio_shorter.mov", end_s=6.0)

    assert sequence.valid[sequence.times_s < 2.3].all()
    assert not sequence.valid[sequence.times_s > 2.6].any()


def test_a_mirrored_face_turns_the_other_way(tmp_path, picture):
    straight = extract(filmed(tmp_path / "a.mp4", picture)).values.mean(axis=0)
    mirrored = extract(filmed(tmp_path / "b.mp4", picture[:, ::-1])).values.mean(axis=0)

    value = {name: (straight[i], mirrored[i]) for i, name in enumerate(VISUAL_COLUMNS)}
    assert value["face_x"][0] == pytest.approx(1 - value["face_x"][1], abs=0.02)
    for name in ("yaw_deg", "roll_deg"):
        assert value[name][0] == pytest.approx(-value[name][1], abs=4), name
    for name in ("mouth_width", "mouth_open", "jaw_drop", "face_y", "face_size"):
        assert value[name][0] == pytest.approx(value[name][1], abs=0.06), name


@pytest.mark.parametrize("tilt_deg", [-20, 20])
def test_a_tilted_picture_tilts_the_head_and_leaves_its_expression(tmp_path, picture, tilt_deg):
    height, width, _ = picture.shape
    # OpenCV turns to the left for positive angles; to the left of the picture is the person's right shoulder.
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -tilt_deg, 1)
    straight = extract(filmed(tmp_path / "a.mp4", picture)).values.mean(axis=0)
    tilted = extract(filmed(tmp_path / "b.mp4", cv2.warpAffine(picture, turn, (width, height)))).values.mean(
        axis=0
    )

    change = dict(zip(VISUAL_COLUMNS, tilted - straight, strict=True))
    assert change["roll_deg"] == pytest.approx(tilt_deg, abs=4)
    for name in ("mouth_open", "mouth_width", "jaw_drop", "brow_raise_left", "eye_open_left"):
        assert change[name] == pytest.approx(0, abs=0.08), name


def test_a_small_face_is_found_by_the_second_look(tmp_path, picture):
    height, width, _ = picture.shape
    face = extract(filmed(tmp_path / "large.mp4", picture)).values.mean(axis=0)
    share = float(face[VISUAL_COLUMNS.index("face_size")])
    small = cv2.resize(picture, None, fx=0.075 / share, fy=0.075 / share, interpolation=cv2.INTER_AREA)
    scene = np.full((height, width, 3), picture.mean(axis=(0, 1)), np.uint8)
    scene[height // 3 : height // 3 + len(small), width // 3 : width // 3 + small.shape[1]] = small

    sequence = extract(filmed(tmp_path / "small.mp4", scene))

    assert sequence.valid.all()
    assert column(sequence, "face_size") == pytest.approx(0.075, rel=0.3)
    assert column(sequence, "mouth_width") == pytest.approx(
        face[VISUAL_COLUMNS.index("mouth_width")], abs=0.15
    )


def test_of_two_faces_the_larger_is_taken_even_if_it_comes_later(tmp_path, picture):
    width = picture.shape[1]
    small = cv2.resize(picture, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    beside = np.zeros_like(picture)[:, : small.shape[1]]
    beside[: len(small)] = small
    alone, both = (np.hstack([left, beside]) for left in (np.zeros_like(picture), picture))
    path = write_recording(
        tmp_path / "two.mp4", pictures=[(i / 10, alone if i < 4 else both) for i in range(8)]
    )

    x = column(extract(path), "face_x") * both.shape[1]

    face_x = column(extract(filmed(tmp_path / "one.mp4", picture)), "face_x").mean() * width
    np.testing.assert_allclose(x[:4], width + 0.6 * face_x, atol=0.03 * width)
    np.testing.assert_allclose(x[5:], face_x, atol=0.03 * width)


def test_what_surrounds_a_face_does_not_change_its_shape(tmp_path, picture):
    wide = np.pad(picture, ((0, 0), (picture.shape[1] // 2, picture.shape[1] // 2), (0, 0)))

    near = extract(filmed(tmp_path / "near.mp4", picture)).values.mean(axis=0)
    far = extract(filmed(tmp_path / "far.mp4", wide)).values.mean(axis=0)

    change = dict(zip(VISUAL_COLUMNS, far - near, strict=True))
    assert change["lip_protrusion"] == pytest.approx(0, abs=0.03)
    assert change["pitch_deg"] == pytest.approx(0, abs=3)
    assert change["mouth_width"] == pytest.approx(0, abs=0.06)


def test_a_segment_without_video_says_so():
    for fields in ({"media": None}, {"has_video": False}):
        sequence = extract_visual(segment("a.mp4", **fields), MeshSettings(**SETTINGS))

        assert sequence.values.shape == (0, len(VISUAL_COLUMNS))
        assert sequence.failure == "segment a: there is no video"


def test_a_file_that_cannot_be_decoded_is_reported_and_not_raised(tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"\x01" * 5000)

    sequence = extract(tmp_path / "broken.mp4")

    assert sequence.values.shape == (0, len(VISUAL_COLUMNS))
    assert f"{tmp_path}/broken.mp4: " in sequence.failure


def test_a_segment_behind_the_last_picture_is_reported(tmp_path):
    path = filmed(tmp_path / "short.mp4", np.zeros((48, 64, 3), np.uint8))

    assert "short.mp4: there is no picture from 5 to 6 s" in extract(path, start_s=5.0, end_s=6.0).failure


def test_the_order_of_segments_changes_no_byte(faces):
    one, other = faces

    assert [extract(p).to_bytes() for p in (one, other)] == [extract(p).to_bytes() for p in (other, one)][
        ::-1
    ]


def test_a_fresh_process_gives_the_same_bytes_and_says_nothing(faces):
    work = pickle.dumps((partial(extract_visual, settings=MeshSettings(**SETTINGS)), segment(faces[0])))
    script = (
        "import pickle, sys; f, s = pickle.load(sys.stdin.buffer); sys.stdout.buffer.write(f(s).to_bytes())"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        input=work,
        capture_output=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "7"},
    )

    assert done.stdout == extract(faces[0]).to_bytes()
    assert done.stderr == b""

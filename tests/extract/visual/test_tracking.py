import cv2
import numpy as np
import pytest

from pipeline.extract.visual.tracking import ConfirmedFaces, LargestFace, agree, is_possible, jump, side
from pipeline.media.video import read_frames
from tests.extract.visual.test_landmarks import head_points, in_picture, turn
from tests.extract.visual.test_mesh import DEMO, column, extract
from tests.media.recordings import shared_data, tone, write_recording


def face(*, x=640.0, scale=20.0, yaw_deg=0.0, pitch_deg=0.0, roll_deg=0.0):
    return in_picture(head_points(), rotation=turn(yaw_deg, pitch_deg, roll_deg), pixels_per_cm=scale, x=x)


@pytest.fixture(scope="module")
def picture():
    """One picture with a face."""
    demo = sorted(DEMO.glob("*.mp4"))
    path = demo[0] if demo else shared_data("clips") / "hdtf_1.mp4"
    return next(read_frames(path, start_s=0.5, end_s=9.0, frame_rate_hz=5.0)).image


@pytest.mark.parametrize("roll_deg", [-85, -40, 0, 60, 85])
def test_a_tilted_head_is_possible(roll_deg):
    assert is_possible(face(roll_deg=roll_deg))


@pytest.mark.parametrize(
    "pose", [{"roll_deg": 95}, {"roll_deg": -120}, {"roll_deg": 180}, {"yaw_deg": 100}, {"yaw_deg": 180}]
)
def test_a_head_upside_down_or_turned_away_is_not(pose):
    assert not is_possible(face(**pose))


def test_a_mesh_without_extent_is_not_possible():
    assert not is_possible(face(scale=0.01))


def test_a_fresh_look_agrees_in_place_size_and_turn():
    points = face()

    assert agree(points, face(x=650.0, scale=21.0, roll_deg=10))
    assert not agree(points, face(x=640 + 0.5 * side(points)))
    assert not agree(points, face(scale=34.0))
    assert not agree(points, face(roll_deg=45))
    assert not agree(points, face(yaw_deg=50))


class Looks:
    """What a fresh look finds, and how often it was taken."""

    def __init__(self, *, sees=lambda points: True):
        self.count, self._sees = 0, sees

    def __call__(self, points):
        self.count += 1
        return points if self._sees(points) else None


def test_what_a_fresh_look_does_not_find_is_left_out_from_the_first_picture_on():
    looks = Looks(sees=lambda points: points[:, 0].mean() < 800)
    confirmed = ConfirmedFaces(looks)

    for _ in range(30):
        kept = confirmed.among([face(x=400.0), face(x=1000.0, scale=30.0)])
        assert [points[:, 0].mean() < 800 for points in kept] == [True]


def test_a_face_at_rest_is_looked_at_now_and_then():
    looks = Looks()
    confirmed = ConfirmedFaces(looks)

    assert all(len(confirmed.among([face(roll_deg=0.5 * (i % 2))])) == 1 for i in range(200))
    assert 5 <= looks.count <= 20


def test_a_mesh_that_turns_onto_the_back_of_a_head_is_left_within_a_few_pictures():
    def sees(points):
        return jump(face(), points) is not None and agree(face(), points)

    confirmed = ConfirmedFaces(Looks(sees=sees))

    kept = [len(confirmed.among([face(roll_deg=3.0 * i)])) for i in range(30)]

    assert all(kept[:10])
    assert not any(kept[16:])


def test_a_face_that_comes_back_counts_again():
    hidden = iter([False] * 25 + [True] * 10 + [False] * 100)
    confirmed = ConfirmedFaces(Looks(sees=lambda _: not next(hidden)))

    kept = [len(confirmed.among([face(roll_deg=50)])) for _ in range(60)]  # tilted: looked at in each picture

    assert kept == [1] * 25 + [0] * 10 + [1] * 25


def test_of_two_faces_of_one_size_one_is_followed():
    largest = LargestFace()

    chosen = [
        largest.among([face(x=300.0, scale=20 + (i % 2)), face(x=900.0, scale=21 - (i % 2))])
        for i in range(20)
    ]

    assert len({points[:, 0].mean() < 600 for points in chosen}) == 1
    assert largest.n_changes == 0


def test_a_face_that_becomes_clearly_larger_takes_over_and_it_is_counted():
    largest = LargestFace()

    chosen = [largest.among([face(x=300.0), face(x=900.0, scale=15.0 + i)]) for i in range(20)]

    assert [points[:, 0].mean() > 600 for points in chosen] == [15 + i > 24 for i in range(20)]
    assert largest.n_changes == 1


def test_pictures_without_a_face_change_nothing():
    largest = LargestFace()

    assert [largest.among(found) is None for found in ([face()], [], [face(x=650.0)])] == [False, True, False]
    assert largest.n_changes == 0


def beside(picture, left, right):
    """Two pictures side by side, each scaled about its middle."""

    def scaled(image, scale):
        height, width, _ = image.shape
        about = cv2.getRotationMatrix2D((width / 2, height / 2), 0, scale)
        return cv2.warpAffine(image, about, (width, height), borderMode=cv2.BORDER_REPLICATE)

    return np.ascontiguousarray(np.hstack([scaled(picture, left), scaled(picture, right)]))


def test_two_real_faces_of_one_size_do_not_alternate(tmp_path, picture):
    small = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    small = small[: len(small) // 2 * 2, : small.shape[1] // 2 * 2]
    pictures = [(i / 10, beside(small, 1 + 0.04 * (i % 2), 1.04 - 0.04 * (i % 2))) for i in range(20)]

    sequence = extract(write_recording(tmp_path / "two.mp4", pictures=pictures))

    assert sequence.valid.sum() >= 19
    assert np.ptp(column(sequence, "face_x")[sequence.valid]) < 0.1
    assert not any("largest face" in note for note in sequence.notes)


def test_a_change_of_the_largest_face_is_said(tmp_path, picture):
    small = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    small = small[: len(small) // 2 * 2, : small.shape[1] // 2 * 2]
    pictures = [(i / 10, beside(small, *((1.0, 0.6) if i < 8 else (0.6, 1.0)))) for i in range(16)]

    sequence = extract(write_recording(tmp_path / "two.mp4", pictures=pictures))

    assert any("the largest face became another one once" in note for note in sequence.notes)


def test_a_still_with_sound_has_a_face_for_every_word(tmp_path, picture):
    even = np.ascontiguousarray(picture[: len(picture) // 2 * 2, : picture.shape[1] // 2 * 2])
    path = write_recording(tmp_path / "still.mp4", pictures=[(0.0, even)], sound=tone(200, 6.0))

    sequence = extract(path, start_s=3.0, end_s=5.0)

    assert sequence.valid.all()
    np.testing.assert_allclose(sequence.times_s, np.arange(20) / 10, atol=1e-6)
    np.testing.assert_array_equal(sequence.values, np.tile(sequence.values[:1], (20, 1)))


def test_pictures_that_cannot_be_decoded_are_said():
    sequence = extract(shared_data("zoo") / "corrupt_after_28_frames.mp4", end_s=5.0)

    assert "22 of 50 pictures could not be decoded" in sequence.notes


@pytest.mark.slow
def test_a_lamp_beside_a_real_face_is_left_out():
    path = shared_data("sarcasm_clips") / "clips" / "n005.mp4"

    sequence = extract(path, end_s=4.5)

    assert sequence.valid.all()
    assert np.abs(column(sequence, "roll_deg")).max() < 45
    assert any("does not take for a face" in note for note in sequence.notes)

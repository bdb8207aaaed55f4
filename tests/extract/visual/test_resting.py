import numpy as np
import pytest

from pipeline.extract.visual.landmarks import face_box
from pipeline.extract.visual.resting import DetectorRest
from tests.extract.visual.test_tracking import face

WIDTH, HEIGHT = 1280, 720


@pytest.fixture
def picture():
    rng = np.random.default_rng(5)
    return rng.integers(60, 190, (HEIGHT, WIDTH, 3)).astype(np.uint8)


@pytest.fixture
def speaker():
    """A face in front of the camera, 310 pixels wide."""
    return face(x=400.0)


@pytest.fixture
def rest(picture, speaker):
    rest = DetectorRest()
    rest.note(picture, speaker, searched=True)
    return rest


def test_it_rests_while_nothing_changes_for_ten_pictures(rest, picture, speaker):
    allowed = []
    for _ in range(12):
        allowed.append(rest.allows(picture))
        rest.note(picture, speaker, searched=not allowed[-1])
    assert allowed == [True] * 10 + [False, True]


def test_noise_does_not_wake_it(rest, picture):
    noise = np.random.default_rng(6).normal(scale=8, size=picture.shape)
    assert rest.allows((picture + noise).clip(0, 255).astype(np.uint8))


def test_what_changes_within_the_face_does_not_wake_it(rest, picture, speaker):
    (left, top), (right, bottom) = (corner.astype(int) for corner in face_box(speaker))
    picture = picture.copy()
    picture[max(top, 0) : bottom, max(left, 0) : right] = 0
    assert rest.allows(picture)


def test_a_larger_face_beside_it_and_a_cut_wake_it(rest, picture):
    beside = picture.copy()
    beside[200:640, 700:1100] = 20
    assert not rest.allows(beside)
    assert not rest.allows(255 - picture // 2)


def test_a_picture_of_another_size_wakes_it(rest, picture):
    assert not rest.allows(np.ascontiguousarray(picture[:600]))


def test_without_a_face_it_does_not_rest(rest, picture):
    rest.note(picture, None, searched=False)
    assert not rest.allows(picture)


@pytest.mark.parametrize("changed", [{"scale": 10.0}, {"yaw_deg": 60.0}])
def test_small_faces_and_profiles_are_searched_in_every_picture(picture, changed):
    rest = DetectorRest()
    rest.note(picture, face(x=400.0, **changed), searched=True)
    assert not rest.allows(picture)

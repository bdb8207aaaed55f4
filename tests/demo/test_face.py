"""The photograph moves as asked."""

import numpy as np
import pytest

pytest.importorskip("skimage", reason="scikit-image is not installed: pip install -r demo/requirements.txt")

from demo.cast import SPEAKERS
from demo.face import ACTIONS, HEIGHT_PX, WIDTH_PX, Head, Look, Pose

REST = {"smile": -0.7, "close": 0.95}


@pytest.fixture(scope="module")
def head() -> Head:
    return Head(Look())


def difference(a, b):
    return np.abs(a.astype(float) - b).max(axis=-1)


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_changes_the_face_and_not_the_corners_of_the_picture(head, action):
    change = difference(head.render({action: 0.0}, Pose()), head.render({action: 0.8}, Pose()))
    assert change.max() > 20
    assert change[:20, :40].max() == change[-20:, :20].max() == 0


def test_a_blink_moves_the_eyes_far_more_than_the_mouth(head):
    change = difference(head.render(REST, Pose()), head.render(REST | {"blink": 1.0}, Pose()))
    assert change[90:130].mean() > 5 * change[150:].mean()


def test_a_shift_moves_the_whole_person(head):
    still = head.render(REST, Pose())
    shifted = head.render(REST, Pose(shift_px=(6.0, 0.0)))
    face = np.s_[60:160, 120:190]
    moved = np.roll(still, 6, axis=1)
    assert difference(shifted, moved)[face].mean() < 0.2 * difference(shifted, still)[face].mean()


def test_a_mirrored_look_is_the_mirror_image():
    plain, mirrored = (Head(Look(mirrored=flag)).render(REST, Pose()) for flag in (False, True))
    np.testing.assert_array_equal(plain[:, ::-1], mirrored)


def test_rendering_twice_gives_the_same_picture():
    look = SPEAKERS[1].look
    first, second = (Head(look).render(REST, Pose(roll_deg=2.0)) for _ in range(2))
    assert first.shape == (HEIGHT_PX, WIDTH_PX, 3)
    np.testing.assert_array_equal(first, second)

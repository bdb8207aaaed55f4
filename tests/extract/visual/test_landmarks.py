import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.extract.visual.landmarks import _RIGID, FACE_COLUMNS, describe_face

POSE = {"yaw_deg", "pitch_deg", "roll_deg", "face_x", "face_y", "face_size"}
EXPRESSION = [i for i, name in enumerate(FACE_COLUMNS) if name not in POSE]
# Distance between the middles of the eyes of the canonical face, centimetres.
UNIT = 4.446 + 1.856
STRAIGHT = np.eye(3)


def head_points(seed=0):
    """A head that looks at the camera, centimetres, x to its left, y up, z forward; only the rigid points are a face's."""
    points = np.random.default_rng(seed).uniform([-7, -9, -2], [7, 8, 7], (478, 3))
    points[list(_RIGID)] = list(_RIGID.values())
    return points


def turn(yaw_deg, pitch_deg, roll_deg):
    """Roll first, then pitch, then yaw: to its left, upwards, to its left shoulder."""
    a, b, c = np.radians([yaw_deg, -pitch_deg, -roll_deg])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return about_y @ about_x @ about_z


def in_picture(points, *, rotation=STRAIGHT, pixels_per_cm=20.0, x=640.0, y=360.0):
    """As a camera far away sees them: pixels, y down, depth away from it."""
    return pixels_per_cm * points @ rotation.T * [1, -1, -1] + [x, y, 0]


def describe(points):
    return dict(zip(FACE_COLUMNS, describe_face(points, width=1280, height=720).astype(float), strict=True))


def test_a_mesh_with_poor_depth_is_no_mirror_image():
    found = describe(in_picture(head_points()) * [1, 1, -0.1])

    assert found["yaw_deg"] == pytest.approx(0, abs=1)
    assert abs(found["pitch_deg"]) < 30
    assert found["mouth_width"] == pytest.approx(describe(in_picture(head_points()))["mouth_width"], rel=0.2)


angles = st.floats(-60, 60, allow_nan=False)


@given(yaw_deg=angles, pitch_deg=angles, roll_deg=angles)
def test_the_pose_is_that_of_the_head(yaw_deg, pitch_deg, roll_deg):
    found = describe(in_picture(head_points(), rotation=turn(yaw_deg, pitch_deg, roll_deg)))

    assert found["yaw_deg"] == pytest.approx(yaw_deg, abs=1e-3)
    assert found["pitch_deg"] == pytest.approx(pitch_deg, abs=1e-3)
    assert found["roll_deg"] == pytest.approx(roll_deg, abs=1e-3)


@pytest.mark.parametrize(
    ("angles", "what", "where"),
    [((30, 0, 0), 4, "right of"), ((0, 30, 0), 4, "above"), ((0, 0, 30), 10, "right of")],
)
def test_positive_angles_turn_the_head_to_its_left_up_and_to_its_left_shoulder(angles, what, where):
    # Its left is on the right of the picture; 4 is the tip of the nose, 10 the top of the forehead.
    straight, turned = in_picture(head_points()), in_picture(head_points(), rotation=turn(*angles))

    dx, dy, _ = turned[what] - straight[what]
    assert (dx > 20 and abs(dy) < 30) if where == "right of" else (dy < -20 and abs(dx) < 1)


@given(
    yaw_deg=angles,
    pitch_deg=angles,
    roll_deg=angles,
    pixels_per_cm=st.floats(2, 60),
    x=st.floats(0, 1280),
    seed=st.integers(0, 20),
)
def test_expression_does_not_depend_on_pose_place_and_distance(
    yaw_deg, pitch_deg, roll_deg, pixels_per_cm, x, seed
):
    points = head_points(seed)
    moved = in_picture(
        points, rotation=turn(yaw_deg, pitch_deg, roll_deg), pixels_per_cm=pixels_per_cm, x=x, y=100.0
    )

    np.testing.assert_allclose(
        describe_face(moved, width=1280, height=720)[EXPRESSION],
        describe_face(in_picture(points), width=1280, height=720)[EXPRESSION],
        atol=1e-4,
    )


@pytest.mark.parametrize(
    ("moved", "direction", "column"),
    [
        ([14, 17], (0, -1, 0), "mouth_open"),
        ([291], (1, 0, 0), "mouth_width"),
        ([61], (-1, 0, 0), "mouth_width"),
        ([291], (0, 1, 0), "mouth_corner_left"),
        ([61], (0, 1, 0), "mouth_corner_right"),
        ([0, 17], (0, 0, 1), "lip_protrusion"),
        ([0], (0, 1, 0), "lip_thickness"),
        ([17], (0, -1, 0), "lip_thickness"),
        ([152], (0, -1, 0), "jaw_drop"),
        ([296, 334, 293], (0, 1, 0), "brow_raise_left"),
        ([66, 105, 63], (0, 1, 0), "brow_raise_right"),
        ([336, 285, 107, 55], (0, 1, 0), "brow_inner_raise"),
        ([336, 285], (1, 0, 0), "brow_gap"),
        ([385, 386, 387], (0, 1, 0), "eye_open_left"),
        ([144, 145, 153], (0, -1, 0), "eye_open_right"),
        ([468, 473], (1, 0, 0), "gaze_left"),
        ([468, 473], (0, 1, 0), "gaze_up"),
    ],
)
def test_a_movement_changes_its_column_by_its_length_and_no_other(moved, direction, column):
    points = head_points()
    after = points.copy()
    after[moved] += 0.2 * UNIT * np.array(direction)
    rotation = turn(25, -10, 15)

    before, after = (describe(in_picture(p, rotation=rotation)) for p in (points, after))

    differences = {name: after[name] - before[name] for name in FACE_COLUMNS if name not in POSE}
    assert differences.pop(column) == pytest.approx(0.2, abs=1e-4)
    assert max(map(abs, differences.values())) < 1e-4


def test_place_and_size_are_shares_of_the_picture():
    found = describe(in_picture(head_points(), x=320.0, y=540.0, pixels_per_cm=30.0))

    points = in_picture(head_points(), x=320.0, y=540.0, pixels_per_cm=30.0)
    box = np.ptp(points[:, :2], axis=0)
    assert found["face_x"] == pytest.approx((points[:, 0].min() + box[0] / 2) / 1280, abs=1e-5)
    assert found["face_y"] == pytest.approx((points[:, 1].min() + box[1] / 2) / 720, abs=1e-5)
    assert found["face_size"] == pytest.approx(np.sqrt(box[0] * box[1] / (1280 * 720)), abs=1e-5)


def test_names_are_unique_and_as_many_as_values():
    assert (
        len(set(FACE_COLUMNS))
        == len(FACE_COLUMNS)
        == len(describe_face(in_picture(head_points()), width=9, height=9))
    )

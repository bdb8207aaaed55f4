import numpy as np
import pytest

from pipeline.extract.visual.landmarks import LANDMARK_COLUMNS, describe_points
from pipeline.extract.visual.mesh import (
    FaceSettings,
    MeshSettings,
    extract_visual,
    find_faces,
    visual_columns,
)
from pipeline.extract.visual.speaking import loudness_db, speaking_face
from tests.extract.visual.test_mesh import DEMO, SETTINGS, segment
from tests.media.recordings import shared_data, write_recording

pytestmark = pytest.mark.slow

N_PICTURES = 40
TIMES_S = [i / 10 for i in range(N_PICTURES)]
LOUD = np.tile([-60.0] * 5 + [-20.0] * 5, N_PICTURES // 10)[1:]


def face(x: float, *, side: float = 100.0, gap: float = 0.0) -> np.ndarray:
    """Points of which the box, the eyes and the lips mean something."""
    points = np.zeros((478, 3))
    points[:, 0] = x + np.linspace(-0.5, 0.5, 478) * side
    points[:, 1] = 200 + np.linspace(-0.5, 0.5, 478) * side
    points[[362, 263, 33, 133], :2] = [[x + 10, 180], [x + 30, 180], [x - 30, 180], [x - 10, 180]]
    points[13, :2], points[14, :2] = (x, 220), (x, 220 + 40 * gap)
    return points


def scene(*, speaks: str, order: int = 1) -> list[list[np.ndarray]]:
    """A large face on the left and a small one on the right, who opens its mouth while it is loud or while it is quiet."""
    loud = np.concatenate([[False], LOUD > -40])
    pictures = []
    for i in range(N_PICTURES):
        moving = 0.3 * (i % 2)
        left = moving if (speaks == "left") == loud[i] else 0.0
        right = moving if (speaks == "right") == loud[i] else 0.0
        pictures.append([face(150 + i, gap=left), face(400 - i, side=70.0, gap=right)][::order])
    return pictures


def middles(chosen) -> list[float | None]:
    return [None if points is None else float(points[:, 0].mean().round()) for points in chosen]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(("speaks", "expected"), [("left", 150), ("right", 400)])
def test_the_face_whose_mouth_moves_with_the_sound_is_followed(speaks, expected, order):
    found = middles(speaking_face(scene(speaks=speaks, order=order), TIMES_S, LOUD))
    step = 1 if speaks == "left" else -1
    assert found == pytest.approx([expected + step * i for i in range(N_PICTURES)], abs=3)


def test_without_sound_the_face_that_is_largest_over_the_segment_is_taken():
    assert middles(speaking_face(scene(speaks="right"), TIMES_S, None))[0] == pytest.approx(150, abs=3)


def test_a_picture_without_the_speaker_has_no_face_rather_than_another_one():
    pictures = scene(speaks="right")
    for i in range(10, 15):
        pictures[i] = pictures[i][:1]
    found = middles(speaking_face(pictures, TIMES_S, LOUD))
    assert found[10:15] == [None] * 5
    assert found[15] == pytest.approx(385, abs=3)


def test_after_a_cut_the_speaker_is_found_again_and_a_listener_is_not():
    pictures = scene(speaks="right")
    for i in range(20, 40):
        _, right = pictures[i]
        pictures[i] = [face(150, side=180.0, gap=float(right[14, 1] - 220) / 40)]
    assert middles(speaking_face(pictures, TIMES_S, LOUD))[20:] == pytest.approx([150] * 20, abs=3)
    for i in range(20, 40):
        pictures[i] = [face(150, side=180.0)]
    assert middles(speaking_face(pictures, TIMES_S, LOUD))[20:] == [None] * 20


def test_no_faces_are_none():
    assert speaking_face([[], []], [0.0, 0.1], np.array([-20.0])) == [None, None]
    assert speaking_face([], [], None) == []


def test_loudness_is_measured_between_the_pictures(tmp_path):
    sound = np.zeros((1, 16000))
    sound[0, 4000:8000] = 0.5
    path = write_recording(tmp_path / "tone.wav", sound=sound)
    levels = loudness_db(segment(path, end_s=1.0, has_video=False), [0.0, 0.25, 0.5, 0.75])
    assert levels == pytest.approx([-100, 20 * np.log10(0.5), -100], abs=0.1)
    assert loudness_db(segment(path, has_audio=False), [0.0, 0.25]) is None


def two_people(path, left_talks: bool):
    """Two recordings of the demo corpus or of the shared data beside each other; one of them is a still, the sound is the other's."""
    demo = sorted(DEMO.glob("*.mp4"))
    sources = demo[:2] if len(demo) >= 2 else [shared_data("clips") / f"hdtf_{i}.mp4" for i in (1, 2)]
    from pipeline.media.audio import read_audio
    from pipeline.media.video import read_frames

    frames = [
        [frame.image for frame in read_frames(source, start_s=0.0, end_s=2.0, frame_rate_hz=10.0)]
        for source in sources
    ]
    n = min(map(len, frames))
    talking, still = (0, 1) if left_talks else (1, 0)
    frames[still] = [frames[still][0]] * n
    height, width = (min(f[0].shape[axis] for f in frames) // 2 * 2 for axis in (0, 1))
    pictures = [
        (i / 10, np.hstack([frames[0][i][:height, :width], frames[1][i][:height, :width]])) for i in range(n)
    ]
    sound = read_audio(sources[talking], start_s=0.0, end_s=n / 10, sample_rate_hz=16000).samples[None]
    return write_recording(
        path,
        pictures=pictures,
        sound=sound,
        video_options={"qmin": "2", "qmax": "3"},
        audio_codec="pcm_s16le",
    )


@pytest.mark.parametrize("left_talks", [True, False])
def test_of_two_real_faces_the_one_that_talks_is_described(tmp_path, left_talks):
    path = two_people(tmp_path / "two.mkv", left_talks)
    one = segment(path, end_s=2.0)
    found = extract_visual(one, MeshSettings(**SETTINGS | {"face": "speaking"}))
    x = found.values[found.valid][:, visual_columns(landmarks=False).index("face_x")]
    assert found.valid.mean() > 0.8
    assert ((x < 0.5) == left_talks).all()
    settings = FaceSettings(face="speaking", frame_rate_hz=10.0, min_confidence=0.5)
    frames = list(find_faces(one, settings, pictures=True))
    np.testing.assert_array_equal([frame.points is not None for frame in frames], found.valid)
    assert all(frame.image is not None for frame in frames)


def test_landmarks_follow_the_named_columns_and_quality_stands_beside_them(tmp_path):
    path = two_people(tmp_path / "two.mkv", True)
    plain = extract_visual(segment(path), MeshSettings(**SETTINGS))
    with_points = extract_visual(segment(path), MeshSettings(**SETTINGS | {"landmarks": True}))
    n_named = plain.values.shape[1]
    assert with_points.values.shape[1] == n_named + len(LANDMARK_COLUMNS) == n_named + 3 * 478
    np.testing.assert_array_equal(with_points.values[:, :n_named], plain.values)
    np.testing.assert_array_equal(with_points.quality, plain.quality)
    assert ((plain.quality > 0) == plain.valid).all()
    assert plain.quality.max() <= 1
    first = dict(zip(LANDMARK_COLUMNS, with_points.values[with_points.valid][0, n_named:], strict=True))
    # Eyes are a unit apart, the person's left one to the right of the picture; the mouth is below, the nose before them.
    assert (
        first["point_263_x"] + first["point_362_x"] - first["point_33_x"] - first["point_133_x"]
    ) / 2 == pytest.approx(1, abs=0.05)
    assert first["point_13_y"] < -0.3
    assert first["point_4_z"] > 0


def test_landmarks_turn_with_the_head():
    generator = np.random.default_rng(0)
    points = generator.normal(size=(478, 3)) * 50
    angle = 0.3
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    np.testing.assert_allclose(describe_points(points @ turn.T * 2 + 7), describe_points(points), atol=1e-4)

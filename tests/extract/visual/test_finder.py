"""The finder's graph is MediaPipe's face mesh to the bit, and a detector that rests finds the same faces."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.extract.visual.finder import face_finder
from pipeline.extract.visual.mesh_graph import MeshGraph
from pipeline.extract.visual.tracking import LargestFace
from pipeline.media.video import read_frames
from tests.media.recordings import shared_data

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "data" / "raw" / "demo" / "clips"


def pictures(path, *, end_s=2.0):
    return [f.image for f in read_frames(path, start_s=0.0, end_s=end_s, frame_rate_hz=10.0)]


@pytest.fixture(scope="module")
def clips():
    demo = sorted(DEMO.glob("*.mp4"))
    files = demo[::80] if demo else [shared_data("clips") / f"hdtf_{i}.mp4" for i in (1, 2)]
    return [pictures(file) for file in files]


@pytest.fixture(scope="module")
def mesh_graph():
    from pipeline.extract.visual.mesh_graph import MeshGraph

    return MeshGraph(max_faces=3, min_confidence=0.5)


def test_meshes_are_those_of_mediapipe_to_the_bit(clips, mesh_graph):
    from mediapipe.python.solutions.face_mesh import FaceMesh

    reference = FaceMesh(max_num_faces=3, refine_landmarks=True)
    n_faces = 0
    for clip in clips:
        reference.reset()
        places = None
        for image in [*clip[:10], np.zeros_like(clip[0]), *clip[10:]]:
            height, width, _ = image.shape
            expected = [
                np.array([(point.x, point.y, point.z) for point in face.landmark]) * (width, height, width)
                for face in reference.process(image).multi_face_landmarks or []
            ]
            found = mesh_graph.find(image, places=places)
            places = found.places
            n_faces += len(expected)
            assert len(found.faces) == len(expected)
            for points, wanted in zip(found.faces, expected, strict=True):
                np.testing.assert_array_equal(points, wanted)
    assert n_faces > 20


def test_the_graph_remembers_nothing_itself(clips, mesh_graph):
    first, second = clips[0][:2]
    places = mesh_graph.find(first).places
    once = mesh_graph.find(second, places=places)
    mesh_graph.find(np.zeros_like(first))
    again = mesh_graph.find(second, places=places)

    np.testing.assert_array_equal(once.faces[0], again.faces[0])


def test_without_detector_and_places_there_is_no_face(clips, mesh_graph):
    found = mesh_graph.find(clips[0][0], detect=False)

    assert (found.faces, found.places) == ([], None)


def largest_faces(images, *, may_rest):
    finder, largest = face_finder(0.5), LargestFace()
    finder.begin(may_rest=may_rest)
    return [largest.among(finder.faces(image)) for image in images]


def assert_same_faces(images):
    expected = largest_faces(images, may_rest=False)
    found = largest_faces(images, may_rest=True)
    assert [points is None for points in found] == [points is None for points in expected]
    for points, wanted in zip(found, expected, strict=True):
        if wanted is not None:
            np.testing.assert_array_equal(points, wanted)


def test_a_detector_that_rests_finds_the_same_faces_in_the_demo(clips, monkeypatch):
    searched, find = [], MeshGraph.find

    def counted(graph, image, *, places=None, detect=True):
        searched.append(detect)
        return find(graph, image, places=places, detect=detect)

    for images in clips:
        assert_same_faces(images)
    monkeypatch.setattr(MeshGraph, "find", counted)
    for images in clips:
        largest_faces(images, may_rest=True)
    assert searched.count(False) > len(searched) / 2, "it rests in most pictures of a talking head"
    searched.clear()
    largest_faces(clips[0], may_rest=False)
    assert all(searched)
    # A cut from one speaker to another one, and to nobody.
    assert_same_faces([*clips[0][:8], *clips[1][:8], *[np.zeros_like(clips[0][0])] * 2, *clips[0][8:16]])


# Talking heads, a vlog, and films with several faces, profiles, cuts and people who turn around.
@pytest.mark.parametrize(
    "name",
    [
        *(f"clips/{name}.mp4" for name in ("hdtf_1", "vlog_1", "sims_0001")),
        *(f"sarcasm_clips/clips/{name}.mp4" for name in ("n005", "n026", "s066", "s130")),
    ],
)
def test_a_detector_that_rests_finds_the_same_faces_in_real_clips(name):
    folder, _, file = name.rpartition("/")
    assert_same_faces(pictures(shared_data(folder) / file, end_s=5.0))


def test_drawing_modules_are_loaded_when_somebody_draws():
    code = (
        "import sys; import pipeline.extract.visual.mesh_graph; print('matplotlib' in sys.modules); "
        "from mediapipe.python.solutions import drawing_utils; print(drawing_utils.plt.rcParams is not None); "
        "import matplotlib.pyplot as plt; print(plt.figure is drawing_utils.plt.figure)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ | {"MPLBACKEND": "agg"},
    ).stdout.split()  # fmt: skip
    assert printed == ["False", "True", "True"]

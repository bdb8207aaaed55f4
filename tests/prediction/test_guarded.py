"""A recording that crashes or hangs its process is one sentence, and every other is answered, in order."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.artifacts.corpus.segments import Segment
from pipeline.errors import PipelineError
from pipeline.prediction import guarded
from pipeline.prediction.guarded import (
    Answer,
    Observer,
    Refusal,
    map_segments,
    open_recordings,
)
from pipeline.prediction.recording import Recording
from tests.prediction.behaviour import behave
from tests.prediction.models import make_preprocessing
from tests.segments import make_segment

pytestmark = pytest.mark.slow


def segment(name: str) -> Segment:
    return make_segment(id=name, media=f"{name}.mp4", has_audio=True, has_video=True)


def test_a_crash_costs_no_other_its_answer():
    opened = [segment("a"), segment("crash"), Refusal("not opened"), segment("refuse"), segment("b")]
    first, crashed, unopened, refused, last = map_segments(behave, opened)
    assert (first, last) == (Answer("saw a"), Answer("saw b"))
    assert isinstance(crashed, Refusal)
    assert crashed.sentence.startswith("crash.mp4: its worker process died of SIGSEGV")
    assert (unopened, refused) == (Refusal("not opened"), Refusal("refused"))


def test_a_hang_costs_no_other_its_answer(monkeypatch):
    # An item that is over its limit is stopped; the others have the time that they need to start.
    monkeypatch.setattr(guarded, "clip_limit_s", lambda each: 0.5 if each.id == "hang" else 60.0)
    hung, after = map_segments(behave, [segment("hang"), segment("a")])
    assert isinstance(hung, Refusal)
    assert hung.sentence.startswith("hang.mp4: took longer than 0 s and was stopped")
    assert after == Answer("saw a")


def test_answers_of_several_workers_come_in_order(monkeypatch):
    monkeypatch.setattr(guarded, "_CLIPS_PER_WORKER", 2)
    names = [f"s{n}" for n in range(9)]
    answers = list(map_segments(behave, [segment(name) for name in names]))
    assert [answer.result.split()[1] for answer in answers] == names


def test_settings_that_nobody_knows_end_the_run(clip):
    words = {"settings": {"teleprompter": 1}, "libraries": {}, "device": "cpu"}
    observer = Observer(make_preprocessing(words=words), {})
    opened = open_recordings([Recording(media=clip)] * 2, language="en")
    with pytest.raises(PipelineError, match="other settings of words"):
        list(map_segments(observer, opened))


def test_recordings_are_opened_in_order(clip, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no media")
    opened = open_recordings(
        [
            Recording(media=tmp_path / "missing.mp4"),
            Recording(media=clip),
            Recording(media=broken),
            Recording(media=None, transcript="So."),
        ],
        language="en",
    )
    assert [isinstance(each, Segment) for each in opened] == [False, True, False, True]
    assert "missing.mp4: not found" in opened[0].sentence
    assert "no sound or video" in opened[2].sentence


def test_an_observer_is_pickled_without_what_it_loaded():
    observer = Observer(make_preprocessing(), {"text": "somewhere"})
    again = pickle.loads(pickle.dumps(observer))
    assert again._folders == {"text": "somewhere"}
    assert again._extractors == []


HEAVY = {
    "torch",
    "transformers",
    "librosa",
    "numba",
    "mediapipe",
    "cv2",
    "matplotlib",
    "scipy",
    "pocketsphinx",
}
"""Libraries that take a second or more to load, or a good part of one."""

COUNT = """
import sys
from pipeline.__main__ import main
status = main(sys.argv[1:])
print(status, *sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("predict",), "there is nothing to look at"),
        (("predict", "missing.mp4"), "data/calibrate: no such folder"),
        (("predict", "missing.mp4", "--model", "empty"), "empty: no checkpoint found"),
        (("predict", "missing.mp4", "--model", "model"), "missing.mp4: not found"),
        (("predict", "clip.mp4", "--model", "model", "--start-s", "100"), "but --start-s is 100"),
        (("preview",), "run for example `python -m pipeline preview clip.mp4`"),
        (("preview", "missing.mp4"), "missing.mp4: not found"),
        (("preview", "sound.wav"), "sound.wav: has no video"),
        (("preview", "clip.mp4", "--end-s", "-1"), "--end-s is -1"),
    ],
)
def test_a_mistake_is_answered_before_any_heavy_library_is_loaded(mistaken, arguments, sentence):
    process = subprocess.run(
        [sys.executable, "-c", COUNT, *arguments], cwd=mistaken, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert sentence in process.stderr
    assert process.stderr.count("\n") == 1
    status, *loaded = process.stdout.split()
    assert status == "1"
    assert HEAVY.isdisjoint(loaded)

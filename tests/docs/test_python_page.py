"""The examples of docs/howto/python.md run, one after the other, as a notebook would."""

import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import PipelineError
from pipeline.prediction.model import Model
from tests.prediction.models import write_model

ROOT = Path(__file__).parent.parent.parent
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/howto/python.md").read_text(), re.DOTALL)


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Path:
    """A folder with a trained model and the clips of the demo."""
    write_model(tmp_path / "data/calibrate")
    (tmp_path / "data/raw").symlink_to(ROOT / "data/raw")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_examples_run(repository, capsys):
    names: dict[str, object] = {}
    for block in BLOCKS:
        exec(compile(block, "docs/howto/python.md", "exec"), names)
    assert len(BLOCKS) == 3
    prediction = names["prediction"]
    assert np.isfinite(prediction.mean)
    assert capsys.readouterr().out.count(" s  ") == len(prediction.words) == 7
    assert names["score"].grad.isfinite().all()
    assert names["values"]["mae"] == pytest.approx(0.5)


def test_a_prediction_is_that_of_the_command(repository):
    model = Model.load("data/calibrate")
    whole = model.predict("data/raw/demo/clips/s01_01.mp4", transcript="The acting was not dull at all.")
    part = model.predict(
        "data/raw/demo/clips/s01_01.mp4", transcript="The acting was not dull at all.", end_s=1.0
    )
    assert whole.observed.segment.end_s > part.observed.segment.end_s == 1.0
    assert model.predict(transcript="dull").words[0].text == "dull"


def test_nothing_to_look_at_is_a_sentence(repository):
    with pytest.raises(PipelineError, match="give a recording, or a transcript"):
        Model.load(repository / "data/calibrate").predict()
    with pytest.raises(PipelineError, match=r"absent\.mp4: not found"):
        Model.load("data/calibrate").predict("absent.mp4")
    with pytest.raises(PipelineError, match="no such folder"):
        Model.load("data/absent")

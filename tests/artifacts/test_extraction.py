"""The head of a file of features says what the whole file would."""

import numpy as np
import pytest

from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.artifacts.features.extraction import read_extraction
from pipeline.artifacts.features.packed import pack
from pipeline.artifacts.features.shards import write_sequences
from pipeline.errors import PipelineError


def test_rows_and_valid_rows_are_counted_by_segment(tmp_path):
    sequences = [
        FeatureSequence(np.zeros((3, 2), np.float32), np.arange(3.0), np.array([True, False, True])),
        FeatureSequence.empty(2, "no sound"),
        FeatureSequence(np.zeros((1, 2), np.float32), np.zeros(1), np.array([False])),
    ]
    packed = pack(
        "audio", ["x", "ä", "z"], sequences, columns=["a", "b"], extractor={"libraries": {"av": "1"}}
    )
    write_sequences(tmp_path / "f", packed)
    found = read_extraction(tmp_path / "f")
    assert found.ids == ("x", "ä", "z")
    assert found.n_rows.tolist() == [3, 0, 1]
    assert found.n_valid.tolist() == [2, 0, 0]
    assert found.failures == {"ä": "no sound"}
    assert found.extractor == {"libraries": {"av": "1"}}
    assert found.n_columns == 2


def test_a_file_that_is_missing_or_broken_is_an_error_for_people(tmp_path):
    with pytest.raises(PipelineError, match="not found; run `dvc repro`"):
        read_extraction(tmp_path / "f")
    (tmp_path / "f").write_bytes(b"no such thing")
    with pytest.raises(PipelineError, match=r"index\.json: cannot be read"):
        read_extraction(tmp_path / "f")

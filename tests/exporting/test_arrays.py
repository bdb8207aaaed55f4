"""Plain arrays: a corpus of its own, from which every modality comes back as it was."""

import numpy as np
import pytest

from pipeline.corpus.layouts import LAYOUTS
from pipeline.errors import PipelineError
from pipeline.exporting.arrays import export_arrays
from pipeline.extract.precomputed import read_precomputed
from tests.exporting.examples import DIMS, make_extracted

EXTRACTED = make_extracted()


@pytest.fixture
def folder(tmp_path):
    export_arrays(EXTRACTED, tmp_path / "corpus")
    return tmp_path / "corpus"


def test_every_modality_comes_back_as_it_was(folder):
    for modality in DIMS:
        found = read_precomputed(
            modality, EXTRACTED.segments, folder=folder, layout="folder", name=f"{modality}.npz"
        )
        expected = EXTRACTED.sequences[modality]
        for name in ("ids", "columns"):
            assert getattr(found, name) == getattr(expected, name)
        for name in ("values", "offsets", "times_s", "valid"):
            assert np.array_equal(getattr(found, name), getattr(expected, name))


def test_the_table_and_the_words_are_a_corpus(folder):
    candidates = {candidate.id: candidate for candidate in LAYOUTS["folder"].read(folder)}
    for segment in EXTRACTED.segments:
        found = candidates[segment.id]
        assert (found.label, found.split, found.speaker) == (segment.label, segment.split, segment.speaker)
        assert (found.start_s, found.end_s) == (0.0, segment.duration_s)
        assert found.words == EXTRACTED.spoken[segment.id].words


def test_the_same_features_give_the_same_bytes(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 2e9)
    monkeypatch.setattr("time.localtime", lambda *_: (2033, 5, 18, 3, 33, 20, 2, 138, 0))
    export_arrays(make_extracted(), tmp_path / "again")
    for path in folder.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_a_folder_that_is_there_is_not_touched(folder):
    with pytest.raises(PipelineError, match="is there already"):
        export_arrays(EXTRACTED, folder)


def test_a_failure_leaves_no_half_a_folder(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numpy.lib.format.write_array", fail)
    with pytest.raises(PipelineError, match="No space left"):
        export_arrays(EXTRACTED, tmp_path / "corpus")
    assert list(tmp_path.iterdir()) == []

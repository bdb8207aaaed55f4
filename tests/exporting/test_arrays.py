"""Plain arrays: a corpus of its own, from which every modality comes back as it was."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.corpus.facts import facts_from
from pipeline.corpus.layouts import LAYOUTS
from pipeline.errors import PipelineError
from pipeline.exporting.arrays import export_arrays, exported_facts
from pipeline.exporting.reading import read_tables
from pipeline.exporting.tables import export_tables
from pipeline.extract.precomputed import read_precomputed
from pipeline.intake.facts import find_facts
from tests import tasks
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


@pytest.mark.parametrize("task", [tasks.MOSI, tasks.SIMS])
def test_import_alone_finds_sound_and_face_and_what_the_labels_are(tmp_path, task):
    label = {"kind": "regression", "min": task.label_min, "max": task.label_max, "protocol": task.protocol}
    values = {"layout": "mosi", "language": "en", "labels": {"label": label}, "licence": "CC0"}
    facts = exported_facts(facts_from(values, source="test"), task)
    export_arrays(EXTRACTED, tmp_path / "corpus", facts=facts)
    candidates = LAYOUTS["folder"].read(tmp_path / "corpus")
    known = find_facts("folder", candidates, tmp_path / "corpus").facts
    assert known == facts
    assert known.licence == "CC0"
    assert known.task(None, source="") == facts.task(None, source="")
    assert [known.precomputed(modality, None) for modality in DIMS] == [
        f"{modality}.npz" for modality in DIMS
    ]


def test_an_export_without_facts_is_found_whole_too(folder):
    known = find_facts("folder", LAYOUTS["folder"].read(folder), folder).facts
    assert [known.precomputed(modality, None) for modality in DIMS] == [
        f"{modality}.npz" for modality in DIMS
    ]


def test_further_labels_and_the_spread_of_raters_come_back(tmp_path):
    segments = [
        replace(segment, other_labels={"text": 0.5 * position}, label_spread=0.25)
        for position, segment in enumerate(EXTRACTED.segments)
    ]
    export_arrays(replace(EXTRACTED, segments=tuple(segments)), tmp_path / "corpus")
    found = {row.id: row for row in LAYOUTS["folder"].read(tmp_path / "corpus")}
    for segment in segments:
        assert found[segment.id].other_labels == segment.other_labels
        assert found[segment.id].spread == segment.label_spread


def test_a_length_that_nobody_gave_is_not_given_by_an_export(tmp_path):
    first, *others = EXTRACTED.segments
    segments = (replace(first, end_s=1.0, has_length=False), *others)
    export_arrays(replace(EXTRACTED, segments=segments), tmp_path / "corpus")
    found = {row.id: row.end_s for row in LAYOUTS["folder"].read(tmp_path / "corpus")}
    assert found == {first.id: None} | {segment.id: segment.duration_s for segment in others}
    export_tables(replace(EXTRACTED, segments=segments), tmp_path / "tables", facts=None)
    read, _ = read_tables(tmp_path / "tables")
    assert {segment.id for segment in read.segments if not segment.has_length} == {first.id}

"""The corpus of the benchmark of scale is one that the stage takes, and its numbers keep what they promise."""

import json
import shutil
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.scale import corpus
from benchmarks.scale.__main__ import main
from benchmarks.scale.corpus import write_aligned_corpus, write_corpus
from benchmarks.scale.results import RESULTS, SIZES, results_path, write_results
from benchmarks.scale.run import STAGES, measure
from pipeline.artifacts.aligned.reading import read_aligned
from pipeline.artifacts.corpus.segments import read_segments
from pipeline.artifacts.features.extraction import read_modalities
from stages import align


@pytest.mark.parametrize(("small", "n_words"), [(False, 20), (True, 4)])
def test_its_corpus_goes_through_align(tmp_path, monkeypatch, small, n_words):
    write_corpus(tmp_path, 20, small=small)
    monkeypatch.chdir(tmp_path)
    packed = read_modalities(align.FEATURES).values()
    assert len({id(id_) for modality in packed for id_ in modality.ids}) == 20
    align.main()
    train = read_aligned(tmp_path / "data/align/train")
    assert len(train) == 14
    assert len({id(name) for name in train.speaker}) == len(set(train.speaker)) == 2
    assert {len(mask) for mask in train.valid.values()} == {14 * n_words}
    assert all(mask.all() for mask in train.valid.values())


def test_rows_that_are_written_at_once_are_those_that_are_written_one_by_one(tmp_path):
    write_corpus(tmp_path, 20, small=True)
    segments = read_segments(tmp_path / "data/manifest/segments.jsonl")
    for write in (corpus._write_rows, corpus._write_rows_at_once):
        path = tmp_path / write.__name__
        write(path, "audio", segments, ["a", "b"], 3, np.random.default_rng(1))
    one_by_one = list((tmp_path / "_write_rows").iterdir())
    assert len(one_by_one) == 2
    for path in one_by_one:
        assert (tmp_path / "_write_rows_at_once" / path.name).read_bytes() == path.read_bytes()


def test_aligned_splits_that_are_generated_have_the_segments_and_columns_of_those_of_align(
    tmp_path, monkeypatch
):
    write_corpus(tmp_path, 20, small=True)
    monkeypatch.chdir(tmp_path)
    align.main()
    for name in ("rank", "calibrate", "pointwise", "weights", "degraded"):
        (tmp_path / "data" / name).mkdir()
    other = tmp_path / "other"
    shutil.copytree(tmp_path / "data/manifest", other / "data/manifest")
    write_aligned_corpus(other, tmp_path)
    for split in ("valid", "test"):
        found, expected = (read_aligned(root / f"data/align/{split}") for root in (other, tmp_path))
        assert (found.ids, found.columns, found.speaker) == (expected.ids, expected.columns, expected.speaker)
        assert found.offsets.tolist() == expected.offsets.tolist()
        np.testing.assert_array_equal(found.labels, expected.labels)


def test_a_kept_run_goes_on_where_it_ended(tmp_path):
    rows = [{"segments": 20, "stage": stage, "processor_s": 1.0} for stage in STAGES]
    root = tmp_path / "small_20"
    root.mkdir()
    (root / "measured.json").write_text(json.dumps(rows))
    # All stages are measured, so none runs: there is no corpus.
    assert list(measure(20, small=True, keep=tmp_path)) == rows
    assert sorted(path.name for path in root.iterdir()) == ["measured.json", "params.yaml"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--networks", "20"], "--networks needs --keep and --small"),
        (["--networks", "20", "--small", "--keep", "runs", "--again", "align"], "--again names align"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["benchmarks.scale", "20", *arguments])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_rows_that_are_measured_again_take_the_place_of_the_older_ones(tmp_path):
    path = tmp_path / "scale.json"

    def row(segments, stage, processor_s):
        return {"segments": segments, "stage": stage, "processor_s": processor_s}

    write_results(path, {}, [row(20, "align", 1.0), row(20, "report", 2.0), row(10, "report", 3.0)])
    write_results(path, {}, [row(20, "evaluate", 4.0), row(20, "report", 5.0)])
    assert json.loads(path.read_text())["rows"] == [
        row(10, "report", 3.0), row(20, "align", 1.0), row(20, "evaluate", 4.0), row(20, "report", 5.0),
    ]  # fmt: skip


def test_other_runs_do_not_take_the_place_of_the_usual_one():
    paths = [results_path(sizes, small=small) for sizes in (SIZES, [5]) for small in (False, True)]
    assert paths[0] == RESULTS
    assert len({*paths}) == 4
    # The figure is of the files that are named so.
    assert [path.name.startswith(RESULTS.stem) for path in paths] == [True, False, True, False]


def test_memory_stays_under_two_gigabytes_and_grows_no_faster_than_the_segments():
    rows = json.loads(RESULTS.read_text())["rows"]
    for stage in ("align", "rank"):
        runs = [row for row in rows if row["stage"] == stage]
        assert [row["segments"] for row in runs] == SIZES
        for small, large in pairwise(runs):
            growth = large["segments"] / small["segments"]
            assert large["peak_memory_mb"] < 1.05 * growth * small["peak_memory_mb"]
            assert large["processor_s"] < 1.5 * growth * small["processor_s"]
        assert runs[-1]["peak_memory_mb"] < 2000

"""The corpus of the benchmark of scale is one that the stage takes, and its numbers keep what they promise."""

import json
from itertools import pairwise

import pytest

from benchmarks.scale import RESULTS, SIZES, results_path, write_corpus
from pipeline.artifacts.aligned import read_aligned
from stages import align


@pytest.mark.parametrize(("small", "n_words"), [(False, 20), (True, 4)])
def test_its_corpus_goes_through_align(tmp_path, monkeypatch, small, n_words):
    write_corpus(tmp_path, 20, small=small)
    monkeypatch.chdir(tmp_path)
    align.main()
    train = read_aligned(tmp_path / "data/align/train.safetensors")
    assert len(train) == 14
    assert {len(mask) for mask in train.valid.values()} == {14 * n_words}
    assert all(mask.all() for mask in train.valid.values())


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

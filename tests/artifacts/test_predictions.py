"""Predictions as a file, and back: numbers become numbers while the file is read, and names are in memory once."""

import tracemalloc

import numpy as np
import pytest

from pipeline.artifacts.evaluated import predictions
from pipeline.artifacts.evaluated.predictions import (
    SplitPredictions,
    predictions_from_csv,
    predictions_to_csv,
)
from pipeline.errors import PipelineError


def made(split: str, n: int) -> SplitPredictions:
    rng = np.random.default_rng(n)
    models = {name: rng.normal(size=(2, n)).round(6) for name in ("grcf", "pointwise")}
    return SplitPredictions(
        split,
        tuple(f"{split} {number}" for number in range(n)),
        rng.normal(size=n).round(1),
        {**models, "median": np.full((1, n), 0.25)},
        {"grcf": (3, 11), "pointwise": (3, 11), "median": ()},
        speaker=tuple(f"speaker, {number // 10}" for number in range(n)),
    )


@pytest.mark.parametrize("at_once", [1, 4, 7, 8, 100])
def test_parts_of_a_table_make_no_difference(monkeypatch, at_once):
    monkeypatch.setattr(predictions, "_ROWS_AT_ONCE", at_once)
    written = [made("valid", 5), made("test", 3)]
    found = predictions_from_csv(predictions_to_csv(written), source="p.csv")
    for before, after in zip(written, found, strict=True):
        assert (after.split, after.ids, after.seeds) == (before.split, before.ids, before.seeds)
        assert (after.speaker, after.video) == (before.speaker, ("",) * len(before.ids))
        assert after.truth.tolist() == before.truth.tolist()
        assert {name: rows.tolist() for name, rows in after.models.items()} == {
            name: rows.tolist() for name, rows in before.models.items()
        }


@pytest.mark.parametrize("line", ["test,a", "test,a,,,,,x,1,1,1,1,1,1,1", "test,a,,,,,,,,,,,,"])
def test_a_row_of_another_form_is_refused_in_whatever_part_it_is(monkeypatch, line):
    monkeypatch.setattr(predictions, "_ROWS_AT_ONCE", 2)
    text = predictions_to_csv([made("valid", 5)])
    with pytest.raises(PipelineError, match="not a table of predictions"):
        predictions_from_csv(f"{text}{line}\n", source="p.csv")


def test_a_segment_that_stands_twice_in_a_split_is_named():
    text = predictions_to_csv([made("valid", 5), made("test", 5)]).replace("test 3", "test 1")
    with pytest.raises(PipelineError, match=r"the segment 'test 1' of test stands there twice"):
        predictions_from_csv(text, source="p.csv")


@pytest.mark.parametrize("seed", ["03", "+3", "1_1", "\N{ARABIC-INDIC DIGIT THREE}"])
def test_another_spelling_of_a_seed_is_none(seed):
    """There may be a column of the seed itself beside it, which would be read in its place."""
    text = predictions_to_csv([made("valid", 5)]).replace("grcf_seed_11", f"grcf_seed_{seed}")
    with pytest.raises(PipelineError, match=r"p\.csv: not a table of predictions \(.* is no seed\)"):
        predictions_from_csv(text, source="p.csv")


def test_a_table_without_rows_has_no_split():
    assert predictions_from_csv(predictions_to_csv([made("valid", 0)]), source="p.csv") == []


def test_reading_a_large_table_takes_few_times_its_bytes():
    text = predictions_to_csv([made("test", 40_000)])
    tracemalloc.start()
    (found,) = predictions_from_csv(text, source="p.csv")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.ids) == 40_000
    assert len({id(name) for name in found.speaker}) == 4_000
    # A cell that stays a text takes six times the bytes that it has in the file.
    assert peak < 5 * len(text)

"""Every row is a valid set of parameters, tuned under the same conditions as every other."""

from pathlib import Path

import pytest

from benchmarks.methods import changed_sections, read_compared, read_methods, read_rows
from benchmarks.mosi.tables import METHODS
from benchmarks.mosi.tuning import RESULTS, draw_settings
from pipeline.artifacts.formats.files import read_json
from pipeline.errors import PipelineError
from pipeline.yaml12 import parse_yaml

ROOT = Path(__file__).parents[3]
BASE = parse_yaml((ROOT / "params.yaml").read_text())


def test_every_row_passes_the_checks_of_the_stages():
    methods = read_methods(BASE, METHODS)
    assert {"mae", "mae_same_budget", "grcf", "ranknet", "ranklist", "rank_n_contrast", "joint"} <= set(
        methods
    )


def test_no_two_rows_are_the_same():
    settings = [str(method.settings()) for method in read_methods(BASE, METHODS).values()]
    assert len(set(settings)) == len(settings)


def n_epochs(method) -> int:
    if not method.two_stages:
        return method.training.epochs + method.pointwise.extra_epochs
    first = 0 if method.rank.objective == "none" else method.training.epochs
    return first + (method.calibrate.epochs if method.calibrate.scope in ("head", "all") else 0)


def test_all_but_plain_absolute_error_get_as_many_epochs():
    epochs = {name: n_epochs(method) for name, method in read_methods(BASE, METHODS).items()}
    assert epochs.pop("mae") < 30
    assert set(epochs.values()) == {30}


def test_both_families_have_as_many_variants():
    families = [row.family for row in read_rows(METHODS)[1].values()]
    assert families.count("grcf") == families.count("mae") == 5


def test_the_rows_that_are_compared_are_the_best_of_their_families_in_tuning():
    tried = read_json(ROOT / RESULTS)["tried"]
    rows = read_rows(METHODS)[1]
    for compared, family in zip(read_compared(METHODS), ("grcf", "mae"), strict=True):
        variants = [name for name, row in rows.items() if row.family == family]
        assert compared == min(variants, key=lambda name: min(result["mae"] for result in tried[name]))


def test_every_row_was_tuned_over_the_same_settings_and_kept_the_best():
    tried = read_json(ROOT / RESULTS)["tried"]
    _, rows = read_rows(METHODS)
    assert set(tried) == set(rows)
    for name, results in tried.items():
        assert len(results) == len(draw_settings(len(results)))
        assert len(results) == len(tried["grcf"])
        best = min(results, key=lambda result: result["mae"])
        assert rows[name].tuned == best["changes"], name


def test_a_change_of_a_key_that_does_not_exist_is_a_sentence():
    with pytest.raises(PipelineError, match=r"margin\.bsae: params\.yaml has no such key"):
        changed_sections(BASE, {"margin.bsae": 1.0})

"""Splits are measured by workers where models are small, by the stage itself where they are not; results are the same."""

import shutil

import pytest

from pipeline.execution.device import may_have_gpu
from tests.stages.measuring import measured_by_workers, written

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(may_have_gpu(), reason="with a GPU the stage itself measures"),
]


def test_large_splits_are_measured_by_the_stage_itself_with_the_same_results(copy):
    before = written(copy)
    for folder in ("data/masks", "data/representations"):
        shutil.rmtree(copy.path / folder)
    for name in ("metrics.json", "predictions.csv", "robustness.csv"):
        (copy.path / "reports" / name).unlink()
    assert not measured_by_workers(copy, limit="0")
    assert written(copy) == before


def test_small_splits_are_measured_by_workers_with_the_same_results(copy):
    before = written(copy)
    assert measured_by_workers(copy)
    assert written(copy) == before

"""When garbage is collected: what is loaded is left aside, and the collector works as before afterwards."""

import gc

import pytest

from pipeline.execution.garbage import loading
from pipeline.execution.pool import Done, run_in_workers


@pytest.fixture(autouse=True)
def unfrozen():
    yield
    gc.unfreeze()


def test_what_is_made_while_loading_is_left_aside_and_the_thresholds_return():
    before, n_frozen = gc.get_threshold(), gc.get_freeze_count()
    with loading():
        assert gc.get_threshold()[0] > before[0]
        made = [[] for _ in range(1000)]
    assert gc.get_threshold() == before
    assert gc.isenabled()
    assert gc.get_freeze_count() >= n_frozen + len(made)


def test_thresholds_return_after_an_error():
    before = gc.get_threshold()
    with pytest.raises(ValueError, match="broken"), loading():
        raise ValueError("broken")
    assert gc.get_threshold() == before


def _state(_: int) -> tuple[bool, int, int]:
    return gc.isenabled(), gc.get_threshold()[0], gc.get_freeze_count()


def test_a_worker_collects_as_usual_after_its_first_item():
    outcomes = dict(
        run_in_workers(
            _state, dict(enumerate(range(3))), n_workers=1, limit_s=None, describe=lambda item: str(item)
        )
    )
    first, second, third = (
        outcome.result for outcome in (outcomes[n] for n in range(3)) if isinstance(outcome, Done)
    )
    assert first[:2] == (True, 50_000)
    assert second[:2] == third[:2] == (True, gc.get_threshold()[0])
    assert first[2] < second[2] == third[2]

"""Items side by side in one guarded process: one that crashes or hangs costs itself, and what was loaded stays."""

import gc
import os
import pickle
import signal
import time
from contextlib import suppress

import psutil
import pytest

from pipeline.errors import PipelineError
from pipeline.execution.pool import Done, Lost
from pipeline.execution.side_by_side import SideBySide

N_THREADS = 3


def halved(item):
    """The half of a number, and the process that computed it; names are what else may happen."""
    match item:
        case "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hangs":
            time.sleep(600)
        case "raises":
            raise PipelineError("number raises is no number")
        case "is short of memory":
            raise MemoryError
    time.sleep(0.05)
    return item / 2, os.getpid()


def limit_s(item):
    return 0.2 if item == "hangs" else 600.0


@pytest.fixture
def beside(monkeypatch):
    monkeypatch.setattr("pipeline.execution.side_by_side._LONGEST_START_S", 0.0)
    return SideBySide(halved, limit_s=limit_s, describe=lambda item: f"number {item}")


def run(beside, items, n_threads=N_THREADS):
    return dict(beside.outcomes(dict(enumerate(items)), n_threads=n_threads))


def halves(outcomes):
    return [outcomes[key].result[0] for key in sorted(outcomes) if isinstance(outcomes[key], Done)]


def processes(outcomes):
    return {outcome.result[1] for outcome in outcomes.values() if isinstance(outcome, Done)}


def is_running(process):
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    return False


def test_one_process_computes_all_and_the_next_ones(beside):
    first, second = run(beside, range(9)), run(beside, range(5))
    assert halves(first) == [item / 2 for item in range(9)]
    assert halves(second) == [item / 2 for item in range(5)]
    (process,) = processes(first) | processes(second)
    assert process != os.getpid()
    assert is_running(process)


def test_the_process_ends_with_its_owner():
    beside = SideBySide(halved, limit_s=limit_s, describe=str)
    (process,) = processes(run(beside, [1]))
    del beside
    gc.collect()
    assert not is_running(process)


def test_one_that_hangs_is_stopped_and_those_beside_it_are_computed(beside):
    outcomes = run(beside, [1, "hangs", 2, 3, "hangs", 4])
    assert halves(outcomes) == [0.5, 1.0, 1.5, 2.0]
    assert outcomes[1] == outcomes[4] == Lost("took longer than 0 s and was stopped")


@pytest.mark.parametrize("item", ["dies", "is short of memory"])
def test_one_that_dies_is_tried_again_alone_and_those_beside_it_are_computed(beside, item, capfd):
    outcomes = run(beside, [1, 2, item, 3, 4, 5])
    assert halves(outcomes) == [0.5, 1.0, 1.5, 2.0, 2.5]
    assert isinstance(outcomes[2], Lost)
    assert outcomes[2].reason.endswith(", twice")
    assert f"number {item}: " in capfd.readouterr().err


def test_after_a_crash_there_are_as_many_threads_as_before(beside):
    run(beside, ["dies"])
    run(beside, [1])
    assert beside._process.n_threads == N_THREADS
    run(beside, [1], n_threads=1)
    assert beside._process.n_threads == 1


def test_what_is_raised_ends_the_process_and_comes_with_its_traceback(beside):
    (process,) = processes(run(beside, [1]))
    with pytest.raises(PipelineError, match="raises is no number") as caught:
        run(beside, [1, "raises", 2])
    assert "in halved" in str(caught.value.__cause__)
    assert not is_running(process)


def test_whoever_stops_asking_leaves_no_process(beside):
    outcomes = beside.outcomes(dict(enumerate([1, 2, "hangs"])), n_threads=1)
    _, first = next(outcomes)
    outcomes.close()
    assert not is_running(first.result[1])
    assert halves(run(beside, [3])) == [1.5]


def test_it_travels_without_its_process():
    beside = SideBySide(halved, limit_s=limit_s, describe=str)
    run(beside, [1])
    there = pickle.loads(pickle.dumps(beside))
    assert there._process is None
    assert halves(run(there, [2])) == [1.0]


def test_a_process_that_cannot_start_is_a_sentence(beside, monkeypatch):
    monkeypatch.setattr("pipeline.execution.side_by_side._serve", os._exit)
    with pytest.raises(PipelineError, match="worker processes cannot start"):
        run(beside, [1])


def slowly(item):
    time.sleep(0.3)
    return item


def test_what_was_done_while_the_caller_was_busy_is_not_late(monkeypatch):
    monkeypatch.setattr("pipeline.execution.side_by_side._LONGEST_START_S", 0.0)
    beside = SideBySide(slowly, limit_s=lambda item: 20.0 if item == 0 else 1.5, describe=str)
    outcomes = beside.outcomes({0: 0}, n_threads=N_THREADS)
    assert dict(outcomes) == {0: Done(0)}  # the process is there
    found = []
    for key, outcome in beside.outcomes({n: n for n in range(1, 7)}, n_threads=N_THREADS):
        found.append((key, outcome))
        if len(found) == 1:
            time.sleep(4)
    assert sorted(found, key=lambda pair: pair[0]) == [(n, Done(n)) for n in range(1, 7)]

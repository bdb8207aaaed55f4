"""What was done is not done again, and damaged entries are misses."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import pytest

from pipeline.errors import PipelineError
from pipeline.execution.cache import ResultCache, cache_folder, cache_key
from pipeline.execution.disk_space import check_space
from pipeline.execution.executor import map_cached, map_guarded
from pipeline.execution.workers import worker_count

pytestmark = pytest.mark.slow


def square(item: int, *, log: Path, fail_at: int | None = None, kill_at: int | None = None) -> int:
    if item == fail_at:
        raise PipelineError(f"item {item} cannot be done")
    if item == kill_at and not (log / f"killed-{item}").exists():
        (log / f"killed-{item}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    (log / f"{item}-{os.getpid()}-{len(list(log.iterdir()))}").touch()
    return item * item


def as_text(value: int) -> bytes:
    return str(value).encode()


def run(tmp_path: Path, items, *, n_workers=2, **behaviour) -> list[int]:
    log = tmp_path / "log"
    log.mkdir(exist_ok=True)
    return list(
        map_cached(
            partial(square, log=log, **behaviour),
            items,
            keys=[cache_key(item=item) for item in items],
            cache=ResultCache(tmp_path / "cache"),
            encode=as_text,
            decode=int,
            title="squares",
            unit="item",
            n_workers=n_workers,
        )
    )


def computed(tmp_path: Path) -> list[int]:
    return sorted(int(path.name.split("-")[0]) for path in (tmp_path / "log").glob("[0-9]*"))


def stay(_: int, *, log: Path) -> int:
    (log / f"worker-{os.getpid()}").touch()
    time.sleep(600)
    return 0


def run_for_long(log: Path) -> None:
    map_cached(
        partial(stay, log=log),
        range(4),
        keys=[cache_key(item=item) for item in range(4)],
        cache=ResultCache(log / "cache"),
        encode=as_text,
        decode=int,
        title="stay",
        unit="item",
        n_workers=2,
    )


def is_running(pid: int) -> bool:
    """Whether it still does something: one that has ended stays in the table until somebody asks what became of it."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come to pass within a minute")


@pytest.mark.parametrize("n_workers", [1, 3])
def test_results_come_in_order_whatever_the_number_of_workers(tmp_path, n_workers):
    assert run(tmp_path, range(7), n_workers=n_workers) == [k * k for k in range(7)]


def test_a_second_run_computes_nothing(tmp_path):
    run(tmp_path, range(4))
    assert run(tmp_path, range(4)) == [0, 1, 4, 9]
    assert computed(tmp_path) == [0, 1, 2, 3]


def test_a_new_item_is_the_only_one_computed(tmp_path):
    run(tmp_path, [1, 2])
    run(tmp_path, [3, 1, 2])
    assert computed(tmp_path) == [1, 2, 3]


def test_what_was_done_before_a_failure_is_kept(tmp_path):
    with pytest.raises(PipelineError, match="item 3 cannot"):
        run(tmp_path, [1, 2, 3], n_workers=1, fail_at=3)
    run(tmp_path, [1, 2, 3], n_workers=1)
    assert computed(tmp_path) == [1, 2, 3]


def test_workers_store_their_results_themselves(tmp_path, monkeypatch):
    monkeypatch.setattr(ResultCache, "put", lambda *_: pytest.fail("the parent stored a result"))
    assert run(tmp_path, range(3)) == [0, 1, 4]


def test_a_result_that_a_file_system_loses_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(ResultCache, "load", lambda *_: None)
    with pytest.raises(
        PipelineError, match=r"squares: 0: its result was stored in .* and cannot be read again"
    ):
        run(tmp_path, [0])


def test_a_killed_worker_costs_one_retry(tmp_path, capfd):
    assert run(tmp_path, range(5), kill_at=2) == [0, 1, 4, 9, 16]
    assert "tried once more" in capfd.readouterr().err


def test_workers_end_with_a_parent_that_was_killed(tmp_path):
    parent = multiprocessing.get_context("spawn").Process(target=run_for_long, args=(tmp_path,))
    parent.start()
    wait_for(lambda: len(list(tmp_path.glob("worker-*"))) == 2)
    parent.kill()
    parent.join()
    pids = [int(path.name.removeprefix("worker-")) for path in tmp_path.glob("worker-*")]
    wait_for(lambda: not any(is_running(pid) for pid in pids))


@pytest.mark.parametrize("damage", [b"", b"short", b"\0" * 40])
def test_a_damaged_entry_is_a_miss(tmp_path, damage):
    run(tmp_path, [5])
    (entry,) = (path for path in (tmp_path / "cache").rglob("*") if path.is_file())
    entry.write_bytes(damage)
    assert run(tmp_path, [5]) == [25]
    assert computed(tmp_path) == [5, 5]


def test_no_temporary_file_is_left(tmp_path):
    run(tmp_path, range(3))
    assert not list((tmp_path / "cache").rglob("*.tmp"))


def told_to_end_while_writing(item: int, *, log: Path) -> int:
    """A result whose worker is told to end at the moment in which it is half written."""
    (log / f"{item}-{os.getpid()}").touch()
    fsync = os.fsync

    def told_to_end(file: int) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        fsync(file)

    os.fsync = told_to_end
    return item * item


def test_a_worker_that_is_told_to_end_stores_what_it_writes(tmp_path, capfd):
    (tmp_path / "log").mkdir()
    results = map_cached(
        partial(told_to_end_while_writing, log=tmp_path / "log"),
        [3],
        keys=[cache_key(item=3)],
        cache=ResultCache(tmp_path / "cache"),
        encode=as_text,
        decode=int,
        title="squares",
        unit="item",
        n_workers=1,
    )
    assert list(results) == [9]
    assert computed(tmp_path) == [3], "what was written when the worker ended is not computed again"
    assert "died of SIGTERM" in capfd.readouterr().err
    assert [entry.finished for entry in ResultCache(tmp_path / "cache").entries()] == [True]


def end_on_request(item: int, *, log: Path) -> None:
    """Of two items, one waits for the other to fail, and says whether it was asked to end."""
    waiting = log / "waiting"
    if item == 1:
        wait_for(waiting.exists)
        raise PipelineError("item 1 cannot be done")

    def asked(*_: object) -> None:
        (log / "asked").touch()
        os._exit(0)

    signal.signal(signal.SIGTERM, asked)
    waiting.touch()
    time.sleep(600)


def test_workers_are_asked_to_end_before_they_are_killed(tmp_path):
    with pytest.raises(PipelineError, match="item 1 cannot be done"):
        map_guarded(
            partial(end_on_request, log=tmp_path),
            [0, 1],
            title="t",
            unit="item",
            limit_s=lambda item: 600.0,
            on_loss=lambda item, sentence: None,
        )
    assert (tmp_path / "asked").exists()


KILLED_WHILE_STORING = """
import os, signal, sys
from pathlib import Path
from pipeline.execution.cache import ResultCache

os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)
ResultCache(Path(sys.argv[1])).put("a" * 64, b"half")
"""


def test_what_a_killed_process_left_goes_with_the_next_run(tmp_path):
    cache = ResultCache(tmp_path / "cache")
    subprocess.run([sys.executable, "-c", KILLED_WHILE_STORING, cache.folder], check=False)
    assert [entry.finished for entry in cache.entries()] == [False]
    check_space("squares", [1.0], keys=["b" * 64], cache=cache)
    assert list(cache.entries()) == []


def write_and_read(folder: Path, n_rounds: int) -> int:
    """Put the same entries again and again; how many reads found neither nothing nor the whole."""
    cache, n_torn = ResultCache(folder), 0
    for _ in range(n_rounds):
        for item in range(4):
            cache.put(cache_key(item=item), b"%d" % item * 200_000)
            n_torn += cache.get(cache_key(item=item)) != b"%d" % item * 200_000
    return n_torn


def test_processes_that_write_the_same_entries_at_once_leave_them_whole(tmp_path):
    context = multiprocessing.get_context("forkserver")
    with context.Pool(4) as pool:
        torn = pool.starmap(write_and_read, [(tmp_path, 20)] * 4, chunksize=1)

    assert torn == [0, 0, 0, 0]
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 4
    assert all(entry.finished for entry in ResultCache(tmp_path).entries())


def test_the_key_depends_on_every_part():
    keys = {cache_key(a=1, b=2), cache_key(a=2, b=1), cache_key(a=1), cache_key(a=1, b="2")}
    assert len(keys) == 4
    assert cache_key(a=1, b=2) == cache_key(b=2, a=1)


def test_the_cache_is_shared_with_temporary_workspaces(monkeypatch):
    monkeypatch.delenv("GRCF_CACHE", raising=False)
    monkeypatch.setenv("DVC_ROOT", "/somewhere")
    assert cache_folder() == Path("/somewhere/.cache")
    monkeypatch.setenv("GRCF_CACHE", "/shared")
    assert cache_folder() == Path("/shared")
    monkeypatch.setenv("GRCF_CACHE", "../shared")
    assert cache_folder() == Path("/somewhere/../shared")
    monkeypatch.setenv("HOME", "/home/anna")
    monkeypatch.setenv("GRCF_CACHE", "~/shared cache")
    assert cache_folder() == Path("/home/anna/shared cache")
    monkeypatch.setenv("GRCF_CACHE", " ")
    assert cache_folder() == Path("/somewhere/.cache")


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5"])
def test_a_wrong_number_of_workers_is_a_sentence(monkeypatch, value):
    monkeypatch.setenv("GRCF_WORKERS", value)
    with pytest.raises(PipelineError, match="expected a whole number of at least 1"):
        worker_count()


def test_workers_use_one_thread_per_library(tmp_path):
    log = tmp_path / "log"
    log.mkdir()
    (threads,) = map_cached(
        _threads, [0], keys=["k" * 8], cache=ResultCache(tmp_path), encode=bytes, decode=bytes,
        title="t", unit="item",
    )  # fmt: skip
    assert threads == b"1"


def _threads(_: int) -> bytes:
    return os.environ["OMP_NUM_THREADS"].encode()

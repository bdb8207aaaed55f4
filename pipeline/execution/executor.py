"""Map a pure function over many items: in worker processes, in order, through a cache."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

from pipeline.errors import PipelineError
from pipeline.execution.cache import ResultCache
from pipeline.execution.progress import track

Item = TypeVar("Item")
Result = TypeVar("Result")


def worker_count() -> int:
    """How many processes work side by side: `$GRCF_WORKERS`, else the cores this process may use.

    It never changes a result, so it is no parameter.
    """
    chosen = os.environ.get("GRCF_WORKERS")
    if chosen is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not chosen.isdecimal() or int(chosen) < 1:
        raise PipelineError(f"GRCF_WORKERS is {chosen!r}; expected a whole number of at least 1")
    return int(chosen)


def map_cached(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    keys: Sequence[str],
    cache: ResultCache,
    encode: Callable[[Result], bytes],
    decode: Callable[[bytes], Result],
    title: str,
    unit: str,
    n_workers: int | None = None,
) -> list[Result]:
    """`[function(item) for item in items]`, with each result stored as soon as it is there.

    What was stored before a kill is not computed again. `function` must be pure and, like the items, picklable; its
    result depends on nothing but what `keys` were made of.

    Args:
        function: computes one item; runs in a worker process with one thread per library.
        items: what to compute.
        keys: one cache key per item.
        cache: where results are looked up and stored.
        encode: result to bytes.
        decode: bytes to result; raises PipelineError on an entry it cannot read.
        title: what is being done, for the progress line.
        unit: singular name of an item.
        n_workers: processes side by side, `worker_count()` by default.

    Raises:
        PipelineError: what `function` raised, or a worker that the system killed twice over the same items.
    """
    results = {
        position: cached
        for position, key in enumerate(keys)
        if (cached := cache.load(key, decode)) is not None
    }
    missing = [position for position in range(len(items)) if position not in results]
    computed = _compute(function, items, missing, min(n_workers or worker_count(), max(len(missing), 1)))
    for position, result in track(
        computed, total=len(items), title=title, unit=unit, done=len(items) - len(missing)
    ):
        cache.put(keys[position], encode(result))
        results[position] = result
    return [results[position] for position in range(len(items))]


def feed(
    function: Callable[[Item], Result], items: Sequence[Item], positions: Sequence[int]
) -> Iterator[tuple[int, Result]]:
    """`function` of some items in worker processes, as they come; no more than a few ahead of who takes the results."""
    yield from _compute(function, items, list(positions), min(worker_count(), max(len(positions), 1)))


def _compute(
    function: Callable[[Item], Result], items: Sequence[Item], positions: list[int], n_workers: int
) -> Iterator[tuple[int, Result]]:
    """Results as they come, with one retry of what was under way when the system killed a worker."""
    waiting = list(positions)
    for attempt in (1, 2):
        if not waiting:
            return
        # A fork after native libraries have started threads can hang; forkserver starts from a clean process.
        method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        with ProcessPoolExecutor(
            n_workers, multiprocessing.get_context(method), initializer=_start_worker
        ) as pool:
            futures: dict[Future[Result], int] = {}
            queue = iter(waiting[:])
            try:
                # A result waits until it is taken, so only a few items are given out ahead.
                for position in islice(queue, 2 * n_workers):
                    futures[pool.submit(function, items[position])] = position
                while futures:
                    for future in wait(futures, return_when=FIRST_COMPLETED).done:
                        result, done = future.result(), futures.pop(future)
                        waiting.remove(done)
                        for position in islice(queue, 1):
                            futures[pool.submit(function, items[position])] = position
                        yield done, result
            except BrokenProcessPool as error:
                if attempt == 2:
                    raise PipelineError(
                        f"a worker process died twice with {len(waiting)} items left, killed for want of memory or by a crash in "
                        "a library; what is done is kept: set GRCF_WORKERS=1 and run the same command again"
                    ) from error
                sys.stderr.write("a worker process died; what it held is tried once more\n")
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _start_worker() -> None:
    # Ctrl-C goes to the whole process group; the parent alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = "1"
    if "torch" in sys.modules:  # a module global of the function may have imported it already
        import torch

        torch.set_num_threads(1)


def _end_with_parent() -> None:
    """A killed parent cannot stop its workers, which would go on with what is queued and take the cores of the next run."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def map_threads(
    function: Callable[[Item], Result], items: Sequence[Item], *, title: str, unit: str
) -> list[Result]:
    """`[function(item) for item in items]` in threads, for short work that waits for the disk or releases the GIL."""
    with ThreadPoolExecutor(worker_count()) as pool:
        return list(track(pool.map(function, items), total=len(items), title=title, unit=unit))

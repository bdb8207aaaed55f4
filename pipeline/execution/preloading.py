"""Worker processes that start with their libraries loaded: imported once, by the process that all of them are forked from."""

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker

# By name: importing it is what imports the others.
PRELOADED = f"{__package__}.preloaded"

# Read by libraries when they are loaded. One thread each: the items are what runs side by side.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


def preload(modules: Sequence[str]) -> None:
    """Start the process that workers are forked from, and let it import modules while this process goes on.

    Without effect where there is no such process (Windows), and where it runs already.

    Args:
        modules: names of modules that start no threads when they are imported; a fork could hang after that. One that cannot be
            imported is left to the worker, which says what is wrong.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return
    # It sets the signal mask, so it has to be there before that is set here.
    resource_tracker.ensure_running()
    multiprocessing.set_forkserver_preload([PRELOADED])
    with _environment(ONE_THREAD | {"GRCF_PRELOADED": " ".join(modules)}), _without_interrupts():
        forkserver.ensure_running()


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ |= variables
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Ctrl-C waits. A process that is started meanwhile is never interrupted, not even before it could say that it ignores it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

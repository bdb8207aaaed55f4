"""A file of others in a process of its own, where a library that crashes, hangs or fills the memory ends nothing but that process."""

import multiprocessing
import resource
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pipeline.errors import PipelineError
from pipeline.execution.pool import Done, run_in_workers

Result = TypeVar("Result")

_LIMIT_S = 120.0
_SLOWEST_BYTES_PER_S = 1e6  # over a slow network


@dataclass(frozen=True, slots=True)
class _Bounded(Generic[Result]):
    """A reader that may take so many bytes beyond what its process has when it begins."""

    read: Callable[[Path], Result]
    memory_bytes: int

    def __call__(self, path: Path) -> Result:
        limit = _address_space() + self.memory_bytes
        # Some systems know no such limit; the process is bounded in time nevertheless.
        with suppress(OSError, ValueError):
            soft, hard = resource.getrlimit(resource.RLIMIT_AS)
            lowest = min([limit, *(given for given in (soft, hard) if given != resource.RLIM_INFINITY)])
            resource.setrlimit(resource.RLIMIT_AS, (lowest, hard))
        return self.read(path)


def _address_space() -> int:
    """Bytes of addresses that this process has taken, 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return 0


def read_in_own_process(read: Callable[[Path], Result], path: Path, *, memory_bytes: int) -> Result:
    """What `read` makes of a file, read by a worker process.

    Args:
        read: reads the file; picklable, as its result is.
        path: the file, which is there.
        memory_bytes: how much memory reading may take.

    Raises:
        PipelineError: what `read` raised; or the process crashed, took too long, or needed more memory, twice.
    """
    if multiprocessing.parent_process() is not None:  # a worker already, which may have no children
        return read(path)
    outcomes = run_in_workers(
        _Bounded(read, memory_bytes),
        {0: path},
        n_workers=1,
        limit_s=lambda path: _LIMIT_S + path.stat().st_size / _SLOWEST_BYTES_PER_S,
        describe=str,
    )
    with closing(outcomes):
        _, outcome = next(outcomes)
    if isinstance(outcome, Done):
        return outcome.result
    raise PipelineError(f"{path}: {outcome.reason}; it is damaged or made to do so: fetch it again")

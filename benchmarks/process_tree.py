"""Programs with all that they start: processor seconds, workers that outlive their parent included. Linux only."""

import ctypes
import os
import resource
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36  # of linux/prctl.h


@dataclass(frozen=True)
class Spent:
    """What a program took.

    Attributes:
        wall_clock_s: from its start to its end, seconds.
        processor_s: of the program and of all that it started, seconds.
        returncode: its exit status.
        output: what it printed, on either stream.
    """

    wall_clock_s: float
    processor_s: float
    returncode: int
    output: str


class ProcessTree:
    """A program that runs; `wait` says what it and all below it took. One at a time."""

    def __init__(self, command: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> None:
        # Workers and what they are forked from are nobody's children when their program has ended; here they are this process's.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
        self._before, self._started = _spent_by_children_s(), time.perf_counter()
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    @property
    def pid(self) -> int:
        """Number of the program's process."""
        return self._process.pid

    def wait(self) -> Spent:
        """Wait for the program and for what it left running."""
        reaper = threading.Thread(target=self._reap, daemon=True)
        reaper.start()
        output, _ = self._process.communicate()
        wall_clock_s = time.perf_counter() - self._started
        with suppress(ChildProcessError):
            while True:
                os.wait()
        reaper.join()  # or it would take the next program for an orphan
        return Spent(wall_clock_s, _spent_by_children_s() - self._before, self._process.returncode, output)

    def _reap(self) -> None:
        """Take leave of orphans at once: who watches over one, such as a step of SLURM, would wait until it is gone."""
        with suppress(ChildProcessError):
            while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)) is not None:
                if ended.si_pid == self._process.pid:
                    return
                os.waitpid(ended.si_pid, 0)


def _spent_by_children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime

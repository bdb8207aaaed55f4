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
_LOOK_EVERY_S = 0.1


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
        self._others = _children()
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
        ended = threading.Event()
        reaper = threading.Thread(target=self._reap, args=(ended,), daemon=True)
        reaper.start()
        output, _ = self._process.communicate()
        wall_clock_s = time.perf_counter() - self._started
        ended.set()
        reaper.join()
        while left := _children() - self._others:
            for pid in left:
                _take_leave(pid, 0)
        return Spent(wall_clock_s, _spent_by_children_s() - self._before, self._process.returncode, output)

    def _reap(self, ended: threading.Event) -> None:
        """Take leave of orphans soon: who watches over one, such as a step of SLURM, waits until it is gone."""
        while not ended.wait(_LOOK_EVERY_S):
            for pid in _children() - self._others - {self.pid}:
                _take_leave(pid, os.WNOHANG)


def _children() -> set[int]:
    found = set()
    for thread in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # it has just ended
            found |= set(map(int, (thread / "children").read_text(encoding="utf-8").split()))
    return found


def _take_leave(pid: int, options: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, options)


def _spent_by_children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime

"""What a command and every process that it starts cost, measured from outside."""

import os
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.process_tree import ProcessTree

_LOOK_EVERY_S = 0.4
_MAPS_EVERY = 3  # looks; reading which pages are shared takes milliseconds


@dataclass(frozen=True)
class Cost:
    """Of a command with all its descendants.

    `worker_rss_mb` is the highest resident set of any descendant, files that are mapped included; `worker_pss_mb` counts a
    page that n processes share 1/n (looked at about once a second). Both 0 without descendants. `output` is what it printed.
    """

    wall_s: float
    processor_s: float
    main_rss_mb: float
    worker_rss_mb: float
    worker_pss_mb: float
    output: str


@dataclass
class _Peaks:
    rss_kb: dict[int, int] = field(default_factory=dict)
    pss_kb: dict[int, int] = field(default_factory=dict)


def measure(command: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> Cost:
    """Run a command to its end, quietly.

    Orphans are adopted and waited for, so that the processor time of workers counts although the command does not wait for
    the process that forks them. Linux only.

    Raises:
        RuntimeError: the command failed; its own words are in the message.
    """
    tree = ProcessTree(command, folder=folder, environment=environment)
    peaks, done = _Peaks(), threading.Event()
    watch = threading.Thread(target=_watch, args=(tree.pid, peaks, done))
    watch.start()
    spent = tree.wait()
    done.set()
    watch.join()
    if spent.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{spent.output[-3000:]}")
    main_kb = peaks.rss_kb.pop(tree.pid, 0)
    peaks.pss_kb.pop(tree.pid, None)
    return Cost(
        spent.wall_clock_s,
        spent.processor_s,
        main_kb / 1024,
        max(peaks.rss_kb.values(), default=0) / 1024,
        max(peaks.pss_kb.values(), default=0) / 1024,
        spent.output,
    )


def environment(root: Path, **more: str) -> dict[str, str]:
    """Of a measured command: the code of `root`, one thread a library, no accelerator."""
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return (
        os.environ
        | {"PYTHONPATH": str(root), "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}
        | single
        | more
    )


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of this repository."""
    return [sys.executable, "-m", module, *arguments]


def _watch(root: int, peaks: _Peaks, done: threading.Event) -> None:
    look = 0
    while not done.wait(_LOOK_EVERY_S):
        for pid in _tree(root):
            # A process may end while it is looked at.
            with suppress(OSError, StopIteration, ValueError):
                peaks.rss_kb[pid] = max(peaks.rss_kb.get(pid, 0), _kilobytes(pid, "status", "VmHWM:"))
                if look % _MAPS_EVERY == 0:
                    peaks.pss_kb[pid] = max(peaks.pss_kb.get(pid, 0), _kilobytes(pid, "smaps_rollup", "Pss:"))
        look += 1


def _kilobytes(pid: int, file: str, name: str) -> int:
    lines = Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def _tree(root: int) -> list[int]:
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        with suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                waiting.extend(map(int, (thread / "children").read_text(encoding="utf-8").split()))
    return found

"""The stages of one run, each in a process of its own whose processor time and memory are watched."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.process_tree import ProcessTree
from benchmarks.scale.corpus import ROOT, write_parameters

STAGES = ("align", "degrade", "rank", "calibrate", "pointwise", "evaluate", "report")
STAGES_ON_ALIGNED = ("evaluate", "report")
"""The stages that are measured where networks are taken from another run."""

_SIZES = ("RssAnon", "RssShmem", "VmHWM")  # of /proc/PID/status, kB
# In the folder of a run: what has been measured there. It is there as soon as the corpus is whole.
_MEASURED = "measured.json"


def measure(
    n_segments: int,
    *,
    small: bool,
    keep: Path | None = None,
    again: str | None = None,
    networks: int | None = None,
) -> Iterator[dict[str, Any]]:
    """What each stage takes on a corpus of this size, as soon as it is done; `degrade` is off, as it is by default.

    Args:
        n_segments: number of segments, of all splits together.
        small: whether the corpus has `small_features`.
        keep: folder in which the run stays; what was measured there before is not measured again.
        again: the first stage that is measured again all the same.
        networks: size of the kept run whose networks are taken, so that `evaluate` is the first stage; None trains them.
    """
    with run_folder(n_segments, small=small, keep=keep) as root:
        measured = root / _MEASURED
        if not measured.is_file():
            # A process of its own too, so that what it holds is not inherited.
            subprocess.run(
                [
                    *(sys.executable, "-m", "benchmarks.scale", "--write", str(root), str(n_segments)),
                    *(["--small"] if small else []),
                    *([] if networks is None else ["--keep", str(keep), "--networks", str(networks)]),
                ],
                cwd=ROOT,
                check=True,
            )
            measured.write_text("[]", encoding="utf-8")
        write_parameters(root)
        stages = STAGES if networks is None else STAGES_ON_ALIGNED
        rows = json.loads(measured.read_text(encoding="utf-8"))
        if again is not None:
            rows = rows[: stages.index(again)]
        yield from rows
        for stage in stages[len(rows) :]:
            seconds, own_mb, resident_mb = _run(stage, root)
            read = ("text", "audio", "visual") if stage == "align" else ("align",)
            rows.append(
                {
                    "segments": n_segments,
                    "stage": stage,
                    "processor_s": round(seconds, 2),
                    "peak_memory_mb": round(own_mb),
                    "peak_resident_mb": round(resident_mb),
                    "read_mb": round(_size_mb(root, read)),
                }
            )
            measured.write_text(json.dumps(rows), encoding="utf-8")
            yield rows[-1]


@contextmanager
def run_folder(n_segments: int, *, small: bool, keep: Path | None) -> Iterator[Path]:
    """The folder of a run: one that is kept, or one that is gone at the end."""
    if keep is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
    else:
        root = kept_run(keep, n_segments, small=small)
        root.mkdir(parents=True, exist_ok=True)
        yield root


def kept_run(keep: Path, n_segments: int, *, small: bool) -> Path:
    """Where a run is kept."""
    return keep.absolute() / f"{'small_' if small else ''}{n_segments}"


def _run(stage: str, root: Path) -> tuple[float, float, float]:
    """Processor seconds, the most memory that was the stage's own, and the most that was resident, both in MB."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "GRCF_CACHE": str(root / ".cache"),
    }
    tree = ProcessTree([sys.executable, "-m", f"stages.{stage}"], folder=root, environment=environment)
    peaks, ended = _Peaks(), threading.Event()
    watcher = threading.Thread(target=_watch, args=(tree.pid, peaks, ended))
    watcher.start()
    spent = tree.wait()
    ended.set()
    watcher.join()
    if spent.returncode:
        raise RuntimeError(f"stages.{stage} ended with {spent.returncode}: {spent.output[-2000:]}")
    return spent.processor_s, peaks.own_mb, peaks.resident_mb


@dataclass
class _Peaks:
    own_mb: float = 0.0
    resident_mb: float = 0.0


def _watch(pid: int, peaks: _Peaks, ended: threading.Event) -> None:
    """Look at the memory of a process and all below it fifty times a second."""
    while not ended.wait(0.02):
        own_mb, resident_mb = _memory_mb(pid)
        peaks.own_mb, peaks.resident_mb = max(peaks.own_mb, own_mb), max(peaks.resident_mb, resident_mb)


def _memory_mb(pid: int) -> tuple[float, float]:
    """Anonymous memory of a process and all below it together, and the most that was resident in one of them, MB.

    The first is without pages of files, which the system takes back when it needs room.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    except OSError:
        return 0.0, 0.0  # has just ended
    kb = {
        name: int(value.split()[0])
        for name, _, value in (line.partition(":") for line in lines)
        if name in _SIZES
    }
    below = [_memory_mb(int(child)) for child in children]
    own_mb = (kb.get("RssAnon", 0) + kb.get("RssShmem", 0)) / 1024 + sum(own for own, _ in below)
    return own_mb, max([kb.get("VmHWM", 0) / 1024, *(resident for _, resident in below)])


def _size_mb(root: Path, names: tuple[str, ...]) -> float:
    return sum(path.stat().st_size for name in names for path in (root / "data" / name).iterdir()) / 1e6

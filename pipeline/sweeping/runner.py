"""Experiments side by side, each in a copy of the repository: `dvc exp run --temp`.

DVC hands the changes of a point from the command line to the run over one stash that all runs of a repository share:
of two that start at once, one may take both and the other none, with exit status 0. So a start waits until DVC has
taken the point before it, and whether a point is done is not what the exit status says but whether its experiment is
there. `dvc queue` is no way around: it ends with 0 where experiments failed.
"""

import contextlib
import fcntl
import json
import math
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from pipeline.errors import PipelineError
from pipeline.execution.pool import signal_name
from pipeline.execution.variables import variable
from pipeline.execution.workers import worker_count
from pipeline.sweeping.other_dvc import wait_for_other_dvc
from pipeline.sweeping.workspace import Workspace, experiments, read_workspace

_TAKEN = "Reproducing experiment"  # what DVC prints once the point is out of the stash and the copy is made
_POLL_S = 0.05
_GRACE_S = 20.0  # for a stage to keep what is done, after which it is killed
_TEMPORARY = Path(".dvc/tmp/exps/standalone")


def _prefix() -> list[str]:
    """What each experiment is started by: `$GRCF_TRIAL`, such as `srun -N1 -c8 --gres=gpu:1`, so that it runs on a node of its own.

    Raises:
        PipelineError: the variable holds an open quotation mark.
    """
    chosen = variable("GRCF_TRIAL") or ""
    try:
        return shlex.split(chosen)
    except ValueError as error:
        raise PipelineError(
            f"GRCF_TRIAL is {chosen!r}: {str(error).lower()}; expected a command such as srun -N1 -c8"
        ) from None


@dataclass(frozen=True)
class Finished:
    """How an experiment ended.

    Attributes:
        name: name of the experiment.
        assignments: parameters that it changed.
        sha: full hash of its commit; None where it failed.
        log: file with all its output.
        duration_s: seconds that it took.
        reason: reason of its failure, in words; None where it succeeded.
    """

    name: str
    assignments: tuple[str, ...]
    sha: str | None
    log: Path
    duration_s: float
    reason: str | None

    def tail(self, n_lines: int = 6) -> list[str]:
        """The last lines of the log that say something."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return [line.rstrip() for line in text.splitlines() if line.strip()][-n_lines:]


@dataclass
class _Child:
    name: str
    assignments: tuple[str, ...]
    process: subprocess.Popen[bytes]
    log: Path
    started_s: float


class Runner:
    """At most `n_jobs` experiments at a time; what is done is kept however the others end.

    Args:
        workspace: workspace that every experiment starts from.
        n_jobs: number of experiments that run side by side.
        logs: folder of the logs, one per point.
        pull: whether data that an experiment needs and this clone lacks are fetched from the remote.
    """

    def __init__(self, workspace: Workspace, *, n_jobs: int, logs: Path, pull: bool = False) -> None:
        self.workspace = workspace
        self.n_jobs = n_jobs
        self._logs = logs
        self._pull = pull
        self._children: list[_Child] = []
        self._starting: _Child | None = None
        # Ended well without an experiment: another run may have taken the point, and will end with it.
        self._unclear: list[Finished] = []

    @property
    def n_running(self) -> int:
        """How many have started and are not reported by `wait` yet."""
        return len(self._children) + len(self._unclear)

    @property
    def is_free(self) -> bool:
        """Whether one more may start."""
        return self.n_running < self.n_jobs

    def start(self, name: str, assignments: Sequence[str]) -> None:
        """Start an experiment and return when DVC has made its copy of the repository; another DVC in the workspace is waited for.

        Raises:
            PipelineError: the commit or the uncommitted changes are not those that the first one started from, or an experiment
                of this name runs already.
        """
        wait_for_other_dvc(ours=self.n_running > 0)
        now = read_workspace()
        if (now.head, now.changes) != (self.workspace.head, self.workspace.changes):
            raise PipelineError(
                "the repository was changed while experiments ran, and those that are left would start from something else; "
                "undo the change and run the same command again, or start anew from here"
            )
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name}.log"
        command = [
            *_prefix(),
            sys.executable,
            "-m",
            "dvc",
            "--wait-for-lock",
            "exp",
            "run",
            "--temp",
            "--name",
            name,
        ]
        command += ["--pull", "--allow-missing"] if self._pull else []
        for assignment in assignments:
            command += ["--set-param", assignment]
        with log.open("ab") as output:
            if not _lock(output):
                raise PipelineError(_runs_already(name, log))
            output.truncate(0)
            # A session of its own: Ctrl-C comes to us alone, and we pass it on once DVC has put the workspace back.
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                start_new_session=True,
            )
        child = _Child(name, tuple(assignments), process, log, time.monotonic())
        self._children.append(child)
        self._starting = child
        self._await_taken(child)
        self._starting = None

    def wait(self) -> Finished:
        """The next experiment to end."""
        while True:
            done = experiments(self.workspace.head) if self._unclear else {}
            for unclear in self._unclear:
                if unclear.name in done or not self._children:
                    self._unclear.remove(unclear)
                    sha = done.get(unclear.name)
                    return replace(unclear, sha=sha, reason=None if sha else unclear.reason)
            for child in self._children:
                if child.process.poll() is None:
                    continue
                self._children.remove(child)
                finished = self._finished(child)
                if finished.sha is not None or child.process.returncode != 0:
                    return finished
                self._unclear.append(finished)
                break
            else:
                time.sleep(_POLL_S)

    def stop(self) -> None:
        """End what runs, as Ctrl-C would, and clear up behind it."""
        if self._starting is not None:
            # Until then DVC may hold files of the workspace in its stash; or it waits for the lock of another DVC.
            self._await_taken(self._starting, at_most_s=_GRACE_S)
        for child in self._children:
            _signal(child, signal.SIGINT)
        deadline_s = time.monotonic() + _GRACE_S
        while any(child.process.poll() is None for child in self._children):
            if time.monotonic() > deadline_s:
                for child in self._children:
                    _signal(child, signal.SIGKILL)
            time.sleep(_POLL_S)
        for child in self._children:
            _clear(child)
        self._children.clear()

    def _finished(self, child: _Child) -> Finished:
        duration_s = time.monotonic() - child.started_s
        sha = experiments(self.workspace.head).get(child.name)
        status = child.process.returncode
        if status != 0:
            _clear(child)
        if sha is not None:
            reason = None
        elif status < 0:
            reason = f"killed by {signal_name(-status)}"
        else:
            reason = f"exit status {status}" if status else "DVC ended well but saved no experiment"
        return Finished(child.name, child.assignments, sha, child.log, duration_s, reason)

    def _await_taken(self, child: _Child, *, at_most_s: float = math.inf) -> None:
        # If DVC comes to say this in other words, a start waits for the end of the run: slow, and still right.
        deadline_s = time.monotonic() + at_most_s
        while child.process.poll() is None and time.monotonic() < deadline_s:
            if _TAKEN.encode() in child.log.read_bytes():
                return
            time.sleep(_POLL_S)

    def _environment(self) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if name != "DVC_ROOT"}
        # The stages start `python`, which has to be this one; and what they print is watched.
        environment["PATH"] = os.pathsep.join(
            (str(Path(sys.executable).parent), environment.get("PATH", os.defpath))
        )
        environment["PYTHONUNBUFFERED"] = "1"
        environment["DVC_NO_ANALYTICS"] = "1"
        if variable("GRCF_WORKERS") is None:
            environment["GRCF_WORKERS"] = str(max(1, worker_count() // self.n_jobs))
        return environment


def require_none_runs(names: Sequence[str], *, logs: Path) -> None:
    """Refuse experiments that another sweep or search runs, or that go on after one was killed: two of a name would end as one.

    Args:
        names: names of the experiments.
        logs: folder of the logs.

    Raises:
        PipelineError: one of them runs.
    """
    for name in names:
        log = logs / f"{name}.log"
        if not log.exists():
            continue
        with log.open("ab") as output:
            if not _lock(output):
                raise PipelineError(_runs_already(name, log))


def _lock(log: BinaryIO) -> bool:
    """Lock a log for DVC and its stages, which write to it: the lock is there for as long as one of them lives, and no longer."""
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system without locks tells nothing of others
    return True


def _runs_already(name: str, log: Path) -> str:
    return (
        f"{log}: the experiment {name} is running already, started by another sweep or search or left over from one that was killed; "
        "run the same command again when it has ended"
    )


@contextlib.contextmanager
def stopping(runner: Runner) -> Iterator[None]:
    """Whatever ends the block early, Ctrl-C, a polite kill and a closed terminal included, ends the experiments too.

    Under `nohup`, which has the end of the terminal ignored, everything goes on.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    ending = [signal.SIGTERM, *([] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP])]
    before = {number: signal.signal(number, interrupt) for number in ending}
    try:
        yield
    except BaseException:
        # A second Ctrl-C would leave behind what the first one wants cleared up.
        impatient = signal.signal(signal.SIGINT, signal.SIG_IGN)
        for number in ending:
            signal.signal(number, signal.SIG_IGN)
        try:
            runner.stop()
        finally:
            signal.signal(signal.SIGINT, impatient)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _signal(child: _Child, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.process.pid, number)


def _clear(child: _Child) -> None:
    """Stages outlive a DVC that was killed, and so do its copy and the entry that says "running" for ever."""
    _signal(child, signal.SIGKILL)
    for record in _TEMPORARY.glob("run/*/*.run"):
        try:
            info = json.loads(record.read_bytes())
        except (OSError, ValueError):
            continue
        if info.get("name") == child.name:
            copy = Path(info.get("root_dir", ""))
            if copy.parent.resolve() == _TEMPORARY.resolve():
                shutil.rmtree(copy, ignore_errors=True)
            shutil.rmtree(record.parent, ignore_errors=True)

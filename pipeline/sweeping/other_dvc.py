"""Waiting for a DVC that somebody runs in the same workspace.

To copy the workspace, `dvc exp run --temp` puts the parameters of a point into it and takes them out again. A stage that runs there
at that moment would read them, and what it has written by halves would go into the experiment.
"""

import fcntl
import json
import os
import sys
import time
from pathlib import Path

import psutil

_POLL_S = 0.2
_TMP = Path(".dvc/tmp")


def wait_for_other_dvc(*, ours: bool = False) -> None:
    """Return when no other DVC works in this workspace; one that does is named on standard error.

    Args:
        ours: whether experiments of this process run, which hold DVC's lock now and then, but no file of the workspace.
    """
    named: str | None = None
    while (found := _stage_at_work() or (None if ours else _lock_holder()) or _stage_at_work()) is not None:
        if found != named:
            sys.stderr.write(
                f"{found}; experiments start when it has ended, because they begin as a copy of this workspace\n"
            )
            sys.stderr.flush()
            named = found
        time.sleep(_POLL_S)


def _stage_at_work() -> str | None:
    """The DVC of which a stage runs here: each stage is noted, with the files that it reads and writes, for as long as it runs."""
    try:
        noted = json.loads((_TMP / "rwlock").read_bytes())
        writers = list(noted.get("write", {}).values())
        readers = [reader for readers in noted.get("read", {}).values() for reader in readers]
        for entry in [*writers, *readers]:
            if _is_alive(int(entry["pid"]), str(entry["cmd"])):
                return f"`{_shortened(str(entry['cmd']))}` (process {int(entry['pid'])}) is running here"
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        pass  # none was ever noted, or the note is being written, or is damaged, which DVC itself says
    return None


def _lock_holder() -> str | None:
    """DVC holds its lock between two stages, and while it adds, fetches or removes."""
    try:
        with (_TMP / "lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return "another DVC holds the lock of this repository"
    except OSError:
        pass
    return None


def _is_alive(pid: int, command: str) -> bool:
    """Whether a process that was noted still runs, and is not another one that has got its number since: this one, for example."""
    if pid == os.getpid():
        return False
    try:
        arguments = " ".join(psutil.Process(pid).cmdline())
    except psutil.AccessDenied:
        return True
    except (psutil.NoSuchProcess, OverflowError, ValueError):
        return False
    # What stands before the arguments depends on how DVC was started; nothing is told of a process that has ended and waits.
    program, _, rest = command.partition(" ")
    return arguments.endswith(rest or Path(program).name) and arguments != ""


def _shortened(command: str) -> str:
    program, *arguments = command.split(" ")
    return " ".join([Path(program).name, *arguments])[:100]

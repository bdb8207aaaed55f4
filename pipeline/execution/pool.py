"""Worker processes of which any may die or hang at the cost of its own item alone."""

import multiprocessing
import os
import pickle
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, NoReturn, TypeVar

from pipeline.errors import MachineError, PipelineError
from pipeline.execution import garbage
from pipeline.execution.preloading import ONE_THREAD, preload
from pipeline.execution.scheduling import Affinity, Schedule

Item = TypeVar("Item")
Result = TypeVar("Result")

_STARTS = 20
_LONGEST_GOODBYE_S = 5.0
# What a worker that is writing may take to finish; every other one ends at once.
_LONGEST_WRITE_S = 10.0
_LONGEST_START_S = 600.0
_MAX_FAILED_STARTS = 5
# What libraries keep open while they are imported and a recording is read, and a pipe and a sentinel for each worker.
_OPEN_FILES, _OPEN_FILES_PER_WORKER = 48, 4


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """What the function returned."""

    result: Result


@dataclass(frozen=True, slots=True)
class Lost:
    """An item whose worker did not live to return a result; `reason` is a clause without a subject."""

    reason: str


@dataclass(frozen=True, slots=True)
class Died:
    """An item whose process ended; `how` is a clause with a subject."""

    how: str

    def __str__(self) -> str:
        return self.how


class _WorkerTracebackError(Exception):
    """The traceback of a worker as text, which is the cause of the exception that it raised."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


@dataclass(frozen=True, slots=True)
class Raised:
    """What the function raised, with the traceback of the process in which it did; it can always be pickled."""

    error: BaseException
    traceback: str

    @classmethod
    def caught(cls, error: BaseException) -> "Raised":
        """The exception that is being handled; one that cannot be made anew from its pickle becomes a `RuntimeError`."""
        where = traceback.format_exc()
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            return cls(RuntimeError(f"{type(error).__name__}: {error}"), where)
        return cls(error, where)

    def reraise(self) -> NoReturn:
        """Raise it in this process, the traceback of the other as its cause."""
        raise self.error from _WorkerTracebackError(self.traceback)


def run_in_workers(
    function: Callable[[Item], Result],
    items: Mapping[int, Item],
    *,
    n_workers: int,
    limit_s: Callable[[Item], float] | None,
    describe: Callable[[Item], str],
    affinity: Callable[[Item], Affinity] | None = None,
    preloaded: Sequence[str] = (),
) -> Generator[tuple[int, Done[Result] | Lost], None, None]:
    """Outcomes of `function` as they come, each with the key of its item.

    Every worker has a pipe of its own and holds one item at a time, so one that dies or is stopped takes nothing with it: no
    queue, no lock, no item of another. (`ProcessPoolExecutor` breaks as a whole, and cannot stop a worker.) An item whose
    worker died is tried once more, alone, when the others are done: if memory was short, there may be enough then.

    Args:
        function: computes one item; picklable, as the items are.
        items: items to compute, by key.
        n_workers: number of processes side by side.
        limit_s: seconds that an item may take until its worker is stopped, which is final; None for any number.
        describe: name of an item for standard error.
        affinity: items that one worker had better take one after the other, see `Schedule`; None where it makes no
            difference.
        preloaded: modules that workers need: they are forked from a process that has imported them, see `preload`.

    Raises:
        Exception: whatever `function` raised, with the worker's traceback as its cause. All workers have ended then.
    """
    _require_open_files(n_workers)
    if items and preloaded:
        preload(preloaded)
    died: dict[int, Item] = {}
    with closing(_attempt(function, items, n_workers, limit_s, affinity)) as outcomes:
        for key, outcome in outcomes:
            if isinstance(outcome, Died):
                died[key] = items[key]
                sys.stderr.write(f"{describe(items[key])}: {outcome.how}; it is tried once more\n")
            else:
                yield key, outcome
    with closing(_attempt(function, died, 1, limit_s, affinity)) as outcomes:
        for key, outcome in outcomes:
            yield key, Lost(f"{outcome.how}, twice") if isinstance(outcome, Died) else outcome


def _require_open_files(n_workers: int) -> None:
    """Ask for as many open files as work needs; with fewer, whichever file is opened last would seem to be damaged.

    Raises:
        MachineError: the machine does not allow as many.
    """
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _OPEN_FILES + _OPEN_FILES_PER_WORKER * n_workers
    if allowed == resource.RLIM_INFINITY or allowed >= needed:
        return
    if most == resource.RLIM_INFINITY or most >= needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, most))
        return
    raise MachineError(
        f"a process may have {most} files open here, and {needed} are needed for {n_workers} workers; raise the limit with "
        "`ulimit -n 1024`, or set GRCF_WORKERS=1, then run the same command again"
    )


def _attempt(
    function: Callable[[Item], Result],
    items: Mapping[int, Item],
    n_workers: int,
    limit_s: Callable[[Item], float] | None,
    affinity: Callable[[Item], Affinity] | None,
) -> Generator[tuple[int, Done[Result] | Lost | Died], None, None]:
    waiting = Schedule((key, affinity(item) if affinity else None) for key, item in items.items())
    workers: list[_Worker] = []
    content, n_failed_starts = pickle.dumps(function), 0
    try:
        while waiting or any(worker.key is not None for worker in workers):
            n_busy = sum(worker.key is not None for worker in workers)
            while len(workers) < min(n_workers, n_busy + len(waiting)):
                workers.append(_Worker(content))
            for worker in workers:
                if worker.ready and worker.key is None and waiting:
                    key = waiting.take(worker)
                    worker.give(key, items[key], None if limit_s is None else limit_s(items[key]))
            for worker in _answering(workers):
                held, outcome = worker.key, worker.answer()
                if isinstance(outcome, Died | Lost):
                    workers.remove(worker)
                    _end([worker])
                    n_failed_starts += held is None
                    if n_failed_starts == _MAX_FAILED_STARTS:
                        raise PipelineError(
                            f"worker processes cannot start ({outcome}); set GRCF_WORKERS=1 where memory is short"
                        )
                if isinstance(outcome, Raised):
                    outcome.reraise()
                if held is not None:
                    yield held, outcome
        _say_goodbye(workers)
    finally:
        _end(workers)


class _Worker:
    """One process, its end of the pipe, and its item: `key` is None while it waits; `ready` is set once it has started."""

    def __init__(self, function: bytes) -> None:
        self.connection, self.process = start_worker(_work)
        self.key: int | None = None
        self.ready = False
        self.limit_s, self.deadline_s = _LONGEST_START_S, time.monotonic() + _LONGEST_START_S
        self._send(function)

    def give(self, key: int, item: Any, limit_s: float | None) -> None:
        self.key = key
        if limit_s is not None:
            self.limit_s, self.deadline_s = limit_s, time.monotonic() + limit_s
        self._send(pickle.dumps(item))

    def _send(self, content: bytes) -> None:
        try:
            self.connection.send_bytes(content)
        except OSError:
            return  # it died meanwhile, which `answer` finds out

    def answer(self) -> Done[Any] | Lost | Died | Raised:
        """What became of the item, or of loading the function."""
        try:
            if self.connection.poll():
                outcome: Done[Any] | Died | Raised = pickle.loads(self.connection.recv_bytes())
                self.ready, self.key, self.deadline_s = True, None, float("inf")
                return outcome
        except (EOFError, OSError):
            pass
        if self.is_late():
            return Lost(f"took longer than {self.limit_s:.0f} s and was stopped")
        self.process.join(_LONGEST_GOODBYE_S)
        return Died(how_it_died(self.process.exitcode))

    def is_late(self) -> bool:
        return time.monotonic() >= self.deadline_s


def start_worker(work: Callable[..., None], *given: Any) -> tuple[Connection, Any]:
    """A process that does some work, which is given an end of a pipe, the environment of this process and what else there is.

    Returns:
        the other end of the pipe, and the process; both end with this one.
    """
    # A fork after native libraries have started threads can hang; forkserver starts from a clean process.
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context: Any = multiprocessing.get_context(method)
    ours, theirs = context.Pipe()
    # The server keeps the environment of its own start, which may say of another time where caches and media are.
    process = context.Process(target=work, args=(theirs, dict(os.environ), *given), daemon=True)
    _start(process)
    theirs.close()  # or the pipe would not end with the worker
    return ours, process


def _start(process: Any) -> None:
    """Start a process, also where the one that it is forked from dies while it loads modules: the next one loads none."""
    for left in reversed(range(_STARTS)):
        try:
            process.start()
            return
        except (EOFError, ConnectionError):
            if not left:
                raise
            time.sleep(0.1)  # it may take a moment until it is gone, and would be asked again


def _end(workers: list[_Worker]) -> None:
    """End workers whatever they are at, all at once; one that is writing may finish."""
    for worker in workers:
        worker.connection.close()
        worker.process.terminate()
    deadline_s = time.monotonic() + _LONGEST_WRITE_S
    for worker in workers:
        worker.process.join(max(deadline_s - time.monotonic(), 0))
        worker.process.kill()
        worker.process.join()
        worker.process.close()


def _say_goodbye(workers: list[_Worker]) -> None:
    """Let workers that wait end by themselves, all at once, as long as they do."""
    for worker in workers:
        worker.connection.close()
    deadline_s = time.monotonic() + _LONGEST_GOODBYE_S
    for worker in workers:
        worker.process.join(max(deadline_s - time.monotonic(), 0))


def _answering(workers: list[_Worker]) -> list[_Worker]:
    """Wait until workers have something to say, have died, or are late."""
    sources = {
        source: worker for worker in workers for source in (worker.connection, worker.process.sentinel)
    }
    soonest_s = min(worker.deadline_s for worker in workers)
    timeout = None if soonest_s == float("inf") else max(soonest_s - time.monotonic(), 0)
    answering = [sources[source] for source in wait(list(sources), timeout)]
    return [worker for worker in workers if worker in answering or worker.is_late()]


def how_it_died(status: int | None) -> str:
    """What the exit status of a worker says, as a clause with a subject."""
    if status is not None and status < 0:
        return f"its worker process died of {signal_name(-status)} (out of memory, or a crash in a library)"
    return f"its worker process ended with status {status}"


def signal_name(number: int) -> str:
    """The name of a signal; those of real time have none but for the first and the last."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _work(connection: Connection, environment: dict[str, str]) -> None:
    """What a worker does: take the function, then one item after the other until the pipe ends."""
    begin_worker(environment)
    functions: list[Callable[[Any], Any]] = []
    with suppress(EOFError, OSError):
        with garbage.loading():
            content = connection.recv_bytes()
            connection.send_bytes(attempt(lambda: functions.append(pickle.loads(content))))
            _answer_one(connection, functions)  # most libraries are loaded for the first item
        while True:
            _answer_one(connection, functions)


def _answer_one(connection: Connection, functions: Sequence[Callable[[Any], Any]]) -> None:
    item = connection.recv_bytes()
    connection.send_bytes(attempt(lambda: functions[0](pickle.loads(item))))


def begin_worker(environment: dict[str, str]) -> None:
    """What a process does first that works for the program with this environment."""
    _adopt(environment)
    _start_worker()


def _adopt(environment: dict[str, str]) -> None:
    """Take the environment of the program; what libraries have added while they were loaded stays."""
    for name in list(os.environ):
        if name.startswith("GRCF_") and name not in environment:
            del os.environ[name]
    os.environ.update(environment)


def attempt(work: Callable[[], Any]) -> bytes:
    """What became of some work, pickled: `Done`, `Died` where memory was short, or `Raised`."""
    try:
        return pickle.dumps(Done(work()))
    except MemoryError:
        return pickle.dumps(Died("it needed more memory than there was"))
    except BaseException as error:
        return pickle.dumps(Raised.caught(error))


def _start_worker() -> None:
    os.dup2(
        2, 1
    )  # what a library or a part of somebody's own prints is no answer of the program, which may be JSON
    # Ctrl-C goes to the whole process group; the parent alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # programs that it starts may be interrupted
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ |= ONE_THREAD
    if "torch" in sys.modules:  # preloaded, or a module global of the program has imported it
        import torch

        torch.set_num_threads(1)


def _end_with_parent() -> None:
    """A killed parent cannot stop its workers, which would finish what they are at and take the cores of the next run."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

"""Items side by side in threads of one guarded process, which has loaded what is too large to be loaded for each of them."""

import pickle
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

from pipeline.errors import PipelineError
from pipeline.execution.pool import (
    Died,
    Done,
    Lost,
    Raised,
    attempt,
    begin_worker,
    how_it_died,
    start_worker,
)

Item = TypeVar("Item")
Result = TypeVar("Result")

_LONGEST_START_S = 600.0
_LONGEST_GOODBYE_S = 5.0
_MAX_FAILED_STARTS = 5


class SideBySide(Generic[Item, Result]):
    """A function of one item in threads of a process, which is started for the first item and again whenever it was ended.

    A thread cannot be stopped, so an item that takes too long costs the process, and that it is loaded anew; those beside it are begun again.
    The process stays for the next items, and ends with this object.

    Args:
        function: computes one item; picklable, as items and results are, and safe to be called by several threads.
        limit_s: seconds that an item may take until the process is stopped, which is final for the item.
        describe: name of an item for standard error.
    """

    def __init__(
        self,
        function: Callable[[Item], Result],
        *,
        limit_s: Callable[[Item], float],
        describe: Callable[[Item], str],
    ) -> None:
        self._function, self._limit_s, self._describe = function, limit_s, describe
        self._process: _Process | None = None

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_process": None}

    def outcomes(
        self, items: Mapping[int, Item], *, n_threads: int
    ) -> Generator[tuple[int, Done[Result] | Lost], None, None]:
        """Outcomes as they come, each with the key of its item.

        Nobody can tell which of some items side by side has ended their process. So each of them is tried once more, alone, when the others are done.

        Raises:
            Exception: whatever the function raised, with the traceback of the process as its cause. The process has ended then.
        """
        if self._process is not None and self._process.n_threads != n_threads:
            self._end()
        suspects: list[int] = []
        is_over = False
        try:
            for key, outcome in self._attempt(items, items, n_threads, n_beside=n_threads):
                if isinstance(outcome, Died):
                    suspects.append(key)
                    sys.stderr.write(f"{self._describe(items[key])}: {outcome.how}; it is tried once more\n")
                else:
                    yield key, outcome
            for key, outcome in self._attempt(items, suspects, n_threads, n_beside=1):
                yield key, Lost(f"{outcome.how}, twice") if isinstance(outcome, Died) else outcome
            is_over = True
        finally:
            if not is_over:
                self._end()

    def _attempt(
        self, items: Mapping[int, Item], keys: Iterable[int], n_threads: int, *, n_beside: int
    ) -> Generator[tuple[int, Done[Result] | Lost | Died], None, None]:
        waiting, n_failed_starts = deque(keys), 0
        while waiting or (self._process is not None and self._process.held):
            if self._process is None:
                self._process = _Process(self._function, n_threads)
                weakref.finalize(self, self._process.end)
            process = self._process
            while waiting and len(process.held) < n_beside:
                key = waiting.popleft()
                process.give(key, items[key], self._limit_s(items[key]))
            answer = process.answer()
            if isinstance(answer, Died):
                held = list(process.held)
                self._end()
                if process.is_ready:
                    yield from ((key, answer) for key in held)
                    continue
                waiting.extendleft(reversed(held))
                n_failed_starts += 1
                if n_failed_starts == _MAX_FAILED_STARTS:
                    raise PipelineError(
                        f"worker processes cannot start ({answer.how}); set GRCF_WORKERS=1 where memory is short"
                    )
                continue
            if answer is not None:
                key, outcome = answer
                if isinstance(outcome, Raised):
                    outcome.reraise()
                given_s = time.monotonic()
                yield key, outcome
                # What is done waits in the pipe while the caller is at something else, and that is no fault of it.
                process.wait_longer(time.monotonic() - given_s)
            late = process.late()
            if late:
                beside = [key for key in process.held if key not in late]
                self._end()
                waiting.extendleft(reversed(beside))
                for key in late:
                    yield key, Lost(f"took longer than {self._limit_s(items[key]):.0f} s and was stopped")

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end()


class _Process:
    """The process with its end of the pipe; `held` has the keys of the items in it, in order, and by when each has to be done."""

    def __init__(self, function: Callable[[Any], Any], n_threads: int) -> None:
        self._connection, self._process = start_worker(_serve, n_threads)
        self.n_threads = n_threads
        self.is_ready = False
        self.held: dict[int, float] = {}
        self._starts_until_s = time.monotonic() + _LONGEST_START_S
        self._send(pickle.dumps(function))

    def give(self, key: int, item: Any, limit_s: float) -> None:
        # What it has not loaded yet is loaded for the first items.
        self.held[key] = max(time.monotonic(), self._starts_until_s) + limit_s
        self._send(pickle.dumps((key, pickle.dumps(item))))

    def _send(self, content: bytes) -> None:
        with suppress(OSError):  # it died meanwhile, which `answer` finds out
            self._connection.send_bytes(content)

    def answer(self) -> tuple[int, Done[Any] | Died | Raised] | Died | None:
        """What became of an item, or of the process; None where nothing has until an item is late."""
        until_s = min(self.held.values(), default=self._starts_until_s)
        try:
            if not self._connection.poll(max(until_s - time.monotonic(), 0)):
                return None
            answer = pickle.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            self._process.join(_LONGEST_GOODBYE_S)
            return Died(how_it_died(self._process.exitcode))
        self.is_ready = True
        if answer is None:
            return None
        key, content = answer
        self.held.pop(key)
        self._starts_until_s = 0.0
        return key, pickle.loads(content)

    def wait_longer(self, seconds: float) -> None:
        """Give all items in the process more time."""
        self.held = {key: until_s + seconds for key, until_s in self.held.items()}

    def late(self) -> list[int]:
        """Items whose time is over, and that have no answer yet."""
        if self._connection.poll(0):
            return []
        now_s = time.monotonic()
        return [key for key, until_s in self.held.items() if now_s >= until_s]

    def end(self) -> None:
        """End the process whatever it is at; of no consequence where it has ended."""
        self._connection.close()
        self._process.kill()
        self._process.join()


def _serve(connection: Connection, environment: dict[str, str], n_threads: int) -> None:
    """What the process does: take the function, then items until the pipe ends."""
    begin_worker(environment)
    sending = threading.Lock()

    def send(answer: Any) -> None:
        with sending, suppress(OSError):
            connection.send_bytes(pickle.dumps(answer))

    with suppress(EOFError, OSError), ThreadPoolExecutor(n_threads) as threads:
        content = connection.recv_bytes()
        send(None)
        load = _Once(content)
        while True:
            key, item = pickle.loads(connection.recv_bytes())
            threads.submit(
                lambda key, item: send((key, attempt(lambda: load()(pickle.loads(item))))), key, item
            )


class _Once:
    """The function that some bytes are the pickle of, loaded by the first thread that needs it."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._lock = threading.Lock()
        self._found: list[Callable[[Any], Any]] = []

    def __call__(self) -> Callable[[Any], Any]:
        with self._lock:
            if not self._found:
                self._found.append(pickle.loads(self._content))
            return self._found[0]

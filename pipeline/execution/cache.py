"""Results that survive a kill: a content-addressed store outside the outputs that DVC owns."""

import hashlib
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from pipeline.artifacts.files import remove_abandoned, write_bytes
from pipeline.errors import PipelineError
from pipeline.execution.lazily import Lazily

T = TypeVar("T")

_DIGEST_BYTES = 32


def cache_folder() -> Path:
    """Where cached results live: `$GRCF_CACHE`, else `.cache/` of the repository that DVC was started in.

    DVC points `DVC_ROOT` at the main repository even in the temporary workspaces of `dvc exp run --temp`, so
    experiments that run side by side share one cache.
    """
    chosen = os.environ.get("GRCF_CACHE")
    return Path(chosen) if chosen else Path(os.environ.get("DVC_ROOT", ".")) / ".cache"


def cache_key(**parts: Any) -> str:
    """Hex digest of everything a result depends on; `parts` have to be JSON values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a cache; `used_s` is when it was last written or, as far as the file system tells, read, in seconds of the clock.

    `finished` is False for one that is being written, or was when its writer was killed.
    """

    key: str
    path: Path
    n_bytes: int
    used_s: float
    finished: bool


class ResultCache:
    """A folder of entries by key, safe for several processes.

    An entry is its payload behind the payload's SHA-256, renamed into place when whole; one that is damaged counts as
    a miss and is written anew.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key

    def get(self, key: str) -> bytes | None:
        """The payload stored under `key`, None on a miss."""
        try:
            content = self._path(key).read_bytes()
        except OSError:
            return None
        digest, payload = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        return payload if hashlib.sha256(payload).digest() == digest else None

    def holds(self, key: str) -> bool:
        """Whether there is an entry, whole or not: a look at the folder, not at the entry."""
        return self._path(key).exists()

    def entries(self) -> Iterator[Entry]:
        """Every file in the folder, in no order; what vanishes meanwhile is left out."""
        for path in self.folder.glob("??/*"):
            with suppress(FileNotFoundError):
                found = path.stat()
                used_s = max(found.st_mtime, found.st_atime)
                yield Entry(path.name, path, found.st_size, used_s, finished=not path.name.endswith(".tmp"))

    def put(self, key: str, payload: bytes) -> None:
        """Store `payload` under `key`; a worker that is told to end does so afterwards."""
        with _ending_afterwards():
            write_bytes(self._path(key), hashlib.sha256(payload).digest() + payload)

    def remove_abandoned(self) -> None:
        """Remove what killed processes were writing."""
        for folder in self.folder.glob("??"):
            remove_abandoned(folder)

    def load(self, key: str, decode: Callable[[bytes], T]) -> T | None:
        """The decoded entry; None where it is missing or `decode` refuses it."""
        payload = self.get(key)
        if payload is None:
            return None
        try:
            return decode(payload)
        except PipelineError:
            return None

    def load_stored(self, key: str, decode: Callable[[bytes], T], *, name: str) -> T:
        """The decoded entry, of which it is known that it was stored.

        Args:
            key: key of the entry.
            decode: turns its payload into a result.
            name: name of what the result describes, for the message.

        Raises:
            PipelineError: it is gone or damaged.
        """
        result = self.load(key, decode)
        if result is None:
            raise PipelineError(
                f"{name}: its result was stored in {self.folder} and cannot be read again; run the same command once more, with "
                "another GRCF_CACHE if that file system loses files"
            )
        return result

    def results(
        self,
        keys: Sequence[str],
        decode: Callable[[bytes], T],
        *,
        name: Callable[[int], str],
        instead: Mapping[int, T],
    ) -> Lazily[T]:
        """The results of keys, each read when it is looked at, so that all of them need not fit into memory.

        Args:
            keys: key of each result.
            decode: turns a payload into a result.
            name: name of what the result at a position describes, for messages.
            instead: results by position that are not stored; more may come while the results are used.
        """

        def result(position: int) -> T:
            if position in instead:
                return instead[position]
            return self.load_stored(keys[position], decode, name=name(position))

        return Lazily(len(keys), result)


@contextmanager
def _ending_afterwards() -> Iterator[None]:
    """Let a worker that is told to end (SIGTERM) finish what it writes here, so that a computed result is kept and is no half.

    Other processes than workers answer for themselves.
    """
    if multiprocessing.parent_process() is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = []

    def remember(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    before = signal.signal(signal.SIGTERM, remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        if asked:
            os.kill(os.getpid(), signal.SIGTERM)

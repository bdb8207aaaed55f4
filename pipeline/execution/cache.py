"""Results that survive a kill: a content-addressed store outside the outputs that DVC owns."""

import errno
import hashlib
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from pipeline.artifacts.formats.files import remove_abandoned, write_bytes
from pipeline.errors import PipelineError
from pipeline.execution import packs
from pipeline.execution.lazily import Lazily
from pipeline.execution.pack_files import Entry as PackEntry
from pipeline.execution.pack_files import is_packable, is_whole
from pipeline.execution.packs import Packs, files_in, packs_of
from pipeline.execution.variables import variable

T = TypeVar("T")

_DIGEST_BYTES = 32
_MOST_TRIES = 10
# What a file system answers where a cache is a file, a link to nothing, or on a disk or in a folder that may only be read.
_NO_FOLDER = {errno.ENOTDIR, errno.EEXIST, errno.ELOOP, errno.EROFS, errno.EACCES, errno.EPERM}


def cache_folder() -> Path:
    """Where cached results live: `$GRCF_CACHE`, else `.cache/` of the repository that DVC was started in.

    A relative `$GRCF_CACHE` begins at that repository, and `~` is the home, which no shell puts in within quotes. DVC points `DVC_ROOT` at the main repository even in the temporary workspaces of `dvc exp run --temp`, so
    experiments that run side by side share one cache.
    """
    chosen = path_named(variable("GRCF_CACHE") or ".cache")
    return Path(variable("DVC_ROOT") or ".", chosen)


def path_named(text: str) -> Path:
    """The path that a variable or a setting names; `~` is the home, and that of somebody who has none here a name like any other."""
    path = Path(text)
    with suppress(RuntimeError):
        return path.expanduser()
    return path


def cache_key(**parts: Any) -> str:
    """Hex digest of everything a result depends on; `parts` have to be JSON values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a cache, in a file of its own or in a pack.

    Attributes:
        key: its key; the name of the file for one that is not finished.
        path: the file that holds it.
        n_bytes: what it takes there.
        used_s: when the file was last written or, as far as the file system tells, read, in seconds of the clock.
        finished: False for a file that is being written, or was when its writer was killed.
        is_packed: whether the file is a pack, which holds other entries as well.
    """

    key: str
    path: Path
    n_bytes: int
    used_s: float
    finished: bool
    is_packed: bool = False


class ResultCache:
    """A folder of entries by key, safe for several processes.

    An entry is its payload behind the payload's SHA-256, in a file of its own that is renamed into place when whole; one that is
    damaged counts as a miss and is written anew. `pack` moves entries into packs, see `pipeline.execution.packs`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._packs_folder = folder.absolute() / "packs"

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key

    @property
    def _packs(self) -> Packs:
        return packs_of(self._packs_folder)

    def get(self, key: str) -> bytes | None:
        """The payload stored under `key`, None on a miss."""
        content = self._looked_up(lambda: self._packs.get(key) or self._alone(key))
        return content[_DIGEST_BYTES:] if content else None

    def _looked_up(self, look: Callable[[], T]) -> T:
        """What looking comes to: at the packs that are known, then at a file of its own. Nothing counts once no other pack has come.

        An entry may be packed between the two looks, and another thread may have taken in the new pack meanwhile.
        """
        for _ in range(_MOST_TRIES):
            known = self._packs.known
            found = look()
            if found:
                break
            self._packs.look_again()
            if self._packs.known is known:
                break
        return found

    def _alone(self, key: str) -> bytes | None:
        """The content of an entry that has a file of its own, None where there is none or it is damaged."""
        try:
            content = self._path(key).read_bytes()
        except OSError:
            return None
        return content if is_whole(content) else None

    def holds(self, key: str) -> bool:
        """Whether there is an entry, whole or not: a look at the folder, not at the entry."""
        return self._looked_up(lambda: self._packs.holds(key) or self._path(key).exists())

    def entries(self) -> Iterator[Entry]:
        """Every entry in the folder, in no order; what vanishes meanwhile, or cannot be looked at, is left out."""
        for path in (*self._files(), *self._packs.unfinished()):
            with suppress(OSError):
                found = path.stat()
                used_s = max(found.st_mtime, found.st_atime)
                yield Entry(path.name, path, found.st_size, used_s, finished=not path.name.endswith(".tmp"))
        for path in self._packs.paths():
            with suppress(OSError):
                found = path.stat()
                used_s = max(found.st_mtime, found.st_atime)
                for key, _, n_bytes in self._packs.entries(path):
                    yield Entry(key, path, n_bytes, used_s, finished=True, is_packed=True)

    def put(self, key: str, payload: bytes) -> None:
        """Store `payload` under `key`; a worker that is told to end does so afterwards."""
        content = hashlib.sha256(payload).digest() + payload
        with _ending_afterwards():
            for left in reversed(range(_MOST_TRIES)):
                try:
                    write_bytes(self._path(key), content)
                    break
                except PipelineError as error:
                    # The folder was empty and is removed by whoever packed its last entry, perhaps while it is made.
                    if not left or not isinstance(error.__cause__, FileNotFoundError | FileExistsError):
                        raise self._refused(error) from error.__cause__

    def _refused(self, error: PipelineError) -> PipelineError:
        """The sentence for a folder that is none, or may not be written to; for anything else, such as a full disk, the error itself."""
        reason = error.__cause__
        if not isinstance(reason, OSError) or reason.errno not in _NO_FOLDER:
            return error
        return PipelineError(
            f"{self.folder}: results cannot be kept there ({reason.strerror}); set GRCF_CACHE to a folder that you may write to, or mend "
            "this one, then run the same command again: what is done is kept"
        )

    def _folders(self) -> Iterator[Path]:
        """The folders of files of their own, which go with the last file in them."""
        for name in files_in(self.folder):
            if len(name) == 2:
                yield self.folder / name

    def _files(self) -> Iterator[Path]:
        for folder in self._folders():
            for name in files_in(folder):
                yield folder / name

    def pack_all(self, keys: Iterable[str], *, group: str) -> None:
        """`pack` those of many keys that have files of their own, in the order of the keys, by a listing and not by a look at each."""
        unpacked = {path.name for path in self._files() if is_packable(path.name)}
        self.pack([key for key in dict.fromkeys(keys) if key in unpacked], group=group)

    def pack(self, keys: Iterable[str], *, group: str) -> None:
        """Move entries that have files of their own into packs; the files go when the packs are on the disk.

        Nothing rests on it. So where the disk is full or may not be written to, the entries stay as they are.

        Args:
            keys: keys of the entries; of no consequence where they have no such file.
            group: what the entries have in common, such as their extractor, see `Packs.add`.
        """
        waiting: list[PackEntry] = []
        n_bytes = 0
        with suppress(PipelineError):
            for key in keys:
                content = self._alone_and_small(key)
                if content is None:
                    continue
                waiting.append(PackEntry(key, content))
                n_bytes += len(content)
                if n_bytes >= packs.PACK_BYTES:
                    self._move(waiting, group)
                    waiting, n_bytes = [], 0
            self._move(waiting, group)

    def _alone_and_small(self, key: str) -> bytes | None:
        try:
            if not is_packable(key) or self._path(key).stat().st_size > packs.LARGEST_ENTRY_BYTES:
                return None
        except OSError:
            return None
        return self._alone(key)

    def _move(self, entries: Sequence[PackEntry], group: str) -> None:
        self._packs.look_again()
        # A killed process may have written the pack and not removed what it holds.
        self._packs.add([entry for entry in entries if self._packs.get(entry.key) is None], group=group)
        self._packs.look_again(always=True)
        self._remove_files(
            self._path(entry.key) for entry in entries if self._packs.get(entry.key) == entry.content
        )

    def _remove_files(self, paths: Iterable[Path]) -> dict[Path, OSError]:
        """Remove files, and the folders that are empty then; what the file system refuses stays, and is returned with its reason."""
        folders, refused = set(), {}
        for path in paths:
            try:
                path.unlink()
            except FileNotFoundError:
                continue
            except OSError as error:
                refused[path] = error
                continue
            folders.add(path.parent)
        for folder in folders:
            with suppress(OSError):
                folder.rmdir()
        return refused

    def remove(self, entries: Iterable[Entry]) -> None:
        """Remove entries and unfinished files, all that can be.

        Raises:
            PipelineError: some files could not be removed, or a pack holds other entries as well and the disk has no room to write
                these anew.
        """
        in_packs: dict[Path, set[str]] = {}
        alone = []
        for entry in entries:
            if entry.is_packed:
                in_packs.setdefault(entry.path, set()).add(entry.key)
            else:
                alone.append(entry.path)
        refused: dict[Path, Exception] = {**self._remove_files(alone)}
        # Whole packs first: that makes room for what is left of the others.
        for path, keys in sorted(
            in_packs.items(), key=lambda found: self._packs.count(found[0]) - len(found[1])
        ):
            try:
                self._packs.remove(path, keys)
            except (OSError, PipelineError) as error:
                refused[path] = error
        if refused:
            path, reason = next(iter(refused.items()))
            raise PipelineError(
                f"{self.folder}: {len(refused)} of its files could not be removed, such as {path} "
                f"({getattr(reason, 'strerror', None) or reason}); the others are gone: mend that, then prune again"
            )

    def remove_abandoned(self) -> None:
        """Remove what killed processes were writing."""
        for folder in self._folders():
            remove_abandoned(folder)
        self._packs.remove_abandoned()

    def load(self, key: str, decode: Callable[[bytes], T]) -> T | None:
        """The decoded entry; None where it is missing or `decode` refuses it."""
        payload = self.get(key)
        found = _decoded(payload, decode)
        # What `decode` refuses stays in its pack; what takes its place has a file of its own.
        return self.load_unpacked(key, decode) if found is None and payload is not None else found

    def load_unpacked(self, key: str, decode: Callable[[bytes], T]) -> T | None:
        """Likewise, if the entry has a file of its own: a look that needs no index of packs."""
        content = self._alone(key)
        return None if content is None else _decoded(content[_DIGEST_BYTES:], decode)

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
            # A network file system may answer from what it remembers of a folder, until somebody lists that.
            files_in(self._path(key).parent)
            self._packs.look_again(always=True)
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


def _decoded(payload: bytes | None, decode: Callable[[bytes], T]) -> T | None:
    if payload is None:
        return None
    try:
        return decode(payload)
    except PipelineError:
        return None


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

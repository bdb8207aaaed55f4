"""Packs: many entries of a cache in one file that never changes, and all of them found by one listing.

A cache on a network file system pays for every file. So entries that are whole are gathered into packs, as git gathers its objects,
and the single files go once the pack is on the disk. No lock is needed, which network file systems may not have: a pack is
named after its content, appears whole, and is never written to again. Processes that gather the same entries at once
write the same pack, or two that both hold them; neither takes anything from the other.
"""

import math
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.artifacts.formats.files import remove_abandoned, write_whole_file
from pipeline.execution.pack_files import (
    RECORD,
    Entry,
    OpenFiles,
    content_of,
    is_packable,
    name_of,
    read_entries,
    read_index,
    write_entries,
)

PACK_BYTES = 64 << 20
"""Packs are written up to this size: few files, and no more memory than this to write one."""

LARGEST_ENTRY_BYTES = 4 << 20
"""A larger entry stays a file of its own, since a pack would hold few of them."""

_PLACE = np.dtype([("at", "u8"), ("n_bytes", "u4"), ("pack", "u4")])
_KEY_WORDS = 4
# What was written within one tick of a file system's clock has one time: a listing this young may have missed something.
_SETTLED_NS = 2_000_000_000
# A network file system may tell the time of a folder as it was up to a minute ago; a listing costs it little more.
_TRUSTED_S = 5.0
_MOST_LISTINGS = 8


class PackedEntry(NamedTuple):
    """Where an entry lies.

    Attributes:
        key: its key.
        path: the pack.
        n_bytes: what it takes there, its record in the index included.
    """

    key: str
    path: Path
    n_bytes: int


class _Table(NamedTuple):
    """The index over all packs of a folder.

    Attributes:
        names: name of each pack by its number, None for one that is gone.
        prefixes: the first eight bytes of each key, sorted.
        places: number of the pack, place and length of each entry, in the same order.
    """

    names: tuple[str | None, ...]
    prefixes: np.ndarray
    places: np.ndarray


class Packs:
    """The packs in a folder, which other processes and machines may add to and merge at any time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._table = _Table((), np.empty(0, np.uint64), np.empty(0, _PLACE))
        self._time_ns: int | None = None
        self._listed_s = -math.inf
        self._lock = threading.Lock()

    @property
    def known(self) -> object:
        """What the last look has found; another object whenever that is something else."""
        return self._table

    def paths(self) -> list[Path]:
        """All packs, in the order of their names."""
        return [self.folder / name for name in files_in(self.folder) if name.endswith(".pack")]

    def unfinished(self) -> list[Path]:
        """Files that are being written, or were when their writer was killed."""
        return [self.folder / name for name in files_in(self.folder) if name.endswith(".tmp")]

    def get(self, key: str) -> bytes | None:
        """The content of an entry, None where the packs that were known at the last look have no whole one."""
        if not is_packable(key):
            return None
        for _ in range(_MOST_LISTINGS):
            content, is_gone = self._read(bytes.fromhex(key))
            if content is not None or not is_gone:
                return content
            self.look_again(always=True)  # merged into another one meanwhile
        return None

    def holds(self, key: str) -> bool:
        """Whether the packs that were known at the last look have an entry, by the first 16 digits of its key."""
        if not is_packable(key):
            return False
        table = self._table
        return any(
            table.names[number] is not None for _, _, number in self._places(table, bytes.fromhex(key))
        )

    def _read(self, key: bytes) -> tuple[bytes | None, bool]:
        """The content, and whether a pack that should have it is gone."""
        table, is_gone = self._table, False
        for at, n_bytes, number in self._places(table, key):
            name = table.names[number]
            if name is None:
                continue
            try:
                content = content_of(_OPEN.read(f"{self.folder}/{name}", at, n_bytes), key)
            except OSError:
                is_gone = True
                continue
            if content is not None:
                return content, False
            _OPEN.close(f"{self.folder}/{name}")
        return None, is_gone

    def _places(self, table: _Table, key: bytes) -> list[tuple[int, int, int]]:
        prefix = np.frombuffer(key[:8], ">u8").astype(np.uint64)[0]
        first = int(table.prefixes.searchsorted(prefix))
        last = first
        while last < len(table.prefixes) and table.prefixes[last] == prefix:
            last += 1
        found: list[tuple[int, int, int]] = table.places[first:last].tolist()
        return found

    def look_again(self, *, always: bool = False) -> None:
        """Take in what has changed.

        Args:
            always: also where the time of the folder says that nothing has, and was found true a moment ago.
        """
        with self._lock:
            for _ in range(_MOST_LISTINGS):
                time_ns = _time_ns(self.folder)
                is_trusted = time.monotonic() - self._listed_s < _TRUSTED_S
                if time_ns == self._time_ns and is_trusted and not always:
                    break
                try:
                    names = {name for name in _listed(self.folder) if name.endswith(".pack")}
                    self._table, is_complete = self._updated(self._table, names)
                except OSError:  # not for long, perhaps: what is known stays, and the next look is a new one
                    self._time_ns = None
                    break
                settled = not time_ns or time.time_ns() - time_ns > _SETTLED_NS
                self._time_ns = time_ns if settled and is_complete else None
                self._listed_s = time.monotonic()
                # What was merged meanwhile can be missing together with the pack that it is in now.
                if _time_ns(self.folder) == time_ns:
                    break

    def _updated(self, known: _Table, names: set[str]) -> tuple[_Table, bool]:
        """The table of the packs with these names, the same one where it knows them and no others, and whether it has all of them."""
        new = names.difference(known.names)
        kept = np.array([name in names for name in known.names], bool)
        are_all_there = all(name is None or name in names for name in known.names)
        if not new and are_all_there:
            return known, True
        numbered = [name if keep else None for name, keep in zip(known.names, kept, strict=True)]
        prefixes, places = [np.empty(0, np.uint64)], [np.empty(0, _PLACE)]
        is_complete = True
        for name in sorted(new):
            try:
                records = read_index(self.folder / name)
            except OSError:  # merged meanwhile, or for the next look
                is_complete = False
                continue
            added = np.empty(len(records), _PLACE)
            added["at"], added["n_bytes"], added["pack"] = records["at"], records["n_bytes"], len(numbered)
            numbered.append(name)
            prefixes.append(np.frombuffer(records["key"].tobytes(), ">u8")[::_KEY_WORDS].astype(np.uint64))
            places.append(added)
        if len(numbered) == len(known.names) and are_all_there:
            return known, is_complete
        stay = kept[known.places["pack"]] if len(kept) else np.zeros(0, bool)
        table = _Table(tuple(numbered), known.prefixes[stay], known.places[stay])
        return _with(table, np.concatenate(prefixes), np.concatenate(places)), is_complete

    def entries(self, path: Path) -> Iterator[PackedEntry]:
        """The entries of a pack by its index, whole or not; none where it is gone."""
        for record in _records(path):
            yield PackedEntry(bytes(record["key"]).hex(), path, int(record["n_bytes"]) + RECORD.itemsize)

    def count(self, path: Path) -> int:
        """How many entries a pack has by its index."""
        return len(_records(path))

    def write(self, entries: Sequence[Entry], *, group: str, time_s: float | None = None) -> Path:
        """Write a pack of entries with different keys; it is on the disk when this returns.

        Args:
            entries: the entries.
            group: what begins its name, without a `-`; packs are merged with those of the same group alone.
            time_s: when its entries were last used, now by default.

        Raises:
            PipelineError: the file system refused; nothing is left behind.
        """
        path = self.folder / f"{group}-{name_of(entries)}.pack"
        write_whole_file(path, lambda file: write_entries(file, entries))
        self._forget(path.name)
        if time_s is not None:
            with suppress(OSError):
                os.utime(path, (time_s, time_s))
        _sync_folder(self.folder)
        return path

    def _forget(self, name: str) -> None:
        """Know a pack no longer: one of its name may have been damaged, and is replaced."""
        with self._lock:
            known = self._table
            names = tuple(None if other == name else other for other in known.names)
            self._table = known._replace(names=names)
            self._time_ns = None
        _OPEN.close(f"{self.folder}/{name}")

    def read(self, path: Path) -> list[Entry]:
        """The entries of a pack that are whole.

        Raises:
            OSError: it is gone, or the file system does not give it.
        """
        return read_entries(path)

    def add(self, entries: Sequence[Entry], *, group: str) -> None:
        """Pack entries, together with small packs of the group, so that many small additions do not become many packs.

        A pack is merged if it is less than twice what comes to it: so an entry is written again about as often as its pack can
        double. The packs that were merged are removed afterwards.

        Raises:
            PipelineError: the file system refused; nothing is lost.
        """
        together = {entry.key: entry for entry in entries}
        n_bytes = sum(len(entry.content) for entry in entries)
        merged = []
        for size, path in self._sizes(group):
            if size >= 2 * n_bytes or size + n_bytes > PACK_BYTES:
                break
            try:
                found = self.read(path)
            except OSError:  # merged by another process, or for another time
                continue
            together = {entry.key: entry for entry in found} | together
            n_bytes += size
            merged.append(path)
        if len(together) < 2:
            return
        written = self.write(list(together.values()), group=group)
        for path in merged:
            if path != written:
                with suppress(OSError):
                    path.unlink()
                self._forget(path.name)

    def _sizes(self, group: str) -> list[tuple[int, Path]]:
        found = []
        for path in self.paths():
            if path.name.startswith(f"{group}-"):
                with suppress(OSError):
                    found.append((path.stat().st_size, path))
        return sorted(found)

    def remove(self, path: Path, keys: set[str]) -> None:
        """Remove entries from a pack, and the pack where nothing is left; the others are on the disk before it goes.

        Raises:
            PipelineError: the file system has no room for the others; the pack stays as it is.
        """
        try:
            status = path.stat()
            left = [entry for entry in self.read(path) if entry.key not in keys]
        except FileNotFoundError:
            return
        written = None
        if left:
            group = path.name.partition("-")[0]
            written = self.write(left, group=group, time_s=max(status.st_mtime, status.st_atime))
        if written != path:
            path.unlink(missing_ok=True)
            self._forget(path.name)

    def remove_abandoned(self) -> None:
        """Remove what killed processes were writing."""
        remove_abandoned(self.folder)


_OPEN = OpenFiles()


@cache
def packs_of(folder: Path) -> Packs:
    """The packs in a folder, whose index a process reads once; `folder` has to be absolute."""
    return Packs(folder)


def _with(table: _Table, prefixes: np.ndarray, places: np.ndarray) -> _Table:
    """A table with more entries, which are in no order; the many that it has need no sorting again."""
    order = np.argsort(prefixes, kind="stable")
    at = table.prefixes.searchsorted(prefixes[order], side="right")
    return table._replace(
        prefixes=np.insert(table.prefixes, at, prefixes[order]),
        places=np.insert(table.places, at, places[order]),
    )


def _records(path: Path) -> np.ndarray:
    try:
        return read_index(path)
    except OSError:
        return np.empty(0, RECORD)


def files_in(folder: Path) -> list[str]:
    """The names in a folder, sorted; none where it is gone or no folder."""
    try:
        return _listed(folder)
    except OSError:
        return []


def _listed(folder: Path) -> list[str]:
    """The names in a folder, sorted; none where there is no folder.

    Raises:
        OSError: the file system does not give them.
    """
    try:
        with os.scandir(folder) as listed:
            return sorted(entry.name for entry in listed)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _time_ns(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def _sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk, so that what a new file replaces may be removed."""
    with suppress(OSError):  # a file system that does not sync folders
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)

"""The form of a pack, a file of cache entries.

A pack is a header (magic, number of entries), an index (key, place and length of each entry) and the entries: each its key, then
what a file of its own would hold, a SHA-256 and the payload that it is of. So whatever part of a pack is damaged or missing costs the
entries there and no others.
"""

import hashlib
import os
import re
import struct
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

RECORD = np.dtype([("key", "V32"), ("at", "<u8"), ("n_bytes", "<u4")])
"""An entry in the index; its length counts its key."""

_PACKABLE = re.compile("[0-9a-f]{64}")
_DIGEST_BYTES = 32
_MAGIC = b"grcfpk01"
_HEADER = struct.Struct("<8sQ")
_MOST_OPEN = 4


class Entry(NamedTuple):
    """An entry that can be packed.

    Attributes:
        key: its key, 64 hexadecimal digits.
        content: the SHA-256 of its payload, then the payload.
    """

    key: str
    content: bytes


def is_packable(key: str) -> bool:
    """Whether a key is one that `cache_key` made."""
    return _PACKABLE.fullmatch(key) is not None


def is_whole(content: bytes) -> bool:
    """Whether the content of an entry is what was written."""
    return hashlib.sha256(content[_DIGEST_BYTES:]).digest() == content[:_DIGEST_BYTES]


def name_of(entries: Sequence[Entry]) -> str:
    """A name for a pack of these entries, which another one has only if it is the same."""
    digest = hashlib.sha256()
    for entry in entries:
        digest.update(bytes.fromhex(entry.key) + entry.content[:_DIGEST_BYTES])
    return digest.hexdigest()[:32]


def write_entries(file: BinaryIO, entries: Sequence[Entry]) -> None:
    """Write a pack of entries with different keys."""
    records = np.empty(len(entries), RECORD)
    at = _HEADER.size + records.nbytes
    for record, entry in zip(records, entries, strict=True):
        n_bytes = _DIGEST_BYTES + len(entry.content)
        record["key"], record["at"], record["n_bytes"] = np.void(bytes.fromhex(entry.key)), at, n_bytes
        at += n_bytes
    file.write(_HEADER.pack(_MAGIC, len(entries)))
    file.write(records.tobytes())
    for entry in entries:
        file.write(bytes.fromhex(entry.key))
        file.write(entry.content)


def read_entries(path: Path) -> list[Entry]:
    """The entries of a pack that are whole.

    Raises:
        OSError: it is gone, or the file system does not give it.
    """
    with _opened(path) as file:
        content = file.read()
    found = []
    for record in _index(content, len(content)):
        at, n_bytes, key = int(record["at"]), int(record["n_bytes"]), bytes(record["key"])
        entry = content_of(content[at : at + n_bytes], key)
        if entry is not None:
            found.append(Entry(key.hex(), entry))
    return found


def content_of(frame: bytes, key: bytes) -> bytes | None:
    """The content in an entry of a pack, None where it is another one or damaged."""
    content = frame[len(key) :]
    return content if frame[: len(key)] == key and is_whole(content) else None


def _opened(path: Path) -> BinaryIO:
    """The file, so that a look at its index does not count as use of its entries where the file system knows the difference."""

    def opener(name: str, flags: int) -> int:
        try:
            return os.open(name, flags | getattr(os, "O_NOATIME", 0))
        except PermissionError:  # the file of somebody else
            return os.open(name, flags)

    return open(path, "rb", opener=opener)


def read_index(path: Path) -> np.ndarray:
    """The records of a pack whose entries lie within the file; none where it is no pack.

    Raises:
        OSError: it is gone, or the file system does not give it.
    """
    with _opened(path) as file:
        n_bytes = os.fstat(file.fileno()).st_size
        start = file.read(_HEADER.size)
        n_records = _n_records(start, n_bytes)
        return _index(start + file.read(n_records * RECORD.itemsize), n_bytes)


def _n_records(start: bytes, n_bytes: int) -> int:
    """How many whole records an index can have, by its header and the size of the file."""
    if len(start) < _HEADER.size:
        return 0
    magic, n_entries = _HEADER.unpack_from(start)
    room: int = (n_bytes - _HEADER.size) // RECORD.itemsize
    return min(n_entries, room) if magic == _MAGIC else 0


def _index(content: bytes, n_bytes: int) -> np.ndarray:
    """The records at the start of a pack whose entries lie within its `n_bytes` bytes."""
    count = min(_n_records(content, n_bytes), (len(content) - _HEADER.size) // RECORD.itemsize)
    if count <= 0:
        return np.empty(0, RECORD)
    records = np.frombuffer(content, RECORD, count=count, offset=_HEADER.size)
    lengths, room = records["n_bytes"].astype(np.uint64), np.uint64(n_bytes)
    within = (records["at"] <= room) & (lengths <= room - np.minimum(records["at"], room))
    found: np.ndarray = records[within & (lengths >= 2 * _DIGEST_BYTES)]
    return found


class OpenFiles:
    """The packs that were read last, kept open: to open one again for each entry is what a network file system is slow at."""

    def __init__(self) -> None:
        self._files: dict[str, int] = {}
        self._lock = threading.Lock()

    def read(self, path: str, at: int, n_bytes: int) -> bytes:
        """A part of a file; less than asked for where it ends.

        Raises:
            OSError: it is gone, or the file system does not give it.
        """
        with self._lock:
            file = self._files.pop(path, None)
            if file is None:
                if len(self._files) == _MOST_OPEN:
                    os.close(self._files.pop(next(iter(self._files))))
                file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self._files[path] = file  # as the last one
            try:
                return os.pread(file, n_bytes, at)
            except OSError:
                os.close(self._files.pop(path))
                raise

    def close(self, path: str) -> None:
        """Open the file anew when it is read again."""
        with self._lock:
            file = self._files.pop(path, None)
            if file is not None:
                os.close(file)

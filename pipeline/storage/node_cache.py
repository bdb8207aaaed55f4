"""Copies of remote media on this machine: bounded in size, and safe for several processes and for kills."""

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pipeline.artifacts.formats.files import remove_abandoned, write_whole_file
from pipeline.errors import PipelineError
from pipeline.execution.cache import path_named
from pipeline.execution.disk_space import in_words
from pipeline.execution.variables import variable
from pipeline.storage.place import StorageError

FOLDER, SIZE = "GRCF_MEDIA_CACHE", "GRCF_MEDIA_CACHE_GB"
_DEFAULT_GB = 20.0
_LOCKS = "locks"
# How long all that fills the folder may be in use by others, and how often they are asked.
_WAIT_S, _POLL_S = 120.0, 0.2
# Room that is left to everybody else on the disk.
_SPARE_BYTES = 64 << 20
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class NodeCache:
    """A folder of files by the digest of their bytes, of which those that were not used for longest make room for new ones.

    A file is locked for as long as somebody uses it (`flock`, which ends with its process however that ends), and a locked one is
    not removed. What is being fetched is a temporary file that has its whole size from the start, so that the bound holds for
    several at a time.
    """

    folder: Path
    most_bytes: int

    @contextmanager
    def holding(
        self,
        key: str,
        size: Callable[[], int],
        fetch: Callable[[BinaryIO], None],
        is_whole: Callable[[Path], bool],
    ) -> Iterator[Path]:
        """A file that stays there within the context.

        Args:
            key: name of the file, which nothing but its content may decide.
            size: asks for its number of bytes; called where it is not there.
            fetch: writes its bytes, or raises; called where it is not there.
            is_whole: whether a file that is there holds what its name says; one that does not is fetched anew.

        Raises:
            StorageError: the folder or its disk has no room for it, or the folder cannot be written.
        """
        path = self.folder / key
        # One at a time fetches a file, and those whose digests begin alike wait for it.
        with self._locked(path.name[:2]):
            file = self._open(path)
            if file is None or not is_whole(path):
                if file is not None:
                    file.close()
                file = self._fetch(path, size(), fetch)
        with file:
            if not path.is_file():
                raise StorageError(
                    f"{path}: vanished as soon as it was fetched; set {FOLDER} to a folder that nothing else cleans"
                )
            yield path

    def _open(self, path: Path) -> BinaryIO | None:
        """The file, locked against removal and marked as used now; None where there is none."""
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._refused(error) from error
        fcntl.flock(file, fcntl.LOCK_SH)
        if not os.fstat(file.fileno()).st_nlink:  # removed before it was locked
            file.close()
            return None
        status = os.fstat(file.fileno())
        with suppress(OSError):
            os.utime(path, ns=(time.time_ns(), status.st_mtime_ns))
        return file

    def _fetch(self, path: Path, n_bytes: int, fetch: Callable[[BinaryIO], None]) -> BinaryIO:
        """Fetch the file; what is returned is locked against removal."""
        if n_bytes > self.most_bytes:
            raise StorageError(
                f"{self.folder}: a recording of {in_words(n_bytes)} does not fit into the {in_words(self.most_bytes)} that "
                f"fetched media may take; set {SIZE} to more"
            )

        held: list[BinaryIO] = []
        with ExitStack() as until_it_is_named:

            def fill(file: BinaryIO) -> None:
                # A file is locked while it is written. A second descriptor keeps that lock when the file has its name, or another
                # process could remove it before anybody here has looked at it.
                held.append(os.fdopen(os.dup(file.fileno()), "wb"))
                self._reserve(file, n_bytes)
                try:
                    fetch(file)
                    file.truncate()
                    file.flush()
                    os.fsync(file.fileno())  # it may take long, and is for nothing that others wait for
                except OSError as error:
                    raise self._refused(error) from error
                # Who counts the files of a folder may miss one that is renamed meanwhile.
                until_it_is_named.enter_context(self._locked("room"))

            try:
                write_whole_file(path, fill)
                fcntl.flock(
                    held[0], fcntl.LOCK_SH
                )  # lets go of the other lock first; nobody removes without "room"
            except BaseException:
                for file in held:
                    file.close()
                raise
        return held[0]

    def _reserve(self, file: BinaryIO, n_bytes: int) -> None:
        """Give the file its whole size, when others have made room for it."""
        deadline_s = time.monotonic() + _WAIT_S
        while True:
            with self._locked("room"):
                if self._make_room(n_bytes):
                    try:
                        if n_bytes:
                            os.posix_fallocate(file.fileno(), 0, n_bytes)
                    except OSError as error:
                        raise self._refused(error) from error
                    return
            if time.monotonic() > deadline_s:
                raise StorageError(
                    f"{self.folder}: other processes use all of the {in_words(self.most_bytes)} that fetched media may take; set "
                    f"{SIZE} to more, or GRCF_WORKERS to less"
                )
            time.sleep(_POLL_S)

    def _make_room(self, n_bytes: int) -> bool:
        """Remove files until so many bytes more are within the bound and on the disk; False where those in use leave no room."""
        remove_abandoned(self.folder)
        files, taken = [], 0
        with os.scandir(self.folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if entry.is_file(follow_symlinks=False):
                        status = entry.stat(follow_symlinks=False)
                        taken += status.st_size
                        if not entry.name.startswith("."):
                            files.append((status.st_atime_ns, Path(entry.path), status.st_size))
        free = shutil.disk_usage(self.folder).free - _SPARE_BYTES
        for _, path, size in sorted(files):
            if taken + n_bytes <= self.most_bytes and n_bytes <= free:
                break
            if _removed(path):
                taken -= size
                free += size
        if n_bytes > free and taken + n_bytes <= self.most_bytes:
            raise StorageError(
                f"{self.folder}: its disk is full: a recording takes {in_words(n_bytes)} and {in_words(max(free, 0))} are left; free "
                f"some space, or set {FOLDER} to a folder on another disk"
            )
        return taken + n_bytes <= self.most_bytes

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        folder = self.folder / _LOCKS
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(exist_ok=True)
            file = (folder / name).open("ab")
        except OSError as error:
            raise self._refused(error) from error
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _refused(self, error: OSError) -> StorageError:
        if error.errno in _NO_ROOM:
            return StorageError(
                f"{self.folder}: its disk is full ({error.strerror}); free some space, or set {FOLDER} to a folder on another disk"
            )
        return StorageError(
            f"{error.filename or self.folder}: cannot be used for fetched media ({error.strerror or error}); set {FOLDER} to a folder "
            "of yours on a disk of this machine"
        )


def _removed(path: Path) -> bool:
    """Remove a file that nobody uses; whether it is gone."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def node_cache() -> NodeCache:
    """That of this machine: `$GRCF_MEDIA_CACHE`, else a folder of this user in `$TMPDIR` or `/var/tmp`.

    Raises:
        PipelineError: `$GRCF_MEDIA_CACHE_GB` is no size, or the folder is somebody else's.
    """
    size = variable(SIZE)
    try:
        most_gb = float(size) if size else _DEFAULT_GB
    except ValueError:
        most_gb = 0.0
    if not 0 < most_gb < 1e9:
        raise PipelineError(f"{SIZE} is {size!r}; expected a number of gigabytes above 0, such as 50")
    chosen = variable(FOLDER)
    if chosen:
        return NodeCache(path_named(chosen).absolute(), int(most_gb * 1e9))
    # Not /tmp, which on many machines is memory.
    folder = Path(variable("TMPDIR") or "/var/tmp") / f"grcf-media-{os.getuid()}"
    with suppress(FileNotFoundError):
        status = folder.lstat()
        if status.st_uid != os.getuid() or status.st_mode & 0o022 or folder.is_symlink():
            raise PipelineError(
                f"{folder}: is not a folder that only you can write; set {FOLDER} to one that is, for fetched media"
            )
    return NodeCache(folder, int(most_gb * 1e9))

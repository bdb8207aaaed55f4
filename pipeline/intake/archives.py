"""Unpacking an archive of a corpus so that no member of it lands elsewhere."""

import contextlib
import io
import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from pipeline.errors import PipelineError
from pipeline.intake.files import is_junk, refuse_member

# Name below the corpus folder, size, and how to open it.
_Member = tuple[str, int, Callable[[], IO[bytes] | None]]
_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")


def is_archive(path: Path) -> bool:
    """Whether a file is one that `unpack` reads, by its name."""
    return path.is_file() and path.name.lower().endswith(_SUFFIXES)


def unpacked_bytes(archive: Path) -> int:
    """How much room the members take, by the archive's own account.

    Raises:
        PipelineError: a member leads out of the corpus folder or is a link or device, or the archive is damaged.
    """
    return sum(size for _, size, _ in _members(archive))


def unpack(archive: Path, folder: Path) -> None:
    """Write the members below `folder`; one that is there with its size from an interrupted run is not written again.

    Raises:
        PipelineError: a member leads out of `folder` or is a link or device, or the archive is damaged.
    """
    for name, size, open_member in _members(archive):
        path = folder / name
        try:
            if path.is_file() and path.stat().st_size == size:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.parent / f".{os.getpid()}.part"
            with (
                open_member() or contextlib.nullcontext(io.BytesIO()) as source,
                temporary.open("wb") as file,
            ):
                shutil.copyfileobj(source, file, 1 << 20)
            temporary.replace(path)
        except OSError as error:
            raise PipelineError(
                f"{path}: cannot be written ({error.strerror or error}); free space or correct the permissions, then run "
                "the same command again: it goes on from there"
            ) from error


def _members(archive: Path) -> Iterator[_Member]:
    try:
        yield from _zipped(archive) if archive.name.lower().endswith(".zip") else _tarred(archive)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError, RuntimeError) as error:
        raise PipelineError(f"{archive}: cannot be unpacked ({error}); fetch it again") from error


def _zipped(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            mode = member.external_attr >> 16
            is_file = stat.S_ISREG(mode) or stat.S_IFMT(mode) == 0
            if not member.is_dir() and _wanted(archive, member.filename, is_file=is_file):
                yield _portable(member.filename), member.file_size, partial(file.open, member)


def _tarred(archive: Path) -> Iterator[_Member]:
    with tarfile.open(archive) as file:
        for member in file:
            if not member.isdir() and _wanted(archive, member.name, is_file=member.isreg()):
                yield _portable(member.name), member.size, partial(file.extractfile, member)


def _wanted(archive: Path, name: str, *, is_file: bool) -> bool:
    reason = refuse_member(name)
    if reason is None and not is_file:
        reason = "is a link or a device"
    if reason is not None:
        raise PipelineError(
            f"{archive}: the member {name[:200]!r} {reason}; nothing of the corpus should, get another copy"
        )
    return not any(is_junk(part) for part in PurePosixPath(_portable(name)).parts)


def _portable(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).as_posix()

"""Files that somebody else put there: read only where they are plain files, within a bound, and named for what they are."""

import stat
from pathlib import Path

from pipeline.errors import PipelineError, machine_error

_LFS = b"version https://git-lfs.github.com/spec/"
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<!--")
_KINDS = {
    b"PK\x03\x04": "a zip archive, an Excel workbook (.xlsx) or an .npz file",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Excel workbook or another document of Office",
    b"PK\x05\x06": "an empty zip archive",
    b"\x1f\x8b": "packed by gzip",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array (.npy)",
    b"%PDF": "a PDF document",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\x28\xb5\x2f\xfd": "packed by Zstandard",
    b"BZh": "packed by bzip2",
    b"\xfd7zXZ": "packed by xz",
}
_HEAD = 512


def require_plain_file(path: Path, *, what: str, largest_bytes: int | None = None) -> int:
    """Refuse what cannot be read as a file of its own: a folder, a pipe, a device, nothing, or more than there may be.

    Args:
        path: the file; links are followed.
        what: noun of the expected content, with its article.
        largest_bytes: more than this is refused; None for any size.

    Returns:
        its size in bytes.

    Raises:
        PipelineError: the file is missing, is no plain file, or too large.
    """
    try:
        known = path.stat()
    except FileNotFoundError as error:
        raise PipelineError(f"{path}: not found; put the file there or correct its name") from error
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    if not stat.S_ISREG(known.st_mode):
        raise PipelineError(f"{path}: is {_kind(known.st_mode)}; expected {what}")
    if largest_bytes is not None and known.st_size > largest_bytes:
        raise PipelineError(
            f"{path}: has {known.st_size:,} bytes; expected {what} of at most {largest_bytes:,}"
        )
    return known.st_size


def read_plain_file(path: Path, *, what: str, largest_bytes: int) -> bytes:
    """The bytes of a file that somebody else made; see `require_plain_file`.

    Raises:
        PipelineError: it is no plain file, too large, empty, a Git LFS pointer, or a web page.
    """
    if require_plain_file(path, what=what, largest_bytes=largest_bytes) == 0:
        raise PipelineError(f"{path}: is empty; expected {what}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    refuse_stand_in(path, content[:_HEAD])
    return content


def head_of(path: Path) -> bytes:
    """The first bytes of a plain file, empty where it cannot be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return b""
        with path.open("rb") as file:
            return file.read(_HEAD)
    except (OSError, ValueError):
        return b""


def stand_in(head: bytes) -> str | None:
    """What stands where the file should be, with what to do about it; None where nothing does."""
    if head.startswith(_LFS):
        return "is a Git LFS pointer and not the file itself; run `git lfs pull` where it comes from"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGES):
        return "is a web page and not the file itself; download it again, signed in where that is asked for"
    return None


def refuse_stand_in(path: Path, head: bytes | None = None) -> None:
    """Refuse a Git LFS pointer or a web page that stands where a file should be.

    Raises:
        PipelineError: it is one of them.
    """
    found = stand_in(head_of(path) if head is None else head)
    if found is not None:
        raise PipelineError(f"{path}: {found}")


def other_kind(head: bytes) -> str | None:
    """What a file is by its first bytes, with an article, where they tell; None otherwise."""
    return next((name for start, name in _KINDS.items() if head.startswith(start)), None)


def unreadable(path: Path, error: Exception) -> PipelineError:
    """The sentence for a file that the operating system does not give out."""
    fault = machine_error(error, path) if isinstance(error, OSError) else None
    reason = getattr(error, "strerror", None) or error
    return fault or PipelineError(f"{path}: cannot be read ({reason}); put the file there")


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "no file")

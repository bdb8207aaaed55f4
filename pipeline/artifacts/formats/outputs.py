"""Files that a person names for a command to write: nothing is replaced that this project did not make.

A page, a picture and a pickle can each end with bytes that every reader of theirs passes over; they end with a mark of this
project, by which a later run knows that it may replace them.
"""

import argparse
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from pipeline.artifacts.formats.files import write_whole_file
from pipeline.artifacts.formats.foreign import head_of
from pipeline.errors import PipelineError

_HEADS = (b"RIFF", b"\x1aE\xdf\xa3", b"OggS", b"ID3", b"fLaC", b"FLV", b"0&\xb2u")
_MARK = b"<!-- written by grcf-pipeline -->\n"
_MEDIA = {
    ".3gp", ".aac", ".aif", ".aiff", ".avi", ".flac", ".flv", ".m2ts", ".m4a", ".m4v", ".mkv", ".mov", ".mp3", ".mp4", ".mpeg",
    ".mpg", ".mts", ".ogg", ".ogv", ".opus", ".ts", ".wav", ".webm", ".wma", ".wmv",
}  # fmt: skip


def add_force(parser: argparse.ArgumentParser) -> None:
    """Add `--force`, which a command gives to `require_writable` and `write_output`."""
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace a file that this command did not write; never a recording",
    )


def require_writable(path: Path, *, force: bool = False) -> None:
    """Refuse a place before any work is done, where the result could not or must not be written.

    Args:
        path: the file that a person named.
        force: whether a file that this project did not make may be replaced; a recording never is.

    Raises:
        PipelineError: there is a folder, a device or a pipe, a recording, a file of somebody else's, or a link to one.
    """
    if path.suffix.lower() in _MEDIA:
        raise PipelineError(
            f"{path}: has the name of a recording, which is never written over; name another file"
        )
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            raise PipelineError(f"{path}: is a link to nothing; name another file") from None
        return
    except (OSError, ValueError) as error:
        raise PipelineError(
            f"{path}: cannot be written ({getattr(error, 'strerror', None) or error}); name another file"
        ) from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a device or a pipe"
        raise PipelineError(f"{path}: is {kind}; name a file")
    head = head_of(path)
    if head.startswith(_HEADS) or head[4:8] == b"ftyp":
        raise PipelineError(f"{path}: is a recording, which is never written over; name another file")
    if not force and head and not _is_ours(path):
        raise PipelineError(
            f"{path}: is there already, and was not written by this command; name another file, or replace it with --force"
        )


def require_new_folder(folder: Path) -> None:
    """Refuse a place for a folder before any work is done: what is there already, and one below what is no folder.

    Raises:
        PipelineError: something is there, or what it would be in is no folder.
    """
    if os.path.lexists(folder):
        raise PipelineError(f"{folder}: is there already; remove it, or name another place with --out")
    above = next(parent for parent in folder.absolute().parents if os.path.lexists(parent))
    if not above.is_dir():
        raise PipelineError(
            f"{folder}: cannot be written, because {above} is no folder; name another place with --out"
        )


def write_output(path: Path, content: bytes, *, force: bool = False) -> None:
    """Write what a command made to the file that a person named; see `require_writable`.

    Raises:
        PipelineError: the place is refused, or the file system refused; what was there stays.
    """
    write_whole_output(path, lambda file: file.write(content), force=force)


def write_whole_output(path: Path, write: Callable[[BinaryIO], object], *, force: bool = False) -> None:
    """The same for a file that may be too large for memory: `write` fills it."""
    require_writable(path, force=force)

    def write_marked(file: BinaryIO) -> None:
        write(file)
        file.write(_MARK)

    # A link stays a link: the file that it leads to is replaced.
    write_whole_file(path.resolve() if path.is_symlink() else path, write_marked)


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - len(_MARK)))
            return file.read() == _MARK
    except OSError:
        return False

"""Bringing the files of a corpus into place, so that an interruption leaves nothing that reads as whole."""

import fcntl
import filecmp
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pipeline.errors import PipelineError
from pipeline.execution.progress import track
from pipeline.intake.files import Item

Link = Literal["reflink", "hardlink", "copy"]
# ioctl(2) FICLONE on Linux: two files share their blocks until one of them is written to.
_FICLONE = 0x40049409
# Room that is left to everybody else on the disk.
_SPARE_BYTES = 256 << 20


def copy_files(items: Sequence[Item], folder: Path, *, links: Sequence[Link]) -> None:
    """Put the files below `folder`, by the first of the `links` that the file system can do.

    A file that is there with the same content was put there before an interruption and stays. What `folder` holds beside
    the files is removed.

    Raises:
        PipelineError: the disk is too small, or a file cannot be read or written; the files that are there stay for
            the next attempt.
    """
    names = {item.name for item in items}
    if folder.is_dir():
        for path in [path for path in folder.rglob("*") if not path.is_dir()]:
            if path.relative_to(folder).as_posix() not in names:
                path.unlink()
    missing = [item for item in items if not _is_there(item, folder / item.name)]
    folder.mkdir(parents=True, exist_ok=True)
    if links[0] == "copy":
        require_space(folder, sum(item.n_bytes for item in missing))
    for item in track(missing, title="import", unit="file", total=len(missing)):
        try:
            _put(item, folder / item.name, links)
        except OSError as error:
            raise PipelineError(
                f"{folder / item.name}: cannot be written from {item.source} ({error.strerror or error}); free space or "
                "correct the permissions, then run the same command again: it goes on from there"
            ) from error


def require_space(folder: Path, n_bytes: int) -> None:
    """Refuse to begin what the disk has no room for.

    Raises:
        PipelineError: fewer bytes are free.
    """
    free = shutil.disk_usage(folder).free
    if n_bytes + _SPARE_BYTES > free:
        raise PipelineError(
            f"{folder}: {n_bytes / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free; free some space, or name "
            "--link hardlink where source and repository are on one disk"
        )


def _is_there(item: Item, path: Path) -> bool:
    try:
        return not path.is_symlink() and path.is_file() and same_content(item.source, path)
    except OSError:
        return False


def same_content(one: Path, other: Path) -> bool:
    """Whether two files hold the same bytes; size and time say nothing of an archive that was corrected."""
    if one.samefile(other):
        return True
    return one.stat().st_size == other.stat().st_size and filecmp.cmp(one, other, shallow=False)


def _put(item: Item, path: Path, links: Sequence[Link]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # As long as any other, so that a name of 255 bytes fits too.
    temporary = path.parent / f".{os.getpid()}.part"
    temporary.unlink(missing_ok=True)
    try:
        for link in links:
            if _made(link, item.source, temporary):
                break
        else:
            raise OSError(f"none of {', '.join(links)} works between these two disks")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _made(link: Link, source: Path, path: Path) -> bool:
    if link == "hardlink":
        try:
            path.hardlink_to(source)
        except OSError:
            return False
        return True
    if link == "reflink":
        try:
            with source.open("rb") as old, path.open("wb") as new:
                fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            return False
    else:
        shutil.copyfile(source, path)
    shutil.copystat(source, path)
    path.chmod(0o644)
    return True

"""What lies in folders of corpora and is none of their own: the one rule of what a listing leaves out."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePath

# What systems and tools leave behind, in lower case: file systems of macOS and Windows do not tell letter cases apart.
_JUNK = {
    "__macosx", "__pycache__", ".ds_store", ".appledouble", ".spotlight-v100", ".trashes", ".fseventsd", "thumbs.db", "ehthumbs.db",
    "desktop.ini", "$recycle.bin", "system volume information", "lost+found", "@eadir", ".dvcignore", ".gitignore",
}  # fmt: skip


def is_junk(name: str) -> bool:
    """Whether a file or folder of this name, one part of a path, is what a system or a tool left behind."""
    # macOS leaves `._name` beside each file that it copies to another file system.
    return name.casefold() in _JUNK or name.startswith("._")


def is_left_out(name: str) -> bool:
    """Whether a listing passes over a file or folder of this name: junk, and whatever is hidden, such as `.git`.

    A table may still name a recording that is hidden.
    """
    return name.startswith(".") or is_junk(name)


def entries_below(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Every file and folder below, at any depth, and whether it is a folder; nothing in a folder that is left out.

    A link to a folder is a folder and is not entered.
    """
    for above, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_left_out(name))
        yield from ((Path(above, name), True) for name in folders)
        yield from ((Path(above, name), False) for name in sorted(files) if not is_left_out(name))


def files_below(folder: Path, *patterns: str) -> list[Path]:
    """Every file below, at any depth, that fits to one of the patterns of names or, without any, at all; sorted."""
    return sorted(
        path
        for path, is_folder in entries_below(folder)
        if not is_folder and (not patterns or any(PurePath(path.name).match(pattern) for pattern in patterns))
    )

"""Which files of a corpus come along, and that none of them leads elsewhere."""

import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.errors import PipelineError
from pipeline.storage.left_behind import is_junk

_OF_GIT = ".git"
# DVC takes no folder under its care that holds files of its own, and says so only when everything is copied.
_OF_DVC = {".dvc", "dvc.yaml", "dvc.lock"}
_MAX_NAME_BYTES = 255
# Categories of characters that change what a terminal or a page shows of the others, or end a line.
_MOVING = ("Cc", "Zl", "Zp")


@dataclass(frozen=True, order=True)
class Item:
    """A file to bring in: its name below the corpus folder, and where its bytes are now."""

    name: str
    source: Path
    n_bytes: int


def list_files(folder: Path) -> list[Item]:
    """Every file below a folder but what systems leave behind, sorted by name.

    A link to a file inside of the folder comes along as that file.

    Raises:
        PipelineError: a link leads out of the folder or to a folder, something is no file, or belongs to git or DVC.
    """
    root, found = folder.resolve(), []
    for above, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = Path(above, name)
            if is_junk(name):
                continue
            if name == _OF_GIT:
                raise PipelineError(
                    f"{path}: is a git repository, of which DVC would keep another history; copy the files without it, for example "
                    "by `git archive`, and import those"
                )
            if name in _OF_DVC or path.suffix == ".dvc":
                raise PipelineError(
                    f"{path}: is a file of DVC, which takes no folder under its care that holds one; fetch what it stands for with "
                    "`dvc pull` where it comes from, then remove it"
                )
            if path.is_symlink():
                _check_link(path, root)
            elif name in files and not path.is_file():
                raise PipelineError(f"{path}: is neither a file nor a folder; take it out of the corpus")
        folders[:] = sorted(name for name in folders if not is_junk(name))
        for name in files:
            if not is_junk(name):
                path = Path(above, name)
                found.append(Item(path.relative_to(root).as_posix(), path.resolve(), path.stat().st_size))
    return sorted(found)


def refuse_member(name: str) -> str | None:
    """Why a file of this name cannot lie below the corpus folder, None where it can; for the members of archives."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or name.startswith(("/", "\\")) or ".." in parts or name[1:2] == ":":
        return "leads out of the corpus folder"
    if any(unicodedata.category(character) in _MOVING for character in name if not character.isprintable()):
        return "has a control character or a line end in its name"
    if any(len(os.fsencode(part)) > _MAX_NAME_BYTES for part in parts):
        return f"is no name that this system can hold (at most {_MAX_NAME_BYTES} bytes a part)"
    return None


def _check_link(path: Path, root: Path) -> None:
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # RuntimeError for one that leads round in a circle
        raise PipelineError(
            f"{path}: is a link to nothing; repair it or take it out of the corpus"
        ) from error
    if not target.is_relative_to(root):
        raise PipelineError(
            f"{path}: is a link to {target}, outside of {root}; put the file itself there, so that the corpus is whole"
        )
    if target.is_dir():
        raise PipelineError(f"{path}: is a link to a folder; put the folder itself there")

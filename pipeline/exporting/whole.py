"""Exports that are whole or absent: written beside their place under another name, then renamed."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import PipelineError


def write_whole_file(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Let `write` fill a file that may be too large for memory; what was at `path` stays until it is whole.

    Raises:
        PipelineError: the file system refused; nothing is left behind.
    """
    temporary = _beside(path)
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_whole_folder(path: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` fill a folder that appears at `path` when it is whole.

    Raises:
        PipelineError: something is there already, or the file system refused; nothing is left behind.
    """
    if path.exists():
        raise PipelineError(f"{path}: is there already; remove it, or name another place with --out")
    temporary = _beside(path)
    try:
        temporary.mkdir()
        fill(temporary)
        temporary.rename(path)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _beside(path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(path, error) from error
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _refused(path: Path, error: OSError) -> PipelineError:
    return PipelineError(
        f"{path}: could not be written ({error.strerror or error}); free some space or correct the permissions"
    )

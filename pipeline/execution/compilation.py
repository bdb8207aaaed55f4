"""Libraries that compile themselves at first use: once on a machine, by one process."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock

from pipeline.execution.variables import variable
from pipeline.execution.versions import library_versions


@cache
def compile_once(package: str, warm_up: Callable[[], None]) -> None:
    """Run `warm_up`, which makes `package` compile what is used of it, in one process of this machine at a time.

    Numba numbers the files of its cache by counting up. Two processes that compile a new installation of the same package
    at once give different functions the same number, and from then on every process that loads them crashes (numba
    0.68.1 under librosa 0.11.0, which compiles when it is imported). Once one process has finished, a mark lets the
    others load side by side.

    Args:
        package: name of the installed package that is compiled.
        warm_up: module-level function that imports and calls it.
    """
    _give_numba_a_folder(package)
    mark = _mark(package)
    if mark.exists():
        return
    with FileLock(f"{mark}.lock"):
        if not mark.exists():
            warm_up()
            mark.touch()


def _give_numba_a_folder(package: str) -> None:
    """Name a folder for what numba compiles where the installation and the home are both read-only: it would refuse to run.

    Numba reads the variable when it is imported; whoever set it already is obeyed.
    """
    if variable("NUMBA_CACHE_DIR"):
        return
    beside = _source_of(package).parent
    if not (os.access(beside, os.W_OK) or _can_make(Path.home() / ".cache")):
        # Of this user alone: who can write into the folder can make others run what lies there.
        folder = Path(tempfile.gettempdir()) / f"numba-of-user-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        owner = folder.stat()
        if folder.is_symlink() or owner.st_uid != os.getuid() or owner.st_mode & 0o022:
            folder = Path(tempfile.mkdtemp(prefix="numba-"))
        os.environ["NUMBA_CACHE_DIR"] = str(folder)


def _can_make(folder: Path) -> bool:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return os.access(existing, os.W_OK)


def _source_of(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the package {package} is not installed")
    return Path(spec.origin)


def _mark(package: str) -> Path:
    """A file that belongs to this installation and user: where it lies, when it was made, and what compiles it for whom.

    Another user may have a folder of compiled functions of their own, and may not open our lock.
    """
    source = _source_of(package)
    made_ns = source.stat().st_ctime_ns
    parts = (
        str(source), made_ns, library_versions("numba"), os.environ.get("NUMBA_CACHE_DIR"), os.getuid(),
    )  # fmt: skip
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"compiled-{package}-{digest}"

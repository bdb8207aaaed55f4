"""Whether the disk has room for what a run will write, before it starts."""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.execution.cache import ResultCache

# A file system gives whole blocks; an entry has a header beside its rows.
_BLOCK_BYTES = 4096
_HEADER_BYTES = 512


def check_space(title: str, sizes: Sequence[float], *, keys: Sequence[str], cache: ResultCache) -> None:
    """Refuse a run whose results cannot fit: an entry for each item that has none, and the packed file twice.

    The second copy of the packed file is that of DVC's cache. What killed runs left half written makes room first.

    Args:
        title: name of the work for the message.
        sizes: approximate size of the result of each item in bytes.
        keys: cache key of each item.
        cache: cache that takes the entries; the packed file goes to the working directory.

    Raises:
        PipelineError: the disk of the cache or of the working directory has less room than is needed there.
    """
    cache.remove_abandoned()
    missing = sum(
        math.ceil((size + _HEADER_BYTES) / _BLOCK_BYTES) * _BLOCK_BYTES
        for size, key in zip(sizes, keys, strict=True)
        if not cache.holds(key)
    )
    needed = {cache.folder: float(missing), Path(): 2.0 * sum(sizes)}
    disks = {folder: _existing(folder).stat().st_dev for folder in needed}
    for folder, disk in disks.items():
        here = sum(n_bytes for other, n_bytes in needed.items() if disks[other] == disk)
        free = shutil.disk_usage(_existing(folder)).free
        if here > free:
            raise PipelineError(
                f"{title}: the results will take about {in_words(here)}, and the disk of {folder.resolve()} has {in_words(free)} "
                "left; free some space (`python -m pipeline cache prune --dry-run` says what can go), or set GRCF_CACHE to a "
                "folder on another disk"
            )


def in_words(n_bytes: int | float) -> str:
    """A size for people, in decimal units."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "bytes" or n_bytes >= 99.95 else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:,.1f} TB"


def _existing(folder: Path) -> Path:
    """The folder, or the closest one above it that is there."""
    folder = folder.resolve()
    return next(path for path in (folder, *folder.parents) if path.exists())

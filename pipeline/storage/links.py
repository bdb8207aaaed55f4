"""Links in a corpus folder: one may lead into the cache where DVC keeps the corpus, and nowhere else outside of it."""

import os
import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

# Where DVC keeps a file below its cache folder: `cache.type symlink` links there from the corpus folder.
_CACHED = re.compile(r"files/md5/[0-9a-f]{2}/[0-9a-f]{30}")


def outside_target(path: Path, *, folder: Path) -> Path | None:
    """Where a path leads to, if that is outside of its folder and not a file in DVC's cache; None otherwise.

    Args:
        path: a file or folder below `folder`.
        folder: the corpus folder, which may itself be a link.

    Raises:
        OSError: the path leads nowhere, or round in a circle.
    """
    target = path.resolve(strict=True)
    if target.is_relative_to(folder.resolve()):
        return None
    # Everybody can make a path that looks like the cache, so it has to be the cache of this repository.
    cache = _cache_of_dvc(Path.cwd())
    if cache is not None and target.is_relative_to(cache):
        inside = target.relative_to(cache).as_posix()
        if _CACHED.fullmatch(inside):
            return None
    return target


@lru_cache(maxsize=4)
def _cache_of_dvc(repository: Path) -> Path | None:
    """The cache folder of the repository that a process runs in; None outside of any."""
    asked = subprocess.run(
        [sys.executable, "-m", "dvc", "cache", "dir"],
        cwd=repository,
        env=os.environ | {"DVC_NO_ANALYTICS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    named = asked.stdout.strip()
    return Path(named).resolve() if asked.returncode == 0 and named else None

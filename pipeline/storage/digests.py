"""SHA-256 of files that may have terabytes in all: one whose size, time and inode have not changed is not read again."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pipeline.artifacts.formats.files import sha256_of
from pipeline.errors import PipelineError
from pipeline.execution.cache import ResultCache, cache_folder, cache_key

# A file that was written this shortly before it was read may be written again within the same tick of its file system's clock.
_SETTLED_NS = 2_000_000_000
_DIGEST_BYTES = 32


def digest_of(path: Path) -> str:
    """Hex SHA-256 of a file, from an earlier look at the same file where there was one.

    Raises:
        OSError: the file cannot be read.
        PipelineError: it was written to meanwhile.
    """
    status = path.stat()
    key = cache_key(
        path=str(path.resolve()), n_bytes=status.st_size, time_ns=status.st_mtime_ns, inode=status.st_ino
    )

    def read() -> str:
        digest = sha256_of(path)
        after = path.stat()
        if (after.st_size, after.st_mtime_ns) != (status.st_size, status.st_mtime_ns):
            raise PipelineError(f"{path}: was written to while it was read; run again when it is whole")
        return digest

    settled = time.time_ns() - status.st_mtime_ns > _SETTLED_NS
    return remembered(key, read) if settled else read()


def remembered(key: str, digest: Callable[[], str]) -> str:
    """A digest that was worked out under the same key, or is worked out now and kept."""
    records = ResultCache(cache_folder() / "media" / "digests")
    found = records.get(key)
    if found is not None and len(found) == _DIGEST_BYTES:
        return found.hex()
    made = digest()
    # Without its record a file is read once more, which is no reason to stop.
    with suppress(PipelineError):
        records.put(key, bytes.fromhex(made))
    return made

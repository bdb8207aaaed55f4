"""The files of a folder in shards: each called by the digest of its bytes, and an index that is written last, in one step.

Whoever is stopped half-way leaves the folder as it was for readers, and new shards in it that nobody looks at; the next run
removes what its own index does not name.
"""

import resource
import secrets
from collections.abc import Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pipeline.artifacts.formats.files import read_json, rebuilding, refused, sha256_of, write_whole_file
from pipeline.artifacts.formats.foreign import refuse_stand_in
from pipeline.artifacts.sharding.spooled import Streamed, tensor_file
from pipeline.errors import PipelineError

INDEX = "index.json"
OTHER_OPEN_FILES = 64
"""What a stage has open beside shards, each of which is an open file while it is mapped."""


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A file of a folder in shards.

    Attributes:
        file: its name.
        sha256: digest of its bytes, hex.
        n_bytes: how many they are.
    """

    file: str
    sha256: str
    n_bytes: int

    def entry(self) -> dict[str, Any]:
        """What the index says of it."""
        return {"file": self.file, "sha256": self.sha256, "bytes": self.n_bytes}


def shard_file(entry: Mapping[str, Any]) -> ShardFile:
    """What `ShardFile.entry` gave.

    Raises:
        ValueError: the file is in another folder.
    """
    name = Path(entry["file"]).name
    if name != entry["file"]:
        raise ValueError("a shard in another folder")
    return ShardFile(name, str(entry["sha256"]), int(entry["bytes"]))


def write_shard(
    folder: Path,
    tensors: Mapping[str, np.ndarray | Streamed],
    header: Mapping[str, Any],
    *,
    kind: str,
    version: int,
) -> ShardFile:
    """Write a shard under the name of its digest, unless it is there; each row is computed once.

    The name is known when the last byte is written. Until then the shard has one that nobody else takes and no index names.

    Raises:
        PipelineError: the file system refused; nothing of the shard is left behind.
    """
    digest, n_bytes = sha256(), 0
    draft = folder / f"new-{secrets.token_hex(8)}.safetensors"

    def write(file: BinaryIO) -> None:
        nonlocal n_bytes
        for content in tensor_file(folder, tensors, kind=kind, version=version, header=header):
            digest.update(content)
            n_bytes += file.write(content)

    try:
        write_whole_file(draft, write)
        path = folder / f"{digest.hexdigest()[:16]}.safetensors"
        if not _holds(path, digest.hexdigest()):
            draft.replace(path)
    except OSError as error:
        raise refused(draft, error) from error
    finally:
        # Where the folder itself cannot be reached, the sentence above says why.
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return ShardFile(path.name, digest.hexdigest(), n_bytes)


def _holds(path: Path, digest: str) -> bool:
    with suppress(OSError):
        return path.is_file() and sha256_of(path) == digest
    return False


def check_there(folder: Path, shard: ShardFile, *, advice: str) -> None:
    """Refuse a shard that is not there, or not as long as the index says.

    Args:
        folder: folder of the shard.
        shard: what the index says of it.
        advice: what to do about it, for the message.

    Raises:
        PipelineError: it is one of them.
    """
    path = folder / shard.file
    try:
        n_bytes = path.stat().st_size
    except OSError as error:
        raise PipelineError(
            f"{path}: named by {INDEX} beside it, but cannot be read ({error.strerror or error}); {advice}"
        ) from error
    refuse_stand_in(path)
    if n_bytes != shard.n_bytes:
        raise PipelineError(
            f"{path}: has {n_bytes:,} bytes where {INDEX} beside it says {shard.n_bytes:,}, so it is cut short or of another run; "
            f"{advice}"
        )


def check_content(folder: Path) -> None:
    """Refuse a folder in which a shard holds other bytes than its index says; reads all of it.

    Readers compare lengths alone. Whoever takes the digest of the index for that of the rows has to look once.

    Raises:
        PipelineError: a shard is damaged, missing or of another run.
    """
    advice = f"delete {folder} and run `dvc repro` to make it anew"
    path = folder / INDEX
    index = read_json(path)
    with rebuilding(path, "index of shards"):
        shards = [shard_file(entry) for entry in index["shards"]]
    for shard in shards:
        check_there(folder, shard, advice=advice)
        if not _holds(folder / shard.file, shard.sha256):
            raise PipelineError(
                f"{folder / shard.file}: holds other bytes than {INDEX} beside it says, so it was damaged or edited; {advice}"
            )


def remove_others(folder: Path, names: Set[str]) -> None:
    """Remove shards that the index does not name, the file of a corpus that was not in shards, and what was being written by whoever was killed.

    Args:
        folder: the folder.
        names: the shards that the index names.

    Raises:
        PipelineError: the file system refused.
    """
    for path in folder.iterdir():
        if path.name not in {INDEX, *names} and path.suffix in (".safetensors", ".tmp") and not path.is_dir():
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise refused(path, error) from error


def allowed_open_files(wanted: int) -> int:
    """How many files this process may have open, after asking for as many as are wanted."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return wanted
    asked = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    if asked <= allowed:
        return allowed
    # Some systems refuse more than they have without saying so before.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (asked, most))
        return asked
    return allowed

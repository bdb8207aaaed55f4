"""Arrays of an `.npz` file that somebody else wrote: bounded by the bytes that are there, and never unpickled."""

import math
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.artifacts.formats.foreign import (
    head_of,
    other_kind,
    refuse_stand_in,
    require_plain_file,
    unreadable,
)
from pipeline.errors import PipelineError

_MAX_BYTES = 64 << 30
_ENCRYPTED_FLAG = 0x1
# Header of one array: a magic string, a version, a length and a short description.
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
# Features shrink by a few times, a bomb of zeros by a thousand.
_MAX_RATIO, _ALWAYS_BYTES = 200, 1 << 28


def read_arrays(path: Path, names: Collection[str]) -> Mapping[str, np.ndarray]:
    """The arrays of these names that an `.npz` file holds.

    Raises:
        PipelineError: the file is missing, is of another kind, damaged or encrypted, or announces more than its bytes hold.
    """
    require_plain_file(path, what="an .npz file")
    head = head_of(path)
    refuse_stand_in(path, head)
    kind = other_kind(head)
    if kind is not None and not head.startswith(b"PK"):
        raise PipelineError(f"{path}: is {kind}; expected an .npz file, as numpy.savez writes it")
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            if len(members) < len(archive.infolist()):
                raise ValueError("an array is there twice")
            return {name: _array(archive, members[name], path) for name in names if name in members}
    except MemoryError as error:
        raise PipelineError(
            f"{path}: does not fit into memory; free some, or split it by modality"
        ) from error
    except OSError as error:
        if error.errno is not None:
            raise unreadable(path, error) from error
        raise _no_arrays(path, error) from error
    except (
        ValueError, EOFError, TypeError, AttributeError, LookupError, RuntimeError, SyntaxError, OverflowError,
        NotImplementedError, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
    ) as error:  # fmt: skip
        raise _no_arrays(path, error) from error


def positions_of(ids: np.ndarray, wanted: Collection[str], *, path: Path) -> dict[str, int]:
    """The position of each id of an array. Bytes that are no UTF-8 are the id of no segment, and stay apart from others.

    Args:
        ids: ids as text, bytes or whole numbers, shape (segment,).
        wanted: ids that are asked for; others may be there twice.
        path: the file, for the message.

    Raises:
        PipelineError: an id that is asked for is there twice.
    """
    names = [
        id_.decode("utf-8", "surrogateescape") if isinstance(id_, bytes) else str(id_) for id_ in ids.tolist()
    ]
    position = {id_: row for row, id_ in enumerate(names)}
    if len(position) < len(names):
        asked = set(wanted)
        for row, id_ in enumerate(names):
            if position[id_] != row and id_ in asked:
                raise PipelineError(
                    f"{path}: names the segment {id_!r} twice, and nothing says which is right; keep one of each"
                )
    return position


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> np.ndarray:
    if member.flag_bits & _ENCRYPTED_FLAG:
        raise ValueError(f"{member.filename} is encrypted")
    packed = path.stat().st_size
    if member.file_size > min(_MAX_BYTES, max(_ALWAYS_BYTES, _MAX_RATIO * packed)):
        raise ValueError(
            f"{member.filename} says that it unpacks to {member.file_size:,} bytes, in a file of {packed:,}"
        )
    with archive.open(member) as content:
        shape, fortran, dtype = _header(content)
        n_bytes = math.prod(shape) * dtype.itemsize
        if dtype.hasobject:
            raise ValueError(f"{member.filename} holds Python objects, which would have to be unpickled")
        if dtype.kind not in "biufSU" or dtype.itemsize == 0:
            raise ValueError(f"{member.filename} holds {dtype}, which is neither numbers nor text")
        if n_bytes > member.file_size:
            raise ValueError(f"{member.filename} announces the shape {shape} in {member.file_size} bytes")
        raw = content.read(n_bytes)
        if len(raw) < n_bytes or content.read(1):
            raise ValueError(f"{member.filename} does not hold the shape {shape} that it announces")
    flat = np.frombuffer(bytearray(raw), dtype)
    return flat.reshape(shape, order="F" if fortran else "C")


def _header(content: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(content)
    if version not in _HEADERS:
        raise ValueError(f"an array of version {version}")
    shape, fortran, dtype = _HEADERS[version](content)
    if any(size < 0 for size in shape):
        raise ValueError(f"an array of the shape {shape}")
    return shape, fortran, dtype


def _no_arrays(path: Path, error: Exception) -> PipelineError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return PipelineError(f"{path}: not an .npz file of plain arrays ({reason}); write it by numpy.savez")

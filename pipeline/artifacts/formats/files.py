"""Files that are whole or absent: atomic writes, finite JSON, and safetensors with a readable header."""

import fcntl
import glob
import hashlib
import json
import math
import os
import secrets
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load, save

from pipeline.artifacts.formats.foreign import refuse_stand_in, require_plain_file, unreadable
from pipeline.errors import PipelineError

Built = TypeVar("Built")

# One key only: safetensors writes several metadata keys in hash order, which differs from process to process.
_HEADER = "header"
# As safetensors calls them.
TENSOR_DTYPES = {
    "BOOL": np.bool_,
    "U8": np.uint8,
    "I8": np.int8,
    "U16": np.uint16,
    "I16": np.int16,
    "U32": np.uint32,
}
TENSOR_DTYPES |= {
    "I32": np.int32,
    "U64": np.uint64,
    "I64": np.int64,
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
}


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that a reader sees the old file or the new one, never a half.

    Raises:
        PipelineError: the file system refused, for example because it is full; nothing is left behind.
    """
    write_whole_file(path, lambda file: file.write(content))


def write_whole_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a file that may be too large for memory; what was at `path` stays until the new file is whole.

    Raises:
        PipelineError: the file system refused; nothing is left behind.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary, opened = _open_beside(path)
        with opened as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
    except OSError as error:
        raise refused(path, error) from error
    finally:
        # Where the folder itself cannot be reached, the sentence above says why.
        with suppress(OSError):
            if temporary is not None:
                temporary.unlink(missing_ok=True)


def _open_beside(path: Path) -> tuple[Path, BinaryIO]:
    """A new file beside `path`, locked for as long as it is open, so that `remove_abandoned` knows that somebody writes it."""
    while True:
        temporary = _beside(path)
        file = temporary.open("xb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # taken for abandoned before it was locked
            file.close()
            continue
        except OSError:  # a file system without locks, where nothing is taken for abandoned
            return temporary, file
        if os.fstat(file.fileno()).st_nlink:
            return temporary, file
        file.close()


def remove_abandoned(folder: Path) -> int:
    """Remove what killed processes of this machine were writing into a folder; how many files these were.

    A process that lives holds a lock on what it writes, and the lock ends with it, however it ends. Other machines may not see
    each other's locks, so their files stay.
    """
    n_removed = 0
    for path in folder.glob(f".*.{glob.escape(_host())}.*.tmp"):
        with suppress(OSError), path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
            n_removed += 1
    return n_removed


def write_whole_folder(path: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` fill a folder that appears at `path` when it is whole.

    Raises:
        PipelineError: something is there already, or the file system refused; nothing is left behind.
    """
    if os.path.lexists(path):
        raise PipelineError(f"{path}: is there already; remove it, or name another place with --out")
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        fill(temporary)
        temporary.rename(path)
    except OSError as error:
        raise refused(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _beside(path: Path) -> Path:
    # A name may have 255 bytes.
    start = path.name.encode(errors="surrogateescape")[:100].decode(errors="ignore")
    return path.with_name(f".{start}.{_host()}.{os.getpid()}.{secrets.token_hex(4)}.tmp")


def _host() -> str:
    return socket.gethostname().replace("/", "_")[:64]


def refused(path: Path, error: OSError) -> PipelineError:
    """What to do where the file system does not take a file."""
    return PipelineError(
        f"{path}: could not be written ({error.strerror or error}); free some space or correct the permissions, "
        "then run the same command again"
    )


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 `text` atomically, line ends as given."""
    write_bytes(path, text.encode())


def read_text(path: Path) -> str:
    """Read a UTF-8 file that an earlier stage wrote.

    Raises:
        PipelineError: the file is missing or not UTF-8.
    """
    try:
        return path.read_bytes().decode()
    except FileNotFoundError as error:
        raise PipelineError(f"{path}: not found; run `dvc repro` to make it") from error
    except OSError as error:
        raise unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise PipelineError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from error


def read_json_lines(path: Path, build: Callable[[Any], Built], *, stage: str) -> list[Built]:
    """The rows of a file with a JSON value per line that an earlier stage wrote; see `iterate_json_lines`."""
    return list(iterate_json_lines(path, build, stage=stage))


def iterate_json_lines(path: Path, build: Callable[[Any], Built], *, stage: str) -> Iterator[Built]:
    """The rows of a file with a JSON value per line that an earlier stage wrote, one at a time.

    Args:
        path: the file.
        build: makes a row of the value on a line.
        stage: the stage that wrote it, which makes it anew.

    Raises:
        PipelineError: the file is missing, cut short or damaged.
    """
    advice = f"delete it and run `dvc repro {stage}` to make it anew"
    n_bytes, number = 0, 0
    for number, line in enumerate(_lines(path), start=1):
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise PipelineError(
                f"{path}: not UTF-8 text ({error.reason} at byte {n_bytes + error.start})"
            ) from error
        n_bytes += len(line)
        if not text.endswith("\n"):
            raise PipelineError(f"{path}, line {number}: is cut short; {advice}")
        try:
            row = build(json.loads(text))
        except PipelineError as error:
            raise PipelineError(f"{path}, line {number}: {error}; {advice}") from error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise PipelineError(
                f"{path}, line {number}: is damaged ({type(error).__name__}: {str(error)[:80]}); {advice}"
            ) from error
        yield row
    if number == 0:
        raise PipelineError(f"{path}: is empty; {advice}")


def _lines(path: Path) -> Iterator[bytes]:
    """The lines of a file that an earlier stage wrote, with their ends."""
    try:
        with path.open("rb") as file:
            yield from file
    except FileNotFoundError as error:
        raise PipelineError(f"{path}: not found; run `dvc repro` to make it") from error
    except OSError as error:
        raise unreadable(path, error) from error


@contextmanager
def rebuilding(source: object, kind: str) -> Iterator[None]:
    """What cannot be rebuilt from the parts of a file is a damaged file, and said so.

    Raises:
        PipelineError: a part is missing or of another form.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise _not_whole(str(source), kind, error) from error


def finite(value: Any, *, digits: int = 6) -> Any:
    """Round every float in a JSON-like value and refuse NaN and infinities, which are not JSON.

    Raises:
        PipelineError: a number is not finite; the sentence names its place.
    """
    return _finite(value, digits, "")


def _finite(value: Any, digits: int, place: str) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(item, digits, f"{place}/{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item, digits, f"{place}/{index}") for index, item in enumerate(value)]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        if not math.isfinite(value):
            raise PipelineError(
                f"{place or 'value'}: {value} is not finite and cannot stand in a tracked file"
            )
        return round(value, digits) + 0.0  # + 0.0 turns -0.0 into 0.0, which would show as a change
    return value


def write_json(path: Path, value: Any) -> None:
    """Write a tracked JSON file: finite, rounded to six digits, keys sorted, a line end at the end."""
    write_text(path, json.dumps(finite(value), indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file that an earlier stage wrote.

    Raises:
        PipelineError: the file is missing or is not JSON.
    """
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise PipelineError(f"{path}: not JSON ({error}); delete it and run `dvc repro`") from error


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tensors_to_bytes(
    tensors: Mapping[str, np.ndarray], *, kind: str, version: int, header: Mapping[str, Any]
) -> bytes:
    """Pack arrays and a JSON header as safetensors, the same bytes for the same content."""
    contiguous = {name: np.asarray(tensor, order="C") for name, tensor in sorted(tensors.items())}
    content: bytes = save(contiguous, metadata=header_text(kind, version, header))
    return content


def header_text(kind: str, version: int, header: Mapping[str, Any]) -> dict[str, str]:
    """The metadata of a tensor file, the same text for the same content."""
    text = json.dumps({"kind": kind, "version": version, **header}, sort_keys=True, ensure_ascii=False)
    return {_HEADER: text}


def tensors_from_bytes(
    content: bytes, *, kind: str, version: int, source: str
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Unpack what `tensors_to_bytes` packed.

    Raises:
        PipelineError: not a safetensors file, another kind of artifact, or another version of it.
    """
    try:
        tensors = load(content)
        length = int.from_bytes(content[:8], "little")
        header: dict[str, Any] = json.loads(json.loads(content[8 : 8 + length])["__metadata__"][_HEADER])
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _not_whole(source, kind, error) from error
    check_header(header, kind=kind, version=version, source=source)
    return tensors, header


def _not_whole(source: str, kind: str, error: Exception) -> PipelineError:
    return PipelineError(
        f"{source}: not a whole {kind} file ({type(error).__name__}); delete it and run `dvc repro`"
    )


def check_header(header: Any, *, kind: str, version: int, source: str) -> None:
    """Refuse a header of another kind of artifact, or of another version of it.

    Raises:
        PipelineError: it is one of them.
    """
    if not isinstance(header, dict):
        raise PipelineError(
            f"{source}: its header is a {type(header).__name__}; delete it and run `dvc repro`"
        )
    if header.get("kind") != kind:
        raise PipelineError(
            f"{source}: holds {header.get('kind')}, but {kind} was expected; delete it and run `dvc repro`"
        )
    _check_version(header.get("version"), version, what=f"{source}: holds {kind}")


def _check_version(found: Any, expected: int, *, what: str) -> None:
    """A file of any other version is refused, newer and older alike: neither was written for this reader."""
    if not isinstance(found, int):
        raise PipelineError(f"{what} without a version; delete it and run `dvc repro`")
    if found > expected:
        raise PipelineError(
            f"{what} version {found}, and this code reads version {expected}, an older one; update the code, or delete the "
            "file and run `dvc repro` to make it anew"
        )
    if found < expected:
        raise PipelineError(
            f"{what} version {found}, and this code reads version {expected}, a newer one; run `dvc repro` to make it anew, "
            "or check out the code that wrote it"
        )


def read_tensors(path: Path, *, kind: str, version: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read a tensor file; see `tensors_from_bytes`."""
    try:
        if not path.exists():
            raise FileNotFoundError
        require_plain_file(path, what=f"a {kind} file")
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise PipelineError(f"{path}: not found; run `dvc repro` to make it") from error
    except OSError as error:
        raise unreadable(path, error) from error
    refuse_stand_in(path, content[:512])
    return tensors_from_bytes(content, kind=kind, version=version, source=str(path))


def map_tensors(
    path: Path, *, kind: str, version: int, writable: bool = False
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Like `read_tensors`, but the arrays stay in the file until they are looked at.

    Args:
        path: the file.
        kind: kind of artifact that it has to hold.
        version: version of the kind.
        writable: whether the arrays may be written to, which changes what is in memory and never the file.

    Raises:
        PipelineError: as `read_tensors`.
    """
    try:
        if not path.exists():
            raise FileNotFoundError
        require_plain_file(path, what=f"a {kind} file")
        refuse_stand_in(path)
        with safe_open(path, framework="np"):  # refuses a file that is not whole
            pass
        content = np.memmap(path, np.uint8, "c" if writable else "r")
        start = 8 + int.from_bytes(content[:8].tobytes(), "little")
        described = json.loads(content[8:start].tobytes())
        header: dict[str, Any] = json.loads(described.pop("__metadata__")[_HEADER])
        tensors = {}
        for name, tensor in described.items():
            first, last = (start + offset for offset in tensor["data_offsets"])
            tensors[name] = content[first:last].view(TENSOR_DTYPES[tensor["dtype"]]).reshape(tensor["shape"])
    except FileNotFoundError as error:
        raise PipelineError(f"{path}: not found; run `dvc repro` to make it") from error
    except OSError as error:
        raise unreadable(path, error) from error
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _not_whole(str(path), kind, error) from error
    check_header(header, kind=kind, version=version, source=str(path))
    return tensors, header

"""Tensor files larger than memory: rows go to the disk as they come, and the whole file is byte for byte what memory would give."""

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pipeline.artifacts.formats.files import TENSOR_DTYPES, header_text, refused
from pipeline.errors import PipelineError

# safetensors puts the widest numbers first, so that each tensor lies at a multiple of its width, and of equal ones the first by name.
_ORDER = ("U64", "I64", "F64", "F32", "U32", "I32", "F16", "U16", "I16", "I8", "U8", "BOOL")
_NAMES = {np.dtype(dtype): name for name, dtype in TENSOR_DTYPES.items()}
_ROWS_AT_ONCE = 8192
# The library reads no file with a longer one.
_HEADER_BYTES_MAX = 100_000_000


@dataclass(frozen=True, eq=False)
class Streamed:
    """A tensor that is computed while it is written, some rows at a time.

    Attributes:
        dtype: type of the numbers.
        shape: shape of the whole tensor.
        blocks: makes the rows, in order.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    blocks: Callable[[], Iterable[np.ndarray]]


@dataclass(eq=False)
class Spool:
    """Rows of one tensor in a file of their own, of which none stay in memory.

    Attributes:
        path: file that will be made of the rows, for messages.
        dtype: type of the numbers.
        row: shape of a row, empty where a row is a number.
        file: file of the rows, one after the other.
        n_rows: rows so far.
    """

    path: Path
    dtype: np.dtype[Any]
    row: tuple[int, ...]
    file: BinaryIO
    n_rows: int = 0

    def append(self, rows: np.ndarray) -> None:
        """Add rows at the end.

        Raises:
            ValueError: rows of another shape.
            PipelineError: the disk is full.
        """
        if rows.shape[1:] != self.row:
            raise ValueError(f"rows of shape {rows.shape[1:]} for a tensor with rows of shape {self.row}")
        try:
            self.file.write(np.ascontiguousarray(rows, self.dtype).data)
        except OSError as error:
            raise refused(self.path, error) from error
        self.n_rows += len(rows)

    def blocks(self, n_rows: int = _ROWS_AT_ONCE) -> Iterator[np.ndarray]:
        """All rows in order, at most `n_rows` at a time."""
        self._flush()
        n_bytes = n_rows * self.dtype.itemsize * int(np.prod(self.row, dtype=np.int64))
        if n_bytes == 0:
            return
        start = 0
        while content := os.pread(self.file.fileno(), n_bytes, start):
            start += len(content)
            yield np.frombuffer(content, self.dtype).reshape(-1, *self.row)

    def mapped(self) -> np.ndarray:
        """All rows, which stay in the file until they are looked at."""
        self._flush()
        if 0 in self.shape:
            return np.zeros(self.shape, self.dtype)
        return np.memmap(self.file, self.dtype, "r", shape=self.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the tensor."""
        return (self.n_rows, *self.row)

    def _flush(self) -> None:
        try:
            self.file.flush()
        except OSError as error:
            raise refused(self.path, error) from error


class Spools:
    """Spools of one file; see `spooling`."""

    def __init__(self, beside: Path) -> None:
        self._beside = beside
        self._files = ExitStack()

    def new(self, dtype: Any, row: tuple[int, ...] = ()) -> Spool:
        """An empty spool."""
        # Without a name, so that nothing is left of it however the process ends.
        file = self._files.enter_context(tempfile.TemporaryFile(dir=self._beside.parent))  # noqa: SIM115
        return Spool(self._beside, np.dtype(dtype), row, file)

    def close(self) -> None:
        """Let go of all files."""
        self._files.close()


@contextmanager
def spooling(beside: Path) -> Iterator[Spools]:
    """A room for spools beside a file or a folder that will be made of them; nothing of it is left, not even where the process is killed.

    Raises:
        PipelineError: the file system refused.
    """
    spools = Spools(beside)
    try:
        beside.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield spools
        finally:
            spools.close()
    except OSError as error:
        raise refused(beside, error) from error


def tensor_file(
    path: Path,
    tensors: Mapping[str, np.ndarray | Spool | Streamed],
    *,
    kind: str,
    version: int,
    header: Mapping[str, Any],
) -> Iterator[memoryview]:
    """What `tensors_to_bytes` gives for the same content, the same bytes in order, without holding what is spooled or streamed.

    Raises:
        PipelineError: the names of the segments are too many for one file.
    """
    ordered = sorted(tensors, key=lambda name: (_ORDER.index(_NAMES[tensors[name].dtype]), name))
    described: dict[str, Any] = {"__metadata__": header_text(kind, version, header)}
    end = 0
    for name in ordered:
        tensor = tensors[name]
        start, end = end, end + tensor.dtype.itemsize * int(np.prod(tensor.shape, dtype=np.int64))
        described[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(described, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > _HEADER_BYTES_MAX:
        raise PipelineError(
            f"{path}: the names in it take {len(text) / 1e6:.0f} MB, and a file holds {_HEADER_BYTES_MAX / 1e6:.0f} MB of them, those of about a "
            "million segments; use a smaller part of the corpus or shorter ids"
        )
    yield memoryview(len(text).to_bytes(8, "little") + text)
    for name in ordered:
        tensor = tensors[name]
        blocks = [tensor] if isinstance(tensor, np.ndarray) else tensor.blocks()
        for block in blocks:
            yield raw_bytes(block)


def raw_bytes(block: np.ndarray) -> memoryview:
    """The numbers of an array as they lie in a file, row by row; copied only where they do not lie so in memory."""
    return np.ascontiguousarray(block).reshape(-1).view(np.uint8).data

"""A pickle is a program; this reads the few instructions that plain data needs, and refuses every other.

No name in a pickle is ever imported: each of the handful that NumPy writes stands for a function of this module. What is
built is lists, dicts, tuples, strings, bytes, numbers, None, and arrays of those. Arrays past 64 KiB stay in the file and are
mapped, so that reading one modality of a large pickle costs no memory for the others.
"""

import io
import math
import os
import pickle
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pipeline.artifacts.formats.foreign import (
    head_of,
    other_kind,
    refuse_stand_in,
    require_plain_file,
    unreadable,
)
from pipeline.errors import PipelineError

_MAPPED_FROM = 1 << 16
# What may be built in memory, whatever a file says: large arrays stay in the file and count for nothing.
_MAX_ITEMS = 20_000_000
_MAX_DEPTH = 100
_DTYPE = re.compile(r"[<>|=]?([biufSUOV]\d{0,5}|\?)")
_ALLOWED = "NumPy arrays, lists, dicts, tuples, strings, bytes and numbers"


class Refused(Exception):
    """A pickle asks for something that plain data never needs; the message names it."""


@dataclass(frozen=True)
class _InFile:
    """Bytes that were not read: where they lie."""

    offset: int
    length: int

    def __len__(self) -> int:
        return self.length


@dataclass(eq=False)
class _Unfinished:
    """An array or dtype whose state follows in a BUILD; `memo_keys` are the places that have to see the finished one."""

    kind: str
    dtype: np.dtype | None = None
    memo_keys: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class _Name:
    """A global that the pickle names; only REDUCE may do something with it."""

    name: str


# fmt: off
_KEPT = (
    "PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP", "NONE", "NEWFALSE", "NEWTRUE", "INT", "BININT", "BININT1",
    "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "SHORT_BINSTRING", "SHORT_BINBYTES", "UNICODE",
    "BINUNICODE", "BINUNICODE8", "SHORT_BINUNICODE", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST",
    "EMPTY_DICT", "GET", "BINGET", "LONG_BINGET", "GLOBAL", "STACK_GLOBAL",
)
_OURS = (
    "BINSTRING", "BINBYTES", "BINBYTES8", "BYTEARRAY8", "LIST", "APPEND", "APPENDS", "DICT", "SETITEM", "SETITEMS", "PUT",
    "BINPUT", "LONG_BINPUT", "MEMOIZE", "REDUCE", "BUILD",
)
# fmt: on

_NUMPY_NAMES = {
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    **{
        (f"numpy.{core}.{module}", name): name.lstrip("_")
        for core in ("core", "_core")
        for module, name in (
            ("multiarray", "_reconstruct"),
            ("multiarray", "scalar"),
            ("numeric", "_frombuffer"),
        )
    },
}
_BYTES_NAMES = {
    ("_codecs", "encode"): "encode",
    ("__builtin__", "bytes"): "bytes",
    ("builtins", "bytes"): "bytes",
    ("__builtin__", "bytearray"): "bytes",
    ("builtins", "bytearray"): "bytes",
}
_NAMES = _NUMPY_NAMES | _BYTES_NAMES


def read_pickle(path: Path) -> Any:
    """The plain data in a pickle of any protocol, also one that Python 2 wrote.

    Python 2's strings come back as bytes, except where they are keys of a dict.

    Args:
        path: the file; large arrays keep it mapped.

    Raises:
        PipelineError: the file is missing, is no whole pickle, or holds anything but plain data; the sentence names the
            global or instruction that was asked for. Nothing of it was run.
    """
    require_plain_file(path, what="a pickle")
    head = head_of(path)
    refuse_stand_in(path, head)
    kind = other_kind(head)
    if kind is not None:
        raise PipelineError(f"{path}: is {kind}; expected a pickle")
    try:
        with path.open("rb") as file:
            found = _PlainUnpickler(path, file).load()
        return _as_tree(found)
    except OSError as error:
        raise unreadable(path, error) from error
    except MemoryError as error:
        raise PipelineError(f"{path}: does not fit into memory; free some, or get a smaller file") from error
    except Refused as error:
        raise PipelineError(
            f"{path}: refused, because it asks for {' '.join(str(error).split())}; a pickle of features may hold {_ALLOWED} and nothing else. "
            "Nothing of it was run; get the file from its authors, or save its arrays with numpy.savez"
        ) from error
    # A damaged pickle fails wherever it happens to: any failure of these instructions is a fault of the file.
    except (Exception, RecursionError) as error:
        raise PipelineError(
            f"{path}: not a whole pickle of plain data ({type(error).__name__}: {str(error)[:200]}); copy it again"
        ) from error


# The one in Python: the table of the one in C cannot be changed. Its attributes are not typed.
_StandardUnpickler: Any = pickle._Unpickler  # type: ignore[attr-defined,unused-ignore]


def _as_tree(found: Any) -> Any:
    """What was built, if it is a tree of bounded size: one list in many places grows with every level when it is read.

    Raises:
        Refused: it holds itself, is nested deeper than data is, or has more entries than fit into memory.
    """
    sizes: dict[int, tuple[int, int]] = {}
    open_: set[int] = set()
    waiting = [(found, False)]
    while waiting:
        value, is_done = waiting.pop()
        items = _items(value)
        if items is None or (not is_done and id(value) in sizes):
            continue
        if not is_done:
            if id(value) in open_:
                raise Refused("a value that holds itself")
            open_.add(id(value))
            waiting.append((value, True))
            waiting.extend((item, False) for item in items)
            continue
        open_.discard(id(value))
        below = [sizes.get(id(item), (1, 0)) for item in items if _items(item) is not None]
        size = len(items) + sum(n for n, _ in below) + sum(map(_long, items))
        depth = 1 + max((level for _, level in below), default=0)
        if size > _MAX_ITEMS or depth > _MAX_DEPTH:
            raise Refused(
                f"lists in lists that come to more than {_MAX_ITEMS:,} entries or {_MAX_DEPTH} levels"
            )
        sizes[id(value)] = (size, depth)
    return found


def _long(value: Any) -> int:
    """How many entries' worth of room a text takes: a long one may stand in many places."""
    return len(value) >> 6 if isinstance(value, str | bytes) else 0


def _items(value: Any) -> list[Any] | None:
    """What a container holds; None for everything else."""
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        return value.reshape(-1).tolist()
    return None


class _PlainUnpickler(_StandardUnpickler):  # type: ignore[misc]
    """The standard library's unpickler with its table of instructions cut down to those of plain data."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        super().__init__(file, encoding="bytes")
        self._path, self._file = path, file
        self._size = os.fstat(file.fileno()).st_size
        self._file_read = self._read_at_most

    def _read_at_most(self, n: int) -> bytes:
        """Never ask for more than the file has: the length is the file's own claim."""
        if n > self._size - self._file.tell():
            raise EOFError(f"{n} bytes are announced, past the end of the file")
        return self._file.read(n)

    def _bytes(self, length: int) -> None:
        frame = self._unframer.current_frame
        if length < _MAPPED_FROM or (frame is not None and frame.tell() < len(frame.getbuffer())):
            self.append(self.read(length))
            return
        offset = self._file.tell()
        if length > self._size - offset:
            raise EOFError(f"{length} bytes are announced, past the end of the file")
        self._unframer.current_frame = None
        self._file.seek(length, io.SEEK_CUR)
        self.append(_InFile(offset, length))

    def find_class(self, module: str, name: str) -> _Name:
        known = _NAMES.get((module, name))
        if known is None:
            raise Refused(f"the global {module[:80]}.{name[:80]}")
        return _Name(known)

    def load_reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, _Name) or not isinstance(arguments, tuple):
            raise Refused("a call of something that is no function of NumPy")
        makers: dict[str, Callable[..., Any]] = {
            "reconstruct": _reconstruct,
            "dtype": _dtype,
            "scalar": self._scalar,
            "frombuffer": self._frombuffer,
            "encode": _encode,
            "bytes": _plain_bytes,
        }
        if function.name not in makers:
            raise Refused(f"a call of {function.name}")
        self.append(makers[function.name](*arguments))

    def load_build(self) -> None:
        state, built = self.stack.pop(), self.stack[-1]
        if not isinstance(built, _Unfinished) or not isinstance(state, tuple):
            raise Refused("a state for something that is no array")
        finished = _with_byte_order(built, state) if built.kind == "dtype" else self._array(state)
        self.stack[-1] = finished
        for key in built.memo_keys:
            self.memo[key] = finished

    def _array(self, state: tuple[Any, ...]) -> np.ndarray:
        # Old pickles have no version in front.
        shape, dtype, fortran, content = state[-4:]
        return self._filled(shape, _finished(dtype), content, "F" if fortran is True or fortran == 1 else "C")

    def _frombuffer(self, content: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
        if order not in ("C", "F"):
            raise Refused("an array in an unknown order")
        return self._filled(shape, _finished(dtype), content, order)

    def _scalar(self, dtype: Any, content: Any) -> Any:
        return self._filled((), _finished(dtype), content, "C")[()]

    def _filled(self, shape: Any, dtype: np.dtype, content: Any, order: str) -> np.ndarray:
        if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError("an array without a shape")
        n_values = math.prod(shape)
        if dtype.hasobject:
            if not isinstance(content, list) or len(content) != n_values:
                raise ValueError(f"an array of {n_values} objects does not hold as many")
            flat = np.empty(n_values, object)
            for position, value in enumerate(content):
                flat[position] = value
            return flat.reshape(shape, order=order)  # type: ignore[call-overload,no-any-return]
        if not isinstance(content, bytes | _InFile) or len(content) != n_values * dtype.itemsize:
            raise ValueError(f"an array of {n_values} values of {dtype} does not hold as many")
        if isinstance(content, _InFile):
            return np.memmap(self._path, dtype, "r", content.offset, shape, order)  # type: ignore[call-overload,no-any-return]
        return np.frombuffer(content, dtype).reshape(shape, order=order)  # type: ignore[call-overload,no-any-return]

    def _remember(self, key: int) -> None:
        value = self.stack[-1]
        self.memo[key] = value
        if isinstance(value, _Unfinished):
            value.memo_keys.append(key)

    def load_put(self) -> None:
        self._remember(int(self.readline()[:-1]))

    def load_binput(self) -> None:
        self._remember(self.read(1)[0])

    def load_long_binput(self) -> None:
        self._remember(int.from_bytes(self.read(4), "little"))

    def load_memoize(self) -> None:
        self._remember(len(self.memo))

    def load_binstring(self) -> None:
        self._bytes(int.from_bytes(self.read(4), "little"))

    load_binbytes = load_binstring

    def load_binbytes8(self) -> None:
        self._bytes(int.from_bytes(self.read(8), "little"))

    load_bytearray8 = load_binbytes8

    def load_list(self) -> None:
        items = self.pop_mark()
        self.append(items)

    def load_append(self) -> None:
        value = self.stack.pop()
        self._extend([value])

    def load_appends(self) -> None:
        self._extend(self.pop_mark())

    def _extend(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise Refused("items for something that is no list")
        self.stack[-1].extend(items)

    def load_dict(self) -> None:
        items = self.pop_mark()
        self.append({})
        self._update(items)

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._update([key, value])

    def load_setitems(self) -> None:
        self._update(self.pop_mark())

    def _update(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not dict:
            raise Refused("entries for something that is no dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Other keys need hashing of whatever they hold, to any depth.
            if not isinstance(key, str | bytes | int | float | np.generic):
                raise Refused(f"a dict key that is a {type(key).__name__}")
            self.stack[-1][_text_or_itself(key)] = value

    def load_refused(self, code: str) -> None:
        raise Refused(f"the instruction {code}")


def _text_or_itself(key: Any) -> Any:
    return key.decode("utf-8", "replace") if isinstance(key, bytes) else key


def _reconstruct(subtype: Any, *_: Any) -> _Unfinished:
    if not isinstance(subtype, _Name) or subtype.name != "ndarray":
        raise Refused("an array of a kind of its own")
    return _Unfinished("array")


def _dtype(name: Any, *_: Any) -> _Unfinished:
    text = name.decode("latin-1") if isinstance(name, bytes) else name
    if not isinstance(text, str) or not _DTYPE.fullmatch(text) or "V" in text:
        raise Refused("an array of a type that is neither number, string nor object")
    return _Unfinished("dtype", np.dtype(text))


def _with_byte_order(built: _Unfinished, state: tuple[Any, ...]) -> np.dtype:
    assert built.dtype is not None
    order = state[1].decode("latin-1") if isinstance(state[1], bytes) else state[1]
    if order not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]) or len(state) > 8:
        raise Refused("an array with fields or metadata")
    return built.dtype if order in "|=" else built.dtype.newbyteorder("<" if order == "<" else ">")


def _finished(dtype: Any) -> np.dtype:
    """A dtype, also one whose state never came: it is native then."""
    if isinstance(dtype, _Unfinished) and dtype.dtype is not None:
        return dtype.dtype
    if not isinstance(dtype, np.dtype):
        raise Refused("an array whose type is none of NumPy's")
    return dtype


def _encode(text: Any, encoding: Any) -> bytes:
    """How Python 3 writes bytes for Python 2."""
    if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
        raise Refused("a call of _codecs.encode for something else than bytes")
    return text.encode("latin-1")


def _plain_bytes(content: Any = b"", *_: Any) -> bytes:
    if not isinstance(content, bytes):
        raise Refused("a call of bytes on something else than bytes")
    return content


def _instructions() -> dict[int, Callable[[Any], None]]:
    """The table of the standard library, with ours in place of those that build, and refusal in place of the rest."""
    table: dict[int, Callable[[Any], None]] = {
        code: partial(_PlainUnpickler.load_refused, code=_code_name(code)) for code in range(256)
    }
    for name in _KEPT:
        code = getattr(pickle, name)[0]
        table[code] = _StandardUnpickler.dispatch[code]
    for name in _OURS:
        table[getattr(pickle, name)[0]] = getattr(_PlainUnpickler, f"load_{name.lower()}")
    return table


def _code_name(code: int) -> str:
    names = {
        value[0]: name
        for name, value in vars(pickle).items()
        if name.isupper() and isinstance(value, bytes) and len(value) == 1
    }
    return names.get(code, f"{code:#04x}, which no pickle has")


_PlainUnpickler.dispatch = _instructions()

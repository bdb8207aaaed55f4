"""`python -m pipeline.execution.engines.agent`: computes pieces in the folder of its run, each item in a guarded process.

Each run has agents of its own, so that two runs with different code never share an imported module. Pieces come on standard
input, frames with outcomes go to standard output, each as long as its first eight bytes say; an empty one ends a piece. An agent
ends with whoever started it, or when it has waited too long for a piece: what it had stored by then is kept.
"""

import ctypes
import os
import pickle
import queue
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pipeline.execution.engines.pieces import Given, Piece
from pipeline.execution.engines.protocol import OTHER_DEVICE
from pipeline.execution.engines.surroundings import Surroundings
from pipeline.execution.pool import Done, Lost, Raised, run_in_workers
from pipeline.execution.together import Together

_LENGTH = struct.Struct(">Q")
# Its run may have died on another machine, and nobody tells it.
_LONGEST_REST_S = 60.0
# Of mallopt(3).
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


@dataclass(frozen=True)
class Refused:
    """The agent's surroundings are not those of the head.

    Attributes:
        difference: a clause that names both.
        remedy: what to do, as a clause.
    """

    difference: str
    remedy: str = "leave that machine out, or give it the same code, libraries and kind of processor"


Answer = tuple[int, Done[Any] | Lost] | Refused | Raised


def to_frame(content: bytes) -> bytes:
    """A message behind its length."""
    return _LENGTH.pack(len(content)) + content


def answers(frames: bytes) -> Iterator[Answer]:
    """The answers in what an agent wrote; a frame that was cut short by its end is none."""
    at = 0
    while at + _LENGTH.size <= len(frames):
        (length,) = _LENGTH.unpack_from(frames, at)
        at += _LENGTH.size
        if at + length > len(frames):
            return
        yield pickle.loads(frames[at : at + length])
        at += length


def compute(piece: Piece) -> Iterator[Answer]:
    """The outcomes of a piece, or why there are none."""
    difference = piece.surroundings.difference(Surroundings.here())
    if difference is not None:
        yield Refused(difference)
        return
    try:
        work, items = _loaded(piece.work), pickle.loads(piece.items)
        if isinstance(work, Together):
            difference = work.difference()
            if difference is not None:
                yield Refused(difference, OTHER_DEVICE)
                return
            _keep_freed_memory()
            yield from work.outcomes({key: given.item for key, given in items.items()}, n_workers=1)
            return
        yield from run_in_workers(
            work,
            items,
            n_workers=1,
            limit_s=_limit_s,
            describe=_name,
            preloaded=piece.preloaded,
        )
    except BaseException as error:
        yield Raised.caught(error)


@lru_cache(maxsize=1)
def _loaded(work: bytes) -> Any:
    """The work of a piece; the same object for all pieces of a stage, so that an encoder is loaded once."""
    return pickle.loads(work)


def _keep_freed_memory() -> None:
    """Let memory that batches leave stay with the process, where the C library is GNU's.

    Else each batch gives its arrays back to the system and has the next ones zeroed by it, page by page: with a HuBERT of base size
    a quarter of the processor time.
    """
    with suppress(OSError, AttributeError):
        allocator = ctypes.CDLL(None)
        # Old versions take no threshold above 32 MB; and one alone would end the allocator's own choice of the other.
        if allocator.mallopt(_MMAP_THRESHOLD, 1 << 30) or allocator.mallopt(_MMAP_THRESHOLD, 1 << 25):
            allocator.mallopt(_TRIM_THRESHOLD, 1 << 30)


def _limit_s(given: Given) -> float:
    return float("inf") if given.limit_s is None else given.limit_s


def _name(given: Given) -> str:
    return given.name


def _read(n_bytes: int) -> bytes:
    """So many bytes of standard input; the process ends where that ends."""
    parts = []
    while n_bytes:
        parts.append(os.read(0, min(n_bytes, 1 << 20)))
        if not parts[-1]:
            os._exit(1)
        n_bytes -= len(parts[-1])
    return b"".join(parts)


def _receive(messages: "queue.Queue[bytes]") -> None:
    """Read messages ahead: so the end of the input is noticed while a piece is computed, and ends the process with it."""
    while True:
        (length,) = _LENGTH.unpack(_read(_LENGTH.size))
        messages.put(_read(length))


def main() -> None:
    """Compute the pieces on standard input."""
    # Whatever a library prints must not be taken for an answer.
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    messages: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_receive, args=(messages,), daemon=True).start()
    while True:
        try:
            piece: Piece = pickle.loads(messages.get(timeout=_LONGEST_REST_S))
        except queue.Empty:
            return
        for answer in compute(piece):
            output.write(to_frame(pickle.dumps(answer)))
            output.flush()
        output.write(to_frame(b""))
        output.flush()


if __name__ == "__main__":
    # As the module that others import, so that what it pickles is found there.
    from pipeline.execution.engines import agent

    agent.main()

"""Many inputs of many lengths through one encoder, in batches of few fixed shapes.

The kernels of an encoder sum in an order that depends on the shape of the batch. Where every length has one batch size, and
what is padded or repeated to fill a batch up does not reach the other rows, the bits of a row depend on its own input alone:
not on the inputs beside it, their order, the number of threads, or what an earlier run had done.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch

from pipeline.execution.workers import worker_count

Key = TypeVar("Key")
Window = TypeVar("Window")
Row = TypeVar("Row")


def map_batches(
    windows: Iterable[tuple[Key, Window]],
    read: Callable[[Sequence[Window], int], Sequence[Row]],
    *,
    length_of: Callable[[Window], int],
    n_rows: Callable[[int], int],
    device: str,
) -> Iterator[tuple[Key, Row]]:
    """Read windows in batches of like length, while further ones are still being made.

    No more windows are taken than fill the batches that wait and a few that are being read, so that memory does not grow
    with their number.

    Args:
        windows: windows to read, each with a key of its own.
        read: reads a whole batch, given exactly `n_rows(length)` windows and the length to pad them to; what it returns for
            the repeated windows at the end is dropped. It runs in several threads on a CPU.
        length_of: length to pad a window to, one of few.
        n_rows: number of windows in a batch of that length.
        device: device on which `read` computes.

    Yields:
        the key of each window and its row, batch by batch.
    """
    n_threads = worker_count() if device == "cpu" else 1
    waiting: dict[int, list[tuple[Key, Window]]] = defaultdict(list)
    running: deque[tuple[list[Key], Future[Sequence[Row]]]] = deque()

    def start(length: int) -> None:
        batch = waiting.pop(length)
        given = [window for _, window in batch]
        # A row of nothing would be slow and full of NaN, so a batch is filled up with what it holds.
        given += given[:1] * (n_rows(length) - len(given))
        running.append(([key for key, _ in batch], pool.submit(read, given, length)))

    def finish(n_left: int) -> Iterator[tuple[Key, Row]]:
        while len(running) > n_left:
            keys, rows = running.popleft()
            yield from zip(keys, rows.result(), strict=False)

    with one_thread_per_operation(), ThreadPoolExecutor(n_threads) as pool:
        for key, window in windows:
            length = length_of(window)
            waiting[length].append((key, window))
            if len(waiting[length]) == n_rows(length):
                start(length)
                yield from finish(2 * n_threads)
        for length in sorted(waiting):
            start(length)
            yield from finish(2 * n_threads)
        yield from finish(0)


def padded_length(length: int, lengths: Sequence[int], *, longest: int) -> int:
    """The first of the increasing `lengths` that is not below `length`; those beyond `longest` count as that."""
    return min(next((padded for padded in lengths if padded >= length), longest), longest)


def add_masked_row(given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A batch with one row more, the first one again with only the first half of it attended to.

    Where no row of a batch is padded, transformers leaves its mask out and a GPU takes another kernel, so that the bits of a row
    that fills its length would depend on the rows beside it.
    """
    longer = {name: np.concatenate([array, array[:1]]) for name, array in given.items()}
    attended = longer["attention_mask"]
    attended[-1, max(int(attended[-1].sum()) // 2, 1) :] = 0
    return longer


@contextmanager
def one_thread_per_operation() -> Iterator[None]:
    """Split no operation, so that bits do not depend on the number of cores; the cores share the batches instead."""
    n_threads, matmul = torch.get_num_threads(), torch.get_float32_matmul_precision()
    convolution, deterministic = torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic
    torch.set_num_threads(1)
    torch.set_float32_matmul_precision("highest")  # no TF32
    torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic = False, True
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
        torch.set_float32_matmul_precision(matmul)
        torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic = convolution, deterministic

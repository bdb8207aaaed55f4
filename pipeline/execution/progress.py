"""Progress of a long stage: a bar on a terminal, a line every so often in a log."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")

_LOG_EVERY_S = 10.0


def track(items: Iterable[T], *, total: int, title: str, unit: str, done: int = 0) -> Iterator[T]:
    """Pass `items` through and report the count, rate and time left on standard error.

    Args:
        items: items to count.
        total: number of items in all, those already done included.
        title: name of the work.
        unit: singular name of an item.
        done: number of items that were finished before, for example found in a cache.
    """
    if sys.stderr.isatty():
        yield from tqdm(items, total=total, desc=title, unit=unit, initial=done, dynamic_ncols=True)
        return
    last = time.monotonic()
    count = done
    first: tuple[float, int] | None = None
    if done:
        _log(f"{title}: {done} of {total} {unit}s were done before")
    for item in items:
        yield item
        count += 1
        now = time.monotonic()
        # The first item waits for libraries and models to load; a rate that counts that promises hours instead of seconds.
        first = first or (now, count)
        if now - last >= _LOG_EVERY_S or count == total:
            since, before = first
            rate = (count - before) / max(now - since, 1e-9)
            left = f", {rate:.1f} per second, {(total - count) / rate:.0f} s left" if rate > 0 else ""
            _log(f"{title}: {count} of {total} {unit}s{left}")
            last = now


def _log(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()

"""Work that is done in one go for all items that the cache lacks, and kept piece by piece."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from pipeline.execution.cache import ResultCache
from pipeline.execution.pool import Lost
from pipeline.execution.progress import track

Result = TypeVar("Result")


def resumed(
    compute: Callable[[list[int]], Iterable[tuple[int, Result | Lost]]],
    *,
    keys: Sequence[str],
    cache: ResultCache,
    encode: Callable[[Result], bytes],
    decode: Callable[[bytes], Result],
    title: str,
    unit: str,
    on_loss: Callable[[int, str], Result],
) -> list[Result]:
    """A result for every key; what an earlier or killed run stored is not computed again.

    Args:
        compute: given the positions of the keys that are missing, computes them and gives each with its position, as soon
            as it is there and in any order.
        keys: one cache key per item.
        cache: where results are looked up and stored.
        encode: result to bytes.
        decode: bytes to result; raises PipelineError on an entry it cannot read.
        title: what is being done, for the progress line.
        unit: singular name of an item.
        on_loss: the result of an item that was lost, from its position and a clause that says why. It is not stored, since
            the next run may have more luck.
    """
    found = ((position, cache.load(key, decode)) for position, key in enumerate(keys))
    results = {position: result for position, result in found if result is not None}
    missing = [position for position in range(len(keys)) if position not in results]
    n_found = len(results)
    computed = compute(missing) if missing else ()
    for position, result in track(computed, total=len(keys), title=title, unit=unit, done=n_found):
        if isinstance(result, Lost):
            results[position] = on_loss(position, result.reason)
            continue
        cache.put(keys[position], encode(result))
        results[position] = result
    return [results[position] for position in range(len(keys))]

"""Map a pure function over many items: in worker processes, in order, through a cache."""

import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pipeline.errors import PipelineError
from pipeline.execution.cache import ResultCache
from pipeline.execution.engines.choice import chosen_engine, on_this_machine
from pipeline.execution.engines.protocol import Engine, Work
from pipeline.execution.lazily import Lazily
from pipeline.execution.pool import Done, Lost
from pipeline.execution.progress import track
from pipeline.execution.scheduling import Affinity
from pipeline.execution.together import Together
from pipeline.execution.workers import worker_count

Item = TypeVar("Item")
Result = TypeVar("Result")

# Results that are in files of their own for a while: many enough for a pack, few enough for a file system.
_PACK_EVERY = 1024


@dataclass(frozen=True)
class _Storing(Generic[Item, Result]):
    """A function whose results are stored where they are computed, unless they are there already.

    Each worker waits for the disk by itself: one process that stored the results of all would be waited for by all. An item may be
    given out twice, where the machine that held it was lost after it had stored the result.
    """

    function: Callable[[Item], Result]
    encode: Callable[[Result], bytes]
    decode: Callable[[bytes], Result]
    cache: ResultCache

    def __call__(self, keyed: tuple[str, Item]) -> None:
        key, item = keyed
        if self.cache.load_unpacked(key, self.decode) is None:
            self.cache.put(key, self.encode(self.function(item)))


@dataclass(frozen=True, eq=False)
class _StoringTogether(Together[tuple[str, Item], None], Generic[Item, Result]):
    """`_Storing` for what is done to many items at once."""

    work: Together[Item, Result]
    encode: Callable[[Result], bytes]
    decode: Callable[[bytes], Result]
    cache: ResultCache
    device: str

    def difference(self) -> str | None:
        return self.work.difference()

    def outcomes(
        self, items: Mapping[int, tuple[str, Item]], *, n_workers: int
    ) -> Generator[tuple[int, Done[None] | Lost], None, None]:
        left: dict[int, Item] = {}
        for position, (key, item) in items.items():
            if self.cache.load_unpacked(key, self.decode) is None:
                left[position] = item
            else:
                yield position, Done(None)
        if not left:
            return
        with closing(self.work.outcomes(left, n_workers=n_workers)) as outcomes:
            for position, outcome in outcomes:
                if isinstance(outcome, Lost):
                    yield position, outcome
                else:
                    self.cache.put(items[position][0], self.encode(outcome.result))
                    yield position, Done(None)


def map_cached(
    work: Callable[[Item], Result] | Together[Item, Result],
    items: Sequence[Item],
    *,
    keys: Sequence[str],
    cache: ResultCache,
    encode: Callable[[Result], bytes],
    decode: Callable[[bytes], Result],
    title: str,
    unit: str,
    n_workers: int | None = None,
    limit_s: Callable[[Item], float] | None = None,
    describe: Callable[[Item], str] = str,
    on_loss: Callable[[Item, str], Result] | None = None,
    affinity: Callable[[Item], Affinity] | None = None,
    preloaded: Sequence[str] = (),
    group: str | None = None,
) -> Lazily[Result]:
    """`[work(item) for item in items]`, with each result stored by its worker as soon as it is there.

    The results stay in the cache: each look at one reads it from there, so that all of them need not fit into memory.

    What was stored before a kill is not computed again. `work` must be pure and, like the items, picklable; its
    result depends on nothing but what `keys` were made of. An item whose worker the system kills is tried once more; one that
    is lost again, or takes too long, does not stop the others.

    Args:
        work: computes one item, in a worker process with one thread per library; or many items at once, see `Together`.
        items: items to compute.
        keys: one cache key per item.
        cache: cache in which results are looked up and stored.
        encode: turns a result into bytes, in the worker; picklable.
        decode: turns bytes into a result; raises PipelineError on an entry that it cannot read; picklable.
        title: name of the work for the progress line.
        unit: singular name of an item.
        n_workers: number of processes side by side, `worker_count()` by default.
        limit_s: seconds that an item may take until its worker is stopped, None for any number; without effect on many at once.
        describe: name of an item for messages.
        on_loss: makes the result of an item that was lost, from the item and a sentence that says why. It is not stored, since
            the next run may have more luck. None where there can be no such result.
        affinity: items that one worker had better take one after the other, see `Schedule`; None where it makes no
            difference.
        preloaded: modules that workers need: they are forked from a process that has imported them, see `preload`.
        group: what the results have in common, such as their extractor: they are packed under this name as they come, see
            `ResultCache.pack`. None to leave each in a file of its own.

    Raises:
        PipelineError: what `work` raised, at once; or, when the others are done, that an item was lost. A look at a result
            raises it where the cache has lost that meanwhile.
    """
    missing = {
        position: (keys[position], item)
        for position, item in enumerate(items)
        if cache.load(keys[position], decode) is None
    }
    made_for_lost: dict[int, Result] = {}
    results = cache.results(
        keys,
        decode,
        name=lambda position: f"{title}: {describe(items[position])}",
        instead=made_for_lost,
    )
    lost: list[str] = []
    unpacked: list[int] = []
    engine = chosen_engine()
    # What this process has stored itself it need not read again.
    is_own = isinstance(work, Together) and engine is on_this_machine
    outcomes = _outcomes(
        _stored(work, encode, decode, cache),
        missing,
        total=len(items),
        title=title,
        unit=unit,
        n_workers=n_workers,
        limit_s=_of_items(limit_s) if limit_s else None,
        describe=_of_items(describe),
        affinity=_of_items(affinity) if affinity else None,
        engine=engine,
        preloaded=preloaded,
    )
    with closing(outcomes):
        for position, outcome in outcomes:
            if isinstance(outcome, Done):
                if not is_own:
                    results[position]  # or a sentence now, and not when all others are done
                if group is None:
                    continue
                unpacked.append(position)
                if len(unpacked) == _PACK_EVERY:
                    # Those alone: a listing of all keys each time would grow with the square of their number.
                    cache.pack((keys[of] for of in sorted(unpacked)), group=group)
                    unpacked.clear()
                continue
            sentence = f"{describe(items[position])}: {outcome.reason}"
            if on_loss is None:
                lost.append(sentence)
            else:
                sys.stderr.write(f"{sentence}; the run goes on without it\n")
                made_for_lost[position] = on_loss(items[position], sentence)
    if group is not None:
        cache.pack_all(keys, group=group)
    if lost:
        raise PipelineError(
            f"{title}: {len(lost)} of {len(items)} could not be done, the first of them {lost[0]}; the others are kept: run the "
            "same command again, with GRCF_WORKERS=1 where memory is short"
        )
    return results


def _stored(
    work: Callable[[Item], Result] | Together[Item, Result],
    encode: Callable[[Result], bytes],
    decode: Callable[[bytes], Result],
    cache: ResultCache,
) -> Work:
    if isinstance(work, Together):
        return _StoringTogether(work, encode, decode, cache, work.device)
    return _Storing(work, encode, decode, cache)


def _of_items(function: Callable[[Item], Result]) -> Callable[[tuple[str, Item]], Result]:
    """A function of an item as one of an item with its key."""
    return lambda keyed: function(keyed[1])


def map_guarded(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    title: str,
    unit: str,
    limit_s: Callable[[Item], float],
    on_loss: Callable[[Item, str], Result],
    describe: Callable[[Item], str] = str,
    affinity: Callable[[Item], Affinity] | None = None,
    engine: Engine = on_this_machine,
) -> list[Result]:
    """`map_cached` without a cache: for short work that may crash or hang a process, such as opening unknown files.

    It runs in processes of this machine unless another `engine` is given, since no other machine may see those files.
    """
    results: dict[int, Result] = {}
    outcomes = _outcomes(
        function,
        dict(enumerate(items)),
        total=len(items),
        title=title,
        unit=unit,
        n_workers=None,
        limit_s=limit_s,
        describe=describe,
        affinity=affinity,
        engine=engine,
    )
    with closing(outcomes):
        for position, outcome in outcomes:
            if isinstance(outcome, Done):
                results[position] = outcome.result
            else:
                item = items[position]
                results[position] = on_loss(item, f"{describe(item)}: {outcome.reason}")
    return [results[position] for position in range(len(items))]


def _outcomes(
    work: Work,
    items: Mapping[int, Item],
    *,
    total: int,
    title: str,
    unit: str,
    n_workers: int | None,
    limit_s: Callable[[Item], float] | None,
    describe: Callable[[Item], str],
    affinity: Callable[[Item], Affinity] | None,
    engine: Engine,
    preloaded: Sequence[str] = (),
) -> Generator[tuple[int, Done[Any] | Lost], None, None]:
    """Outcomes of what is left of `total` items as they come, counted on standard error."""
    outcomes = engine(
        work,
        items,
        n_workers=n_workers or worker_count(),
        limit_s=limit_s,
        describe=describe,
        affinity=affinity,
        preloaded=preloaded,
    )
    # Closed by hand: an error of the caller would else leave the workers to the garbage collector.
    with closing(outcomes):
        yield from track(outcomes, total=total, title=title, unit=unit, done=total - len(items))

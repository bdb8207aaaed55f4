"""Which recordings lie in one file: shards of a bounded size that a new recording leaves alone, but for one."""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
from jaxtyping import Int64

from pipeline.errors import PipelineError

LIMIT_BYTES = 256_000_000
"""A shard is no larger, unless a recording alone is."""


def assign_shards(
    recordings: Sequence[str], n_bytes: Sequence[int], *, limit_bytes: int
) -> list[Int64[np.ndarray, "segment"]]:
    """Divide the segments of a corpus into shards; all segments of a recording are in the same one.

    All recordings are one shard if they fit. What does not fit is divided in two by the next bit of the digest of each recording's
    name, and so on. So a shard is what begins with the same bits, and depends on which recordings there are and how large
    they are, and on nothing else: not on their order, on who extracted them, or on what lay there before. A recording that is new,
    changed or gone touches the one shard of its bits, which divides where it has become too large, or joins its other half
    where both fit again. Filled in turn, a new recording in the middle would move all that follow it; by a digest modulo a
    number of shards, it would move everything whenever that number changes. A recording that is too large alone is set aside first, so that those that share bits with it are not
    divided for it.

    Args:
        recordings: name of the recording of each segment.
        n_bytes: what each segment takes in a file.
        limit_bytes: what a shard may take.

    Returns:
        the positions of the segments of each shard, ascending; shards in the order of their bits, recordings that are too large last.
    """
    sizes: dict[str, int] = {}
    for recording, size in zip(recordings, n_bytes, strict=True):
        sizes[recording] = sizes.get(recording, 0) + size
    ordered = sorted((sha256(name.encode(errors="surrogateescape")).digest(), name) for name in sizes)
    small = [pair for pair in ordered if sizes[pair[1]] <= limit_bytes]
    shards = [[name for _, name in shard] for shard in _divided(small, sizes, limit_bytes)]
    shards += [[name] for _, name in ordered if sizes[name] > limit_bytes]
    number = {name: shard for shard, names in enumerate(shards) for name in names}
    shard_of = np.array([number[recording] for recording in recordings], np.int64)
    bounds = np.cumsum(np.bincount(shard_of, minlength=max(1, len(shards))))[:-1]
    return [
        part.astype(np.int64) for part in np.split(np.argsort(shard_of, kind="stable"), bounds) if len(part)
    ]


def _divided(
    ordered: list[tuple[bytes, str]], sizes: dict[str, int], limit_bytes: int, bit: int = 0
) -> list[list[tuple[bytes, str]]]:
    """The recordings, ascending by digest and equal in the bits before `bit`, in shards."""
    if sum(sizes[name] for _, name in ordered) <= limit_bytes:
        return [ordered] if ordered else []
    halves: tuple[list[tuple[bytes, str]], list[tuple[bytes, str]]] = ([], [])
    for digest, name in ordered:
        halves[digest[bit // 8] >> (7 - bit % 8) & 1].append((digest, name))
    return [shard for half in halves for shard in _divided(half, sizes, limit_bytes, bit + 1)]


def refuse_repeated(ids: Sequence[str], *, source: object, advice: str) -> None:
    """Refuse segments of which one is there twice.

    Args:
        ids: the segments.
        source: what lists them, for the message.
        advice: what to do about it.

    Raises:
        PipelineError: an id is there twice.
    """
    # The table of those that were seen is made only where there is something to say.
    if len(set(ids)) == len(ids):
        return
    seen: set[str] = set()
    repeated = next(id_ for id_ in ids if id_ in seen or seen.add(id_))  # type: ignore[func-returns-value]
    raise PipelineError(f"{source}: has segment {repeated} twice, and expected each once; {advice}")

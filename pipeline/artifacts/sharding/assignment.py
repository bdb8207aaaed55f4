"""Which recordings or segments lie in one file: shards of a bounded size that a new recording leaves alone, but for one or two."""

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


def consecutive_shards(
    ids: Sequence[str], n_bytes: Int64[np.ndarray, "segment"], *, limit_bytes: int
) -> list[tuple[int, int]]:
    """Divide the segments of a split into shards that stand end to end, so that their order is that of the split.

    All segments are one shard if they fit. Else the digest of its id decides whether a segment begins a shard, such that one begins
    every `limit_bytes / 2` on average, as backups find the pieces of a file by its content (Muthitacharoen et al. 2001,
    "A Low-bandwidth Network File System"). So a segment that is new, changed or gone touches its shard, and those behind only as
    far as the next beginning: a shard is also cut where it would be too large.

    Args:
        ids: id of each segment.
        n_bytes: what each segment takes in a file.
        limit_bytes: what a shard may take, unless a segment alone takes more.

    Returns:
        the first segment of each shard, and the one behind its last; one empty shard where there is no segment.
    """
    if int(n_bytes.sum()) <= limit_bytes:
        return [(0, len(ids))]
    starts, size = [0], 0
    for position, (id_, own) in enumerate(zip(ids, n_bytes.tolist(), strict=True)):
        drawn = int.from_bytes(sha256(id_.encode(errors="surrogateescape")).digest()[:8]) / 2**64
        if size and (size + own > limit_bytes or drawn < 2 * own / limit_bytes):
            starts.append(position)
            size = 0
        size += own
    return list(zip(starts, [*starts[1:], len(ids)], strict=True))


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

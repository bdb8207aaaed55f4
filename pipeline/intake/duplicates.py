"""Transcripts that are nearly the same in two splits, found without comparing everything with everything.

Sets of three words in a row (shingles), a min-hash signature each (Broder 1997), and bands of it as buckets (locality-
sensitive hashing): two transcripts whose sets overlap by 0.8 share a bucket with a chance of 0.999. What shares one is
compared exactly.
"""

import itertools
import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt64

# Writing systems without spaces: a character is a word.
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+"
)
_SHINGLE = 3
_N_BANDS, _N_ROWS = 10, 3
# Shorter ones are the same by chance: «thank you very much».
_MIN_WORDS = 6
# In a bucket of more, each is compared with the first of every other split alone, so that time stays linear.
_SMALL_BUCKET = 20


@dataclass(frozen=True, order=True)
class NearDuplicate:
    """Two transcripts of different splits, by their positions, and the share of three-word sequences in both."""

    first: int
    second: int
    similarity: float


def near_duplicates(
    texts: Sequence[str], splits: Sequence[str], *, threshold: float = 0.8
) -> list[NearDuplicate]:
    """Pairs across splits whose shingle sets overlap by at least `threshold` (Jaccard), sorted by position.

    Transcripts under six words are left out.

    Args:
        texts: transcripts.
        splits: the split of each transcript.
        threshold: least similarity, from 0, nothing in common, to 1, the same words in the same order.
    """
    words = [tuple(_WORD.findall(text.lower())) for text in texts]
    known = [position for position, sequence in enumerate(words) if len(sequence) >= _MIN_WORDS]
    if not known:
        return []
    shingles = [frozenset(_shingles(words[position])) for position in known]
    found = {}
    for bucket in _buckets(_signatures(shingles)):
        for a, b in _pairs(bucket, [splits[known[member]] for member in bucket]):
            pair = (known[a], known[b]) if a < b else (known[b], known[a])
            if pair not in found:
                both = len(shingles[a] & shingles[b])
                found[pair] = both / (len(shingles[a]) + len(shingles[b]) - both)
    return sorted(
        NearDuplicate(first, second, round(similarity, 3))
        for (first, second), similarity in found.items()
        if similarity >= threshold
    )


def _shingles(words: Sequence[str]) -> Iterator[int]:
    """Not `hash`, which differs from process to process."""
    for start in range(len(words) - _SHINGLE + 1):
        yield zlib.crc32("\x1f".join(words[start : start + _SHINGLE]).encode())


def _signatures(shingles: Sequence[frozenset[int]]) -> UInt64[np.ndarray, "text band row"]:
    """The least value of each of many hash functions over a set; equal for two sets as often as they overlap."""
    flat = np.fromiter(itertools.chain.from_iterable(shingles), np.uint64)
    starts = np.cumsum([0, *(len(each) for each in shingles[:-1])])
    rng = np.random.default_rng(0)
    n = _N_BANDS * _N_ROWS
    factors = rng.integers(1, 1 << 62, n, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    offsets = rng.integers(0, 1 << 62, n, dtype=np.uint64)
    least = [
        np.minimum.reduceat((flat * factor + offset) >> np.uint64(20), starts)
        for factor, offset in zip(factors, offsets, strict=True)
    ]
    return np.stack(least, axis=1).reshape(len(shingles), _N_BANDS, _N_ROWS)


def _buckets(signatures: UInt64[np.ndarray, "text band row"]) -> Iterator[Int64[np.ndarray, "member"]]:
    """Texts that have a band of their signatures in common, at least two."""
    for band in range(_N_BANDS):
        _, member, count = np.unique(signatures[:, band], axis=0, return_inverse=True, return_counts=True)
        by_member = np.argsort(member.reshape(-1), kind="stable")
        for group in np.split(by_member, np.cumsum(count)[:-1]):
            if len(group) > 1:
                yield group


def _pairs(bucket: Int64[np.ndarray, "member"], splits: Sequence[str]) -> Iterator[tuple[int, int]]:
    members = list(zip(bucket.tolist(), splits, strict=True))
    if len(members) <= _SMALL_BUCKET:
        for (a, split_a), (b, split_b) in itertools.combinations(members, 2):
            if split_a != split_b:
                yield a, b
        return
    first: dict[str, int] = {}
    for position, split in members:
        first.setdefault(split, position)
    by_split = defaultdict(list)
    for position, split in members:
        by_split[split].append(position)
    for split, position in first.items():
        for other, positions in by_split.items():
            if other != split:
                yield from ((position, member) for member in positions)

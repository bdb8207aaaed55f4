"""Recordings are divided by what they are called and how large they are, so that a further one leaves the others where they are."""

import numpy as np
import pytest

from pipeline.artifacts.sharding.assignment import assign_shards

LIMIT = 1000


def corpus(seed, n_recordings=60):
    """Names and sizes of segments, those of a recording beside each other or not."""
    rng = np.random.default_rng(seed)
    recordings = [f"video {i}" for i in range(n_recordings) for _ in range(rng.integers(1, 5))]
    rng.shuffle(recordings)
    return recordings, rng.integers(0, 200, len(recordings)).tolist()


def contents(recordings, shards):
    """The recordings of each shard."""
    return {frozenset(recordings[position] for position in shard) for shard in shards}


def test_what_fits_is_one_shard_in_the_given_order():
    (shard,) = assign_shards(list("baab"), [1, 2, 3, 4], limit_bytes=10)
    assert shard.tolist() == [0, 1, 2, 3]
    assert len(assign_shards(list("baab"), [1, 2, 3, 5], limit_bytes=10)) == 2
    assert assign_shards([], [], limit_bytes=10) == []


@pytest.mark.parametrize("seed", range(5))
def test_every_segment_is_in_one_shard_with_its_recording_and_within_the_limit(seed):
    recordings, n_bytes = corpus(seed)
    shards = assign_shards(recordings, n_bytes, limit_bytes=LIMIT)
    assert len(shards) > 4
    assert sorted(np.concatenate(shards).tolist()) == list(range(len(recordings)))
    assert all((np.diff(shard) > 0).all() for shard in shards)
    assert all(sum(n_bytes[position] for position in shard) <= LIMIT for shard in shards)
    assert sum(len(names) for names in contents(recordings, shards)) == len(set(recordings))


def test_the_order_of_the_segments_makes_no_difference():
    recordings, n_bytes = corpus(1)
    expected = contents(recordings, assign_shards(recordings, n_bytes, limit_bytes=LIMIT))
    order = np.random.default_rng(2).permutation(len(recordings))
    shuffled = [recordings[position] for position in order]
    sizes = [n_bytes[position] for position in order]
    assert contents(shuffled, assign_shards(shuffled, sizes, limit_bytes=LIMIT)) == expected


@pytest.mark.parametrize("position", [0, 30, -1])
def test_a_further_recording_touches_one_shard_at_most(position):
    recordings, n_bytes = corpus(3)
    before = contents(recordings, assign_shards(recordings, n_bytes, limit_bytes=LIMIT))
    divided = 0
    for number in range(40):
        more, sizes = list(recordings), list(n_bytes)
        more.insert(position, f"new {number}")
        sizes.insert(position, 150)
        after = contents(more, assign_shards(more, sizes, limit_bytes=LIMIT))
        # None, where no recording yet begins with its bits.
        assert len(before - after) <= 1
        divided += len(after) > len(before)
    assert 0 < divided < 40


def test_a_recording_that_is_too_large_is_alone_and_divides_no_other():
    recordings, n_bytes = corpus(4, n_recordings=5)
    assert len(assign_shards(recordings, n_bytes, limit_bytes=10_000)) == 1
    shards = assign_shards([*recordings, "giant"], [*n_bytes, 10_001], limit_bytes=10_000)
    assert [len(shard) for shard in shards] == [len(recordings), 1]

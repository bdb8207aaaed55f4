"""A worker goes along one group; long work comes first; nobody waits while others have work left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.artifacts.corpus.segments import Segment
from pipeline.execution.cache import ResultCache, cache_key
from pipeline.execution.clips import affinity_of
from pipeline.execution.executor import map_cached
from pipeline.execution.scheduling import Affinity, Schedule
from tests.segments import make_segment


def as_text(value: int) -> bytes:
    return str(value).encode()


def schedule(*affinities: tuple[str, float, float] | None) -> Schedule:
    return Schedule(
        (key, given and Affinity(given[0], float(given[1]), float(given[2])))
        for key, given in enumerate(affinities)
    )


def test_a_worker_goes_along_one_group_in_the_order_of_positions():
    waiting = schedule(("a", 2, 1), ("b", 0, 1), ("a", 0, 1), ("b", 1, 1), ("a", 1, 1))

    assert [waiting.take("one"), waiting.take("two"), waiting.take("one")] == [2, 1, 4]
    assert [waiting.take("two"), waiting.take("one")] == [3, 0]
    assert not waiting


def test_the_longest_group_comes_first_and_items_without_an_affinity_last_in_their_order():
    waiting = schedule(None, ("short", 0, 2), ("long", 0, 1), ("long", 1, 3), None)

    assert [waiting.take("one") for _ in range(5)] == [2, 3, 1, 0, 4]


def test_a_worker_without_work_takes_the_second_half_of_the_longest_group():
    waiting = schedule(*(("a", k, 1) for k in range(6)))
    first = waiting.take("one")

    assert [first, waiting.take("two"), waiting.take("two"), waiting.take("one")] == [0, 3, 4, 1]


def test_the_last_item_of_a_worker_that_died_is_taken_by_another():
    waiting = schedule(("a", 0, 1), ("a", 1, 1))
    waiting.take("died")

    assert waiting.take("other") == 1


@given(
    st.lists(
        st.none() | st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.integers(0, 3)), max_size=12
    ),
    st.lists(st.integers(0, 3), min_size=12, max_size=12),
)
def test_every_item_is_taken_once_whoever_asks(affinities, workers):
    waiting = schedule(*affinities)

    taken = [waiting.take(worker) for worker, _ in zip(workers, affinities, strict=False)]

    assert sorted(taken) == list(range(len(affinities)))
    assert len(waiting) == 0


@pytest.mark.parametrize("n_workers", [1, 3])
def test_results_come_in_the_order_of_the_items(tmp_path, n_workers):
    items = [5, 3, 9, 1, 7]
    results = list(
        map_cached(
            abs,
            [-item for item in items],
            keys=[cache_key(item=item) for item in items],
            cache=ResultCache(tmp_path),
            encode=as_text,
            decode=int,
            title="numbers",
            unit="item",
            n_workers=n_workers,
            affinity=lambda item: Affinity(item % 2, float(item), 1.0),
        )
    )

    assert results == items


def segment(name: str, media: str, start_s: float) -> Segment:
    return make_segment(
        id=name, media=f"{media}.mp4", media_sha256=media * 64, start_s=start_s, end_s=start_s + 2
    )


def test_the_segments_of_a_recording_follow_each_other():
    segments = [
        segment("p", "a", 9.0),
        segment("q", "b", 0.0),
        segment("r", "a", 1.0),
        segment("s", "a", 5.0),
    ]
    waiting = Schedule((key, affinity_of(segment)) for key, segment in enumerate(segments))

    assert [segments[waiting.take("one")].id for _ in segments] == ["r", "s", "p", "q"]

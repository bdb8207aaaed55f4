"""A worker goes along one chain; long work comes first; nobody waits while others have work left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.artifacts.segments import Segment
from pipeline.execution.cache import ResultCache, cache_key
from pipeline.execution.clips import place_of
from pipeline.execution.executor import map_cached
from pipeline.execution.scheduling import Chains, Place


def chains(*places: tuple[str, float, float] | None) -> Chains:
    return Chains(
        (key, place and Place(place[0], float(place[1]), float(place[2]))) for key, place in enumerate(places)
    )


def test_a_worker_goes_along_one_chain_in_the_order_of_positions():
    waiting = chains(("a", 2, 1), ("b", 0, 1), ("a", 0, 1), ("b", 1, 1), ("a", 1, 1))

    assert [waiting.take("one"), waiting.take("two"), waiting.take("one")] == [2, 1, 4]
    assert [waiting.take("two"), waiting.take("one")] == [3, 0]
    assert not waiting


def test_the_longest_chain_comes_first_and_items_without_a_place_last_in_their_order():
    waiting = chains(None, ("short", 0, 2), ("long", 0, 1), ("long", 1, 3), None)

    assert [waiting.take("one") for _ in range(5)] == [2, 3, 1, 0, 4]


def test_a_worker_without_work_takes_the_second_half_of_the_longest_chain():
    waiting = chains(*(("a", k, 1) for k in range(6)))
    first = waiting.take("one")

    assert [first, waiting.take("two"), waiting.take("two"), waiting.take("one")] == [0, 3, 4, 1]


def test_the_last_item_of_a_worker_that_died_is_taken_by_another():
    waiting = chains(("a", 0, 1), ("a", 1, 1))
    waiting.take("died")

    assert waiting.take("other") == 1


@given(
    st.lists(
        st.none() | st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.integers(0, 3)), max_size=12
    ),
    st.lists(st.integers(0, 3), min_size=12, max_size=12),
)
def test_every_item_is_taken_once_whoever_asks(places, workers):
    waiting = chains(*places)

    taken = [waiting.take(worker) for worker, _ in zip(workers, places, strict=False)]

    assert sorted(taken) == list(range(len(places)))
    assert len(waiting) == 0


@pytest.mark.parametrize("n_workers", [1, 3])
def test_results_come_in_the_order_of_the_items(tmp_path, n_workers):
    items = [5, 3, 9, 1, 7]
    results = map_cached(
        abs,
        [-item for item in items],
        keys=[cache_key(item=item) for item in items],
        cache=ResultCache(tmp_path),
        encode=lambda value: str(value).encode(),
        decode=lambda payload: int(payload),
        title="numbers",
        unit="item",
        n_workers=n_workers,
        place=lambda item: Place(item % 2, float(item), 1.0),
    )

    assert results == items


def segment(name: str, media: str, start_s: float) -> Segment:
    return Segment(
        id=name, split="train", label=0.0, speaker="s", video="v", language="en", text=None, media=f"{media}.mp4",
        media_sha256=media * 64, has_audio=True, has_video=True, start_s=start_s, end_s=start_s + 2,
    )  # fmt: skip


def test_the_segments_of_a_recording_follow_each_other():
    segments = [
        segment("p", "a", 9.0),
        segment("q", "b", 0.0),
        segment("r", "a", 1.0),
        segment("s", "a", 5.0),
    ]
    waiting = Chains((key, place_of(segment)) for key, segment in enumerate(segments))

    assert [segments[waiting.take("one")].id for _ in segments] == ["r", "s", "p", "q"]

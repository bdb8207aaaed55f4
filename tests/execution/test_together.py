"""Work on many items at once goes through the same cache: what is stored is not done again, and a lost item costs itself."""

import pytest

from pipeline.errors import PipelineError
from pipeline.execution.cache import ResultCache, cache_key
from pipeline.execution.device import device_class
from pipeline.execution.executor import map_cached
from pipeline.execution.pool import Done, Lost
from pipeline.execution.together import Together


class Doubling(Together[int, int]):
    """Doubles numbers in groups, and notes which it was given."""

    device = device_class()

    def __init__(self, *, loses: int | None = None, fails_at: int | None = None) -> None:
        self.asked: list[int] = []
        self._loses, self._fails_at = loses, fails_at

    def outcomes(self, items, *, n_workers):
        self.asked += items.values()
        for key, item in items.items():
            if item == self._fails_at:
                raise PipelineError(f"number {item} cannot be doubled")
            yield key, Lost("was too large") if item == self._loses else Done(2 * item)


def run(folder, work: Doubling, items, *, on_loss=None) -> list[int]:
    return list(
        map_cached(
            work,
            items,
            keys=[cache_key(item=item) for item in items],
            cache=ResultCache(folder),
            encode=lambda number: str(number).encode(),
            decode=int,
            title="numbers",
            unit="number",
            describe=lambda item: f"number {item}",
            on_loss=on_loss,
        )
    )


def test_only_what_is_not_stored_is_computed(tmp_path):
    assert run(tmp_path, Doubling(), [1, 2]) == [2, 4]
    again = Doubling()
    assert run(tmp_path, again, [1, 2, 3]) == [2, 4, 6]
    assert again.asked == [3]
    nothing = Doubling()
    assert run(tmp_path, nothing, [3, 1]) == [6, 2]
    assert nothing.asked == []


def test_what_was_done_before_an_error_is_kept(tmp_path):
    with pytest.raises(PipelineError, match="number 7 cannot be doubled"):
        run(tmp_path, Doubling(fails_at=7), [5, 7, 6])
    again = Doubling()
    assert run(tmp_path, again, [5, 7, 6]) == [10, 14, 12]
    assert again.asked == [7, 6]


def test_a_lost_item_costs_itself_and_is_tried_again_by_the_next_run(tmp_path, capfd):
    made = run(tmp_path, Doubling(loses=2), [1, 2, 3], on_loss=lambda item, sentence: -item)
    assert made == [2, -2, 6]
    assert "number 2: was too large; the run goes on without it" in capfd.readouterr().err
    assert run(tmp_path, Doubling(), [1, 2, 3]) == [2, 4, 6]


def test_without_anything_in_its_place_a_lost_item_is_an_error_after_the_others(tmp_path):
    with pytest.raises(PipelineError, match="1 of 3 could not be done, the first of them number 1"):
        run(tmp_path, Doubling(loses=1), [1, 2, 3])
    again = Doubling()
    assert run(tmp_path, again, [2, 3]) == [4, 6]
    assert again.asked == []


def test_another_device_is_named_beside_the_own_one():
    work = Doubling()
    assert work.difference() is None
    work.device = "cuda Of Nobody"
    assert work.difference() == f"its device is {device_class()}, and here it is cuda Of Nobody"

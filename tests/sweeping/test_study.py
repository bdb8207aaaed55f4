import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.sweeping.plots import write_plots
from pipeline.sweeping.search_space import Choice, Range
from pipeline.sweeping.study import Search
from pipeline.sweeping.workspace import Workspace

SPACE = (
    Choice("advantage.scope", {"anchor": "anchor", "batch": "batch"}),
    Range("margin.base", 0.1, 1.0, False),
)


def search(folder: Path, *, head: str = "a" * 40, seed: int = 0, space=SPACE) -> Search:
    workspace = Workspace(head, (), (), None)
    return Search(space, workspace, metric="mae", lower_is_better=True, seed=seed, folder=folder)


def value(point) -> float | None:
    """Best at 0.4 with batch; what is above 0.9 fails."""
    values = dict(point.values)
    if values["margin.base"] > 0.9:
        return None
    return abs(values["margin.base"] - 0.4) + (values["advantage.scope"] == "anchor")


def spend(one: Search, budget: int) -> list:
    asked = []
    for number, point in one.interrupted():
        one.tell(number, value(point))
    while one.n_ended < budget:
        number, point = one.ask()
        asked.append(point)
        one.tell(number, value(point))
    return asked


def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path):
    undisturbed = spend(search(tmp_path / "one"), 16)
    stopped = spend(search(tmp_path / "two"), 5)
    under_way = search(tmp_path / "two").ask()[1]  # and the process is gone
    resumed = spend(search(tmp_path / "two"), 16)
    assert [*stopped, under_way, *resumed] == undisturbed


@pytest.mark.parametrize("n_lost", [1, 20])
def test_a_line_of_the_journal_that_was_cut_off_costs_what_it_said_and_no_more(tmp_path, n_lost):
    undisturbed = spend(search(tmp_path / "one"), 8)
    stopped = search(tmp_path / "two")
    before = spend(stopped, 5)
    journal = stopped.folder / "journal.log"
    journal.write_bytes(journal.read_bytes()[:-n_lost])  # what came of the fifth trial
    (again,) = [point for _, point in search(tmp_path / "two").interrupted()]
    assert again == before[-1]
    assert [*before, *spend(search(tmp_path / "two"), 8)] == undisturbed
    assert search(tmp_path / "two").n_ended == 8


def test_a_damaged_journal_is_a_sentence(tmp_path):
    one = search(tmp_path)
    spend(one, 2)
    journal = one.folder / "journal.log"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:2], b"{half\n", *lines[2:]]))
    with pytest.raises(PipelineError, match=r"journal\.log: is damaged \(JSONDecodeError"):
        search(tmp_path)


def test_another_seed_or_another_commit_is_another_search(tmp_path):
    names = {search(tmp_path).name, search(tmp_path, seed=1).name, search(tmp_path, head="b" * 40).name}
    assert len(names) == 3


def test_two_seeds_share_none_of_their_first_trials(tmp_path):
    first = {seed: {search(tmp_path, seed=seed).ask()[1] for _ in range(5)} for seed in (0, 1, 2)}
    assert len(set.union(*first.values())) == 15


def test_a_search_that_runs_elsewhere_is_a_sentence(tmp_path):
    one = search(tmp_path)
    code = (
        "import sys; from pathlib import Path; from tests.sweeping.test_study import search; "
        "search(Path(sys.argv[1])); print('begun')"
    )
    run = [sys.executable, "-c", code, str(tmp_path)]
    second = subprocess.run(run, capture_output=True, text=True, check=False)
    assert second.stdout == ""
    assert f"{one.folder}: this search is running in another process" in second.stderr
    del one
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "begun\n"


def test_failures_use_up_the_budget_and_are_not_among_the_completed(tmp_path):
    one = search(tmp_path, seed=3)
    asked = spend(one, 16)
    failed = {point for point in asked if value(point) is None}
    assert failed
    assert one.n_ended == 16
    assert set(one.completed()) == set(asked) - failed


def test_later_trials_are_nearer_to_the_best_than_the_first_at_random(tmp_path):
    is_nearer = []
    for seed in range(4):  # one alone may meet many that fail, which the sampler learns nothing from
        asked = spend(search(tmp_path, seed=seed), 30)
        found = [value(point) if value(point) is not None else 2.0 for point in asked]
        is_nearer.append(statistics.median(found[-15:]) < statistics.median(found[:10]))
    assert sum(is_nearer) >= 3


def test_the_plots_of_optuna_are_written(tmp_path):
    one = search(tmp_path)
    assert write_plots(one, metric="mae on valid") == []
    spend(one, 12)
    plots = write_plots(one, metric="mae on valid")
    assert [path.stem for path in plots] == ["history", "parameters", "parallel", "importance"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in plots)


def test_a_search_is_over_when_each_combination_was_asked_for_whatever_came_of_it(tmp_path):
    space = (
        Choice("advantage.scope", {"anchor": "anchor", "batch": "batch"}),
        Range("training.patience", 1, 3, False),
    )
    one = search(tmp_path, space=space)
    asked = set()
    while not one.is_exhausted:
        assert len(asked) < 6
        number, point = one.ask()
        asked.add(point)
        one.tell(number, None if len(asked) == 2 else 0.5)
    assert len(asked) == 6
    assert search(tmp_path, space=space).is_exhausted


def test_a_search_over_numbers_that_are_not_whole_is_never_over(tmp_path):
    one = search(tmp_path)
    spend(one, 16)
    assert not one.is_exhausted


@pytest.mark.parametrize("n", [1, 3])
def test_trials_side_by_side_are_all_under_way_until_told(tmp_path, n):
    one = search(tmp_path)
    asked = [one.ask() for _ in range(n)]
    assert one.interrupted() == asked
    assert one.n_ended == 0

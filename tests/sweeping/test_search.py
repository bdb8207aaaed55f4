"""`python -m pipeline search` with DVC for real, in a repository whose one stage takes a blink."""

import re

import pytest

pytestmark = pytest.mark.slow


def test_a_search_spends_its_budget_and_goes_on_with_a_larger_one(blink):
    space = ("margin.base=0.1..0.8", "rank.learning_rate=log:1e-4..1e-2")
    first = blink.pipeline("search", *space, "--trials", "2", "-j", "2", check=True)
    assert len(blink.experiments()) == 2
    rows = re.findall(r"^search-\S+ +(\d\.\d+)", first.stdout, re.MULTILINE)
    assert len(rows) == 2
    assert rows == sorted(rows)
    second = blink.pipeline("search", *space, "--trials", "3", check=True)
    assert "2 of 3 trials are done" in second.stderr
    assert re.findall(r"^\[(\d)/3\]", second.stderr, re.MULTILINE) == ["3"]
    assert len(blink.experiments()) == 3
    plots = re.search(r"Plots of the search: (.*)", second.stdout)[1].split(", ")
    assert len(plots) == 4
    assert all((blink.path / plot).is_file() for plot in plots)


def test_a_trial_that_fails_counts_and_an_experiment_that_is_there_is_not_run_again(blink):
    ended = blink.pipeline("search", "margin.base=0.3,0.9", "--trials", "4")
    assert ended.returncode == 1
    assert blink.experiments() == ["search-margin.base=0.3"]
    lines = [line for line in ended.stderr.splitlines() if re.match(r"\[\d/4\] ", line)]
    # Two points are all that there are: once both were tried, the search ends before its budget.
    assert 2 <= len(lines) <= 4
    assert len(lines) == 4 or "Every combination has been tried" in ended.stderr
    assert sum("FAILED" in line for line in lines) >= 1
    assert (
        sum("there already" in line for line in lines) == sum("base=0.3: mae" in line for line in lines) - 1
    )

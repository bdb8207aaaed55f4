"""Progress in a log: what is left is told from the pace of the items, not from the wait for the first one."""

import pytest

from pipeline.execution import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still but for what is added to it."""
    times = {"s": 0.0}
    monkeypatch.setattr(progress.time, "monotonic", lambda: times["s"])
    return times


def test_a_model_that_loads_for_minutes_is_no_pace(clock, capsys):
    for number in progress.track(range(4), total=4, title="text", unit="segment"):
        clock["s"] += 400.0 if number == 0 else 11.0
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "text: 1 of 4 segments",
        "text: 2 of 4 segments, 0.1 per second, 22 s left",
        "text: 3 of 4 segments, 0.1 per second, 11 s left",
        "text: 4 of 4 segments, 0.1 per second, 0 s left",
    ]


def test_what_was_done_before_is_no_pace_either(clock, capsys):
    for _ in progress.track(range(2), total=1000, title="text", unit="segment", done=997):
        clock["s"] += 20.0
    assert capsys.readouterr().err.splitlines() == [
        "text: 997 of 1000 segments were done before",
        "text: 998 of 1000 segments",
        "text: 999 of 1000 segments, 0.1 per second, 20 s left",
    ]

"""What a person sees while experiments run: a line for each that ended, and the failures once more at the end."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.sweeping.runner import Finished


@dataclass
class Progress:
    """Lines on standard error, so that what is printed at the end can go into a file.

    Attributes:
        total: how many experiments there will be, those done before included.
        metric: name of the number behind an experiment, such as "mae on valid".
        done: how many ended, those done before included.
        failed: name and reason of each experiment that failed.
    """

    total: int
    metric: str
    done: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    _n_timed: int = 0
    _started_s: float = field(default_factory=time.monotonic)

    def skip(self, names: Sequence[str]) -> None:
        """Say what is there already."""
        self.done += len(names)
        if names:
            say(
                f"{len(names)} of {self.total} are there already and are not run again; "
                "`dvc exp remove` one to run it anew"
            )

    def met(self, name: str, assignments: Sequence[str], value: float | None) -> None:
        """Say that what was asked for is there already."""
        self.done += 1
        say(f"{self._place(name, assignments)}: {self.metric} {_number(value)}, there already")

    def ended(self, finished: Finished, value: float | None) -> None:
        """Say how one ended, and how long the others will take."""
        self.done += 1
        self._n_timed += 1
        place = self._place(finished.name, finished.assignments)
        if finished.sha is None:
            self.failed.append((finished.name, f"{finished.reason}, see {finished.log}"))
            tail = "".join(f"\n    {line}" for line in finished.tail())
            say(f"{place}: FAILED, {finished.reason}; the end of {finished.log}:{tail}")
        else:
            say(f"{place}: {self.metric} {_number(value)}, {_time(finished.duration_s)}{self._left()}")

    def refused(self, name: str, assignments: Sequence[str], reason: str) -> None:
        """Say that one was not even started."""
        self.done += 1
        self.failed.append((name, reason))
        say(f"{self._place(name, assignments)}: FAILED, {reason}")

    def close(self) -> None:
        """Name what failed."""
        if self.failed:
            say(f"\n{len(self.failed)} of {self.total} failed:")
            for name, reason in self.failed:
                say(f"    {name}: {reason}")

    def _place(self, name: str, assignments: Sequence[str]) -> str:
        # A name that is a digest says nothing to people.
        meaning = "" if all(one in name for one in assignments) else f" ({' '.join(assignments)})"
        return f"[{self.done}/{self.total}] {name}{meaning}"

    def _left(self) -> str:
        # Side by side, so by what all of them together took so far.
        left = self.total - self.done
        each_s = (time.monotonic() - self._started_s) / self._n_timed
        return f"; about {_time(each_s * left)} left" if left else ""


def say(line: str) -> None:
    """A line on standard error, at once."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.4f}"


def _time(duration_s: float) -> str:
    """A duration as people say it.

    >>> _time(42.4), _time(754.0), _time(7320.0)
    ('42 s', '13 min', '2 h 2 min')
    """
    if duration_s < 100:
        return f"{duration_s:.0f} s"
    minutes = round(duration_s / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"

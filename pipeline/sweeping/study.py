"""The memory of a search: Optuna proposes, its journal on disk remembers."""

import fcntl
import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from pipeline.errors import PipelineError
from pipeline.sweeping.points import Point
from pipeline.sweeping.search_space import Choice, Dimension, described, n_points, point_of
from pipeline.sweeping.workspace import Workspace

_NAME_DIGITS = 8


class Search:
    """A study that goes on where it stopped: its trials by number, what is asked next, what came of it.

    Trial k is a function of the seed, of k and of the trials that ended before it was asked for, so that one trial at
    a time gives the same trials whether or not the search was stopped in between.

    Args:
        space: parameters and the values to choose from.
        workspace: workspace that the experiments start from; another commit is another search.
        metric: metric that is optimised.
        lower_is_better: whether the metric is minimised.
        seed: seed of the sampler.
        folder: folder in which searches are kept.

    Raises:
        PipelineError: the same search is running in another process, or its journal is damaged.
    """

    def __init__(
        self,
        space: Sequence[Dimension],
        workspace: Workspace,
        *,
        metric: str,
        lower_is_better: bool,
        seed: int,
        folder: Path,
    ) -> None:
        optuna.logging.set_verbosity(logging.WARNING)
        self.space = tuple(space)
        self._seed = seed
        identity = [described(space), workspace.head, workspace.changes, metric, lower_is_better, seed]
        self.name = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:_NAME_DIGITS]
        self.folder = folder / self.name
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = self._locked()
        journal = self.folder / "journal.log"
        _drop_half_line(journal)
        try:
            self.study = optuna.create_study(
                storage=JournalStorage(JournalFileBackend(str(journal))),
                study_name=self.name,
                direction="minimize" if lower_is_better else "maximize",
                load_if_exists=True,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise PipelineError(
                f"{journal}: is damaged ({type(error).__name__}: {str(error)[:80]}); move it away and run the same command again, which "
                "finds the experiments that are there"
            ) from error

    def _locked(self) -> IO[bytes]:
        """A file that this process alone holds locked as long as it is open: another one would take its trials for interrupted."""
        file = (self.folder / "lock").open("ab")
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            raise PipelineError(
                f"{self.folder}: this search is running in another process; wait until it has ended, or give another --seed"
            ) from error
        except OSError:
            pass  # a file system without locks
        return file

    @property
    def n_ended(self) -> int:
        """Trials that came to an end, failures included: a budget that failures do not use up may never end."""
        return len(self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.FAIL)))

    @property
    def is_exhausted(self) -> bool:
        """Whether every point that there is has been asked for: what comes now was there before."""
        total = n_points(self.space)
        if total is None:
            return False
        trials = self.study.get_trials(deepcopy=False)
        whole = [trial.params for trial in trials if len(trial.params) == len(self.space)]
        return len({point_of(self.space, params) for params in whole}) >= total

    def interrupted(self) -> list[tuple[int, Point]]:
        """Trials that were under way when the search was stopped, with what they were to try."""
        found = []
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if len(trial.params) == len(self.space):
                found.append((trial.number, point_of(self.space, trial.params)))
            else:  # killed within the milliseconds in which it chose
                self.study.tell(trial.number, state=TrialState.FAIL)
        return found

    def ask(self) -> tuple[int, Point]:
        """The next trial, and what it is to try."""
        number = len(self.study.get_trials(deepcopy=False))
        # The state of a sampler is not kept on disk, its seed by number is. Running trials count as bad ones, so that
        # trials side by side do not all try the same.
        (seed,) = np.random.SeedSequence([self._seed, number]).generate_state(1)
        self.study.sampler = optuna.samplers.TPESampler(seed=int(seed), constant_liar=True)
        trial = self.study.ask({one.key: _distribution(one) for one in self.space})
        return trial.number, point_of(self.space, trial.params)

    def tell(self, number: int, value: float | None) -> None:
        """Record the metric of a trial; None where it failed."""
        if value is None:
            self.study.tell(number, state=TrialState.FAIL)
        else:
            self.study.tell(number, value)

    def completed(self) -> list[Point]:
        """What the trials that have a value tried, each once, in the order of the trials."""
        trials = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return list(dict.fromkeys(point_of(self.space, trial.params) for trial in trials))


def _drop_half_line(journal: Path) -> None:
    """Remove what is behind the last line end: its writer was killed, or the disk was full. Optuna would write on in the same line."""
    if not journal.is_file():
        return
    with journal.open("r+b") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)


def _distribution(dimension: Dimension) -> BaseDistribution:
    if isinstance(dimension, Choice):
        return CategoricalDistribution(tuple(dimension.values))
    if dimension.is_whole:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.is_log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.is_log)

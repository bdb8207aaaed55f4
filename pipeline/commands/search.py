"""`python -m pipeline search`: look for good values with a budget, and a leaderboard."""

import argparse
import sys
from dataclasses import dataclass, field

from pipeline import params
from pipeline.commands.sweep import (
    add_running_arguments,
    logs_folder,
    primary_metric,
    primary_value,
    read_base,
    show_leaderboard,
)
from pipeline.errors import PipelineError
from pipeline.execution.cache import cache_folder
from pipeline.settled.needs import checked
from pipeline.settled.protocol import workspace_protocol
from pipeline.sweeping.other_dvc import wait_for_other_dvc
from pipeline.sweeping.plots import write_plots
from pipeline.sweeping.points import Point
from pipeline.sweeping.progress import Progress, say
from pipeline.sweeping.runner import Finished, Runner, stopping
from pipeline.sweeping.search_space import search_space
from pipeline.sweeping.study import Search
from pipeline.sweeping.workspace import experiments, read_workspace

DESCRIPTION = """\
Look for values that make the first metric on valid better, with a budget of trials. Optuna proposes them (TPE, after
ten at random), each is a DVC experiment on a copy of HEAD, and the leaderboard shows them all. Nothing here sees test.

KEY=0.1..1.0 is a range (whole numbers where the parameter is one), KEY=log:1e-4..3e-3 one in which all orders of
magnitude are alike, KEY=a,b,c a choice. A failed trial counts. The same command goes on where it stopped, and with a
larger budget it goes on further; it ends early once every combination of choices has been tried. One at a time (-j 1) gives the same trials either way.
"""

EXAMPLES = """\
examples:
  python -m pipeline search margin.base=0.1..1.0 --trials 10
  python -m pipeline search margin.base=0.1..1.0 rank.learning_rate=log:1e-4..3e-3 -j 2
  python -m pipeline search advantage.scope=group_pair,anchor,batch advantage.cap=1.5..4.0
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument(
        "axes", metavar="KEY=LOW..HIGH", nargs="+", help="a key of params.yaml and what it may be"
    )
    parser.add_argument(
        "--trials", type=int, default=20, metavar="N", help="the budget, failed ones included (20)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the sampler (0)")
    add_running_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Spend what is left of the budget, then show all trials."""
    if args.trials < 1 or args.seed < 0:
        raise PipelineError("--trials has to be at least 1, and --seed at least 0")
    space = search_space(args.axes, check=checked)
    wait_for_other_dvc()
    workspace = read_workspace()
    read_base(workspace.head)
    metric = primary_metric()
    better = workspace_protocol().metric(metric).better
    search = Search(
        space,
        workspace,
        metric=metric,
        lower_is_better=better == "lower",
        seed=args.seed,
        folder=cache_folder() / "searches",
    )
    for warning in workspace.warnings:
        say(f"Note: {warning}.")
    spent = search.n_ended
    say(
        f"Search {search.name}: {spent} of {max(args.trials, spent)} trials are done; its memory is {search.folder}"
    )
    progress = Progress(total=max(args.trials, spent), metric=f"{metric} on valid", done=spent)
    runner = Runner(workspace, n_jobs=args.jobs, logs=logs_folder(), pull=args.pull)
    trials = _Trials(search, runner, progress, budget=args.trials)
    try:
        with stopping(runner):
            trials.run()
    except KeyboardInterrupt:
        say(
            f"\nStopped; {search.n_ended} of {progress.total} trials are done and kept. The same command goes on from there."
        )
        raise
    progress.close()
    if search.n_ended < args.trials and search.is_exhausted:
        say(
            f"Every combination has been tried, so the search ends after {search.n_ended} of {args.trials} trials."
        )
    there = experiments(workspace.head)
    names = [point.name("search", changes=workspace.changes) for point in search.completed()]
    show_leaderboard([name for name in names if name in there], head=workspace.head)
    plots = write_plots(search, metric=f"{metric} on valid")
    if plots:
        sys.stdout.write(f"\nPlots of the search: {', '.join(map(str, plots))}\n")
    if trials.stopped is not None:
        raise trials.stopped
    return 1 if progress.failed else 0


@dataclass
class _Trials:
    search: Search
    runner: Runner
    progress: Progress
    budget: int
    stopped: PipelineError | None = None
    # Numbers of the trials that wait for an experiment: two may have chosen the same.
    _waiting: dict[str, list[int]] = field(default_factory=dict)

    def run(self) -> None:
        interrupted = self.search.interrupted()
        n_asked = self.search.n_ended + len(interrupted)
        while True:
            is_more = bool(interrupted) or (n_asked < self.budget and not self.search.is_exhausted)
            if self.stopped is None and self.runner.is_free and is_more:
                if interrupted:
                    number, point = interrupted.pop(0)
                else:
                    number, point = self.search.ask()
                    n_asked += 1
                self._start(number, point)
            elif self.runner.n_running:
                self._end(self.runner.wait())
            else:
                return

    def _start(self, number: int, point: Point) -> None:
        workspace = self.runner.workspace
        name = point.name("search", changes=workspace.changes)
        if name in self._waiting:
            self._waiting[name].append(number)
            return
        there = experiments(workspace.head).get(name)
        if there is not None:
            value = primary_value(there)
            self.search.tell(number, value)
            self.progress.met(name, point.assignments, value)
            return
        try:
            params.checked(dict(point.values))
        except PipelineError as error:
            # Ranges are checked one by one; that two of their values do not go together shows only here.
            self.search.tell(number, None)
            self.progress.refused(name, point.assignments, str(error))
            return
        try:
            self.runner.start(name, point.assignments)
        except PipelineError as error:
            self.stopped = error
            return
        self._waiting[name] = [number]

    def _end(self, finished: Finished) -> None:
        value = primary_value(finished.sha)
        for number in self._waiting.pop(finished.name):
            self.search.tell(number, value)
            self.progress.ended(finished, value)

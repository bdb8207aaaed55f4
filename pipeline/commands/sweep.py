"""`python -m pipeline sweep`: every combination of some values, side by side, and a leaderboard."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline import params
from pipeline.artifacts.evaluated.models import METHOD
from pipeline.comparison.leaderboard import leaderboard, leaderboard_page
from pipeline.comparison.runs import read_experiments, read_run, read_runs
from pipeline.errors import PipelineError
from pipeline.execution.cache import cache_folder
from pipeline.history.revisions import Revision, resolve
from pipeline.pages.blocks import Block, Command, Heading
from pipeline.pages.text import as_text
from pipeline.settled.needs import checked
from pipeline.settled.protocol import workspace_protocol
from pipeline.sweeping.other_dvc import wait_for_other_dvc
from pipeline.sweeping.points import Point, grid
from pipeline.sweeping.progress import Progress, say
from pipeline.sweeping.runner import Runner, require_none_runs, stopping
from pipeline.sweeping.workspace import Workspace, experiments, read_workspace, recorded_number

SUMMARY = Path("reports/summary.json")
_SHORT = 10  # digits of a commit that tell it from every other of a repository


DESCRIPTION = """\
Run every combination of the values, each as a DVC experiment of its own on a copy of HEAD (`dvc exp run --temp`),
and show them in a leaderboard, sorted by the first metric on valid.

A point that failed does not stop the others; its log stays, and the exit status is 1. Ctrl-C stops what runs and
keeps what is done. The same command goes on where it stopped: a point whose experiment is there is not run again.
Uncommitted changes go into every experiment, and their digest into its name.
"""

EXAMPLES = """\
examples:
  python -m pipeline sweep margin.base=0.1,0.3,0.5
  python -m pipeline sweep margin.base=0.1,0.3,0.5 rank.learning_rate=1e-4,1e-3 -j 2
  python -m pipeline sweep training.seeds=[1,2,3],[4,5,6]
  python -m pipeline sweep rank.objective=groupwise,ranknet --dry-run
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument(
        "axes", metavar="KEY=VALUE,VALUE", nargs="+", help="a key of params.yaml and its values"
    )
    add_running_arguments(parser)
    parser.add_argument("--dry-run", action="store_true", help="show the points and run nothing")


def add_running_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that every command has that runs experiments."""
    parser.add_argument(
        "-j",
        "--jobs",
        type=_at_least_one,
        default=1,
        metavar="N",
        help="how many experiments run side by side (1); each of them gets its share of the cores",
    )
    parser.add_argument(
        "--pull",
        action="store_true",
        help="fetch from the remote what is needed and not here, as in a fresh clone",
    )


def run(args: argparse.Namespace) -> int:
    """Run what is missing of the grid, then show all of it."""
    points = grid(args.axes, check=checked)
    if not args.dry_run:
        wait_for_other_dvc()
    workspace = read_workspace()
    named = {point.name("sweep", changes=workspace.changes): point for point in points}
    there = experiments(workspace.head)
    if args.dry_run:
        for name in named:
            sys.stdout.write(f"{name}{'  (there already)' if name in there else ''}\n")
        return 0
    read_base(workspace.head)
    for warning in workspace.warnings:
        say(f"Note: {warning}.")
    progress = Progress(total=len(named), metric=f"{primary_metric()} on valid")
    progress.skip([name for name in named if name in there])
    waiting = [(name, point) for name, point in named.items() if name not in there]
    stopped = run_points(waiting, workspace, progress, n_jobs=args.jobs, pull=args.pull, value=primary_value)
    progress.close()
    if progress.failed:
        say("The same command runs what failed again and keeps the rest.")
    there = experiments(workspace.head)
    show_leaderboard([name for name in named if name in there], head=workspace.head)
    if stopped is not None:
        raise stopped
    return 1 if progress.failed else 0


def run_points(
    waiting: Sequence[tuple[str, Point]],
    workspace: Workspace,
    progress: Progress,
    *,
    n_jobs: int,
    pull: bool,
    value: Callable[[str], float | None],
) -> PipelineError | None:
    """Run the points; where no more can be started, those that run are waited for, and the reason is returned.

    Args:
        waiting: names and points of the experiments that are not there yet.
        workspace: workspace that every experiment starts from.
        progress: what a person sees.
        n_jobs: number of experiments that run side by side.
        pull: whether data that this clone lacks are fetched from the remote.
        value: the number that is shown of an experiment, by its commit.

    Raises:
        PipelineError: one of them runs already.
    """
    require_none_runs([name for name, _ in waiting], logs=logs_folder())
    left, stopped = list(waiting), None
    runner = Runner(workspace, n_jobs=n_jobs, logs=logs_folder(), pull=pull)
    try:
        with stopping(runner):
            while left or runner.n_running:
                if left and runner.is_free:
                    name, point = left.pop(0)
                    try:
                        runner.start(name, point.assignments)
                    except PipelineError as error:
                        stopped, left = error, []
                else:
                    finished = runner.wait()
                    progress.ended(finished, None if finished.sha is None else value(finished.sha))
    except KeyboardInterrupt:
        say(
            f"\nStopped; {progress.done} of {progress.total} are done and kept. The same command goes on from there."
        )
        raise
    return stopped


def primary_metric() -> str:
    """The metric that everything here is sorted by."""
    return workspace_protocol().headline[0]


def primary_value(sha: str | None) -> float | None:
    """That metric of an experiment, on valid."""
    return None if sha is None else recorded_number(sha, SUMMARY, f"valid_{METHOD}_{primary_metric()}")


def logs_folder() -> Path:
    """Where each experiment that is started here has its log."""
    return cache_folder() / "sweeps"


def read_base(head: str) -> None:
    """Find out before hours of work that there is nothing to compare them with.

    Args:
        head: full hash of the commit that they start from.

    Raises:
        PipelineError: it holds no results.
    """
    read_runs([Revision("HEAD", head)])


def show_leaderboard(names: Sequence[str], *, head: str) -> None:
    """Print the experiments against the commit that they started from, best first, and what to do with the best.

    Args:
        names: names of the experiments.
        head: full hash of that commit, which is HEAD no longer where somebody has committed meanwhile.
    """
    if not names:
        return
    settings = params.load(params.Evaluate)
    found = experiments(head)
    base_name = "HEAD" if resolve("HEAD").sha == head else head[:_SHORT]
    revisions = [Revision(base_name, head), *(Revision(name, found[name]) for name in names)]
    base = read_run(revisions[0])
    ran, left_out = read_experiments(revisions[1:])
    board = leaderboard(
        base,
        ran,
        protocol=workspace_protocol(),
        confidence=settings.confidence,
        n_resamples=settings.n_resamples,
        left_out=left_out,
    )
    blocks: list[Block] = [*leaderboard_page(board)]
    if board.best is not None:
        best = board.best.experiment.revision.name
        blocks += [
            Heading("What to do next"),
            Command(f"python -m pipeline compare {base_name} {best}", "every metric of the best"),
            Command(f"dvc exp apply {best}", "take it over into the workspace"),
            Command(f"dvc exp push origin --rev {base_name}", "share all of them"),
        ]
    sys.stdout.write(as_text(blocks))


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text!r}")
    return int(text)

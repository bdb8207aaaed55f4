"""`python -m pipeline history`: a metric over the commits of a branch, and the commits at which it changed."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from pipeline import params
from pipeline.artifacts.formats.outputs import add_force, require_writable, write_output
from pipeline.comparison.runs import PREDICTIONS, Run
from pipeline.comparison.series import Entry, Series, read_series
from pipeline.comparison.series_page import as_html, as_page, verdict_of
from pipeline.comparison.series_records import as_json
from pipeline.errors import PipelineError
from pipeline.evaluation.metrics import Protocol
from pipeline.history.commits import commits_that_changed, is_shallow
from pipeline.history.revisions import WORKSPACE, Revision, read_files, resolve
from pipeline.pages.markdown import as_markdown
from pipeline.pages.text import as_text
from pipeline.settled.protocol import measured_by, workspace_protocol

DESCRIPTION = """\
Show a metric over the runs that the commits of a branch hold, and the commits at which it changed by more than noise.

Every commit that changed reports/predictions.csv is a run. Nothing is checked out and nothing is run: all are measured by the code
and by the section `evaluate` of params.yaml in the workspace, on valid. Where the data or the labels changed, the series begins
anew. A step is one that noise rarely makes anywhere in the series; docs/howto/history.md says how that is tested.
"""

EXAMPLES = """\
examples:
  python -m pipeline history                                the branch that is checked out
  python -m pipeline history main --metric pearson
  python -m pipeline history workspace                      with the files on disk as the newest run
  python -m pipeline history --since v1.0 --html history.html --fail-on-step       in CI

exit status:
  0  shown
  1  something is missing (then one sentence on standard error, no output)
  2  the command line is wrong
  3  a step and --fail-on-step, or a step for the worse and --fail-on-worse; either, where the newest run cannot be measured
"""

EXIT_STEP = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument(
        "branch",
        metavar="BRANCH",
        nargs="?",
        default="HEAD",
        help="the branch, or any revision, whose commits are read; `workspace` adds the files on disk to those of HEAD (HEAD)",
    )
    parser.add_argument("--metric", metavar="NAME", help="the metric (the first of the headline)")
    parser.add_argument(
        "--since",
        metavar="REV",
        help="begin with the run that was in force at this revision (the first run of the branch)",
    )
    printed = parser.add_mutually_exclusive_group()
    printed.add_argument("--markdown", action="store_true", help="print Markdown in place of aligned text")
    printed.add_argument("--json", action="store_true", help="print JSON in place of aligned text")
    parser.add_argument(
        "--html", metavar="FILE", type=Path, help="write a page with a chart, which needs no network"
    )
    parser.add_argument("--fail-on-step", action="store_true", help="exit with status 3 if there is any step")
    parser.add_argument(
        "--fail-on-worse", action="store_true", help="exit with status 3 if there is a step for the worse"
    )
    add_force(parser)


def run(args: argparse.Namespace) -> int:
    """Print the series; 3 where a step is to fail and there is one."""
    if args.html is not None:
        require_writable(args.html, force=args.force)
    settings = params.load(params.Evaluate)
    name, entries = _entries(args.branch, args.since)
    series = read_series(
        entries,
        name=name,
        metric=args.metric,
        protocol_of=_protocol_of(settings),
        confidence=settings.confidence,
        n_resamples=settings.n_resamples,
    )
    if args.html is not None:
        write_output(args.html, as_html(series).encode(), force=args.force)
        sys.stderr.write(f"wrote {args.html}\n")
    if args.json:
        sys.stdout.write(as_json(series))
    else:
        page = as_page(series)
        sys.stdout.write(as_markdown(page) if args.markdown else as_text(page))
    if series.newest_skipped and (args.fail_on_step or args.fail_on_worse):
        sys.stderr.write(
            "the newest run could not be measured, so nothing can be said of it, and the check fails; see what was left out\n"
        )
        return EXIT_STEP
    return EXIT_STEP if _fails(series, any_step=args.fail_on_step, worse=args.fail_on_worse) else 0


def _fails(series: Series, *, any_step: bool, worse: bool) -> bool:
    verdicts = [verdict_of(part, step) for part, step in series.steps]
    return (any_step and bool(verdicts)) or (worse and "worse" in verdicts)


def _entries(branch: str, since: str | None) -> tuple[str, list[Entry]]:
    """What the branch is called, and the commits that may hold a run, the oldest first."""
    tip = resolve("HEAD" if branch == WORKSPACE else branch)
    start = None if since is None else resolve(since)
    if start is not None and start.sha is None:
        raise PipelineError(f"--since {since}: the files on disk are no commit; name one")
    entries = [
        Entry(commit.revision, commit.date, commit.subject)
        for commit in commits_that_changed(PREDICTIONS, tip=tip, since=start)
    ]
    if is_shallow():
        sys.stderr.write("this clone is shallow and lacks older commits; `git fetch --unshallow` gets them\n")
    name = tip.title
    if branch == WORKSPACE:
        disk = Revision(WORKSPACE, None)
        name = f"{name} and the files on disk"
        if _changed(entries[-1].revision if entries else None, disk):
            entries.append(Entry(disk, "", ""))
    if not entries:
        raise PipelineError(
            f"{name} has no commit with {PREDICTIONS}; run `dvc repro` and commit reports/ and dvc.lock, or name another branch"
        )
    return name, entries


def _changed(newest: Revision | None, disk: Revision) -> bool:
    """Whether the files on disk hold another run than the newest commit."""
    (on_disk,) = read_files([disk], [PREDICTIONS])
    if newest is None or on_disk[PREDICTIONS] is None:
        return on_disk[PREDICTIONS] is not None
    (committed,) = read_files([newest], [PREDICTIONS])
    return committed[PREDICTIONS] != on_disk[PREDICTIONS]


def _protocol_of(settings: params.Evaluate) -> Callable[[Run], Protocol]:
    """The protocol that params.yaml names, else that of the run itself, else that of the workspace."""

    def protocol_of(run: Run) -> Protocol:
        recorded = run.task.get("protocol")
        if settings.protocol is None and recorded is not None:
            return measured_by(recorded)
        return workspace_protocol()

    return protocol_of

"""`python -m pipeline compare`: what an experiment changed, and whether that is more than chance."""

import argparse
import sys
from pathlib import Path

from pipeline import params
from pipeline.artifacts.formats.outputs import add_force, require_writable, write_output
from pipeline.comparison.bootstrap import Bootstrap
from pipeline.comparison.comparing import compare_runs
from pipeline.comparison.leaderboard import compare_all, leaderboard_page, sorted_by_metric
from pipeline.comparison.page import page
from pipeline.comparison.records import as_json
from pipeline.comparison.runs import LeftOut, read_experiments, read_run, read_runs
from pipeline.history.revisions import resolve_all
from pipeline.pages.markdown import as_markdown
from pipeline.pages.text import as_text
from pipeline.settled.protocol import measured_by, workspace_protocol

DESCRIPTION = """\
Compare experiments with a base: parameters, data, stages, and every metric with a paired confidence interval.

A revision is anything git knows (HEAD, main~2, v1.0, 439d769), the name of a DVC experiment, or the word
`workspace` for the files on disk. Nothing is checked out and nothing is run: what is compared are the tracked
predictions, parameters and lock files. Both sides are measured by the code and by the section `evaluate` of
params.yaml in the workspace. Verdicts are one of: better, same, worse within noise, regression; docs/howto/comparing.md
says what they mean.
"""

EXAMPLES = """\
examples:
  dvc exp run -n wider -S margin.base=0.5
  python -m pipeline compare HEAD wider
  python -m pipeline compare HEAD workspace            what the files on disk changed
  python -m pipeline compare main wider narrower       each against main
  python -m pipeline compare main HEAD --markdown --html compare.html --fail-on-regression      for a pull request

exit status:
  0  compared
  1  a regression or an experiment that was left out of a leaderboard and --fail-on-regression, or something is missing (then one sentence on standard error, no output)
  2  the command line is wrong
"""

MOST_WITHOUT_LEADERBOARD = 10
EXIT_REGRESSION = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument("base", metavar="BASE", help="the revision to compare with")
    parser.add_argument(
        "experiments", metavar="EXP", nargs="+", help="a revision to compare; differences are EXP - BASE"
    )
    parser.add_argument(
        "--test",
        action="store_true",
        help="show the test split too; choose by valid alone, or the test split becomes a second valid",
    )
    parser.add_argument(
        "--leaderboard",
        action="store_true",
        help=f"print one sorted table, as with more than {MOST_WITHOUT_LEADERBOARD} experiments",
    )
    printed = parser.add_mutually_exclusive_group()
    printed.add_argument("--markdown", action="store_true", help="print Markdown in place of aligned text")
    printed.add_argument("--json", action="store_true", help="print JSON in place of aligned text")
    parser.add_argument(
        "--html",
        metavar="FILE",
        type=Path,
        help="write a page with the training curves too, which needs no network",
    )
    parser.add_argument(
        "--fail-on-regression", action="store_true", help="exit with status 1 if any verdict is a regression"
    )
    add_force(parser)


def run(args: argparse.Namespace) -> int:
    """Print one comparison after another, or the leaderboard; 1 where a regression is to fail and there is one."""
    if args.html is not None:
        require_writable(args.html, force=args.force)
    settings = params.load(params.Evaluate)
    revisions = resolve_all([args.base, *args.experiments])
    with_leaderboard = args.leaderboard or len(args.experiments) > MOST_WITHOUT_LEADERBOARD
    left_out: list[LeftOut] = []
    if with_leaderboard:
        # One of many that cannot be read or compared is named, and the others are ranked.
        base = read_run(revisions[0])
        experiments, left_out = read_experiments(revisions[1:])
    else:
        base, *experiments = read_runs(revisions)
    recorded = base.task.get("protocol")
    protocol = (
        measured_by(recorded) if settings.protocol is None and recorded is not None else workspace_protocol()
    )
    bootstrap = Bootstrap(n_resamples=settings.n_resamples)
    splits = ("valid", "test") if args.test else ("valid",)
    if with_leaderboard:
        comparisons, strange = compare_all(
            base,
            experiments,
            splits=splits,
            protocol=protocol,
            confidence=settings.confidence,
            bootstrap=bootstrap,
            headline_only=not args.json and args.html is None,
        )
        left_out = sorted([*left_out, *strange], key=lambda each: revisions.index(each.revision))
    else:
        comparisons = [
            compare_runs(
                base,
                experiment,
                splits=splits,
                protocol=protocol,
                confidence=settings.confidence,
                bootstrap=bootstrap,
            )
            for experiment in experiments
        ]
    board = sorted_by_metric(
        comparisons, protocol=protocol, n_resamples=settings.n_resamples, left_out=left_out
    )
    if args.html is not None:
        # Here, for the libraries of the page take a tenth of a second that a table need not wait for.
        from pipeline.comparison.html import as_html

        content = as_html(board, comparisons, with_leaderboard=with_leaderboard).encode()
        write_output(args.html, content, force=args.force)
        sys.stderr.write(f"wrote {args.html}\n")
    if args.json:
        sys.stdout.write(as_json(board, comparisons))
    else:
        blocks = (
            leaderboard_page(board)
            if with_leaderboard
            else [block for comparison in comparisons for block in page(comparison)]
        )
        sys.stdout.write(as_markdown(blocks) if args.markdown else as_text(blocks))
    if args.fail_on_regression and left_out:
        sys.stderr.write(
            "an experiment could not be compared, so nothing can be said of it, and the check fails; see what was left out\n"
        )
        return EXIT_REGRESSION
    regressed = any(comparison.judgement.verdict == "regression" for comparison in comparisons)
    return EXIT_REGRESSION if args.fail_on_regression and regressed else 0

"""`python -m pipeline compare`: what an experiment changed, and whether that is more than chance."""

import argparse
import sys

from pipeline import params
from pipeline.comparison.bootstrap import Bootstrap
from pipeline.comparison.comparing import compare_runs
from pipeline.comparison.layout import as_markdown, as_text
from pipeline.comparison.page import page
from pipeline.comparison.revisions import resolve
from pipeline.comparison.runs import read_run
from pipeline.evaluation.metrics import protocol_named

DESCRIPTION = """\
Compare experiments with a base: parameters, data, stages, and every metric with a paired confidence interval.

A revision is anything git knows (HEAD, main~2, v1.0, 439d769), the name of a DVC experiment, or the word
`workspace` for the files on disk. Nothing is checked out and nothing is run: what is compared are the tracked
predictions, parameters and lock files. Both sides are measured by the code and by the section `evaluate` of
params.yaml in the workspace.
"""

EXAMPLES = """\
examples:
  dvc exp run -n wider -S margin.base=0.5
  python -m pipeline compare HEAD wider
  python -m pipeline compare HEAD workspace            what the files on disk changed
  python -m pipeline compare main wider narrower       each against main
  python -m pipeline compare main HEAD --markdown      for a pull request
"""


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
    parser.add_argument("--markdown", action="store_true", help="print Markdown in place of aligned text")


def run(args: argparse.Namespace) -> int:
    """Print one comparison after another."""
    settings = params.load(params.Evaluate)
    revisions = [resolve(name) for name in (args.base, *args.experiments)]
    base, *experiments = (read_run(revision, parse=params.parse_yaml) for revision in revisions)
    bootstrap = Bootstrap(n_resamples=settings.n_resamples)
    blocks = []
    for experiment in experiments:
        blocks += page(
            compare_runs(
                base,
                experiment,
                splits=("valid", "test") if args.test else ("valid",),
                protocol=protocol_named(settings.protocol),
                confidence=settings.confidence,
                bootstrap=bootstrap,
            )
        )
    sys.stdout.write(as_markdown(blocks) if args.markdown else as_text(blocks))
    return 0

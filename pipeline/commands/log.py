"""`python -m pipeline log`: hand finished runs to TensorBoard, MLflow or trackio."""

import argparse
import shlex
import sys
from pathlib import Path

from pipeline.exporting.trackers import log_mlflow, log_tensorboard, log_trackio, read_finished
from pipeline.history.revisions import resolve_all
from pipeline.pages.numbers import plural

DESCRIPTION = """\
Hand finished runs to an experiment tracker: every parameter, the mean of every metric, and the training curves.

They are read from the tracked reports of revisions, so nothing is run and no stage knows of any tracker. The package
of the tracker is none of this project's; install it beside.
"""

EXAMPLES = """\
examples:
  python -m pipeline log tensorboard                         the files on disk, to runs/; then: tensorboard --logdir runs
  python -m pipeline log tensorboard HEAD wider --to /tmp/tb
  python -m pipeline log mlflow main wider narrower --to http://server:5000 --experiment margins
  python -m pipeline log trackio HEAD wider --experiment margins           to this machine; then: trackio show --project margins
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument("tracker", choices=("tensorboard", "mlflow", "trackio"), help="where to")
    parser.add_argument(
        "revisions",
        metavar="REV",
        nargs="*",
        help="runs to log: anything git knows, or names of DVC experiments; default: workspace, the files on disk",
    )
    parser.add_argument(
        "--to",
        metavar="PLACE",
        help="tensorboard: a folder, default runs; mlflow: the URI of a server or store, default $MLFLOW_TRACKING_URI; trackio: the "
        "address of a server with its write token, default $TRACKIO_SERVER_URL, $TRACKIO_SPACE_ID or this machine",
    )
    parser.add_argument(
        "--experiment",
        metavar="NAME",
        default="grcf",
        help="mlflow: the experiment of the runs; trackio: their project; default grcf",
    )


def run(args: argparse.Namespace) -> int:
    """Log the runs."""
    runs = read_finished(resolve_all(args.revisions or ["workspace"]))
    if args.tracker == "tensorboard":
        folder = Path(args.to or "runs")
        log_tensorboard(runs, folder)
        place = f"{folder}; look at them with `tensorboard --logdir {folder}`"
    elif args.tracker == "trackio":
        log_trackio(runs, args.to, project=args.experiment)
        # The address holds the token.
        place = f"trackio; look at them with `trackio show --project {shlex.quote(args.experiment)}`, or at the server"
    else:
        log_mlflow(runs, args.to, experiment=args.experiment)
        place = args.to or "the tracking store of MLflow"
    sys.stdout.write(f"logged {plural(len(runs), 'run')} to {place}\n")
    return 0

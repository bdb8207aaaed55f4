"""`python -m pipeline cross`: train on one corpus of a pool, measure on every other."""

import argparse
import functools
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline import params
from pipeline.artifacts.corpus.task import Task
from pipeline.artifacts.evaluated.models import METHOD
from pipeline.commands.sweep import SUMMARY, add_running_arguments, run_points
from pipeline.comparison.runs import read_runs
from pipeline.corpus.facts import FACTS_FILE, POOL, Facts, read_facts
from pipeline.crossing.page import cross_page
from pipeline.crossing.records import cross_to_csv, cross_to_json
from pipeline.crossing.table import Crossed, Settings, cross
from pipeline.errors import PipelineError, did_you_mean
from pipeline.evaluation.metrics import Protocol
from pipeline.evaluation.own_metrics import with_own_metrics
from pipeline.evaluation.protocols import protocol_named
from pipeline.history.revisions import Revision
from pipeline.pages.markdown import as_markdown
from pipeline.pages.text import as_text
from pipeline.settled.facts import RAW, chosen_task
from pipeline.settled.needs import checked
from pipeline.sweeping.other_dvc import wait_for_other_dvc
from pipeline.sweeping.points import Point, parse_value, split_axis
from pipeline.sweeping.progress import Progress, say
from pipeline.sweeping.workspace import experiments, read_workspace, recorded_number

DESCRIPTION = """\
Train on each corpus of a pool, measure on each, and show a table of A x B with intervals for each headline metric and
for each metric of your own (evaluate.metrics).

Each row is a DVC experiment of its own with training.corpora=[A], run as in a sweep: what is there already is not run
again, Ctrl-C keeps what is done, and the same command goes on from there. Order and correlation need no calibration;
an error on another corpus does, and the table says so. --calibrate-with N draws N labels of each corpus from valid,
fits one slope and one offset on them as stage 2 does, and measures on test.
"""

EXAMPLES = """\
examples:
  python -m pipeline import pool mosi mosei sims --name pooled
  python -m pipeline cross pooled
  python -m pipeline cross pooled --train mosi sims mosi+sims -S training.epochs=20 -S training.seeds=[1,2,3]
  python -m pipeline cross pooled --test --calibrate-with 50 --markdown > cross.md

exit status:
  0  every run is there and in the table
  1  a run failed, or something is wrong (then one sentence on standard error)
  2  the command line is wrong
"""

_CHOSEN_HERE = ("corpus.name", "training.corpora")
_MEASURES_THE_TABLE = ("evaluate.confidence", "evaluate.n_resamples", "evaluate.metrics")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument(
        "pool", metavar="POOL", nargs="?", help="a corpus of layout pool (that of params.yaml)"
    )
    parser.add_argument(
        "--train",
        metavar="PART",
        nargs="+",
        help="what to train on, one run each: a part, or several joined by + (each part by itself)",
    )
    parser.add_argument(
        "-S",
        "--set-param",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="settings",
        help="a key of params.yaml and its value in every run; may be given again",
    )
    parser.add_argument(
        "--test",
        action="store_true",
        help="measure on test instead of valid, for the final table; choose by valid alone",
    )
    parser.add_argument(
        "--calibrate-with",
        type=_at_least_two,
        metavar="N",
        help="measure also after a calibration with N labels of each corpus, drawn from valid; needs --test",
    )
    add_running_arguments(parser)
    parser.add_argument("--dry-run", action="store_true", help="show the runs and start none")
    printed = parser.add_mutually_exclusive_group()
    printed.add_argument("--markdown", action="store_true", help="print Markdown in place of aligned text")
    printed.add_argument("--json", action="store_true", help="print JSON in place of aligned text")
    printed.add_argument("--csv", action="store_true", help="print CSV in place of aligned text")


def run(args: argparse.Namespace) -> int:
    """Run what is missing, then show all of it."""
    if args.calibrate_with is not None and not args.test:
        raise PipelineError(
            "--calibrate-with takes its labels from valid, so what they are worth is measured on test; add --test"
        )
    configured = params.load(params.Corpus).name
    pool = args.pool or configured
    facts = _facts_of(pool)
    protocol = _protocol(chosen_task(facts), params.load(params.Evaluate).metrics)
    rows = _rows(args.train, facts, pool=pool)
    common = _settings(args.settings)
    if pool != configured:
        common["corpus.name"] = pool
    points = {trained_on: Point.of(checked(common | {"training.corpora": trained_on})) for trained_on in rows}
    if not args.dry_run:
        wait_for_other_dvc()
    workspace = read_workspace()
    names = {
        trained_on: point.name("cross", changes=workspace.changes) for trained_on, point in points.items()
    }
    there = experiments(workspace.head)
    if args.dry_run:
        for name in names.values():
            sys.stdout.write(f"{name}{'  (there already)' if name in there else ''}\n")
        return 0
    for warning in workspace.warnings:
        say(f"Note: {warning}.")
    error = protocol.headline[0]
    progress = Progress(total=len(names), metric=f"{error} on valid of all parts")
    progress.skip([name for name in names.values() if name in there])
    waiting = [
        (names[trained_on], point) for trained_on, point in points.items() if names[trained_on] not in there
    ]
    value = functools.partial(recorded_number, path=SUMMARY, key=f"valid_{METHOD}_{error}")
    stopped = run_points(waiting, workspace, progress, n_jobs=args.jobs, pull=args.pull, value=value)
    progress.close()
    if progress.failed:
        say("The same command runs what failed again and keeps the rest.")
    there = experiments(workspace.head)
    shas = {trained_on: (name, there[name]) for trained_on, name in names.items() if name in there}
    if shas:
        _show(shas, args, pool=pool, parts=facts.parts)
    if stopped is not None:
        raise stopped
    return 1 if progress.failed else 0


def _facts_of(pool: str) -> Facts:
    facts = read_facts(RAW / pool)
    if facts.layout != POOL:
        raise PipelineError(
            f"{RAW / pool / FACTS_FILE}: the layout is {facts.layout}, so this is one corpus; expected a {POOL}: make one by "
            f"`python -m pipeline import {POOL} {pool} OTHER --name NAME`, then name it here"
        )
    return facts


def _protocol(task: Task, metrics: Sequence[str]) -> Protocol:
    return with_own_metrics(protocol_named(task.protocol).of_classes(task.classes), metrics)


def _rows(asked: Sequence[str] | None, facts: Facts, *, pool: str) -> list[tuple[str, ...]]:
    """What each run is trained on, in the order given; the parts of one run in the order of the pool."""
    rows: dict[tuple[str, ...], None] = {}
    for text in asked or facts.parts:
        parts = text.split("+")
        for part in parts:
            if part not in facts.parts:
                raise PipelineError(
                    f"--train {text}: {pool} has no part {part!r}{did_you_mean(part, facts.parts)}; its parts are "
                    f"{', '.join(facts.parts)}"
                )
        rows[tuple(part for part in facts.parts if part in parts)] = None
    return list(rows)


def _settings(given: Sequence[str]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for text in given:
        key, values = split_axis(text)
        if len(values) > 1:
            raise PipelineError(
                f"-S {text}: has several values; every run has the same, so give one (a list has brackets)"
            )
        if key in _CHOSEN_HERE:
            raise PipelineError(
                f"-S {text}: {key} is what this command chooses itself; name the pool first, and what to train on by --train"
            )
        if key in _MEASURES_THE_TABLE:
            raise PipelineError(
                f"-S {text}: {key} would go into every run, but the table is measured by params.yaml of the workspace; set it there"
            )
        if key in settings:
            raise PipelineError(f"-S {text}: {key} is given twice; every run has one value of it")
        settings[key] = parse_value(values[0], axis=text)
    return settings


def _show(
    shas: Mapping[tuple[str, ...], tuple[str, str]],
    args: argparse.Namespace,
    *,
    pool: str,
    parts: tuple[str, ...],
) -> None:
    runs = read_runs([Revision(name, sha) for name, sha in shas.values()])
    record = runs[0].record
    if record is None:
        raise PipelineError(
            f"{runs[0].revision.title} has no reports/run.json, so nothing says what it measured; `dvc exp remove` it and run "
            "the same command again"
        )
    chosen = params.load(params.Evaluate)
    protocol = _protocol(record.task, chosen.metrics)
    settings = Settings(
        split="test" if args.test else "valid",
        protocol=protocol,
        confidence=chosen.confidence,
        n_resamples=chosen.n_resamples,
        n_labels=args.calibrate_with,
        parts=parts,
        own_metrics=tuple(
            metric.name
            for metric in protocol.metrics[len(protocol_named(record.task.protocol).metrics) :]
            if metric.compared
        ),
    )
    found = cross({trained_on: run.predictions for trained_on, run in zip(shas, runs, strict=True)}, settings)
    sys.stdout.write(_written(found, settings, args, pool=pool))


def _written(found: Crossed, settings: Settings, args: argparse.Namespace, *, pool: str) -> str:
    if args.json:
        return cross_to_json(found, settings, pool=pool)
    if args.csv:
        return cross_to_csv(found, settings)
    blocks = cross_page(found, settings, pool=pool)
    return as_markdown(blocks) if args.markdown else as_text(blocks)


def _at_least_two(text: str) -> int:
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 2, found {text!r}")
    return int(text)

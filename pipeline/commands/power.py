"""`python -m pipeline power`: what a comparison with so many seeds could show, before anything is run."""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline import params
from pipeline.artifacts.evaluated.models import BASELINE, METHOD
from pipeline.artifacts.evaluated.predictions import SplitPredictions, read_predictions
from pipeline.comparison.bootstrap import Bootstrap, Side
from pipeline.comparison.comparing import JUDGED_ON
from pipeline.comparison.differences import compare_model
from pipeline.comparison.measured import DIGITS
from pipeline.comparison.seen import MOST
from pipeline.errors import PipelineError
from pipeline.evaluation.clusters import clusters_of
from pipeline.evaluation.metrics import Metric, Undefined
from pipeline.evaluation.power import POWER, Sensitivity, noise_between_seeds
from pipeline.pages.blocks import Block, Heading, Paragraph, plain_table
from pipeline.pages.numbers import NOT_AVAILABLE, count, fixed, level, plural
from pipeline.pages.text import as_text
from pipeline.settled.protocol import workspace_protocol

PREDICTIONS = Path("reports/predictions.csv")
_SMALL, _LARGE = "as between two seeds of grcf", "as between grcf and pointwise"
_MORE_SEEDS = {
    _SMALL: "A small change is taken to change all segments alike, so that more seeds always help.",
    _LARGE: "A large one changes each segment in its own way, and more seeds do not help beyond what these segments can tell.",
}

DESCRIPTION = """\
Say before a sweep how large a difference it could show: the smallest that 80 of 100 comparisons on valid would find beyond
chance, by number of seeds. Reads reports/predictions.csv of the workspace and runs nothing. An experiment's own noise is not
known before it ran, so there are two guesses: that of a small change, as between two seeds of grcf, and that of a large one, as
between grcf and pointwise.
"""

EXAMPLES = """\
examples:
  python -m pipeline power
  python -m pipeline power --metric pearson --difference 0.02
  python -m pipeline power --seeds 5,10,40
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument("--metric", metavar="NAME", help="the metric (the first of the headline)")
    parser.add_argument(
        "--difference",
        type=float,
        metavar="D",
        help="also say how many seeds or segments would show this difference",
    )
    parser.add_argument(
        "--seeds", default="1,3,5,10,20", metavar="N,N", help="numbers of seeds (1,3,5,10,20)"
    )


def run(args: argparse.Namespace) -> int:
    """Print what so many seeds could show."""
    n_seeds = _numbers(args.seeds)
    if args.difference is not None and not 0 < args.difference < float("inf"):
        raise PipelineError(f"--difference is {args.difference}; it has to be above 0")
    settings, protocol = params.load(params.Evaluate), workspace_protocol()
    metric = protocol.metric(args.metric or protocol.headline[0])
    split = next((found for found in read_predictions(PREDICTIONS) if found.split == JUDGED_ON), None)
    if split is None:
        raise PipelineError(
            f"{PREDICTIONS}: no rows of the split {JUDGED_ON}; run `dvc repro` to make it anew"
        )
    known, units = _guesses(split, metric, settings)
    alpha = 1.0 - settings.confidence
    sys.stdout.write(
        as_text(
            _page(metric, known, units, n_seeds, args.difference, alpha=alpha, confidence=settings.confidence)
        )
    )
    return 0


def _guesses(
    split: SplitPredictions, metric: Metric, settings: params.Evaluate
) -> tuple[dict[str, Sensitivity], tuple[str, int]]:
    """What may stand for the noise of an experiment, by its name, and what an interval draws, with its number.

    The noise between two methods is that of their comparison. That between two runs of one method is `noise_between_seeds`.
    """
    missing = [model for model in (METHOD, BASELINE) if model not in split.models]
    if missing:
        raise PipelineError(
            f"{PREDICTIONS}: no model {' and '.join(missing)}; run `dvc repro` to make it anew"
        )
    rows, baseline = split.models[METHOD], split.models[BASELINE]
    bootstrap = Bootstrap(n_resamples=settings.n_resamples)
    clusters = clusters_of(split)
    over_clusters = clusters is not None and clusters.is_enough
    unit, n_units = "segment", len(split.ids)
    if clusters is not None and over_clusters:
        unit, n_units = clusters.unit, clusters.n
    found: dict[str, Sensitivity] = {}
    values = [metric.function(split.truth, row) for row in rows]
    defined = np.array([value for value in values if not isinstance(value, Undefined)])
    if len(rows) > 1 and len(defined) == len(rows):
        side = Side(split.truth, np.asarray(rows), clusters)
        resampled = bootstrap.by_seed(side, [metric], of_clusters=over_clusters)[metric.name]
        noise = noise_between_seeds(metric.distance(defined), metric.distance(resampled), n_units=n_units)
        found[_SMALL] = (
            Sensitivity(noise, noise.error, noise.degrees)
            if over_clusters
            else Sensitivity(noise, noise.percentile_error)
        )
    if len(rows) == len(baseline):
        as_experiment = replace(split, models={**split.models, METHOD: baseline})
        compared = compare_model(
            split,
            as_experiment,
            model=METHOD,
            metrics=[metric],
            confidence=settings.confidence,
            bootstrap=bootstrap,
        )
        sensitivity = compared.measured[0].sensitivity
        if sensitivity is not None and sensitivity.noise is not None:
            found[_LARGE] = sensitivity
    return found, (unit, n_units)


def _page(
    metric: Metric,
    known: Mapping[str, Sensitivity],
    units: tuple[str, int],
    n_seeds: list[int],
    difference: float | None,
    *,
    alpha: float,
    confidence: float,
) -> list[Block]:
    if not known:
        raise PipelineError(
            f"{PREDICTIONS}: {metric.name} has no interval on {JUDGED_ON}, so nothing is known of its noise; choose another metric"
        )
    unit, n_units = units
    # Numbers of seeds are told of only where several tell how seeds differ.
    sentences = [
        _MORE_SEEDS[name]
        for name, each in known.items()
        if each.noise is not None and each.noise.seeds is not None
    ]
    if not sentences:
        sentences = ["One seed of this run says nothing about other numbers of seeds."]
    rows = [
        (count(number), *(_detectable(each, number, n_units, alpha=alpha) for each in known.values()))
        for number in n_seeds
    ]
    blocks: list[Block] = [
        Heading(f"Smallest difference in {metric.name} that {JUDGED_ON} could show", level=1),
        plain_table(("seeds", *known), rows),
        Paragraph(
            f"{level(POWER)} power at {level(confidence)}, {plural(n_units, unit)}, both runs with as many seeds, not corrected for several "
            f"metrics or experiments. {' '.join(sentences)}",
            "small",
        ),
    ]
    for name, each in known.items() if difference is not None else ():
        ways = _ways(each, difference or 0.0, unit, alpha=alpha)
        blocks.append(
            Paragraph(
                f"A difference of {fixed(difference or 0.0, DIGITS)}, {name}: "
                f"{ways or f'out of reach of more seeds alone or more {unit}s alone'}."
            )
        )
    return blocks


def _ways(sensitivity: Sensitivity, difference: float, unit: str, *, alpha: float) -> str:
    """What would show a difference, in words; empty where nothing would."""
    assert sensitivity.noise is not None, "only what has parts is asked for numbers"
    ways = []
    seeds, units = (
        sensitivity.seeds_for(difference, alpha=alpha),
        sensitivity.units_for(difference, alpha=alpha),
    )
    if seeds is not None and seeds <= MOST:
        ways.append(f"{plural(seeds, 'seed')} on these {unit}s")
    if units is not None and units <= MOST:
        ways.append(f"{plural(units, unit)} with {plural(sensitivity.noise.n_seeds, 'seed')}")
    return " or ".join(ways)


def _detectable(sensitivity: Sensitivity, n_seeds: int, n_units: int, *, alpha: float) -> str:
    noise = sensitivity.noise
    if noise is None or (noise.seeds is None and n_seeds != 1):
        return NOT_AVAILABLE
    return fixed(sensitivity.with_sizes(n_seeds=n_seeds, n_units=n_units).detectable(alpha=alpha), DIGITS)


def _numbers(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise PipelineError(f"--seeds is {text!r}; expected whole numbers of at least 1, for example 5,10,20")
    return sorted({int(part) for part in parts})

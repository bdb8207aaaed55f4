"""`python -m pipeline results`: what the last run found, and what to try next."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline import params
from pipeline.artifacts.evaluated.evaluation import (
    EVALUATED,
    Difference,
    Differences,
    EvaluatedSplit,
    Evaluation,
    Summary,
    read_evaluation,
)
from pipeline.artifacts.evaluated.models import BASELINE, COMPARED, METHOD, ensemble_of, minus
from pipeline.evaluation.metrics import Metric, Protocol
from pipeline.evaluation.protocols import require_measured_by
from pipeline.pages.blocks import Block, Command, Heading, Paragraph, plain_table
from pipeline.pages.numbers import NOT_AVAILABLE, fixed, interval, level, plural, signed
from pipeline.pages.text import as_text
from pipeline.reporting.verdict import OVER, one_seed, standing
from pipeline.settled.protocol import workspace_protocol

_DIGITS = 4
METRICS = Path("reports/metrics.json")
COMPARISONS = Path("reports/comparisons.json")
REPORTS = (Path("reports/report.html"), Path("reports/report.md"))

CONSTANTS = {
    "median": "the median of the training labels has",
    "prevalence": "the share of ones in train has",
    "class_shares": "the shares of the classes in train have",
}

DESCRIPTION = """\
Show what the last run found: every model on valid and test, mean ± standard deviation over the seeds, and
whether grcf differs from pointwise on valid by more than chance. Reads reports/ and runs nothing.
"""

NEXT = (
    Command(
        "dvc exp run -n wider -S margin.base=0.5",
        "change a value of params.yaml; only what depends on it runs",
    ),
    Command("python -m pipeline compare HEAD wider", "what that changed, with intervals"),
    Command("make experiments", "all experiments in one table"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command; it has no arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = DESCRIPTION


def run(_: argparse.Namespace) -> int:
    """Print the results."""
    settings = params.load(params.Evaluate)
    evaluation = read_evaluation(metrics=METRICS, comparisons=COMPARISONS)
    protocol = workspace_protocol()
    require_measured_by(protocol, evaluation)
    blocks = results_page(evaluation, protocol=protocol, confidence=settings.confidence)
    sys.stdout.write(as_text(blocks))
    return 0


def results_page(evaluation: Evaluation, *, protocol: Protocol, confidence: float) -> list[Block]:
    """The tables, the sentence about the difference, and where to go from there.

    Args:
        evaluation: results of the last run.
        protocol: protocol by which was measured.
        confidence: level of its intervals, in (0, 1).
    """
    headline = [protocol.metric(name) for name in protocol.headline]
    metrics = headline + [
        metric for metric in protocol.metrics if metric.in_summary and metric not in headline
    ]
    blocks: list[Block] = []
    reasons: dict[str, None] = {}
    for split in EVALUATED:
        rows = []
        for model in _models(evaluation, split, protocol):
            summaries = {metric.name: evaluation.metrics[split][model][metric.name] for metric in metrics}
            rows.append((model, *map(_cell, summaries.values())))
            for name, summary in summaries.items():
                if summary.mean is None:
                    reasons[f"{name} of {model} ({summary.reason})"] = None
        blocks.append(plain_table((split, *(metric.name for metric in metrics)), rows))
    n_seeds = evaluation.metrics[EVALUATED[0]][METHOD][metrics[0].name].n
    seeds = f"Mean ± standard deviation over {n_seeds} seeds" if n_seeds > 1 else "One seed"
    if n_seeds > 1:
        seeds += "; an ensemble predicts the mean of its seeds"
    lower = " and ".join(metric.name for metric in metrics if metric.better == "lower")
    blocks.append(
        Paragraph(
            f"{seeds}; {CONSTANTS[protocol.constant]} no seeds. Lower {lower} is better; of all others, higher."
        )
    )
    if reasons:
        blocks.append(Paragraph(f"n/a: {'; '.join(reasons)}."))
    differences = evaluation.comparisons[EVALUATED[0]].differences[BASELINE]
    blocks.append(
        Paragraph(difference_sentence(differences, (protocol.error, protocol.ranking), confidence=confidence))
    )
    blocks.append(_where_the_report_is())
    blocks += [Heading("What to try next"), *NEXT]
    return blocks


def _models(evaluation: Evaluation, split: EvaluatedSplit, protocol: Protocol) -> list[str]:
    """Each trained model with the ensemble of its seeds, where it has several, and the constant."""
    named = [name for model in COMPARED for name in (model, ensemble_of(model))]
    return [name for name in (*named, protocol.constant) if name in evaluation.metrics[split]]


def difference_sentence(differences: Differences, metrics: Sequence[Metric], *, confidence: float) -> str:
    """Whether GRCF differs from the baseline on valid by these metrics, as the report says it, and what that rests on."""
    rows = {metric: differences[metric.name] for metric in metrics}
    judged: dict[str, list[str]] = {}
    for metric, row in rows.items():
        judged.setdefault(_judgement(metric, row), []).append(metric.name)
    numbers = ", ".join(f"{metric.name} {_difference(row)}" for metric, row in rows.items())
    verdict = "; ".join(f"{what} in {' and '.join(names)}" for what, names in judged.items())
    basis = next(iter(rows.values()))
    found = (
        f"On {EVALUATED[0]}, {minus(BASELINE)}: {numbers} (paired, {plural(basis.n_seeds, 'seed')}, "
        f"{plural(basis.n_segments, 'segment')}, {level(confidence)} intervals {OVER[basis.over]})"
    )
    if basis.n_seeds == 1:
        return f"{found}. {one_seed(METHOD, BASELINE)}"
    return f"{found}: {verdict}."


def _difference(row: Difference) -> str:
    if row.mean is None:
        return f"n/a ({row.reason})"
    if row.ci_low is None or row.ci_high is None:
        return f"{signed(row.mean, _DIGITS)} (no interval: {row.reason})"
    return f"{signed(row.mean, _DIGITS)} {interval(row.ci_low, row.ci_high, _DIGITS)}"


def _judgement(metric: Metric, row: Difference) -> str:
    stands = standing(row, metric)
    if stands is None:
        return "no interval, so no verdict"
    return "no clear difference" if stands == "within noise" else f"{METHOD} is {stands}"


def _cell(summary: Summary) -> str:
    if summary.mean is None:
        return NOT_AVAILABLE
    return fixed(summary.mean, _DIGITS) + ("" if summary.sd is None else f" ± {fixed(summary.sd, _DIGITS)}")


def _where_the_report_is() -> Paragraph:
    there = [str(path) for path in REPORTS if path.is_file()]
    if not there:
        return Paragraph("The full report is not there yet; dvc repro writes reports/report.html.")
    return Paragraph(f"The full report: {' and '.join(there)}.")

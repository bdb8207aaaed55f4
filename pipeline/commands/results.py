"""`python -m pipeline results`: what the last run found, and what to try next."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import params
from pipeline.errors import PipelineError
from pipeline.pages.blocks import Block, Command, Heading, Paragraph, plain_table
from pipeline.pages.numbers import NOT_AVAILABLE, fixed, interval, level, plural, signed
from pipeline.pages.text import as_text

_DIGITS = 4
METRICS = Path("reports/metrics.json")
COMPARISONS = Path("reports/comparisons.json")
REPORTS = (Path("reports/report.html"), Path("reports/report.md"))

MODELS = ("grcf", "pointwise")
CONSTANTS = {"median": "the median of the training labels", "prevalence": "the share of ones in train"}
# A protocol without seven classes has five, and one without two ways to cut in two has one; binary has its own.
COLUMNS = (
    ("mae", "brier_score"),
    ("pearson", "f1_weighted"),
    ("ordered_pair_accuracy", "auroc"),
    ("acc7", "acc5", "accuracy"),
    ("acc2_negative_positive", "acc2", "calibration_error"),
)
LOWER_IS_BETTER = frozenset({"mae", "brier_score", "calibration_error"})

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
    Command("dvc exp show", "all experiments in one table"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command; it has no arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = DESCRIPTION


def run(_: argparse.Namespace) -> int:
    """Print the results."""
    confidence = params.load(params.Evaluate).confidence
    metrics, comparisons = _read(METRICS), _read(COMPARISONS)
    try:
        blocks = results_page(metrics, comparisons, confidence=confidence)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise PipelineError(
            f"{METRICS} and {COMPARISONS} are not what this version of the code writes ({error!r} when read); "
            "run `dvc repro` to make them anew"
        ) from error
    sys.stdout.write(as_text(blocks))
    return 0


def results_page(
    metrics: Mapping[str, Any], comparisons: Mapping[str, Any], *, confidence: float
) -> list[Block]:
    """The tables, the sentence about the difference, and where to go from there.

    Args:
        metrics: split to model to metric to summary, as in `reports/metrics.json`.
        comparisons: as in `reports/comparisons.json`.
        confidence: level of its intervals, in (0, 1).
    """
    known = metrics["valid"][MODELS[0]]
    columns = [_first(names, known) for names in COLUMNS]
    constant = _first(tuple(CONSTANTS), metrics["valid"])
    blocks: list[Block] = []
    reasons: dict[str, None] = {}
    for split in ("valid", "test"):
        rows = []
        for model in (*MODELS, constant):
            summaries = [metrics[split][model][column] for column in columns]
            rows.append((model, *map(_cell, summaries)))
            for column, summary in zip(columns, summaries, strict=True):
                if summary["mean"] is None:
                    reasons[f"{column} of {model} ({summary['reason']})"] = None
        blocks.append(plain_table((split, *columns), rows))
    seeds = known[columns[0]]["n"]
    said = f"Mean ± standard deviation over {seeds} seeds" if seeds > 1 else "One seed"
    lower = " and ".join(column for column in columns if column in LOWER_IS_BETTER)
    blocks.append(
        Paragraph(f"{said}; {CONSTANTS[constant]} has no seeds. Lower {lower} is better, higher else.")
    )
    if reasons:
        blocks.append(Paragraph(f"n/a: {'; '.join(reasons)}."))
    blocks.append(Paragraph(difference_sentence(comparisons["valid"]["differences"], confidence=confidence)))
    blocks.append(_where_the_report_is())
    blocks += [Heading("What to try next"), *NEXT]
    return blocks


def difference_sentence(differences: Mapping[str, Any], *, confidence: float) -> str:
    """Whether grcf differs from pointwise on valid, and what that rests on."""
    found = differences["grcf - pointwise"]
    rows = {metric: found[metric] for metric in (_first(COLUMNS[0], found), _first(COLUMNS[2], found))}
    judged: dict[str, list[str]] = {}
    for metric, row in rows.items():
        judged.setdefault(_judgement(metric, row), []).append(metric)
    numbers = ", ".join(f"{metric} {_difference(row)}" for metric, row in rows.items())
    verdict = "; ".join(f"{what} in {' and '.join(metrics)}" for what, metrics in judged.items())
    basis = next(iter(rows.values()))
    return (
        f"On valid, grcf - pointwise: {numbers} (paired, {plural(basis['n_seeds'], 'seed')}, "
        f"{plural(basis['n_segments'], 'segment')}, {level(confidence)} intervals): {verdict}."
    )


def _first(names: Sequence[str], known: Mapping[str, Any]) -> str:
    """The first of the names that is known; an unknown one, where none is, to be missed by its name."""
    return next((name for name in names if name in known), names[0])


def _difference(row: Mapping[str, Any]) -> str:
    if row["mean"] is None:
        return f"n/a ({row['reason']})"
    if row["ci_low"] is None:
        return f"{signed(row['mean'], _DIGITS)} (no interval: {row['reason']})"
    return f"{signed(row['mean'], _DIGITS)} {interval(row['ci_low'], row['ci_high'], _DIGITS)}"


def _judgement(metric: str, row: Mapping[str, Any]) -> str:
    if row["ci_low"] is None:
        return "nothing can be said of a difference"
    if row["ci_low"] <= 0 <= row["ci_high"]:
        return "no clear difference"
    return "grcf is better" if (row["mean"] < 0) == (metric in LOWER_IS_BETTER) else "grcf is worse"


def _cell(summary: Mapping[str, Any]) -> str:
    if summary["mean"] is None:
        return NOT_AVAILABLE
    return fixed(summary["mean"], _DIGITS) + (
        "" if summary["sd"] is None else f" ± {fixed(summary['sd'], _DIGITS)}"
    )


def _where_the_report_is() -> Paragraph:
    there = [str(path) for path in REPORTS if path.is_file()]
    if not there:
        return Paragraph("The full report is not there yet; `dvc repro` writes reports/report.html.")
    return Paragraph(f"The full report: {' and '.join(there)}.")


def _read(path: Path) -> Any:
    """Read a report without the libraries that `pipeline.artifacts.files` needs for tensors."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise PipelineError(f"{path}: not found; run `make demo` or `dvc repro` to make it") from None
    except ValueError as error:
        raise PipelineError(f"{path}: not JSON ({error}); delete it and run `dvc repro`") from error

"""How metrics are written: digits by unit, and which way is better."""

import re

from pipeline.artifacts.evaluated.evaluation import Difference, Summary
from pipeline.evaluation.metrics import Metric
from pipeline.pages.blocks import Cell
from pipeline.pages.numbers import NOT_AVAILABLE, end, fixed, share, signed

_DIRECTIONS = {"higher": "↑", "lower": "↓", "one": "→ 1", "zero": "→ 0"}


def metric_heading(metric: Metric) -> str:
    """Title, unit and which way is better: `Acc-7, % ↑`."""
    unit = ", %" if metric.unit == "share" else ""
    heading = f"{metric.title}{unit} {_DIRECTIONS[metric.better]}"
    # A narrow column may break a heading between words, not within `(< 0, ≥ 0)` or before its arrow.
    return re.sub(r"(?<=[<>≥→]) | (?=[↑↓→])", "\N{NO-BREAK SPACE}", heading)


def value(number: float, metric: Metric) -> str:
    """A metric's value in the unit of its heading: shares in per cent with one decimal, all others with three."""
    return share(number) if metric.unit == "share" else fixed(number, 3)


def change(number: float, metric: Metric) -> str:
    """A difference of two values of a metric, signed; shares in percentage points."""
    return signed(100 * number, 1) if metric.unit == "share" else signed(number, 3)


def change_end(number: float, metric: Metric) -> str:
    """An end of the interval of a difference: as by `change`, and never zero where it is not."""
    return end(100 * number, 1) if metric.unit == "share" else end(number, 3)


def summary_cell(summary: Summary, metric: Metric, *, strong: bool = False) -> Cell:
    """`0.712` with `± 0.012 [0.697, 0.727]`, an ensemble without `±`; what is missing becomes a note."""
    if summary.mean is None:
        return Cell(NOT_AVAILABLE, note=summary.reason)
    detail = ""
    if summary.ci_low is not None and summary.ci_high is not None:
        detail = f"[{value(summary.ci_low, metric)}, {value(summary.ci_high, metric)}]"
        if summary.sd is not None:
            detail = f"± {value(summary.sd, metric)} {detail}"
    return Cell(value(summary.mean, metric), detail, summary.reason, strong)


def difference_cell(difference: Difference | Summary, metric: Metric, *, strong: bool = False) -> Cell:
    """`−0.040` with `[−0.090, +0.010]`; what is missing becomes a note."""
    if difference.mean is None:
        return Cell(NOT_AVAILABLE, note=difference.reason)
    detail = ""
    if difference.ci_low is not None and difference.ci_high is not None:
        detail = f"[{change_end(difference.ci_low, metric)}, {change_end(difference.ci_high, metric)}]"
    return Cell(change(difference.mean, metric), detail, difference.reason, strong)

"""Tables of the pages that benchmarks write, with the names that the metrics have in every report."""

from collections.abc import Iterable, Sequence

from pipeline.evaluation.metrics import Protocol

_ARROWS = {"higher": "↑", "lower": "↓", "one": "→ 1", "zero": "→ 0"}


def headings_of(metrics: Iterable[str], protocol: Protocol) -> list[str]:
    """The titles of metrics, each with an arrow towards its better values.

    >>> from pipeline.evaluation.protocols import MOSI
    >>> headings_of(("mae", "pearson", "calibration_slope"), MOSI)
    ['MAE ↓', 'Pearson r ↑', 'Calibration slope → 1']
    """
    return [f"{metric.title} {_ARROWS[metric.better]}" for metric in map(protocol.metric, metrics)]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table."""
    return [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows)]

"""Many experiments against one base: how likely chance alone gives any of them such a gain."""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from pipeline.comparison.measured import Measured


def adjusted_p_values(rows: Sequence[Sequence[Measured]]) -> list[list[float | None]]:
    """The p-value of each metric of each experiment, corrected for all metrics of all of them.

    It is the share of resamples in which the largest of all gains, each centred and in units of its own standard error, is at
    least as large as this one: the single-step maximum of Westfall and Young (1993). Experiments are drawn with the same
    segments and seeds, so what they have in common (the base, above all) is counted once, which Holm's or Bonferroni's
    correction cannot.

    Args:
        rows: the metrics of each experiment.

    Returns:
        a value in (0, 1] per metric; None where it has no interval.
    """
    measured = [row for metrics in rows for row in metrics if row.draws is not None]
    centred = [standardised for row in measured if (standardised := _standardised(row)) is not None]
    if not centred:
        return [[None if row.draws is None else 1.0 for row in metrics] for metrics in rows]
    most = np.max(np.abs(np.stack(centred)), axis=0)

    def adjusted(row: Measured) -> float | None:
        if row.draws is None:
            return None
        # The sample itself counts as one of the resamples, so that no value is 0.
        return float((1 + np.sum(most >= _clarity(row))) / (1 + len(most)))

    return [[adjusted(row) for row in metrics] for metrics in rows]


def _standardised(row: Measured) -> np.ndarray | None:
    assert row.draws is not None, "only rows with draws are standardised"
    spread = float(np.std(row.draws))
    return None if spread == 0.0 else (row.draws - row.draws.mean()) / spread


def _clarity(row: Measured) -> float:
    """How many standard errors the gain is from zero; of a t interval, as many as are as unlikely in a normal distribution."""
    gain = abs(row.gain or 0.0)
    if row.sensitivity is None or gain == 0.0:
        return 0.0
    if row.sensitivity.degrees is not None and row.p_value is not None:
        return float("inf") if row.p_value == 0.0 else -NormalDist().inv_cdf(row.p_value / 2.0)
    return gain / row.sensitivity.error if row.sensitivity.error else float("inf")

"""Training curves of several runs over each other, from the CSV files that their revisions track."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.artifacts.trained.curves import TrainingCurves, curves_from_csv
from pipeline.comparison.measured import DIGITS
from pipeline.comparison.runs import Run
from pipeline.evaluation.metrics import Protocol
from pipeline.pages.blocks import Block, Grid, Heading, Legend, Paragraph, Picture, plain_table
from pipeline.pages.charts import N_COLOURS, Line, line_chart
from pipeline.pages.numbers import NOT_AVAILABLE, fixed

STAGES = {
    "rank": "Stage 1, rank",
    "calibrate": "Stage 2, calibrate",
    "pointwise": "Baseline, pointwise",
}
_MOST_WITH_RANGES = 3
"""Curves in a chart that have the range of their seeds behind them; of more, nothing could be told apart."""

_SCALES = {"train_loss": "; losses of other margins, weights or objectives are on other scales"}


def curve_blocks(runs: Sequence[Run], names: Sequence[str], *, protocol: Protocol) -> list[Block]:
    """A chart for each stage and measure, the first run drawn as the base; a table for a stage without epochs.

    Args:
        runs: the base and at most `N_COLOURS` experiments.
        names: names of the runs, in the same order.
        protocol: the protocol that names the measures.
    """
    assert len(runs) <= N_COLOURS + 1, "a colour for each"
    blocks: list[Block] = [Legend(tuple(names))]
    for stage, title in STAGES.items():
        curves = {
            index: curves_from_csv(
                run.curves[stage], source=f"reports/curves/{stage}.csv of {run.revision.title}"
            )
            for index, run in enumerate(runs)
            if stage in run.curves
        }
        blocks.append(Heading(title))
        missing = [names[index] for index in range(len(runs)) if index not in curves]
        if missing:
            blocks.append(Paragraph(f"No curves are recorded for {', '.join(missing)}.", "small"))
        if any(len(curve.epochs) > 1 for curve in curves.values()):
            blocks.append(Grid(tuple(_charts(title, curves, names, _words(protocol))), least_width_em=20.0))
        elif curves:
            blocks += _table(curves, names, _words(protocol))
    return blocks


def _charts(
    title: str, curves: Mapping[int, TrainingCurves], names: Sequence[str], words: Mapping[str, str]
) -> list[Picture]:
    charts = []
    for measure, quantity in words.items():
        lines = [
            Line(
                name=names[index],
                colour=index,
                x=curve.epochs,
                y=curve.means[measure],
                seeds=list(curve.by_seed[measure].values()) if len(curves) <= _MOST_WITH_RANGES else [],
            )
            for index, curve in curves.items()
            if np.isfinite(curve.means.get(measure, np.empty(0))).any()
        ]
        if lines:
            has_bands = any(len(line.seeds) > 1 for line in lines)
            ranges = ", bands from the lowest seed to the highest" if has_bands else ""
            charts.append(
                line_chart(
                    lines,
                    x_label="epoch",
                    y_label=quantity,
                    caption=f"{title}: {quantity}, mean over seeds{ranges}{_SCALES.get(measure, '')}.",
                )
            )
    return charts


def _table(
    curves: Mapping[int, TrainingCurves], names: Sequence[str], words: Mapping[str, str]
) -> list[Block]:
    """What was fitted without epochs, or in one, has a row in place of a curve."""
    rows = tuple(
        (
            names[index],
            *(
                fixed(float(curve.means[measure][-1]), DIGITS)
                if np.isfinite(curve.means.get(measure, np.empty(0))).any()
                else NOT_AVAILABLE
                for measure in words
            ),
        )
        for index, curve in curves.items()
    )
    return [
        Paragraph(
            "No curve, because it was fitted without epochs or in a single one. Means over seeds:", "small"
        ),
        plain_table(("run", *words.values()), rows),
    ]


def _words(protocol: Protocol) -> dict[str, str]:
    """The measures of a curve, as people call them."""
    order, error = {
        "regression": ("ordered-pair accuracy", "error"),
        "binary": ("AUROC", "cross-entropy"),
        "classes": ("mean AUROC of the classes", "cross-entropy"),
    }[protocol.task]
    return {
        "train_loss": "loss on train",
        "valid_ordered_pair_accuracy": f"{order} on valid",
        "valid_error": f"{error} on valid",
    }

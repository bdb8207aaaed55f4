"""The sections that set predictions against labels: scatter, reliability and confusion."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from pipeline.artifacts.evaluated.evaluation import EVALUATED, ReliabilityBin
from pipeline.artifacts.evaluated.models import COMPARED
from pipeline.artifacts.evaluated.predictions import SplitPredictions
from pipeline.evaluation.metrics import Protocol
from pipeline.pages.blocks import Block, Cell, Figure, Grid, Paragraph, Section, Table, shortened
from pipeline.pages.numbers import NOT_AVAILABLE, count, fixed, plural
from pipeline.reporting.figures.agreement import draw_reliability, draw_scatter
from pipeline.reporting.inputs import ReportInputs
from pipeline.reporting.matrices import class_names, classes_of, matrix_table

# More dots than this neither tell more nor load quickly.
MOST_POINTS = 2000


def scatter_section(inputs: ReportInputs) -> Section:
    """One dot per segment: its label against the prediction of a model."""
    predicted = [found for found in map(inputs.predicted, EVALUATED) if found is not None]
    values = [rows.mean(axis=0) for found in predicted for rows in map(found.models.__getitem__, COMPARED)]
    values += [found.truth for found in predicted]
    # One scale for all, so that the figures can be compared.
    limits = (min(row.min() for row in values), max(row.max() for row in values))
    grids = [
        Grid(tuple(_scatter(found, model, words, limits) for model, words in inputs.names.items()))
        for found in predicted
    ]
    explanation = Paragraph(
        "Predictions are means over seeds. On the diagonal a prediction equals its label; left of it predictions are too low, "
        "right of it too high.",
        "small",
    )
    return Section("scatter", "Predictions and labels", (*grids, explanation), brief=False)


def reliability_section(inputs: ReportInputs) -> Section:
    """Whether predictions agree with labels on average, bin by bin."""
    figures, rows, names = [], [], inputs.names
    truth, predicted, plurals = {
        "regression": ("label", "prediction", "predictions"),
        "binary": ("share of ones", "probability", "probabilities"),
        "classes": ("share of right predictions", "probability of the predicted class", "probabilities"),
    }[inputs.protocol.task]
    is_regression = inputs.protocol.task == "regression"
    unit, of_labels = (", label units", f"mean {truth}") if is_regression else ("", truth)
    tables = {split: inputs.comparisons(split).reliability for split in EVALUATED}
    for split, table in tables.items():
        figures.append(
            draw_reliability(
                f"reliability-{split}",
                {model: table[model].bins for model in COMPARED},
                {
                    model: (slope, offset)
                    for model in COMPARED
                    if (slope := table[model].slope) is not None
                    and (offset := table[model].offset) is not None
                },
                names=names,
                labels=(f"mean {predicted} of a bin{unit}", of_labels),
                caption=f"Reliability on {split}: {of_labels} against mean {predicted}, for the segments in each of up to "
                f"{inputs.parameters['evaluate.n_bins']} bins of equal size. Dashed: least-squares line of all segments.",
            )
        )
    for split, table in tables.items():
        for model, words in names.items():
            row = table[model]
            values = (row.slope, row.offset, row.expected_calibration_error)
            cells = [_calibration_cell(value, row.bins) for value in values]
            rows.append((Cell(f"{words[0].upper()}{words[1:]}, {split}"), *cells))
    summary = Table(
        "Calibration of the mean over seeds",
        ("Model", "Slope → 1", f"Offset{unit} → 0", f"Calibration error{unit} ↓"),
        tuple(rows),
    )
    explanation = Paragraph(
        f"Of the mean {predicted} over seeds. Slope and offset are those of the least-squares line of {truth.removeprefix('share of ')} "
        f"on {predicted}; a slope below 1 says that {plurals} spread too far. "
        "The calibration error is the mean distance of the dots from the diagonal, weighted by segments; it grows with the "
        "number of bins and with chance in each, also for a calibrated model: compare models on one split only.",
        "small",
    )
    return Section("reliability", "Reliability", (Grid(tuple(figures)), summary, explanation), brief=False)


def confusion_section(inputs: ReportInputs) -> Section:
    """Which classes are taken for which."""
    protocol, names = inputs.protocol, class_names(inputs.protocol)
    blocks: list[Block] = []
    for split in EVALUATED:
        predicted = inputs.predicted(split)
        if predicted is None:
            continue
        tables = tuple(
            matrix_table(
                f"{words[0].upper()}{words[1:]} on {split}, % of the segments of a label's class",
                100 * confusion(predicted, model, protocol),
                rows=names,
                columns=names,
                corner="label ↓ predicted →",
                written=lambda number: fixed(number, 0),
                darkest=100.0,
            )
            for model, words in inputs.names.items()
        )
        blocks.append(Grid(tables))
    assert protocol.finest is not None, "a protocol without classes has no confusion"
    finest = protocol.metric(protocol.finest)
    explanation = Paragraph(
        f"{finest.description.removeprefix('Accuracy in ').capitalize()} Means over seeds; a row adds up to 100 but for "
        "rounding, and is empty where no label falls into its class.",
        "small",
    )
    heading = f"Confusion over {plural(len(names), 'group')}"
    return Section("confusion", heading, (*blocks, explanation), brief=False)


def confusion(
    predicted: SplitPredictions, model: str, protocol: Protocol
) -> Float[np.ndarray, "label prediction"]:
    """Share of the segments of each label class by predicted class, a mean over seeds; NaN for a class without labels."""
    n_classes = len(class_names(protocol))
    truth = classes_of(predicted.truth, protocol)
    counts = np.zeros((n_classes, n_classes))
    for row in predicted.models[model]:
        np.add.at(counts, (truth, classes_of(row, protocol)), 1.0)
    n_true = counts.sum(axis=1, keepdims=True)
    return np.where(n_true > 0, counts / np.maximum(n_true, 1.0), np.nan)


def _calibration_cell(value: float | None, bins: Sequence[ReliabilityBin]) -> Cell:
    if value is None:
        return Cell(NOT_AVAILABLE, note="all predictions are equal" if bins else "there are no segments")
    return Cell(fixed(value, 3))


def _scatter(predicted: SplitPredictions, model: str, words: str, limits: tuple[float, float]) -> Figure:
    prediction = predicted.models[model].mean(axis=0)
    n_segments = len(predicted.truth)
    # Every so many of the segments in order of their labels, so that no part of the scale is thinned more.
    order = np.lexsort((prediction, predicted.truth))
    drawn = order[np.unique(np.linspace(0, n_segments - 1, min(n_segments, MOST_POINTS)).astype(np.int64))]
    thinned = (
        f", {count(MOST_POINTS)} of them drawn, evenly along the labels" if n_segments > MOST_POINTS else ""
    )
    return draw_scatter(
        f"scatter-{predicted.split}-{model}",
        [shortened(predicted.ids[position], at_most=60) for position in drawn],
        predicted.truth[drawn],
        predicted.models[model][:, drawn],
        limits=limits,
        colour=model,
        caption=f"{words[0].upper()}{words[1:]} on {predicted.split}: "
        f"{plural(n_segments, 'segment')}{thinned}.",
    )

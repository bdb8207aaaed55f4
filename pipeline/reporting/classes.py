"""The section about each class by itself: how many segments have it, and how well it is found."""

import numpy as np
from jaxtyping import Float

from pipeline.artifacts.evaluated.evaluation import EVALUATED
from pipeline.artifacts.evaluated.predictions import SplitPredictions
from pipeline.evaluation.class_formulas import class_counts
from pipeline.pages.blocks import Block, Cell, Grid, Paragraph, Section, Table
from pipeline.pages.numbers import NOT_AVAILABLE, count, share
from pipeline.reporting.inputs import ReportInputs

_HEADER = ("Class", "Segments", "Predicted", "Recall, %", "Precision, %", "F1, %")


def per_class_section(inputs: ReportInputs) -> Section:
    """Recall, precision and F1 of each class, on valid and test."""
    blocks: list[Block] = []
    for split in EVALUATED:
        predicted = inputs.predicted(split)
        if predicted is None:
            continue
        tables = tuple(
            Table(
                f"{words[0].upper()}{words[1:]} on {split}",
                _HEADER,
                _rows(predicted, model, inputs.protocol.classes),
            )
            for model, words in inputs.names.items()
        )
        blocks.append(Grid(tables))
    explanation = Paragraph(
        "Means over seeds; the predicted class is the most probable one. Recall is the share of a class's segments that are "
        "found, precision the share of right ones among those for which it is predicted, F1 the harmonic mean of both.",
        "small",
    )
    return Section("classes", "Each class by itself", (*blocks, explanation), brief=False)


def per_class(predicted: SplitPredictions, model: str) -> Float[np.ndarray, "class measure"]:
    """Segments, predicted segments, recall, precision and F1 of each class, means over seeds; NaN where there are none."""
    by_seed = [class_counts(predicted.truth, row) for row in predicted.models[model]]
    counts = np.array([[[found[0] for found in of_class] for of_class in classes] for classes in by_seed])
    n_true, n_predicted, n_hit = np.moveaxis(counts, 2, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall, precision, f1 = n_hit / n_true, n_hit / n_predicted, 2 * n_hit / (n_true + n_predicted)
    return np.asarray(np.stack([n_true, n_predicted, recall, precision, f1], axis=2).mean(axis=0))


def _rows(predicted: SplitPredictions, model: str, names: tuple[str, ...]) -> tuple[tuple[Cell, ...], ...]:
    return tuple(
        (Cell(name), Cell(count(round(n_true))), Cell(count(round(n_predicted))), *map(_share, measures))
        for name, (n_true, n_predicted, *measures) in zip(
            names, per_class(predicted, model).tolist(), strict=True
        )
    )


def _share(value: float) -> Cell:
    if np.isnan(value):
        return Cell(NOT_AVAILABLE, note="a seed has no segment to measure it by")
    return Cell(share(value))

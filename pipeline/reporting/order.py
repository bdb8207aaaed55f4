"""The section about where the order breaks: pairs of segments in the right order, by pair of label classes."""

import numpy as np
from jaxtyping import Float, Int64

from pipeline.artifacts.evaluated.evaluation import EVALUATED
from pipeline.artifacts.evaluated.predictions import SplitPredictions
from pipeline.evaluation.metrics import Protocol
from pipeline.pages.blocks import Block, Figure, Grid, Paragraph, Section
from pipeline.pages.numbers import plural, share
from pipeline.reporting.figures.agreement import draw_order
from pipeline.reporting.inputs import ReportInputs
from pipeline.reporting.matrices import class_names, classes_of


def group_order_section(inputs: ReportInputs) -> Section:
    """Ordered-pair accuracy by pair of classes, on valid and test."""
    blocks: list[Block] = []
    names = class_names(inputs.protocol)
    for split in EVALUATED:
        predicted = inputs.predicted(split)
        if predicted is None:
            continue
        figures = []
        for model, words in inputs.names.items():
            right, n_pairs = order_by_class(predicted, model, inputs.protocol)
            figures.append(_figure(f"order-{split}-{model}", f"{words} on {split}", right, n_pairs, names))
        blocks.append(Grid(tuple(figures)))
    explanation = Paragraph(
        "For the pairs of segments of two classes, the share that the predictions order as the labels do; a tie counts half, and "
        "numbers are means over seeds. The stronger the colour of a cell, the more of its pairs are in the wrong order; one half is "
        "chance. "
        "Cells next to the diagonal are hardest, since their labels differ least.",
        "small",
    )
    return Section("group-order", "Where the order breaks", (*blocks, explanation), brief=False)


def order_by_class(
    predicted: SplitPredictions, model: str, protocol: Protocol
) -> tuple[Float[np.ndarray, "above below"], Int64[np.ndarray, "above below"]]:
    """Share of the pairs between two classes in the right order, a mean over seeds, and how many pairs there are.

    Only cells below the diagonal hold pairs; a share is NaN where there are none.
    """
    truth, n_classes = classes_of(predicted.truth, protocol), len(class_names(protocol))
    n_segments = np.bincount(truth, minlength=n_classes)
    n_pairs = np.tril(np.outer(n_segments, n_segments), -1).astype(np.int64)
    right = np.zeros((n_classes, n_classes))
    for row in predicted.models[model]:
        by_class = [np.sort(row[truth == number]) for number in range(n_classes)]
        for above in range(n_classes):
            for below in range(above):
                # How many of the lower class lie strictly and how many at most under each of the higher.
                under = np.searchsorted(by_class[below], by_class[above], side="left").sum()
                at_most = np.searchsorted(by_class[below], by_class[above], side="right").sum()
                right[above, below] += (under + at_most) / 2
    n_seeds = len(predicted.models[model])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n_pairs > 0, right / (n_seeds * n_pairs), np.nan), n_pairs


def _figure(
    name: str, words: str, right: np.ndarray, n_pairs: np.ndarray, classes: tuple[str, ...]
) -> Figure:
    caption = f"{words[0].upper()}{words[1:]}, % of the pairs in the right order"
    if not n_pairs.any():
        return draw_order(name, right, n_pairs, classes=classes, caption=f"{caption}; there are no pairs.")
    worst = np.unravel_index(np.nanargmin(right), right.shape)
    above, below = classes[worst[0]], classes[worst[1]]
    caption += f"; least between {above} and {below}: {share(right[worst])} % of {plural(int(n_pairs[worst]), 'pair')}."
    return draw_order(name, right, n_pairs, classes=classes, caption=caption)

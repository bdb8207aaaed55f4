"""Figures of labels against predictions: dots, reliability, and the order of pairs by class."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int64

from pipeline.artifacts.evaluated.evaluation import ReliabilityBin
from pipeline.artifacts.evaluated.models import BASELINE
from pipeline.pages.blocks import Figure
from pipeline.pages.encodings import (
    SQUARE,
    Spec,
    by_series,
    category,
    diagonal,
    digits,
    dot,
    figure,
    hover,
    layer,
    line,
    reach,
    shapes,
    square_axes,
    widened,
)
from pipeline.pages.numbers import fixed
from pipeline.reporting.colours import COLOURS


def draw_scatter(
    name: str,
    ids: Sequence[str],
    truth: Float[np.ndarray, "segment"],
    predictions: Float[np.ndarray, "seed segment"],
    *,
    limits: tuple[float, float],
    colour: str,
    caption: str,
) -> Figure:
    """A dot per segment, label against mean prediction, and the diagonal on which both are equal.

    Args:
        name: name of the figure.
        ids: ids of the segments.
        truth: labels, in label units.
        predictions: predictions of each seed, in label units.
        limits: least and greatest value of both axes.
        colour: key of `COLOURS`.
        caption: description of what the figure shows.
    """
    mean, low, high = predictions.mean(axis=0), predictions.min(axis=0), predictions.max(axis=0)
    dots = [
        {"id": id_, "y": digits(label), "x": digits(x), "seeds": f"{fixed(least, 2)} to {fixed(most, 2)}"}
        for id_, label, x, least, most in zip(ids, truth, mean, low, high, strict=True)
    ]
    # Few dots have to be seen at all, many have to show where they lie on top of each other.
    opacity = round(float(np.clip(150 / max(len(truth), 1), 0.3, 0.8)), 3)
    ends = widened(limits)
    tooltip = [
        hover("id", "Segment"),
        hover("y", "Label", ".2f"),
        hover("x", "Prediction, mean over seeds", ".2f"),
        hover("seeds", "Least to greatest seed"),
        hover("error", "Error", "+.2f"),
    ]
    segments = layer(
        dot(36 if len(truth) < 300 else 20, shape="circle", color=COLOURS[colour], opacity=opacity),
        square_axes("prediction, label units", "label", ends) | {"tooltip": tooltip},
        values=dots,
        transform=[{"calculate": "datum.x - datum.y", "as": "error"}],
    )
    return figure(name, SQUARE, caption, layer=[diagonal(ends), segments])


def draw_reliability(
    name: str,
    bins: Mapping[str, Sequence[ReliabilityBin]],
    lines: Mapping[str, tuple[float, float]],
    *,
    names: Mapping[str, str],
    labels: tuple[str, str],
    caption: str,
) -> Figure:
    """Mean label against mean prediction by bin, a line per model.

    Args:
        name: name of the figure.
        bins: bins of predictions by model.
        lines: slope and offset of the least-squares line of a model's labels on its predictions; dashed.
        names: models in words.
        labels: axes in words.
        caption: description of what the figure shows.
    """
    dots: list[Spec] = [
        {
            "model": names[model],
            "x": digits(row.mean_prediction),
            "y": digits(row.mean_truth),
            "n": row.n_segments,
        }
        for model, rows in bins.items()
        for row in rows
    ]
    fitted = [
        {"model": names[model], "x": x, "y": digits(slope * x + offset)}
        for model, (slope, offset) in lines.items()
        for x in reach([digits(row.mean_prediction) for row in bins[model]])
    ]
    values = [value for row in dots for value in (row["x"], row["y"])]
    ends = widened((min(values, default=0.0), max(values, default=0.0)))
    colours = {words: COLOURS[model] for model, words in names.items()}
    axes = square_axes(labels[0], labels[1], ends) | {"color": by_series("model", colours)}
    tooltip = [
        hover("model", "Model"),
        hover("x", labels[0], ".3f"),
        hover("y", labels[1], ".3f"),
        hover("n", "Segments in the bin", ",d"),
    ]
    dashed = line(strokeDash=[5, 4], strokeWidth=1.2, opacity=0.7, clip=True)
    at_dots = {"shape": shapes("model", list(names.values())), "tooltip": tooltip}
    layers = [
        diagonal(ends),
        layer(dashed, axes, values=fitted),
        layer(line(strokeWidth=1.6), axes, values=dots),
        layer(dot(55), axes | at_dots, values=dots),
    ]
    return figure(name, SQUARE, caption, layer=layers)


def draw_order(
    name: str,
    accuracy: Float[np.ndarray, "above below"],
    n_pairs: Int64[np.ndarray, "above below"],
    *,
    classes: Sequence[str],
    caption: str,
) -> Figure:
    """A cell per pair of classes: the share of its pairs in the right order, the fewer the stronger its colour; empty without pairs.

    Args:
        name: name of the figure.
        accuracy: share of the pairs in the right order, 0 to 1.
        n_pairs: number of pairs.
        classes: names of the classes, the lowest first.
        caption: description of what the figure shows.
    """
    cells = [
        {"above": classes[above], "below": classes[below], "wrong": digits(1 - accuracy[above, below])}
        | {"right": digits(accuracy[above, below]), "n": int(n_pairs[above, below])}
        for above in range(len(classes))
        for below in range(above)
        if n_pairs[above, below]
    ]
    axis = {"labelAngle": 0, "ticks": False, "domain": False, "labelLimit": 70}
    tooltip = [
        hover("above", "Higher label"),
        hover("below", "Lower label"),
        hover("right", "In the right order", ".1%"),
        hover("n", "Pairs of segments", ",d"),
    ]
    shared: Spec = {
        "x": category("below", "lower label", axis=axis, scale={"domain": list(classes[:-1])}),
        "y": category(
            "above", "higher label", axis=axis | {"titlePadding": 10}, scale={"domain": list(classes[:0:-1])}
        ),
        "tooltip": tooltip,
    }
    # Pairs in the wrong order as often as in the right one are as bad as a guess: no stronger than that. The strongest colour still
    # lets its number be read on a light and on a dark page.
    scale = {"domain": [0, 0.5], "range": [0.03, 0.55], "clamp": True}
    shade = {"field": "wrong", "type": "quantitative", "scale": scale, "legend": None}
    words = {"field": "right", "type": "quantitative", "format": ".0%"}
    layers = [
        layer({"type": "rect", "color": COLOURS[BASELINE]}, shared | {"fillOpacity": shade}),
        layer({"type": "text"}, shared | {"text": words}),
    ]
    return figure(name, (300, 250), caption, data={"values": cells}, layer=layers)

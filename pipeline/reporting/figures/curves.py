"""Figures of lines: training curves by epoch, and errors by the rate of what is missing or noisy."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from pipeline.pages.blocks import Figure
from pipeline.pages.encodings import (
    SMALL,
    WIDE,
    Spec,
    by_series,
    digits,
    dot,
    figure,
    hover,
    layer,
    line,
    quantity,
    rule,
    shapes,
)
from pipeline.pages.palette import LIGHT
from pipeline.reporting.colours import COLOURS

# An epoch is looked up in a band as wide as this, in pixels.
_WIDEST_BAND = 40


def draw_curves(
    name: str,
    epoch: Float[np.ndarray, "epoch"],
    mean: Float[np.ndarray, "epoch"],
    seeds: Float[np.ndarray, "seed epoch"],
    *,
    seed_names: Sequence[str],
    kept: Sequence[int | None] | None = None,
    colour: str,
    measure: str,
    caption: str,
) -> Figure:
    """A thick line for the mean over seeds and a thin one for each seed.

    Args:
        name: name of the figure.
        epoch: numbers of the epochs.
        mean: mean over the seeds, one per epoch.
        seeds: values of each seed.
        seed_names: names of the seeds.
        kept: position of the kept epoch, one per seed; None where nothing was kept.
        colour: key of `COLOURS`.
        measure: vertical axis in words.
        caption: description of what the figure shows.
    """
    rows = [
        {"epoch": digits(at), "mean": digits(m)} | {f"s{n}": digits(v) for n, v in enumerate(column)}
        for at, m, column in zip(epoch, mean, seeds.T, strict=True)
    ]
    kept_epochs = [
        {"epoch": digits(epoch[position]), "value": digits(row[position]), "seed": words}
        for row, words, position in zip(seeds, seed_names, kept or [None] * len(seeds), strict=True)
        if position is not None
    ]
    widths = [*((f"s{n}", 0.8, 0.55) for n in range(len(seeds))), ("mean", 2, 1)]
    layers = [
        layer(
            line(color=COLOURS[colour], strokeWidth=width, opacity=opacity),
            {"x": _epochs(), "y": quantity(field, measure)},
        )
        for field, width, opacity in widths
    ]
    layers.append(_looked_up(len(epoch), seed_names))
    if kept_epochs:
        layers.append(_kept_epochs(kept_epochs, COLOURS[colour], measure))
    return figure(name, WIDE, caption, data={"values": rows}, layer=layers)


def draw_rates(
    name: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    names: Mapping[str, str],
    measure: str,
    amount: tuple[str, str | None],
    limits: tuple[float, float] | None,
    constant: float | None,
    caption: str,
) -> Figure:
    """A line per model over the amount of what is missing or noisy, and a band for the interval over seeds.

    Args:
        name: name of the figure.
        rows: mappings of `model`, `rate`, `mean`, `low` and `high`, the last two None without an interval. A rate is a number, or the
            name of a step.
        names: models in words.
        measure: vertical axis in words.
        amount: horizontal axis in words, and its format by d3; None where rates are steps in the order of the rows.
        limits: ends of the vertical axis, alike in figures that are to be compared; None for no values.
        constant: value of the best constant, drawn as a grey line; None for no line.
        caption: description of what the figure shows.
    """
    values = [
        {"model": names[row["model"]], "rate": _rate(row["rate"]), "mean": digits(row["mean"])}
        | {end: None if row[end] is None else digits(row[end]) for end in ("low", "high")}
        for row in rows
    ]
    x: Spec = {"field": "rate", "type": "quantitative", "title": amount[0]}
    if amount[1] is None:
        x |= {
            "type": "ordinal",
            "sort": None,
            "axis": {"grid": False, "labelAngle": 0},
            "scale": {"type": "point"},
        }
    else:
        x |= {"axis": {"format": amount[1], "grid": False, "tickCount": 6}, "scale": {"nice": False}}
    y = quantity("mean", measure)
    if limits is not None:
        y["scale"] = {"domain": [digits(end) for end in limits], "nice": False, "zero": False}
    shared: Spec = {
        "x": x,
        "color": by_series("model", {words: COLOURS[model] for model, words in names.items()}),
    }
    at_dots = {
        "y": y,
        "shape": shapes("model", list(names.values())),
        "tooltip": _rate_hover(measure, amount),
    }
    layers = [
        layer(
            {"type": "area", "opacity": 0.15, "clip": True},
            shared | {"y": y | {"field": "low"}, "y2": {"field": "high"}},
            transform=[{"filter": "datum.low !== null"}],
        ),
        layer(line(strokeWidth=1.8), shared | {"y": y}),
        layer(dot(45), shared | at_dots),
    ]
    if constant is not None:
        dashed = rule(strokeDash=[3, 3], strokeWidth=1.2)
        layers.insert(0, layer(dashed, {"y": y}, values=[{"mean": digits(constant)}]))
    return figure(name, SMALL, caption, data={"values": values}, layer=layers)


def _epochs() -> Spec:
    axis = {"tickMinStep": 1, "format": "d", "tickCount": 6, "grid": False}
    scale = {"nice": False}
    return {"field": "epoch", "type": "quantitative", "title": "epoch", "scale": scale, "axis": axis}


def _looked_up(n_epochs: int, seed_names: Sequence[str]) -> Spec:
    """A band per epoch that the pointer finds, with the values of all seeds."""
    band = min(_WIDEST_BAND, WIDE[0] / max(n_epochs - 1, 1))
    select = {"type": "point", "on": "pointerover", "clear": "pointerout", "nearest": False}
    opacity = {"condition": {"param": "at", "empty": False, "value": 0.3}, "value": 0}
    tooltip = [hover("epoch", "Epoch", "d"), hover("mean", "Mean", ".4f")]
    tooltip += [hover(f"s{n}", f"Seed {words}", ".4f") for n, words in enumerate(seed_names)]
    return layer(
        rule(color=LIGHT["line"], strokeWidth=round(band, 2)),
        {"x": _epochs(), "opacity": opacity, "tooltip": tooltip},
        params=[{"name": "at", "select": select}],
    )


def _kept_epochs(epochs: Sequence[Mapping[str, Any]], colour: str, measure: str) -> Spec:
    """A dot at the epoch whose weights were kept, one per seed."""
    tooltip = [
        hover("seed", "Kept epoch of seed"),
        hover("epoch", "Epoch", "d"),
        hover("value", measure, ".4f"),
    ]
    places = {"x": _epochs(), "y": quantity("value", measure), "tooltip": tooltip}
    return layer(dot(36, color=colour), places, values=epochs)


def _rate(rate: float | str) -> float | str | None:
    return rate if isinstance(rate, str) else digits(rate)


def _rate_hover(measure: str, amount: tuple[str, str | None]) -> list[Spec]:
    words, format_ = amount
    return [
        hover("model", "Model"),
        hover("rate", words[0].upper() + words[1:], f".0{format_}" if format_ == "%" else format_),
        hover("mean", measure, ".4f"),
        hover("low", "Interval over seeds from", ".4f"),
        hover("high", "to", ".4f"),
    ]

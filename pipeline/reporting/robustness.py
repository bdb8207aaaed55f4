"""The section about words that are missing: error and order against the rate, and the areas under these curves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.artifacts.sequences import MODALITIES
from pipeline.evaluation.metrics import Metric, Undefined
from pipeline.evaluation.robustness import RobustnessCurve, mean_height, measured_metrics
from pipeline.evaluation.statistics import Difference, summarise
from pipeline.reporting.document import Block, Cell, Figure, Grid, Paragraph, Section, Table
from pipeline.reporting.figures import draw_rates
from pipeline.reporting.inputs import EVALUATED, ReportInputs
from pipeline.reporting.numbers import difference_cell, level, metric_name, share, summary_cell
from pipeline.reporting.verdict import metric_phrase, standing

_MODELS = ("grcf", "pointwise")
_KINDS = (*MODALITIES, "all")
_HEADING = "With words missing"


def robustness_section(inputs: ReportInputs) -> Section:
    """What becomes of both models when more and more words are lost."""
    curves = {(curve.split, curve.missing, curve.model): curve for curve in inputs.robustness}
    if not curves:
        nothing = Paragraph("No rates of missing words were asked for (evaluate.missing_rates).")
        return Section("robustness", _HEADING, (nothing,))
    metrics = measured_metrics(inputs.protocol)
    rates = next(iter(curves.values())).rates
    blocks: list[Block] = []
    for measure, metric in metrics.items():
        blocks += [_area_table(inputs, curves, split, measure, metric, rates) for split in EVALUATED]
        limits = _limits(inputs, measure)
        # Of the order, the areas say enough where a single modality is concerned.
        figures = [
            [
                _figure(inputs, curves, split, kind, measure, metric, limits)
                for kind in _kinds(curves, split)
                if measure == "error" or kind == "all"
            ]
            for split in EVALUATED
        ]
        if measure == "order":
            figures = [[each for of_split in figures for each in of_split]]
        blocks += [Grid(tuple(of_split), least_width_em=26.0) for of_split in figures if of_split]
    explanation = Paragraph(
        "The same trained models; each word is hidden with the probability that is given, on its own, in one modality or "
        "in all of them, where each draws for itself. Nothing is trained again and no segment is left out. The words that "
        "are hidden differ between seeds, are the same for both models of a seed, and those hidden at a low rate are "
        "hidden at a higher one too. An area is the mean height of the curve between the lowest and the highest rate, by "
        f"trapezoids, in the unit of the metric; intervals are {level(inputs.confidence)} t intervals over seeds, differences "
        "paired seed by seed. They cover training again and other missing words, not other segments.",
        "small",
    )
    return Section("robustness", _HEADING, (*blocks, explanation))


def _kinds(curves: Mapping[tuple[str, str, str], RobustnessCurve], split: str) -> list[str]:
    found = {missing for of, missing, _ in curves if of == split}
    return [kind for kind in _KINDS if kind in found]


def _area_table(
    inputs: ReportInputs,
    curves: Mapping[tuple[str, str, str], RobustnessCurve],
    split: str,
    measure: str,
    metric: Metric,
    rates: np.ndarray,
) -> Table:
    names = _names(inputs)
    rows = []
    for kind in _kinds(curves, split):
        areas = {model: mean_height(rates, getattr(curves[split, kind, model], measure)) for model in _MODELS}
        summaries = {model: summarise(areas[model], confidence=inputs.confidence) for model in _MODELS}
        difference = _difference(*areas.values(), confidence=inputs.confidence)
        stands = standing(difference, metric)
        winner = {"better": "grcf", "worse": "pointwise"}.get(stands or "")
        cells = [summary_cell(summaries[model], metric, strong=model == winner) for model in _MODELS]
        rows.append(
            (
                Cell(_missing(kind)),
                *cells,
                difference_cell(difference, metric),
                Cell(stands or "–", strong=stands in ("better", "worse")),
            )
        )
    unit = ", %" if metric.unit == "share" else ""
    ends = f"{share(rates[0]).removesuffix('.0')} to {share(rates[-1]).removesuffix('.0')} %"
    caption = f"{metric_name(metric)}{unit} on {split}, area over {ends} of the words missing"
    heads = tuple(f"{words[0].upper()}{words[1:]}" for words in names.values())
    return Table(caption, ("Missing", *heads, "Difference", "GRCF"), tuple(rows), frozenset({4}))


def _difference(
    grcf: Sequence[float | Undefined], pointwise: Sequence[float | Undefined], *, confidence: float
) -> Difference:
    each: list[float | Undefined] = []
    for own, other in zip(grcf, pointwise, strict=True):
        if isinstance(own, Undefined):
            each.append(own)
        elif isinstance(other, Undefined):
            each.append(other)
        else:
            each.append(own - other)
    found = summarise(each, confidence=confidence)
    return Difference(
        found.mean,
        found.ci_low,
        found.ci_high,
        n_seeds=found.n,
        n_segments=0,
        over="seeds",
        method="t interval of the mean over seeds",
        reason=found.reason,
    )


def _figure(
    inputs: ReportInputs,
    curves: Mapping[tuple[str, str, str], RobustnessCurve],
    split: str,
    kind: str,
    measure: str,
    metric: Metric,
    limits: tuple[float, float] | None,
) -> Figure:
    rows: list[dict[str, Any]] = []
    for model in _MODELS:
        curve = curves[split, kind, model]
        for rate, values in zip(curve.rates, getattr(curve, measure).T, strict=True):
            if not np.isfinite(values).all():
                continue
            summary = summarise(list(map(float, values)), confidence=inputs.confidence)
            rows.append(
                {"model": model, "rate": rate, "mean": summary.mean}
                | {"low": summary.ci_low, "high": summary.ci_high}
            )
    constant = None
    if measure == "error" and inputs.protocol.constant in inputs.metrics[split]:
        constant = inputs.summary(split, inputs.protocol.constant, metric).mean
    line = f" Dotted: the constant {inputs.protocol.constant}." if constant is not None else ""
    return draw_rates(
        f"missing-{split}-{kind}-{measure}",
        rows,
        names=_names(inputs),
        quantity=metric_name(metric),
        limits=limits,
        constant=constant,
        caption=f"{metric_phrase(metric)[0].upper()}{metric_phrase(metric)[1:]} on {split}, {_missing(kind)} missing: mean over "
        f"seeds, with its interval.{line}",
    )


def _limits(inputs: ReportInputs, measure: str) -> tuple[float, float] | None:
    """The axis that all figures of one measure share: of the means alone, as one wide band would flatten all."""
    values = [getattr(curve, measure).mean(axis=0) for curve in inputs.robustness]
    if measure == "error":
        metric = measured_metrics(inputs.protocol)["error"]
        values += [
            np.array([inputs.summary(split, inputs.protocol.constant, metric).mean], np.float64)
            for split in EVALUATED
            if inputs.protocol.constant in inputs.metrics[split]
        ]
    found = np.concatenate(values)
    found = found[np.isfinite(found)]
    if not len(found):
        return None
    edge = 0.15 * float(np.ptp(found)) or 0.05
    return float(found.min()) - edge, float(found.max()) + edge


def _missing(kind: str) -> str:
    return "words of all modalities" if kind == "all" else f"words in {kind}"


def _names(inputs: ReportInputs) -> dict[str, str]:
    return dict(zip(_MODELS, ("GRCF", inputs.baseline), strict=True))

"""The sections about words that are missing and features that are noisy: error and order against the amount, and areas."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.artifacts.corpus.sequences import MODALITIES
from pipeline.artifacts.evaluated.evaluation import EVALUATED, Difference, EvaluatedSplit
from pipeline.artifacts.evaluated.models import BASELINE, COMPARED, METHOD
from pipeline.artifacts.evaluated.robustness import RobustnessCurve
from pipeline.evaluation.metrics import Metric, Undefined
from pipeline.evaluation.robustness import mean_height, measured_metrics
from pipeline.evaluation.statistics import summarise
from pipeline.pages.blocks import Block, Cell, Figure, Grid, Paragraph, Section, Table
from pipeline.pages.numbers import level, share
from pipeline.reporting.figures.curves import draw_rates
from pipeline.reporting.inputs import ReportInputs
from pipeline.reporting.numbers import difference_cell, summary_cell
from pipeline.reporting.verdict import standing

_KINDS = (*MODALITIES, "all")


@dataclass(frozen=True)
class _Perturbation:
    """A perturbation of a split, in words."""

    anchor: str
    heading: str
    parameter: str
    none: str
    figure: str
    axis: str
    format: str
    column: str
    one: str
    all: str
    state: str
    explanation: str

    def what(self, kind: str) -> str:
        """The perturbed words of one modality, or of all."""
        return self.all if kind == "all" else self.one.format(kind)

    def span(self, amounts: np.ndarray) -> str:
        """The lowest and the highest amount."""
        if self.format == "%":
            return (
                " to ".join(share(amounts[end]).removesuffix(".0") for end in (0, -1))
                + " % of the words missing"
            )
        return f"noise of {amounts[0]:g} to {amounts[-1]:g} standard deviations"


_WORDS = _Perturbation(
    anchor="robustness",
    heading="With words missing",
    parameter="evaluate.missing_rates",
    none="No rates of missing words were asked for",
    figure="missing",
    axis="share missing",
    format="%",
    column="Missing",
    one="words in {}",
    all="words of all modalities",
    state="missing",
    explanation="The same trained models; each word is hidden with the probability that is given, on its own, in one modality or "
    "in all of them, where each draws for itself. Nothing is trained again and no segment is left out. The words that "
    "are hidden differ between seeds, are the same for both models of a seed, and those hidden at a low rate are "
    "hidden at a higher one too; data/masks holds them. An area is the mean height of the curve between the lowest and the "
    "highest rate, by trapezoids, in the unit of the metric; intervals are {} t intervals over seeds, differences "
    "paired seed by seed. They cover training again and other missing words, not other segments. The figures of a metric share an axis, that "
    "of the means: a band may reach beyond it.",
)
_NOISE = _Perturbation(
    anchor="noise",
    heading="With noise on the features",
    parameter="evaluate.noise_scales",
    none="No scales of noise were asked for",
    figure="noise",
    axis="noise, standard deviations",
    format="~g",
    column="Noisy",
    one="{}",
    all="all modalities",
    state="noisy",
    explanation="The same trained models; Gaussian noise is added to every feature of every word, on its own, in one modality or "
    "in all of them. Its size is in standard deviations of the feature over train. The noise differs between seeds, is the "
    "same for both models of a seed, and the same at every size but for its size. Areas and intervals are as above: {} t "
    "intervals over seeds, differences paired seed by seed. They cover training again and other noise, not other segments. "
    "The figures of a metric share an axis, that of the means: a band may reach beyond it.",
)


def robustness_section(inputs: ReportInputs) -> Section:
    """What becomes of both models when more and more words are lost."""
    return _section(inputs, inputs.robustness, _WORDS)


def noise_section(inputs: ReportInputs) -> Section:
    """What becomes of both models when the features are more and more noisy."""
    return _section(inputs, inputs.noise, _NOISE)


def _section(inputs: ReportInputs, found: Sequence[RobustnessCurve], how: _Perturbation) -> Section:
    curves = {(curve.split, curve.modality, curve.model): curve for curve in found}
    if not curves:
        return Section(how.anchor, how.heading, (Paragraph(f"{how.none} ({how.parameter})."),))
    metrics = measured_metrics(inputs.protocol)
    blocks: list[Block] = []
    for measure, metric in metrics.items():
        blocks += [_area_table(inputs, curves, split, measure, metric, how) for split in EVALUATED]
        limits = axis_limits(inputs, found, measure)
        # Of the order, the areas say enough where a single modality is concerned.
        figures = [
            [
                _figure(inputs, curves, split, kind, measure, metric, limits, how)
                for kind in _kinds(curves, split)
                if measure == "error" or kind == "all"
            ]
            for split in EVALUATED
        ]
        if measure == "order":
            figures = [[chart for of_split in figures for chart in of_split]]
        blocks += [Grid(tuple(of_split), least_width_em=26.0) for of_split in figures if of_split]
    explanation = Paragraph(how.explanation.format(level(inputs.confidence)), "small")
    return Section(how.anchor, how.heading, (*blocks, explanation))


def _kinds(curves: Mapping[tuple[str, str, str], RobustnessCurve], split: str) -> list[str]:
    found = {missing for of, missing, _ in curves if of == split}
    return [kind for kind in _KINDS if kind in found]


def _area_table(
    inputs: ReportInputs,
    curves: Mapping[tuple[str, str, str], RobustnessCurve],
    split: EvaluatedSplit,
    measure: str,
    metric: Metric,
    how: _Perturbation,
) -> Table:
    rows = []
    rates = next(iter(curves.values())).rates
    for kind in _kinds(curves, split):
        areas = {
            model: mean_height(rates, getattr(curves[split, kind, model], measure)) for model in COMPARED
        }
        summaries = {model: summarise(areas[model], confidence=inputs.confidence) for model in COMPARED}
        difference = seed_difference(*areas.values(), confidence=inputs.confidence)
        stands = standing(difference, metric)
        winner = {"better": METHOD, "worse": BASELINE}.get(stands or "")
        cells = [summary_cell(summaries[model], metric, strong=model == winner) for model in COMPARED]
        rows.append(
            (
                Cell(how.what(kind)),
                *cells,
                difference_cell(difference, metric),
                Cell(stands or "–", strong=stands in ("better", "worse")),
            )
        )
    unit = ", %" if metric.unit == "share" else ""
    caption = f"{metric.title}{unit} on {split}, area over {how.span(rates)}"
    heads = tuple(f"{words[0].upper()}{words[1:]}" for words in inputs.names.values())
    return Table(caption, (how.column, *heads, "Difference", "GRCF"), tuple(rows), frozenset({4}))


def seed_difference(
    grcf: Sequence[float | Undefined], pointwise: Sequence[float | Undefined], *, confidence: float
) -> Difference:
    """GRCF minus the baseline, paired seed by seed, with its interval over seeds."""
    by_seed: list[float | Undefined] = []
    for own, other in zip(grcf, pointwise, strict=True):
        if isinstance(own, Undefined):
            by_seed.append(own)
        elif isinstance(other, Undefined):
            by_seed.append(other)
        else:
            by_seed.append(own - other)
    found = summarise(by_seed, confidence=confidence)
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
    split: EvaluatedSplit,
    kind: str,
    measure: str,
    metric: Metric,
    limits: tuple[float, float] | None,
    how: _Perturbation,
) -> Figure:
    rows: list[dict[str, Any]] = []
    for model in COMPARED:
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
    if measure == "error" and inputs.protocol.constant in inputs.evaluation.metrics[split]:
        constant = inputs.summary(split, inputs.protocol.constant, metric).mean
    line = f" Dotted: the constant {inputs.protocol.constant}." if constant is not None else ""
    return draw_rates(
        f"{how.figure}-{split}-{kind}-{measure}",
        rows,
        names=inputs.names,
        measure=metric.title,
        amount=(how.axis, how.format),
        limits=limits,
        constant=constant,
        caption=f"{metric.phrase[0].upper()}{metric.phrase[1:]} on {split}, {how.what(kind)} {how.state}: mean over "
        f"seeds, with its interval.{line}",
    )


def axis_limits(
    inputs: ReportInputs, curves: Sequence[RobustnessCurve], measure: str, *, with_constant: bool = True
) -> tuple[float, float] | None:
    """The axis that all figures of one measure share: of the means alone, as one wide band would flatten all.

    Args:
        inputs: what the report is made from.
        curves: curves of all figures.
        measure: what is drawn.
        with_constant: whether the line of the best constant has to be seen too.
    """
    values = [getattr(curve, measure).mean(axis=0) for curve in curves]
    if measure == "error" and with_constant:
        metric = measured_metrics(inputs.protocol)["error"]
        values += [
            np.array([inputs.summary(split, inputs.protocol.constant, metric).mean], np.float64)
            for split in EVALUATED
            if inputs.protocol.constant in inputs.evaluation.metrics[split]
        ]
    found = np.concatenate(values)
    found = found[np.isfinite(found)]
    if not len(found):
        return None
    edge = 0.15 * float(np.ptp(found)) or 0.05
    return float(found.min()) - edge, float(found.max()) + edge

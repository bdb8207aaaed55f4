"""The section about recordings that were made worse before extraction: error and order at each level of each degradation."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pipeline.artifacts.evaluated.models import BASELINE, COMPARED, METHOD
from pipeline.artifacts.evaluated.robustness import CLEAN, RobustnessCurve
from pipeline.evaluation.metrics import Metric, Undefined
from pipeline.evaluation.robustness import measured_metrics
from pipeline.evaluation.statistics import summarise
from pipeline.pages.blocks import Block, Cell, Figure, Grid, Paragraph, Section, Table
from pipeline.pages.numbers import level as confidence_level
from pipeline.pages.numbers import short
from pipeline.reporting.figures.curves import draw_rates
from pipeline.reporting.inputs import ReportInputs
from pipeline.reporting.numbers import difference_cell, summary_cell
from pipeline.reporting.robustness import axis_limits, seed_difference
from pipeline.reporting.verdict import standing

# What was done, its horizontal axis, and how a level is written.
_WORDS: Mapping[str, tuple[str, str, str]] = {
    "noise_snr_db": ("noise on the sound", "signal-to-noise ratio", "{} dB"),
    "reverberation_s": ("reverberation", "reverberation time", "{} s"),
    "opus_kbps": ("sound through Opus", "bit rate", "{} kbit/s"),
    "blur_px": ("blurred pictures", "standard deviation of the blur", "{} px"),
    "light": ("low light", "share of the light that is left", "{}"),
    "vp9_crf": ("pictures through VP9", "constant rate factor", "CRF {}"),
}
_EXPLANATION = (
    "The same trained models on the recordings of test, each made worse before extraction; then words, sound and faces were "
    "extracted again with the same extractors, and normalised with what was fitted on train. Nothing was trained again. Words of a "
    "transcript were timed again by the degraded sound; where there is no transcript, they were recognised again. What is random is "
    "drawn once for each segment and is the same at every level and for every model (degrade.seed). Intervals are {} t intervals over "
    "seeds, differences paired seed by seed: they cover training again, not other segments and not other noise. The "
    "figures of a metric share an axis, that of the means: a band may reach beyond it."
)


def degraded_section(inputs: ReportInputs) -> Section:
    """What becomes of both models when recordings are noisy, reverberant, blurred, dark or coded at a low rate."""
    metrics = measured_metrics(inputs.protocol)
    blocks: list[Block] = []
    for measure, metric in metrics.items():
        blocks.append(_table(inputs, measure, metric))
        figures = tuple(_figure(inputs, name, measure, metric) for name in _degradations(inputs))
        blocks.append(Grid(figures, least_width_em=26.0))
    explanation = Paragraph(_EXPLANATION.format(confidence_level(inputs.confidence)), "small")
    return Section("degraded", "With recordings degraded", (*blocks, explanation))


def _degradations(inputs: ReportInputs) -> list[str]:
    return [name for name in dict.fromkeys(curve.modality for curve in inputs.degraded) if name != CLEAN]


def _curve(inputs: ReportInputs, name: str, model: str) -> RobustnessCurve:
    return next(curve for curve in inputs.degraded if (curve.modality, curve.model) == (name, model))


def _levels(
    inputs: ReportInputs, name: str, measure: str
) -> Iterator[tuple[str, dict[str, list[float | Undefined]]]]:
    """Each level in words, and the values of each model by seed."""
    curves = {model: _curve(inputs, name, model) for model in COMPARED}
    for position, level in enumerate(curves[METHOD].rates):
        words = "as recorded" if name == CLEAN else _WORDS[name][2].format(short(float(level)))
        yield (
            words,
            {model: _defined(getattr(curve, measure)[:, position]) for model, curve in curves.items()},
        )


def _defined(of_seeds: np.ndarray) -> list[float | Undefined]:
    undefined = Undefined("the metric is undefined at this level")
    return [float(value) if np.isfinite(value) else undefined for value in of_seeds]


def _table(inputs: ReportInputs, measure: str, metric: Metric) -> Table:
    rows = []
    for name in (CLEAN, *_degradations(inputs)):
        for words, values in _levels(inputs, name, measure):
            summaries = {
                model: summarise(of_seeds, confidence=inputs.confidence) for model, of_seeds in values.items()
            }
            difference = seed_difference(values[METHOD], values[BASELINE], confidence=inputs.confidence)
            stands = standing(difference, metric)
            winner = {"better": METHOD, "worse": BASELINE}.get(stands or "")
            rows.append(
                (
                    Cell(words if name == CLEAN else f"{_WORDS[name][0]}, {words}"),
                    *(summary_cell(summaries[model], metric, strong=model == winner) for model in COMPARED),
                    difference_cell(difference, metric),
                    Cell(stands or "–", strong=stands in ("better", "worse")),
                )
            )
    unit = ", %" if metric.unit == "share" else ""
    heads = tuple(f"{words[0].upper()}{words[1:]}" for words in inputs.names.values())
    caption = f"{metric.title}{unit} on test, recordings degraded"
    return Table(caption, ("Recordings", *heads, "Difference", "GRCF"), tuple(rows), frozenset({4}))


def _figure(inputs: ReportInputs, name: str, measure: str, metric: Metric) -> Figure:
    rows: list[dict[str, Any]] = []
    for part in (CLEAN, name):
        for words, values in _levels(inputs, part, measure):
            for model, of_seeds in values.items():
                summary = summarise(of_seeds, confidence=inputs.confidence)
                if summary.mean is not None:
                    ends = {"low": summary.ci_low, "high": summary.ci_high}
                    rows.append({"model": model, "rate": words, "mean": summary.mean} | ends)
    what, axis, _ = _WORDS[name]
    return draw_rates(
        f"degraded-test-{name}-{measure}",
        rows,
        names=inputs.names,
        measure=metric.title,
        amount=(axis, None),
        limits=axis_limits(inputs, inputs.degraded, measure, with_constant=False),
        constant=None,
        caption=f"{metric.phrase[0].upper()}{metric.phrase[1:]} on test, {what}: mean over seeds, with its interval.",
    )

"""The sections about training: curves and budgets."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.artifacts.evaluated.models import BASELINE, METHOD
from pipeline.artifacts.trained.curves import MEASURES, TrainingCurves
from pipeline.pages.blocks import Block, Cell, Figure, Grid, Paragraph, Section, Table
from pipeline.pages.numbers import count, fixed, plural
from pipeline.reporting.budgets import budget_warning, gradient_epochs
from pipeline.reporting.figures.curves import draw_curves
from pipeline.reporting.inputs import ReportInputs

_STAGES = {
    "rank": "GRCF stage 1 (rank)",
    "calibrate": "GRCF stage 2 (calibrate)",
    "pointwise": "the point-wise baseline",
}
_ORDER, _MAGNITUDE = "valid_ordered_pair_accuracy", "valid_error"
# What the dots are, by `training.epoch`.
_KEPT = {
    "best": "Dots: the epoch whose weights each seed kept, on the curve of the measure that chooses it; by default the best epoch.",
    "last": "Dots: the last epoch, whose weights each seed kept; nothing was chosen.",
    "average": "No dots: each seed kept the mean of the weights after each of the last quarter of the epochs, which are those of none.",
}
_BEST = {_ORDER: np.nanargmax, _MAGNITUDE: np.nanargmin}


def curves_section(inputs: ReportInputs) -> Section:
    """How loss and validation measures went, epoch by epoch."""
    blocks: list[Block] = []
    quantities = _quantities(inputs)
    for stage, words in _STAGES.items():
        curves = inputs.curves[stage]
        measures = [measure for measure in MEASURES if measure in curves.means]
        if len(curves.epochs) < 2:
            blocks.append(
                Paragraph(_single_row(stage, curves, {measure: quantities[measure] for measure in measures}))
            )
            continue
        blocks.append(
            Grid(
                tuple(
                    _curve(
                        stage,
                        words,
                        curves,
                        measure,
                        quantity=quantities[measure],
                        kept=_kept(curves, measure, stage, inputs.parameters),
                    )
                    for measure in measures
                )
            )
        )
    explanation = Paragraph(
        f"Thick: mean over seeds. Thin: each seed. {_KEPT[inputs.parameters['training.epoch']]}", "small"
    )
    return Section("curves", "Training curves", (*blocks, explanation), brief=False)


def budgets_section(inputs: ReportInputs) -> Section:
    """How long each model was trained, and a warning where that is not fair."""
    epochs, weights = gradient_epochs(inputs.parameters), inputs.evaluation.n_weights
    rows = tuple(
        (Cell(words), Cell(count(epochs[stage])), Cell(count(weights[stage])))
        for stage, words in _STAGES.items()
    )
    caption = (
        f"Gradient epochs for each seed, and weights of the network ({inputs.parameters['network.fusion']})"
    )
    blocks: list[Block] = [Table(caption, ("Model", "Epochs", "Weights"), rows)]
    warning = budget_warning(inputs.parameters)
    if warning:
        blocks.append(Paragraph(warning, "warning"))
    else:
        grcf = epochs["rank"] + epochs["calibrate"]
        same = "the same number" if grcf == epochs["pointwise"] else "more"
        blocks.append(
            Paragraph(
                f"GRCF was trained for {plural(grcf, 'epoch')} in all; the point-wise baseline got {same}. "
                f"Stage 2 had the scope “{inputs.parameters['calibrate.scope']}”."
            )
        )
    return Section("budgets", "Training budgets", tuple(blocks))


def _quantities(inputs: ReportInputs) -> dict[str, str]:
    """The measures of a curve in words."""
    order, error = {
        "regression": ("ordered-pair accuracy", "MAE"),
        "binary": ("AUROC", "cross-entropy"),
        "classes": ("mean AUROC of the classes", "cross-entropy"),
    }[inputs.protocol.task]
    return {"train_loss": "loss on train", _ORDER: f"{order} on valid", _MAGNITUDE: f"{error} on valid"}


def _single_row(stage: str, curves: TrainingCurves, quantities: Mapping[str, str]) -> str:
    """What a stage without epochs, or with one, has in place of a curve."""
    head = _STAGES[stage][0].upper() + _STAGES[stage][1:]
    if not len(curves.epochs):
        return f"{head}: nothing was recorded."
    means = ", ".join(
        f"{words} {fixed(float(curves.means[measure][0]), 3)}" for measure, words in quantities.items()
    )
    how = "was fitted without epochs" if curves.epochs[0] == 0 else "had one epoch"
    return f"{head} {how}; means over seeds: {means}."


def _chosen_by(stage: str, parameters: Mapping[str, Any]) -> str | None:
    """The measure whose first best value chooses the epoch; None where it is none of those that are shown."""
    if stage == "rank":
        return None if parameters["rank.objective"] == "rank_n_contrast" else _ORDER
    # The curve of a baseline that is tuned is that of its tuning, which magnitude chooses as in stage 2.
    is_tuned = parameters["pointwise.calibration"] in ("head", "all")
    if stage == "pointwise" and parameters["pointwise.select_by"] == "order" and not is_tuned:
        return _ORDER
    return _MAGNITUDE


def _kept(
    curves: TrainingCurves, measure: str, stage: str, parameters: Mapping[str, Any]
) -> list[int | None] | None:
    """The position of the epoch that each seed kept, to be marked on this measure; None where none is to be marked."""
    rows = curves.by_seed[measure].values()
    match parameters["training.epoch"]:
        case "last":
            return [len(row) - 1 if np.isfinite(row[-1]) else None for row in rows]
        case "best" if _chosen_by(stage, parameters) == measure:
            return [int(_BEST[measure](row)) if np.isfinite(row).any() else None for row in rows]
    # The mean of several epochs' weights is no epoch of the curve.
    return None


def _curve(
    stage: str,
    words: str,
    curves: TrainingCurves,
    measure: str,
    *,
    quantity: str,
    kept: list[int | None] | None,
) -> Figure:
    by_seed = curves.by_seed[measure]
    seeds = np.array(list(by_seed.values()))
    return draw_curves(
        f"curve-{stage}-{measure.replace('_', '-')}",
        curves.epochs,
        curves.means[measure],
        seeds,
        seed_names=list(map(str, by_seed)),
        kept=kept,
        colour=BASELINE if stage == "pointwise" else METHOD,
        measure=quantity,
        caption=f"{words[0].upper()}{words[1:]}: {quantity} by epoch.",
    )

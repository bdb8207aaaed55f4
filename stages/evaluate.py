"""Stage `evaluate`: every model on valid and test; the only stage that may see the test split."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from stages.entry import run

import numpy as np

from pipeline import params
from pipeline.artifacts.aligned import AlignedSplit, read_aligned
from pipeline.artifacts.checkpoint import Checkpoint, read_checkpoints
from pipeline.artifacts.files import write_json, write_text
from pipeline.artifacts.masks import write_masks
from pipeline.artifacts.predictions import SplitPredictions, predictions_to_csv
from pipeline.artifacts.sequences import Modality
from pipeline.evaluation.contributions import contribution_table
from pipeline.evaluation.metrics import Protocol
from pipeline.evaluation.protocols import protocol_named
from pipeline.evaluation.robustness import (
    MISSING_NAMES,
    NOISE_NAMES,
    RobustnessCurve,
    measure_rate,
    robustness_to_csv,
)
from pipeline.evaluation.tables import (
    difference_table,
    headline,
    model_table,
    order_table,
    reliability_table,
)
from pipeline.execution.device import best_device
from pipeline.grcf.perturbations import mask_table, with_noise
from pipeline.grcf.scoring import missing_kinds, modality_subsets, predict, present_modalities, without_words

VALID, TEST = Path("data/align/valid.safetensors"), Path("data/align/test.safetensors")
RANKED, CALIBRATED, POINTWISE = Path("data/rank"), Path("data/calibrate"), Path("data/pointwise")
SUMMARY = Path("reports/summary.json")
METRICS = Path("reports/metrics.json")
COMPARISONS = Path("reports/comparisons.json")
PREDICTIONS = Path("reports/predictions.csv")
ROBUSTNESS, NOISE = Path("reports/robustness.csv"), Path("reports/noise.csv")
MASKS = {"valid": Path("data/masks/valid.safetensors"), "test": Path("data/masks/test.safetensors")}

Disturb = Callable[[AlignedSplit, frozenset[Modality], float, int], AlignedSplit]
"""From a split, the modalities that are disturbed, how much, and a seed, to what the models are shown."""


def predict_split(
    split: AlignedSplit, grcf: list[Checkpoint], pointwise: list[Checkpoint], protocol: Protocol
) -> SplitPredictions:
    """What the models that are compared say of one split, and the best constant."""
    models = {
        "grcf": predict(grcf, split, device=best_device()),
        "pointwise": predict(pointwise, split, device=best_device()),
        protocol.constant: np.full((1, len(split)), pointwise[0].best_constant),
    }
    seeds = tuple(checkpoint.seed for checkpoint in grcf)
    return SplitPredictions(
        split.split,
        split.ids,
        split.labels,
        models,
        {"grcf": seeds, "pointwise": seeds, protocol.constant: ()},
    )


def compare_split(
    split: AlignedSplit,
    predictions: SplitPredictions,
    ranked: list[Checkpoint],
    grcf: list[Checkpoint],
    settings: params.Evaluate,
) -> dict[str, Any]:
    """Models against each other, with and without each modality, and how well they are calibrated."""
    protocol = protocol_named(settings.protocol)
    truth, models = predictions.truth, predictions.models
    subsets = modality_subsets(split)
    shown = {name: predict(grcf, split, kept=kept, device=best_device()) for name, kept in subsets.items()}
    present = present_modalities(split)
    by_subset = {frozenset[str](kept & present): shown[name] for name, kept in subsets.items()}
    pairs = {f"grcf - {name}": (models["grcf"], models[name]) for name in ("pointwise", protocol.constant)}
    masked = {name: (row, shown["all"]) for name, row in shown.items() if name != "all"}
    differences = partial(
        difference_table,
        truth,
        protocol=protocol,
        confidence=settings.confidence,
        n_resamples=settings.n_resamples,
    )
    return {
        "differences": differences(pairs),
        "modalities": model_table(truth, shown, protocol=protocol, confidence=settings.confidence),
        "modality_differences": differences(masked),
        "contributions": contribution_table(
            truth, by_subset, protocol=protocol, confidence=settings.confidence
        ),
        "order": order_table(
            truth,
            {"rank": predict(ranked, split, device=best_device()), "calibrate": models["grcf"]},
            protocol=protocol,
            confidence=settings.confidence,
        ),
        "reliability": reliability_table(
            truth, {name: models[name] for name in ("grcf", "pointwise")}, n_bins=settings.n_bins
        ),
    }


def disturbed_curves(
    split: AlignedSplit,
    models: Mapping[str, list[Checkpoint]],
    protocol: Protocol,
    *,
    levels: Sequence[float],
    disturb: Disturb,
) -> Iterator[RobustnessCurve]:
    """Every model with one or all modalities disturbed more and more, without training again."""
    for kind, modalities in missing_kinds(split).items() if levels else ():
        values: dict[str, list[list[tuple[float, float]]]] = {model: [] for model in models}
        # Models of one seed see the same; another seed sees other words and noise, so a spread over seeds has their share in it.
        for trained in zip(*models.values(), strict=True):
            rows: dict[str, list[tuple[float, float]]] = {model: [] for model in models}
            for level in levels:  # one after another: each is a copy of the split
                shown = disturb(split, modalities, level, trained[0].seed)
                for model, checkpoint in zip(models, trained, strict=True):
                    said = predict([checkpoint], shown, device=best_device())[0]
                    rows[model].append(measure_rate(split.labels, said, protocol=protocol))
            for model, row in rows.items():
                values[model].append(row)
        for model, checkpoints in models.items():
            error, order = np.moveaxis(np.array(values[model]), 2, 0)
            seeds = tuple(checkpoint.seed for checkpoint in checkpoints)
            yield RobustnessCurve(split.split, kind, model, np.array(levels), seeds, error, order)


def lose_words(split: AlignedSplit, modalities: frozenset[Modality], level: float, seed: int) -> AlignedSplit:
    """The split with a share of its words missing."""
    return without_words(split, modalities=modalities, rate=level, seed=seed)


def add_noise(split: AlignedSplit, modalities: frozenset[Modality], level: float, seed: int) -> AlignedSplit:
    """The split with noise on its features."""
    return with_noise(split, modalities=modalities, scale=level, seed=seed)


def main() -> None:
    """Measure every model on valid and test."""
    settings = params.load(params.Evaluate)
    protocol = protocol_named(settings.protocol)
    ranked = read_checkpoints(RANKED, stage="rank")
    grcf = read_checkpoints(CALIBRATED, stage="calibrate")
    pointwise = read_checkpoints(POINTWISE, stage="pointwise")
    predictions: list[SplitPredictions] = []
    metrics: dict[str, Any] = {}
    trained = {"rank": ranked, "calibrate": grcf, "pointwise": pointwise}
    comparisons: dict[str, Any] = {
        "parameters": {stage: checkpoints[0].n_parameters for stage, checkpoints in trained.items()}
    }
    curves: dict[Path, list[RobustnessCurve]] = {ROBUSTNESS: [], NOISE: []}
    for split in (read_aligned(VALID), read_aligned(TEST)):
        said = predict_split(split, grcf, pointwise, protocol)
        predictions.append(said)
        metrics[split.split] = model_table(
            said.truth, said.models, protocol=protocol, confidence=settings.confidence
        )
        comparisons[split.split] = compare_split(split, said, ranked, grcf, settings)
        disturbed = partial(disturbed_curves, split, {"grcf": grcf, "pointwise": pointwise}, protocol)
        curves[ROBUSTNESS] += disturbed(levels=settings.missing_rates, disturb=lose_words)
        curves[NOISE] += disturbed(levels=settings.noise_scales, disturb=add_noise)
        seeds = [checkpoint.seed for checkpoint in grcf]
        write_masks(MASKS[split.split], mask_table(split, rates=settings.missing_rates, seeds=seeds))
    write_text(PREDICTIONS, predictions_to_csv(predictions))
    write_text(ROBUSTNESS, robustness_to_csv(curves[ROBUSTNESS], names=MISSING_NAMES))
    write_text(NOISE, robustness_to_csv(curves[NOISE], names=NOISE_NAMES))
    write_json(METRICS, metrics)
    write_json(COMPARISONS, comparisons)
    write_json(SUMMARY, headline(metrics, protocol=protocol))


if __name__ == "__main__":
    run(main)

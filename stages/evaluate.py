"""Stage `evaluate`: every model on valid and test; the only stage that may see the test split."""

from collections.abc import Iterator, Mapping, Sequence
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
from pipeline.grcf.perturbations import (
    Perturbation,
    mask_table,
    perturbed_modalities,
    with_noise,
    without_words,
)
from pipeline.grcf.scoring import Scorer, hidden_subsets, present_modalities

VALID, TEST = Path("data/align/valid.safetensors"), Path("data/align/test.safetensors")
RANKED, CALIBRATED, POINTWISE = Path("data/rank"), Path("data/calibrate"), Path("data/pointwise")
SUMMARY = Path("reports/summary.json")
METRICS = Path("reports/metrics.json")
COMPARISONS = Path("reports/comparisons.json")
PREDICTIONS = Path("reports/predictions.csv")
ROBUSTNESS, NOISE = Path("reports/robustness.csv"), Path("reports/noise.csv")
MASKS = {"valid": Path("data/masks/valid.safetensors"), "test": Path("data/masks/test.safetensors")}


def predict_split(
    split: AlignedSplit, models: Mapping[str, Scorer], constant: float, protocol: Protocol
) -> SplitPredictions:
    """Predictions of one split by the models that are compared, and by the best constant."""
    predictions = {
        "grcf": models["calibrate"].predict(split),
        "pointwise": models["pointwise"].predict(split),
        protocol.constant: np.full((1, len(split)), constant),
    }
    seeds = models["calibrate"].seeds
    return SplitPredictions(
        split.split,
        split.ids,
        split.labels,
        predictions,
        {"grcf": seeds, "pointwise": seeds, protocol.constant: ()},
    )


def compare_split(
    split: AlignedSplit,
    predictions: SplitPredictions,
    scorers: Mapping[str, Scorer],
    settings: params.Evaluate,
) -> dict[str, Any]:
    """Models against each other, with and without each modality, and how well they are calibrated."""
    protocol = protocol_named(settings.protocol)
    truth, models = predictions.truth, predictions.models
    subsets = hidden_subsets(split)
    rows = {name: scorers["calibrate"].predict(split, hidden=hidden) for name, hidden in subsets.items()}
    present = present_modalities(split)
    by_subset = {frozenset[str](present - hidden): rows[name] for name, hidden in subsets.items()}
    pairs = {f"grcf - {name}": (models["grcf"], models[name]) for name in ("pointwise", protocol.constant)}
    masked = {name: (row, rows["all"]) for name, row in rows.items() if name != "all"}
    differences = partial(
        difference_table,
        truth,
        protocol=protocol,
        confidence=settings.confidence,
        n_resamples=settings.n_resamples,
    )
    return {
        "differences": differences(pairs),
        "modalities": model_table(truth, rows, protocol=protocol, confidence=settings.confidence),
        "modality_differences": differences(masked),
        "contributions": contribution_table(
            truth, by_subset, protocol=protocol, confidence=settings.confidence
        ),
        "order": order_table(
            truth,
            {"rank": scorers["rank"].predict(split), "calibrate": models["grcf"]},
            protocol=protocol,
            confidence=settings.confidence,
        ),
        "reliability": reliability_table(
            truth, {name: models[name] for name in ("grcf", "pointwise")}, n_bins=settings.n_bins
        ),
    }


def perturbed_curves(
    split: AlignedSplit,
    models: Mapping[str, Scorer],
    protocol: Protocol,
    *,
    levels: Sequence[float],
    perturb: Perturbation,
) -> Iterator[RobustnessCurve]:
    """Every model with one or all modalities perturbed more and more, without training again."""
    (seeds,) = {scorer.seeds for scorer in models.values()}
    for kind, modalities in perturbed_modalities(split).items() if levels else ():
        values = np.empty((len(models), len(seeds), len(levels), 2))
        # Models of one seed see the same; another seed sees other words and noise, so a spread over seeds has their share in it.
        for place, seed in enumerate(seeds):
            for step, level in enumerate(levels):  # one after another: each is a copy of the split
                perturbed = perturb(split, modalities=modalities, level=level, seed=seed)
                for row, scorer in enumerate(models.values()):
                    (prediction,) = scorer.predict(perturbed, seeds=[seed])
                    values[row, place, step] = measure_rate(split.labels, prediction, protocol=protocol)
        for model, (error, order) in zip(models, np.moveaxis(values, 3, 1), strict=True):
            yield RobustnessCurve(split.split, kind, model, np.array(levels), seeds, error, order)


def main() -> None:
    """Measure every model on valid and test."""
    settings = params.load(params.Evaluate)
    protocol = protocol_named(settings.protocol)
    trained: dict[str, list[Checkpoint]] = {
        "rank": read_checkpoints(RANKED, stage="rank"),
        "calibrate": read_checkpoints(CALIBRATED, stage="calibrate"),
        "pointwise": read_checkpoints(POINTWISE, stage="pointwise"),
    }
    scorers = {stage: Scorer(checkpoints, device=best_device()) for stage, checkpoints in trained.items()}
    predictions: list[SplitPredictions] = []
    metrics: dict[str, Any] = {}
    comparisons: dict[str, Any] = {
        "parameters": {stage: checkpoints[0].n_parameters for stage, checkpoints in trained.items()}
    }
    curves: dict[Path, list[RobustnessCurve]] = {ROBUSTNESS: [], NOISE: []}
    for split in (read_aligned(VALID), read_aligned(TEST)):
        predicted = predict_split(split, scorers, trained["pointwise"][0].best_constant, protocol)
        predictions.append(predicted)
        metrics[split.split] = model_table(
            predicted.truth, predicted.models, protocol=protocol, confidence=settings.confidence
        )
        comparisons[split.split] = compare_split(split, predicted, scorers, settings)
        models = {"grcf": scorers["calibrate"], "pointwise": scorers["pointwise"]}
        perturbed = partial(perturbed_curves, split, models, protocol)
        curves[ROBUSTNESS] += perturbed(levels=settings.missing_rates, perturb=without_words)
        curves[NOISE] += perturbed(levels=settings.noise_scales, perturb=with_noise)
        write_masks(
            MASKS[split.split],
            mask_table(split, rates=settings.missing_rates, seeds=scorers["calibrate"].seeds),
        )
    write_text(PREDICTIONS, predictions_to_csv(predictions))
    write_text(ROBUSTNESS, robustness_to_csv(curves[ROBUSTNESS], names=MISSING_NAMES))
    write_text(NOISE, robustness_to_csv(curves[NOISE], names=NOISE_NAMES))
    write_json(METRICS, metrics)
    write_json(COMPARISONS, comparisons)
    write_json(SUMMARY, headline(metrics, protocol=protocol))


if __name__ == "__main__":
    run(main)

"""Stage `evaluate`: every model on valid and test; the only stage that may see the test split."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import params
from pipeline.artifacts.aligned import AlignedSplit, read_aligned
from pipeline.artifacts.checkpoint import Checkpoint, read_checkpoints
from pipeline.artifacts.files import write_json, write_text
from pipeline.artifacts.predictions import SplitPredictions, predictions_to_csv
from pipeline.evaluation.metrics import Protocol, protocol_named
from pipeline.evaluation.tables import (
    difference_table,
    headline,
    model_table,
    order_table,
    reliability_table,
)
from pipeline.execution.device import best_device
from pipeline.grcf.scoring import modality_subsets, predict
from stages.entry import run

VALID, TEST = Path("data/align/valid.safetensors"), Path("data/align/test.safetensors")
RANKED, CALIBRATED, POINTWISE = Path("data/rank"), Path("data/calibrate"), Path("data/pointwise")
SUMMARY = Path("reports/summary.json")
METRICS = Path("reports/metrics.json")
COMPARISONS = Path("reports/comparisons.json")
PREDICTIONS = Path("reports/predictions.csv")


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
    shown = {
        name: predict(grcf, split, kept=kept, device=best_device())
        for name, kept in modality_subsets(split).items()
    }
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


def main() -> None:
    """Measure every model on valid and test."""
    settings = params.load(params.Evaluate)
    protocol = protocol_named(settings.protocol)
    ranked = read_checkpoints(RANKED, stage="rank")
    grcf = read_checkpoints(CALIBRATED, stage="calibrate")
    pointwise = read_checkpoints(POINTWISE, stage="pointwise")
    predictions: list[SplitPredictions] = []
    metrics: dict[str, Any] = {}
    comparisons: dict[str, Any] = {}
    for split in (read_aligned(VALID), read_aligned(TEST)):
        said = predict_split(split, grcf, pointwise, protocol)
        predictions.append(said)
        metrics[split.split] = model_table(
            said.truth, said.models, protocol=protocol, confidence=settings.confidence
        )
        comparisons[split.split] = compare_split(split, said, ranked, grcf, settings)
    write_text(PREDICTIONS, predictions_to_csv(predictions))
    write_json(METRICS, metrics)
    write_json(COMPARISONS, comparisons)
    write_json(SUMMARY, headline(metrics, protocol=protocol))


if __name__ == "__main__":
    run(main)

"""Stage `evaluate`: every model on valid and test; the only stage that may see the test split."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from stages.entry import run

import numpy as np

from pipeline import params
from pipeline.artifacts.aligned import AlignedSplit, read_aligned
from pipeline.artifacts.checkpoint import Checkpoint, read_checkpoints
from pipeline.artifacts.evaluation import (
    EvaluatedSplit,
    Evaluation,
    SplitComparisons,
    Summaries,
    write_evaluation,
)
from pipeline.artifacts.files import write_json, write_text
from pipeline.artifacts.masks import write_masks
from pipeline.artifacts.models import BASELINE, METHOD
from pipeline.artifacts.predictions import SplitPredictions, predictions_to_csv
from pipeline.artifacts.robustness import RobustnessCurve, write_robustness
from pipeline.artifacts.sequences import Modality
from pipeline.evaluation.comparisons import compare_split
from pipeline.evaluation.metrics import Protocol
from pipeline.evaluation.protocols import protocol_named
from pipeline.evaluation.robustness import robustness_curves
from pipeline.evaluation.tables import headline, model_table
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

Perturb = Callable[[AlignedSplit, frozenset[Modality], float, int], AlignedSplit]
"""From a split, the modalities that are perturbed, how much, and a seed, to what the models are shown."""


def predict_split(
    split: AlignedSplit, grcf: list[Checkpoint], pointwise: list[Checkpoint], protocol: Protocol
) -> SplitPredictions:
    """Predictions of one split by the models that are compared, and by the best constant."""
    models = {
        METHOD: predict(grcf, split, device=best_device()),
        BASELINE: predict(pointwise, split, device=best_device()),
        protocol.constant: np.full((1, len(split)), pointwise[0].best_constant),
    }
    seeds = tuple(checkpoint.seed for checkpoint in grcf)
    return SplitPredictions(
        split.split,
        split.ids,
        split.labels,
        models,
        {METHOD: seeds, BASELINE: seeds, protocol.constant: ()},
    )


def compare(
    split: AlignedSplit,
    predictions: SplitPredictions,
    ranked: list[Checkpoint],
    grcf: list[Checkpoint],
    settings: params.Evaluate,
) -> SplitComparisons:
    """The models of one split against each other, and GRCF with and without each modality."""
    present = present_modalities(split)
    return compare_split(
        predictions,
        shown={
            name: (frozenset[str](kept & present), predict(grcf, split, kept=kept, device=best_device()))
            for name, kept in modality_subsets(split).items()
        },
        scores=predict(ranked, split, device=best_device()),
        protocol=protocol_named(settings.protocol),
        confidence=settings.confidence,
        n_resamples=settings.n_resamples,
        n_bins=settings.n_bins,
    )


def perturbed_curves(
    split: AlignedSplit,
    models: Mapping[str, list[Checkpoint]],
    protocol: Protocol,
    *,
    levels: Sequence[float],
    perturb: Perturb,
) -> Iterator[RobustnessCurve]:
    """Every model with one or all modalities perturbed more and more, without training again."""
    # Models of one seed see the same; another seed sees other words and noise, so a spread over seeds has their share in it.
    trained = {
        checkpoint.seed: {model: [checkpoints[position]] for model, checkpoints in models.items()}
        for position, checkpoint in enumerate(models[METHOD])
    }

    def predict_perturbed(
        level: float, seed: int, *, modalities: frozenset[Modality]
    ) -> dict[str, np.ndarray]:
        shown = perturb(split, modalities, level, seed)
        return {
            model: predict(checkpoint, shown, device=best_device())[0]
            for model, checkpoint in trained[seed].items()
        }

    for name, modalities in missing_kinds(split).items() if levels else ():
        yield from robustness_curves(
            split.split,
            name,
            split.labels,
            partial(predict_perturbed, modalities=modalities),
            levels=levels,
            seeds=list(trained),
            protocol=protocol,
        )


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
    metrics: dict[EvaluatedSplit, Mapping[str, Summaries]] = {}
    comparisons: dict[EvaluatedSplit, SplitComparisons] = {}
    missing: list[RobustnessCurve] = []
    noisy: list[RobustnessCurve] = []
    splits: dict[EvaluatedSplit, Path] = {"valid": VALID, "test": TEST}
    for name, path in splits.items():
        split = read_aligned(path)
        found = predict_split(split, grcf, pointwise, protocol)
        predictions.append(found)
        metrics[name] = model_table(
            found.truth, found.models, protocol=protocol, confidence=settings.confidence
        )
        comparisons[name] = compare(split, found, ranked, grcf, settings)
        perturbed = partial(perturbed_curves, split, {METHOD: grcf, BASELINE: pointwise}, protocol)
        missing += perturbed(levels=settings.missing_rates, perturb=lose_words)
        noisy += perturbed(levels=settings.noise_scales, perturb=add_noise)
        seeds = [checkpoint.seed for checkpoint in grcf]
        write_masks(MASKS[name], mask_table(split, rates=settings.missing_rates, seeds=seeds))
    write_text(PREDICTIONS, predictions_to_csv(predictions))
    write_robustness(ROBUSTNESS, missing, perturbation="missing")
    write_robustness(NOISE, noisy, perturbation="noisy")
    trained = {"rank": ranked, "calibrate": grcf, "pointwise": pointwise}
    n_weights = {stage: checkpoints[0].n_parameters for stage, checkpoints in trained.items()}
    evaluation = Evaluation(metrics=metrics, comparisons=comparisons, n_weights=n_weights)
    write_evaluation(evaluation, metrics=METRICS, comparisons=COMPARISONS)
    write_json(SUMMARY, headline(metrics, protocol=protocol))


if __name__ == "__main__":
    run(main)

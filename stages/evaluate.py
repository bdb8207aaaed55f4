"""Stage `evaluate`: every model on valid and test; the only stage that may see the test split."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from stages.entry import run

import numpy as np

from pipeline import params
from pipeline.artifacts.aligned.reading import read_aligned
from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.by_corpus import write_corpus_metrics
from pipeline.artifacts.checkpoint import Checkpoint, read_checkpoints
from pipeline.artifacts.degraded import read_degraded
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
from pipeline.artifacts.representations import (
    MOST_SEGMENTS,
    Representations,
    even_sample,
    write_representations,
)
from pipeline.artifacts.robustness import RobustnessCurve, write_robustness
from pipeline.artifacts.run_record import RunRecord, write_run_record
from pipeline.artifacts.segments import OWNERS
from pipeline.artifacts.sequences import Modality
from pipeline.artifacts.task import Task
from pipeline.degradation.measuring import degraded_curves
from pipeline.evaluation.comparisons import compare_split
from pipeline.evaluation.corpora import corpus_metrics
from pipeline.evaluation.metrics import Protocol
from pipeline.evaluation.own_metrics import with_own_metrics
from pipeline.evaluation.protocols import protocol_named
from pipeline.evaluation.robustness import robustness_curves
from pipeline.evaluation.tables import headline, result_table
from pipeline.execution.device import best_device, device_class
from pipeline.grcf.perturbations import (
    Perturbation,
    mask_table,
    perturbed_modalities,
    with_noise,
    without_words,
)
from pipeline.grcf.scoring import Scorer, hidden_subsets, predict_perturbed, present_modalities
from pipeline.settled.task import load_task

VALID, TEST = Path("data/align/valid"), Path("data/align/test")
TASK = Path("data/manifest/task.json")
RANKED, CALIBRATED, POINTWISE = Path("data/rank"), Path("data/calibrate"), Path("data/pointwise")
SUMMARY = Path("reports/summary.json")
METRICS = Path("reports/metrics.json")
RECORD = Path("reports/run.json")
COMPARISONS = Path("reports/comparisons.json")
PREDICTIONS = Path("reports/predictions.csv")
BY_CORPUS = Path("reports/by_corpus.csv")
DEGRADED_SPLITS = Path("data/degraded")
ROBUSTNESS, NOISE = Path("reports/robustness.csv"), Path("reports/noise.csv")
DEGRADED = Path("reports/degraded.csv")
REPRESENTATIONS = Path("data/representations")
MASKS = {"valid": Path("data/masks/valid.safetensors"), "test": Path("data/masks/test.safetensors")}


def predict_split(
    split: AlignedSplit,
    models: Mapping[str, Scorer],
    *,
    best_constant: float | list[float],
    protocol: Protocol,
) -> SplitPredictions:
    """Predictions of one split by the models that are compared, and by the best constant."""
    predictions = {name: scorer.predict(split) for name, scorer in models.items()}
    constant = np.asarray(best_constant)
    predictions[protocol.constant] = np.broadcast_to(constant, (1, len(split), *constant.shape)).copy()
    seeds = {name: scorer.seeds for name, scorer in models.items()}
    return SplitPredictions(
        split.split,
        split.ids,
        split.labels,
        predictions,
        {**seeds, protocol.constant: ()},
        classes=protocol.classes,
        **{owner: getattr(split, owner) for owner in OWNERS},
    )


def compare(
    split: AlignedSplit,
    predictions: SplitPredictions,
    ranked: Scorer,
    grcf: Scorer,
    settings: params.Evaluate,
    protocol: Protocol,
) -> SplitComparisons:
    """The models of one split against each other, and GRCF with and without each modality."""
    present = present_modalities(split)
    return compare_split(
        predictions,
        subsets={
            name: (
                frozenset[str](present - hidden),
                grcf.predict(split, hidden=hidden) if hidden else predictions.models[METHOD],
            )
            for name, hidden in hidden_subsets(split).items()
        },
        scores=ranked.predict(split),
        protocol=protocol,
        confidence=settings.confidence,
        n_resamples=settings.n_resamples,
        n_bins=settings.n_bins,
    )


def perturbed_curves(
    split: AlignedSplit,
    clean: SplitPredictions,
    models: Mapping[str, Scorer],
    protocol: Protocol,
    *,
    levels: Sequence[float],
    perturb: Perturbation,
) -> Iterator[RobustnessCurve]:
    """Every model with one or all modalities perturbed more and more, without training again."""

    # Models of one seed see the same; another seed sees other words and noise, so a spread over seeds has their share in it.
    def predict(seed: int, *, modalities: frozenset[Modality]) -> dict[str, np.ndarray]:
        return predict_perturbed(
            models,
            split,
            perturb,
            modalities=modalities,
            levels=levels,
            seed=seed,
            clean={name: clean.models[name][scorer.seeds.index(seed)] for name, scorer in models.items()},
        )

    for name, modalities in perturbed_modalities(split).items() if levels else ():
        yield from robustness_curves(
            split.split,
            name,
            split.labels,
            partial(predict, modalities=modalities),
            levels=levels,
            seeds=models[METHOD].seeds,
            protocol=protocol,
        )


def represent(split: AlignedSplit, grcf: Scorer) -> Representations:
    """The fused representations of the segments, or of so many that a map can show."""
    positions = even_sample(split.labels, at_most=MOST_SEGMENTS)
    sample = split if len(positions) == len(split) else split.select(positions)
    by_seed = dict(zip(grcf.seeds, grcf.represent(sample), strict=True))
    return Representations(split.split, sample.ids, len(split), by_seed)


def read_trained() -> dict[str, list[Checkpoint]]:
    """The checkpoints of each stage that trains."""
    return {
        "rank": read_checkpoints(RANKED, stage="rank"),
        "calibrate": read_checkpoints(CALIBRATED, stage="calibrate"),
        "pointwise": read_checkpoints(POINTWISE, stage="pointwise"),
    }


def record(trained: Mapping[str, Sequence[Checkpoint]], task: Task) -> RunRecord:
    """What the run was of, and on which classes of machines it was made."""
    machines = {
        tuple(sorted(checkpoint.environment.items())) for found in trained.values() for checkpoint in found
    }
    return RunRecord(
        corpus=params.load(params.Corpus).name,
        task=task,
        trained_on=tuple(map(dict, sorted(machines))),
        measured_on=device_class(),
    )


def write_predictions(
    predictions: Sequence[SplitPredictions], settings: params.Evaluate, protocol: Protocol
) -> None:
    """The predictions, and of a pool what they are worth on each of its corpora."""
    write_text(PREDICTIONS, predictions_to_csv(predictions))
    by_corpus = corpus_metrics(
        predictions,
        protocol=protocol,
        confidence=settings.confidence,
        n_resamples=settings.n_resamples,
    )
    write_corpus_metrics(BY_CORPUS, by_corpus)


def write_curves(
    missing: Sequence[RobustnessCurve], noisy: Sequence[RobustnessCurve], degraded: Iterable[RobustnessCurve]
) -> None:
    """What the models reach with words missing, with noise on the features, and on degraded recordings."""
    write_robustness(ROBUSTNESS, missing, perturbation="missing")
    write_robustness(NOISE, noisy, perturbation="noisy")
    write_robustness(DEGRADED, list(degraded), perturbation="degraded")


def main() -> None:
    """Measure every model on valid and test."""
    settings = params.load(params.Evaluate)
    task = load_task(TASK)
    protocol = with_own_metrics(protocol_named(task.protocol).of_classes(task.classes), settings.metrics)
    trained = read_trained()
    ranked, grcf, pointwise = (Scorer(checkpoints, device=best_device()) for checkpoints in trained.values())
    models = {METHOD: grcf, BASELINE: pointwise}
    best_constant = trained["pointwise"][0].best_constant
    predictions: list[SplitPredictions] = []
    metrics: dict[EvaluatedSplit, Mapping[str, Summaries]] = {}
    comparisons: dict[EvaluatedSplit, SplitComparisons] = {}
    missing: list[RobustnessCurve] = []
    noisy: list[RobustnessCurve] = []
    splits: dict[EvaluatedSplit, Path] = {"valid": VALID, "test": TEST}
    for name, path in splits.items():
        split = read_aligned(path)
        found = predict_split(split, models, best_constant=best_constant, protocol=protocol)
        predictions.append(found)
        metrics[name] = result_table(
            found.truth,
            found.models,
            protocol=protocol,
            confidence=settings.confidence,
            n_resamples=settings.n_resamples,
        )
        comparisons[name] = compare(split, found, ranked, grcf, settings, protocol)
        perturbed = partial(perturbed_curves, split, found, models, protocol)
        missing += perturbed(levels=settings.missing_rates, perturb=without_words)
        noisy += perturbed(levels=settings.noise_scales, perturb=with_noise)
        write_masks(MASKS[name], mask_table(split, rates=settings.missing_rates, seeds=grcf.seeds))
        write_representations(REPRESENTATIONS, represent(split, grcf))
    write_run_record(RECORD, record(trained, task))
    write_predictions(predictions, settings, protocol)
    write_curves(
        missing, noisy, degraded_curves(TEST, read_degraded(DEGRADED_SPLITS), models, protocol=protocol)
    )
    n_weights = {stage: checkpoints[0].n_parameters for stage, checkpoints in trained.items()}
    evaluation = Evaluation(metrics=metrics, comparisons=comparisons, n_weights=n_weights)
    write_evaluation(evaluation, metrics=METRICS, comparisons=COMPARISONS)
    write_json(SUMMARY, headline(metrics, protocol=protocol))


if __name__ == "__main__":
    run(main)

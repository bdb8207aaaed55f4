"""Stage `evaluate`: every model on valid and test; the only stage that may see the test split.

On a CPU the splits are measured side by side, by workers, unless models or splits are large. What needs torch is imported by the functions
that they call: the process that waits for them does without.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from stages.preloading_entry import run

import numpy as np

from pipeline import params
from pipeline.artifacts.aligned.degraded import read_degraded
from pipeline.artifacts.aligned.reading import read_aligned
from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.corpus.segments import OWNERS
from pipeline.artifacts.corpus.sequences import Modality
from pipeline.artifacts.corpus.task import Task
from pipeline.artifacts.evaluated.by_corpus import write_corpus_metrics
from pipeline.artifacts.evaluated.evaluation import (
    EvaluatedSplit,
    Evaluation,
    SplitComparisons,
    Summaries,
    write_evaluation,
)
from pipeline.artifacts.evaluated.masks import write_masks
from pipeline.artifacts.evaluated.models import BASELINE, METHOD
from pipeline.artifacts.evaluated.predictions import SplitPredictions, predictions_to_csv
from pipeline.artifacts.evaluated.representations import (
    MOST_SEGMENTS,
    Representations,
    even_sample,
    write_representations,
)
from pipeline.artifacts.evaluated.robustness import RobustnessCurve, write_robustness
from pipeline.artifacts.evaluated.run_record import RunRecord, write_run_record
from pipeline.artifacts.formats.files import write_json, write_text
from pipeline.artifacts.trained.checkpoint import Checkpoint, read_checkpoints
from pipeline.errors import PipelineError
from pipeline.evaluation.comparisons import compare_split
from pipeline.evaluation.corpora import corpus_metrics
from pipeline.evaluation.metrics import Protocol
from pipeline.evaluation.own_metrics import with_own_metrics
from pipeline.evaluation.protocols import protocol_named
from pipeline.evaluation.robustness import robustness_curves
from pipeline.evaluation.tables import headline, result_table
from pipeline.execution.device import best_device, device_class, may_have_gpu
from pipeline.execution.pool import Done, run_in_workers
from pipeline.execution.workers import worker_count
from pipeline.grcf.perturbations import (
    Perturbation,
    mask_table,
    perturbed_modalities,
    with_noise,
    without_words,
)
from pipeline.settled.task import load_task

if TYPE_CHECKING:
    from pipeline.grcf.scoring import Scorer

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

SPLITS: dict[EvaluatedSplit, Path] = {"valid": VALID, "test": TEST}
# Of aligned splits and checkpoints in bytes. Each worker has its own copy of the models; with more, one split follows the other here.
MOST_SIDE_BY_SIDE = 1 << 28


@dataclass(frozen=True, slots=True)
class MeasuredSplit:
    """What was found on one split."""

    predictions: SplitPredictions
    metrics: Mapping[str, Summaries]
    comparisons: SplitComparisons
    missing: Sequence[RobustnessCurve]
    noisy: Sequence[RobustnessCurve]


@dataclass(frozen=True, slots=True)
class MeasuredDegraded:
    """What was found on degraded recordings, and the class of the device that all was measured on."""

    curves: Sequence[RobustnessCurve]
    device: str


def predict_split(
    split: AlignedSplit,
    models: Mapping[str, "Scorer"],
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
    ranked: "Scorer",
    grcf: "Scorer",
    settings: params.Evaluate,
    protocol: Protocol,
) -> SplitComparisons:
    """The models of one split against each other, and GRCF with and without each modality."""
    from pipeline.grcf.scoring import hidden_subsets

    present = frozenset(split.modalities)
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
    models: Mapping[str, "Scorer"],
    protocol: Protocol,
    *,
    levels: Sequence[float],
    perturb: Perturbation,
) -> Iterator[RobustnessCurve]:
    """Every model with one or all modalities perturbed more and more, without training again."""
    from pipeline.grcf.scoring import predict_perturbed

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


def represent(split: AlignedSplit, grcf: "Scorer") -> Representations:
    """The fused representations of the segments, or of so many that a map can show."""
    positions = even_sample(split.labels, at_most=MOST_SEGMENTS)
    sample = split if len(positions) == len(split) else split.select(positions)
    by_seed = dict(zip(grcf.seeds, grcf.represent(sample), strict=True))
    return Representations(split.split, sample.ids, len(split), by_seed)


@cache
def read_trained() -> dict[str, list[Checkpoint]]:
    """The checkpoints of each stage that trains, read once in a process."""
    return {
        "rank": read_checkpoints(RANKED, stage="rank"),
        "calibrate": read_checkpoints(CALIBRATED, stage="calibrate"),
        "pointwise": read_checkpoints(POINTWISE, stage="pointwise"),
    }


def record(trained: Mapping[str, Sequence[Checkpoint]], task: Task, device: str) -> RunRecord:
    """What the run was of, and on which classes of machines it was made."""
    machines = {
        tuple(sorted(checkpoint.environment.items())) for found in trained.values() for checkpoint in found
    }
    return RunRecord(
        corpus=params.load(params.Corpus).name,
        task=task,
        trained_on=tuple(map(dict, sorted(machines))),
        measured_on=device,
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


def load_protocol(settings: params.Evaluate) -> Protocol:
    """The protocol of the corpus, with metrics of one's own."""
    task = load_task(TASK)
    return with_own_metrics(protocol_named(task.protocol).of_classes(task.classes), settings.metrics)


@cache
def load_models() -> dict[str, "Scorer"]:
    """The trained models by stage, restored once in a process."""
    from pipeline.grcf.scoring import Scorer

    return {stage: Scorer(checkpoints, device=best_device()) for stage, checkpoints in read_trained().items()}


def measure(name: EvaluatedSplit) -> MeasuredSplit:
    """Measure every model on one split; writes its masks and its representations."""
    settings, trained = params.load(params.Evaluate), load_models()
    protocol, grcf = load_protocol(settings), trained["calibrate"]
    models = {METHOD: grcf, BASELINE: trained["pointwise"]}
    best_constant = read_trained()["pointwise"][0].best_constant
    split = read_aligned(SPLITS[name])
    found = predict_split(split, models, best_constant=best_constant, protocol=protocol)
    metrics = result_table(
        found.truth,
        found.models,
        protocol=protocol,
        confidence=settings.confidence,
        n_resamples=settings.n_resamples,
    )
    perturbed = partial(perturbed_curves, split, found, models, protocol)
    write_masks(MASKS[name], mask_table(split, rates=settings.missing_rates, seeds=grcf.seeds))
    write_representations(REPRESENTATIONS, represent(split, grcf))
    return MeasuredSplit(
        found,
        metrics,
        compare(split, found, trained["rank"], grcf, settings, protocol),
        list(perturbed(levels=settings.missing_rates, perturb=without_words)),
        list(perturbed(levels=settings.noise_scales, perturb=with_noise)),
    )


def measure_degraded() -> MeasuredDegraded:
    """Measure every model on degraded recordings of test."""
    from pipeline.degradation.measuring import degraded_curves

    protocol, degraded = load_protocol(params.load(params.Evaluate)), read_degraded(DEGRADED_SPLITS)
    models = {METHOD: "calibrate", BASELINE: "pointwise"}
    curves = degraded_curves(
        TEST,
        degraded,
        {name: load_models()[stage] for name, stage in models.items()} if degraded else {},
        protocol=protocol,
    )
    return MeasuredDegraded(list(curves), device_class())


def measure_part(part: EvaluatedSplit | None) -> MeasuredSplit | MeasuredDegraded:
    """A split, or None for the degraded recordings."""
    return measure_degraded() if part is None else measure(part)


def fits_side_by_side(trained: Mapping[str, Sequence[Checkpoint]]) -> bool:
    """Whether workers may each have a copy of the models: of small ones, and of no text encoder, whose frozen weights no checkpoint has."""
    if any(checkpoint.network.get("encoder") for found in trained.values() for checkpoint in found):
        return False
    folders = (*SPLITS.values(), RANKED, CALIBRATED, POINTWISE)
    n_bytes = sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file())
    return n_bytes <= MOST_SIDE_BY_SIDE


def measure_all(
    trained: Mapping[str, Sequence[Checkpoint]],
) -> tuple[dict[EvaluatedSplit, MeasuredSplit], MeasuredDegraded]:
    """Both splits and the degraded recordings, by workers side by side.

    In this process, with all of its threads, where there may be a GPU, which holds the models once, and where models are large.

    Raises:
        PipelineError: a worker died twice.
    """
    if may_have_gpu() or not fits_side_by_side(trained):
        return {name: measure(name) for name in SPLITS}, measure_degraded()
    # The largest first: valid and the degraded recordings take about as long as test.
    parts: dict[int, EvaluatedSplit | None] = {0: "test", 1: "valid", 2: None}
    outcomes = run_in_workers(
        measure_part,
        parts,
        n_workers=min(2, worker_count()),
        limit_s=None,
        describe=lambda part: part or "degraded recordings",
    )
    splits: dict[EvaluatedSplit, MeasuredSplit] = {}
    degraded: MeasuredDegraded | None = None
    for position, outcome in outcomes:
        part = parts[position]
        if not isinstance(outcome, Done):
            raise PipelineError(
                f"{part or 'degraded recordings'}: {outcome.reason}; run the same command again with more memory"
            )
        if isinstance(outcome.result, MeasuredDegraded):
            degraded = outcome.result
        elif part is not None:
            splits[part] = outcome.result
    assert degraded is not None, "every item has an outcome"
    return {name: splits[name] for name in SPLITS}, degraded


def main() -> None:
    """Measure every model on valid and test."""
    settings = params.load(params.Evaluate)
    task, protocol, trained = load_task(TASK), load_protocol(settings), read_trained()
    splits, degraded = measure_all(trained)
    write_run_record(RECORD, record(trained, task, degraded.device))
    write_predictions([found.predictions for found in splits.values()], settings, protocol)
    missing = [curve for found in splits.values() for curve in found.missing]
    noisy = [curve for found in splits.values() for curve in found.noisy]
    write_robustness(ROBUSTNESS, missing, perturbation="missing")
    write_robustness(NOISE, noisy, perturbation="noisy")
    write_robustness(DEGRADED, degraded.curves, perturbation="degraded")
    metrics = {name: found.metrics for name, found in splits.items()}
    comparisons = {name: found.comparisons for name, found in splits.items()}
    n_weights = {stage: checkpoints[0].n_parameters for stage, checkpoints in trained.items()}
    evaluation = Evaluation(metrics=metrics, comparisons=comparisons, n_weights=n_weights)
    write_evaluation(evaluation, metrics=METRICS, comparisons=COMPARISONS)
    write_json(SUMMARY, headline(metrics, protocol=protocol))


if __name__ == "__main__":
    run(main)

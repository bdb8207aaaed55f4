"""A whole run's results on random numbers, written by the writers that the stages use."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pipeline.artifacts.aligned.coverage import Coverage, ModalityCoverage, write_coverage
from pipeline.artifacts.corpus.segments import SPLITS, Segment, Split, write_segments
from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.artifacts.corpus.task import write_task
from pipeline.artifacts.evaluated.by_corpus import write_corpus_metrics
from pipeline.artifacts.evaluated.evaluation import EVALUATED, EvaluatedSplit, Evaluation, write_evaluation
from pipeline.artifacts.evaluated.predictions import SplitPredictions, predictions_to_csv
from pipeline.artifacts.evaluated.robustness import RobustnessCurve, write_robustness
from pipeline.artifacts.formats.files import write_text
from pipeline.artifacts.trained.checkpoint import Checkpoint, TrainingStage
from pipeline.artifacts.trained.curves import write_curves
from pipeline.artifacts.trained.pair_statistics import (
    GroupPairRow,
    PairBinRow,
    write_distributions,
    write_group_pairs,
)
from pipeline.evaluation.comparisons import compare_split
from pipeline.evaluation.corpora import corpus_metrics
from pipeline.evaluation.metrics import Protocol
from pipeline.evaluation.protocols import protocol_named
from pipeline.evaluation.robustness import robustness_curves
from pipeline.evaluation.tables import result_table
from pipeline.yaml12 import parse_yaml
from tests.tasks import others, task_of

PARAMS = Path(__file__).parents[2] / "params.yaml"
N_RESAMPLES = 100
N_EPOCHS: dict[TrainingStage, int] = {"rank": 8, "calibrate": 6, "pointwise": 8}
BINARY = {
    "task.kind": "binary",
    "task.label_min": 0.0,
    "task.label_max": 1.0,
    "evaluate.protocol": "binary",
}
"""What a run on labels 0 and 1 changes in the task."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one test wants of its run; the defaults are an ordinary one. `*_sd` are the errors' spreads in label units."""

    seeds: tuple[int, ...] = (1, 2, 3)
    n_segments: Mapping[str, int] = field(default_factory=lambda: {"train": 60, "valid": 40, "test": 50})
    grcf_sd: float = 0.8
    pointwise_sd: float = 0.8
    modalities: Sequence[str] = MODALITIES
    lacking: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ids: Callable[[str, int], str] = lambda split, n: f"{split}_{n:03d}"
    speakers: Callable[[str, int], str] = lambda split, n: f"speaker {split} {n % 5}"
    corpora: Callable[[str, int], str] = lambda split, n: ""
    transcript: str | None = "a few words"
    failures: Mapping[Modality, Mapping[str, str]] = field(default_factory=dict)
    constant_grcf: bool = False
    params: Mapping[str, Any] = field(default_factory=dict)

    def modalities_of(self, split: str) -> list[str]:
        """What a split has."""
        return [name for name in self.modalities if name not in self.lacking.get(split, ())]


def write_run(root: Path, run: Run) -> None:
    """Write every file that the stage `report` reads under `root`."""
    random = np.random.default_rng(7)
    sections = parse_yaml(PARAMS.read_text(encoding="utf-8"))
    sections["training"]["seeds"] = list(run.seeds)
    sections["evaluate"]["n_resamples"] = N_RESAMPLES
    sections["training"]["epochs"] = N_EPOCHS["rank"]
    sections["calibrate"]["epochs"] = N_EPOCHS["calibrate"]
    for name, value in others(run.params).items():
        section, key = name.split(".")
        sections[section][key] = value
    write_text(root / "params.yaml", yaml.safe_dump(sections, sort_keys=False))
    write_task(root / "data/manifest/task.json", task_of(run.params))
    segments = make_segments(run, random)
    write_segments(root / "data/manifest/segments.jsonl", segments)
    write_run_evaluation(root / "reports", run, sections, segments, random)
    write_training(root / "reports", run, sections, random)
    write_coverage(root / "reports/coverage.json", make_coverage(run, segments))


def make_segments(run: Run, random: np.random.Generator) -> list[Segment]:
    task = task_of(run.params)
    low, high = task.label_min, task.label_max
    digits = 0 if task.kind == "binary" else 1
    return [
        Segment(
            id=run.ids(split, n),
            split=split,
            label=float(np.round(random.uniform(low, high), digits)),
            speaker=run.speakers(split, n),
            video=f"{split} video {n % 7}",
            language="en",
            text=run.transcript,
            media=None,
            media_sha256=None,
            has_audio="audio" in run.modalities,
            has_video="visual" in run.modalities,
            start_s=0.0,
            end_s=1.0 + n % 4,
            corpus=run.corpora(split, n),
        )
        for split in SPLITS
        for n in range(run.n_segments[split])
    ]


def write_run_evaluation(
    folder: Path,
    run: Run,
    sections: Mapping[str, Any],
    segments: Sequence[Segment],
    random: np.random.Generator,
) -> None:
    """As stage `evaluate` does."""
    settings = sections["evaluate"]
    protocol = protocol_named(task_of(run.params).protocol)
    predictions: list[SplitPredictions] = []
    missing: list[RobustnessCurve] = []
    noisy: list[RobustnessCurve] = []
    metrics: dict[EvaluatedSplit, Any] = {}
    comparisons: dict[EvaluatedSplit, Any] = {}
    for split in EVALUATED:
        found = predict_split(
            split, run, protocol, [each for each in segments if each.split == split], random
        )
        truth, models, grcf = found.truth, found.models, found.models["grcf"]
        predictions.append(found)
        metrics[split] = result_table(
            truth,
            models,
            protocol=protocol,
            confidence=settings["confidence"],
            n_resamples=settings["n_resamples"],
        )
        comparisons[split] = compare_split(
            found,
            subsets=shown_to(run.modalities_of(split), grcf),
            scores=2 * grcf - 1,
            protocol=protocol,
            **{name: settings[name] for name in ("confidence", "n_resamples", "n_bins")},
        )
        rates, scales = np.array(settings["missing_rates"]), np.array(settings["noise_scales"])
        missing += perturb(found, run, protocol, rates, shrunk_by=rates)
        noisy += perturb(found, run, protocol, scales, shrunk_by=scales / 4)
    write_text(folder / "predictions.csv", predictions_to_csv(predictions))
    by_corpus = corpus_metrics(
        predictions,
        protocol=protocol,
        confidence=settings["confidence"],
        n_resamples=settings["n_resamples"],
    )
    write_corpus_metrics(folder / "by_corpus.csv", by_corpus)
    write_robustness(folder / "robustness.csv", missing, perturbation="missing")
    write_robustness(folder / "noise.csv", noisy, perturbation="noisy")
    write_robustness(folder / "degraded.csv", [], perturbation="degraded")
    n_weights = {"rank": 19201, "calibrate": 19201, "pointwise": 19201}
    write_evaluation(
        Evaluation(metrics=metrics, comparisons=comparisons, n_weights=n_weights),
        metrics=folder / "metrics.json",
        comparisons=folder / "comparisons.json",
    )


def predict_split(
    split: Split, run: Run, protocol: Protocol, segments: Sequence[Segment], random: np.random.Generator
) -> SplitPredictions:
    """Noise about the labels in place of trained models."""
    truth = np.array([segment.label for segment in segments])
    noise = random.normal(size=(len(run.seeds), len(segments)))
    own = random.normal(size=(len(run.seeds), len(segments)))
    grcf = truth + run.grcf_sd * (noise + 0.3 * own)
    models = {
        "grcf": np.full_like(grcf, 0.25) if run.constant_grcf else grcf,
        "pointwise": truth + run.pointwise_sd * (noise - 0.3 * own),
        protocol.constant: np.full((1, len(segments)), 0.2),
    }
    if protocol.is_binary:
        models = {name: np.clip(rows, 0.0, 1.0) for name, rows in models.items()}
    seeds = {"grcf": run.seeds, "pointwise": run.seeds, protocol.constant: ()}
    ids, corpora = (tuple(getattr(segment, name) for segment in segments) for name in ("id", "corpus"))
    return SplitPredictions(split, ids, truth, models, seeds, corpus=corpora)


def shown_to(modalities: Sequence[str], grcf: np.ndarray) -> dict[str, tuple[frozenset[str], np.ndarray]]:
    """The predictions with some modalities hidden: shrunk ones."""
    everything = frozenset(modalities)
    subsets = {"all": (everything, grcf)}
    if len(everything) > 1:
        subsets |= {f"without {name}": (everything - {name}, 0.9 * grcf) for name in modalities}
        subsets |= {f"only {name}": (frozenset({name}), 0.5 * grcf) for name in modalities}
    return subsets | {"nothing": (frozenset[str](), np.full_like(grcf, 0.1))}


def perturb(
    found: SplitPredictions, run: Run, protocol: Protocol, amounts: np.ndarray, *, shrunk_by: np.ndarray
) -> Iterator[RobustnessCurve]:
    """Predictions that shrink towards 0 in place of hidden or noisy words."""
    by_amount = dict(zip(amounts.tolist(), shrunk_by.tolist(), strict=True))
    present = run.modalities_of(found.split)
    kinds = dict.fromkeys(present, 0.5) if len(present) > 1 else {}
    for modality, strength in (kinds | {"all": 1.0}).items() if by_amount else ():

        def predict(seed: int, strength: float = strength) -> dict[str, np.ndarray]:
            row = run.seeds.index(seed)
            left = np.array([1 - strength * shrunk for shrunk in by_amount.values()])
            return {
                model: np.multiply.outer(left, found.models[model][row]) for model in ("grcf", "pointwise")
            }

        yield from robustness_curves(
            found.split,
            modality,
            found.truth,
            predict,
            levels=list(by_amount),
            seeds=run.seeds,
            protocol=protocol,
        )


def write_training(folder: Path, run: Run, sections: Mapping[str, Any], random: np.random.Generator) -> None:
    """Curves and pairs of groups, as the stages of training do."""
    n_epochs = dict(N_EPOCHS)
    n_epochs["pointwise"] += sections["pointwise"]["extra_epochs"]
    if sections["calibrate"]["scope"] not in ("head", "all"):
        n_epochs["calibrate"] = 1
    for stage, n in n_epochs.items():
        checkpoints = [
            Checkpoint(
                stage=stage,
                objective="groupwise",
                leaves_order=True,
                seed=seed,
                network={"dropout": 0.2},
                columns={},
                selected_epoch=1,
                history=[
                    {
                        "seed": seed,
                        "epoch": epoch + (n > 1),  # a curve that is fitted exactly has one row, of epoch 0
                        "train_loss": 1 / (epoch + 1) + 0.1 * random.random(),
                        "valid_ordered_pair_accuracy": 0.7 - 0.1 / (epoch + 1) + 0.05 * random.random(),
                        "valid_error": None if stage == "rank" else 0.8 + 0.1 * random.random(),
                    }
                    for epoch in range(n)
                ],
                link="identity",
                best_constant=0.2,
                environment={"numpy": np.__version__},
                tensors={},
            )
            for seed in run.seeds
        ]
        write_curves(folder / f"curves/{stage}.csv", checkpoints)
    task = task_of(run.params)
    grouping, low, high = task.groups, round(task.label_min), round(task.label_max)
    groups = range(low, high + 1) if grouping == "integer" else range(len(grouping) + 1)
    rows = [
        GroupPairRow(
            seed=seed,
            group_above=above,
            group_below=below,
            n_pairs=int(random.integers(5, 60)),
            margin=0.2 + 0.2 * (above - below),
            violation=random.random(),
            weight=1 + random.random(),
            capped=random.random(),
            ordered=random.random(),
        )
        for seed in run.seeds
        for above in groups
        for below in groups
        if above > below
    ]
    write_group_pairs(folder / "group_pairs.csv", rows)
    distances = range(1, min(len(groups), 5))
    bins = [
        PairBinRow(
            quantity, distance, low=0.1 * n, high=0.1 * n + 0.1, n_pairs=10, share=1 / (20 * len(distances))
        )
        for quantity in ("margin", "violation", "weight")
        for distance in distances
        for n in range(20)
    ]
    # Both tables count the same pairs.
    missing = sum(row.n_pairs for row in rows) - 10 * 20 * len(distances)
    bins = [
        replace(row, n_pairs=row.n_pairs + missing) if (row.distance, row.low) == (1, 0.0) else row
        for row in bins
    ]
    write_distributions(folder / "pair_distributions.csv", bins)


def make_coverage(run: Run, segments: Sequence[Segment]) -> Coverage:
    """As `pipeline.align.splits.coverage` does, which itself needs features."""
    n_words = 0 if not run.transcript else 3 * len(segments)
    n_segments = {split: sum(segment.split == split for segment in segments) for split in SPLITS}
    return Coverage(
        segments=len(segments),
        rejected=2,
        duration_s=sum(segment.duration_s for segment in segments),
        words=n_words,
        words_cut_off=0,
        align_methods={"forced" if n_words else "none": len(segments)},
        modalities=tuple(
            ModalityCoverage(
                split=split,
                modality=modality,
                segments=n_segments[split],
                words=3 * n_segments[split],
                valid_words=0.875 if modality in run.modalities_of(split) else 0.0,
                segments_without=0.0625 if modality in run.modalities_of(split) else 1.0,
                valid_rows=0.75 if modality in run.modalities_of(split) else 0.0,
            )
            for split in SPLITS
            for modality in MODALITIES
        ),
        failures=run.failures,
    )

"""A whole run's results on random numbers, written by the writers that the stages use."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from pipeline.artifacts.checkpoint import Checkpoint, TrainingStage
from pipeline.artifacts.curves import write_curves
from pipeline.artifacts.files import write_json, write_text
from pipeline.artifacts.predictions import SplitPredictions, predictions_to_csv
from pipeline.artifacts.segments import SPLITS, Segment, write_segments
from pipeline.artifacts.sequences import MODALITIES
from pipeline.evaluation.contributions import contribution_table
from pipeline.evaluation.metrics import Protocol
from pipeline.evaluation.protocols import protocol_named
from pipeline.evaluation.robustness import NOISE_NAMES, RobustnessCurve, measure_rate, robustness_to_csv
from pipeline.evaluation.tables import difference_table, model_table, order_table, reliability_table
from pipeline.grcf.rank import GROUP_PAIR_COLUMNS, PAIR_BIN_COLUMNS, GroupPairRow, PairBinRow
from pipeline.yaml12 import parse_yaml

PARAMS = Path(__file__).parents[2] / "params.yaml"
N_RESAMPLES = 100
BINARY = {
    "task.kind": "binary",
    "corpus.label_min": 0.0,
    "corpus.label_max": 1.0,
    "evaluate.protocol": "binary",
}
"""What a run on labels 0 and 1 changes in params.yaml."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one test wants of its run; the defaults are an ordinary one. `*_sd` are the errors' spreads in label units."""

    seeds: tuple[int, ...] = (1, 2, 3)
    n_segments: Mapping[str, int] = field(default_factory=lambda: {"train": 60, "valid": 40, "test": 50})
    grcf_sd: float = 0.8
    pointwise_sd: float = 0.8
    modalities: Sequence[str] = MODALITIES
    ids: Callable[[str, int], str] = lambda split, n: f"{split}_{n:03d}"
    speakers: Callable[[str, int], str] = lambda split, n: f"speaker {split} {n % 5}"
    transcript: str | None = "a few words"
    failures: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    constant_grcf: bool = False
    params: Mapping[str, Any] = field(default_factory=dict)


def write_run(root: Path, run: Run) -> None:
    """Write every file that the stage `report` reads under `root`."""
    random = np.random.default_rng(7)
    sections = parse_yaml(PARAMS.read_text(encoding="utf-8"))
    sections["training"]["seeds"] = list(run.seeds)
    sections["evaluate"]["n_resamples"] = N_RESAMPLES
    for name, value in run.params.items():
        section, key = name.split(".")
        sections[section][key] = value
    write_text(root / "params.yaml", yaml.safe_dump(sections, sort_keys=False))
    segments = make_segments(run, sections, random)
    write_segments(root / "data/manifest/segments.jsonl", segments)
    write_evaluation(root / "reports", run, sections, segments, random)
    write_training(root / "reports", run, sections, random)
    write_json(root / "reports/coverage.json", make_coverage(run, segments))


def make_segments(run: Run, sections: Mapping[str, Any], random: np.random.Generator) -> list[Segment]:
    low, high = sections["corpus"]["label_min"], sections["corpus"]["label_max"]
    digits = 0 if sections["task"]["kind"] == "binary" else 1
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
        )
        for split in SPLITS
        for n in range(run.n_segments[split])
    ]


def write_evaluation(
    folder: Path,
    run: Run,
    sections: Mapping[str, Any],
    segments: Sequence[Segment],
    random: np.random.Generator,
) -> None:
    """As stage `evaluate` does, with noise about the labels in place of trained models."""
    settings = sections["evaluate"]
    protocol = protocol_named(settings["protocol"])
    told = {"protocol": protocol, "confidence": settings["confidence"]}
    predictions, metrics, curves, noisy = [], {}, [], []
    comparisons: dict[str, Any] = {"parameters": {"rank": 19201, "calibrate": 19201, "pointwise": 19201}}
    for split in ("valid", "test"):
        mine = [segment for segment in segments if segment.split == split]
        truth = np.array([segment.label for segment in mine])
        noise = random.normal(size=(len(run.seeds), len(mine)))
        own = random.normal(size=(len(run.seeds), len(mine)))
        grcf = truth + run.grcf_sd * (noise + 0.3 * own)
        if run.constant_grcf:
            grcf = np.full_like(grcf, 0.25)
        models = {
            "grcf": grcf,
            "pointwise": truth + run.pointwise_sd * (noise - 0.3 * own),
            protocol.constant: np.full((1, len(mine)), 0.2),
        }
        if protocol.is_binary:
            models = {name: np.clip(rows, 0.0, 1.0) for name, rows in models.items()}
            grcf = models["grcf"]
        seeds = {"grcf": run.seeds, "pointwise": run.seeds, protocol.constant: ()}
        predictions.append(
            SplitPredictions(split, tuple(segment.id for segment in mine), truth, models, seeds)
        )
        bootstrap = {**told, "n_resamples": settings["n_resamples"]}
        shown = {"all": grcf}
        if len(run.modalities) > 1:
            shown |= {f"without {name}": 0.9 * grcf for name in run.modalities}
            shown |= {f"only {name}": 0.5 * grcf for name in run.modalities}
        shown["nothing"] = np.full_like(grcf, 0.1)
        masked = {name: (rows, grcf) for name, rows in shown.items() if name != "all"}
        metrics[split] = model_table(truth, models, **told)
        comparisons[split] = {
            "differences": difference_table(
                truth,
                {f"grcf - {name}": (grcf, models[name]) for name in ("pointwise", protocol.constant)},
                **bootstrap,
            ),
            "modalities": model_table(truth, shown, **told),
            "modality_differences": difference_table(truth, masked, **bootstrap),
            "contributions": contribution_table(truth, by_subset(shown, frozenset(run.modalities)), **told),
            "order": order_table(truth, {"rank": 2 * grcf - 1, "calibrate": grcf}, **told),
            "reliability": reliability_table(
                truth, {name: models[name] for name in ("grcf", "pointwise")}, n_bins=settings["n_bins"]
            ),
        }
        rates, scales = np.array(settings["missing_rates"]), np.array(settings["noise_scales"])
        curves += disturb(split, truth, models, run, protocol, rates, shrunk_by=rates)
        noisy += disturb(split, truth, models, run, protocol, scales, shrunk_by=scales / 4)
    write_text(folder / "predictions.csv", predictions_to_csv(predictions))
    write_text(folder / "robustness.csv", robustness_to_csv(curves))
    write_text(folder / "noise.csv", robustness_to_csv(noisy, names=NOISE_NAMES))
    write_json(folder / "metrics.json", metrics)
    write_json(folder / "comparisons.json", comparisons)


def by_subset(
    shown: Mapping[str, np.ndarray], everything: frozenset[str]
) -> dict[frozenset[str], np.ndarray]:
    """Predictions by what is shown, from those by the names in the table of hidden modalities."""
    kept = {"all": everything, "nothing": frozenset[str]()}
    kept |= {f"without {name}": everything - {name} for name in everything}
    kept |= {f"only {name}": frozenset({name}) for name in everything}
    return {kept[name]: rows for name, rows in shown.items()}


def disturb(
    split: str,
    truth: np.ndarray,
    models: Mapping[str, np.ndarray],
    run: Run,
    protocol: Protocol,
    amounts: np.ndarray,
    *,
    shrunk_by: np.ndarray,
) -> list[RobustnessCurve]:
    """As stage `evaluate` does, with predictions that shrink towards 0 in place of hidden or noisy words."""
    kinds = dict.fromkeys(run.modalities, 0.5) if len(run.modalities) > 1 else {}
    curves = []
    for kind, strength in (kinds | {"all": 1.0}).items() if len(amounts) else ():
        for model in ("grcf", "pointwise"):
            values = [
                [measure_rate(truth, (1 - strength * share) * row, protocol=protocol) for share in shrunk_by]
                for row in models[model]
            ]
            error, order = np.moveaxis(np.array(values), 2, 0)
            curves.append(RobustnessCurve(split, kind, model, amounts, run.seeds, error, order))
    return curves


def write_training(folder: Path, run: Run, sections: Mapping[str, Any], random: np.random.Generator) -> None:
    """Curves and pairs of groups, as the stages of training do."""
    n_epochs: dict[TrainingStage, int] = {
        "rank": 8,
        "pointwise": 8,
        "calibrate": 6 if sections["calibrate"]["scope"] in ("head", "all") else 1,
    }
    for stage, n in n_epochs.items():
        checkpoints = [
            Checkpoint(
                stage=stage,
                objective="groupwise",
                seed=seed,
                network={"dropout": 0.2},
                columns={},
                selected_epoch=1,
                curve=[
                    {
                        "seed": seed,
                        "epoch": epoch,
                        "train_loss": 1 / (epoch + 1) + 0.1 * random.random(),
                        "valid_ordered_pair_accuracy": 0.7 - 0.1 / (epoch + 1) + 0.05 * random.random(),
                        "valid_error": None if stage == "rank" else 0.8 + 0.1 * random.random(),
                    }
                    for epoch in range(n)
                ],
                link="identity",
                best_constant=0.2,
                made_with={"numpy": np.__version__},
                tensors={},
            )
            for seed in run.seeds
        ]
        write_curves(folder / f"curves/{stage}.csv", checkpoints)
    grouping = sections["margin"]["groups"]
    low, high = (round(sections["corpus"][key]) for key in ("label_min", "label_max"))
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
    table = pd.DataFrame(rows, columns=GROUP_PAIR_COLUMNS)
    write_text(
        folder / "group_pairs.csv", table.to_csv(index=False, float_format="%.6f", lineterminator="\n")
    )
    bins = [
        PairBinRow(quantity, distance, low=0.1 * n, high=0.1 * n + 0.1, n_pairs=10, share=1 / 80)
        for quantity in ("margin", "violation", "weight")
        for distance in range(1, min(len(groups), 5))
        for n in range(20)
    ]
    write_text(
        folder / "pair_distributions.csv",
        pd.DataFrame(bins, columns=PAIR_BIN_COLUMNS).to_csv(
            index=False, float_format="%.6f", lineterminator="\n"
        ),
    )


def make_coverage(run: Run, segments: Sequence[Segment]) -> dict[str, object]:
    """The keys of `pipeline.align.splits.coverage`, which itself needs features."""
    n_words = 0 if not run.transcript else 3 * len(segments)
    return {
        "segments": len(segments),
        "rejected": 2,
        "duration_s": sum(segment.duration_s for segment in segments),
        "words": n_words,
        "words_cut_off": 0,
        "align_methods": {"forced" if n_words else "none": len(segments)},
        "modalities": [
            {
                "split": split,
                "modality": modality,
                "segments": sum(segment.split == split for segment in segments),
                "words": 3 * sum(segment.split == split for segment in segments),
                "valid_words": 0.875 if modality in run.modalities else 0.0,
                "segments_without": 0.0625 if modality in run.modalities else 1.0,
                "valid_rows": 0.75 if modality in run.modalities else 0.0,
            }
            for split in SPLITS
            for modality in MODALITIES
        ],
        "failures": run.failures,
    }

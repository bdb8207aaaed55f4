"""What a run leaves for the inspector, on random numbers, written by the writers that the stages use."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pipeline.artifacts.corpus.segments import SPLITS, Segment, write_segments
from pipeline.artifacts.corpus.sequences import MODALITIES, FeatureSequence
from pipeline.artifacts.corpus.task import write_task
from pipeline.artifacts.corpus.words import SegmentWords, write_words
from pipeline.artifacts.evaluated.predictions import SplitPredictions, predictions_to_csv
from pipeline.artifacts.evaluated.representations import (
    MOST_SEGMENTS,
    Representations,
    even_sample,
    write_representations,
)
from pipeline.artifacts.features.packed import pack
from pipeline.artifacts.features.shards import write_sequences
from pipeline.artifacts.formats.files import write_text
from pipeline.artifacts.trained.hardest_pairs import HardestPairs, HardPair, HardSegment, write_hardest_pairs
from pipeline.yaml12 import parse_yaml
from tests.tasks import others, task_of

ROOT = Path(__file__).parents[2]
CLIPS = ROOT / "data/raw/demo/clips"
CLASSES = {
    "task.kind": "classes",
    "task.classes": ["anger", "calm", "joy"],
    "task.label_min": 0.0,
    "task.label_max": 2.0,
    "evaluate.protocol": "classes",
}
"""What a run on three classes changes in the task."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one test wants; the defaults are an ordinary run without recordings. `error_sd` is in label units.

    `n_train` is the size of the train that the weighed segments are a sample of; None where they are all of it.
    """

    seeds: tuple[int, ...] = (1, 2, 3)
    n_segments: Mapping[str, int] = field(default_factory=lambda: {"train": 8, "valid": 30, "test": 12})
    error_sd: float = 1.5
    ids: Callable[[str, int], str] = lambda split, n: f"{split}_{n:03d}"
    texts: Callable[[str, int], str | None] = lambda split, n: f"said {n} in {split}"
    speakers: Callable[[str, int], str] = lambda split, n: f"speaker {split} {n % 3}"
    media: Callable[[str, int], str | None] = lambda split, n: None
    has_video: bool = True
    span_s: tuple[float, float] = (0.0, 2.0)
    failures: Mapping[str, str] = field(default_factory=dict)
    objective: str = "groupwise"
    n_train: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)


def write_run(root: Path, run: Run) -> None:
    """Write every file that the inspector is made from under `root`."""
    random = np.random.default_rng(3)
    sections = parse_yaml((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for name, value in others(run.params).items():
        section, key = name.split(".")
        sections[section][key] = value
    write_text(root / "params.yaml", yaml.safe_dump(sections, sort_keys=False))
    write_task(root / "data/manifest/task.json", task_of(run.params))
    segments = make_segments(run, random)
    ids = [segment.id for segment in segments]
    write_segments(root / "data/manifest/segments.jsonl", segments)
    write_words(root / "data/words/words.jsonl", [SegmentWords(id_, "proportional", ()) for id_ in ids])
    for modality in MODALITIES:
        failures = run.failures if modality == "visual" else {}
        sequences = [
            FeatureSequence.empty(2, failures[id_])
            if id_ in failures
            else FeatureSequence(
                np.zeros((4, 2), np.float32), np.arange(4.0), np.array([True, True, True, False])
            )
            for id_ in ids
        ]
        packed = pack(modality, ids, sequences, columns=("a", "b"), extractor={})
        write_sequences(root / f"data/{modality}", packed)
    predictions = [make_predictions(run, split, segments, random) for split in ("valid", "test")]
    write_text(
        root / "reports/predictions.csv",
        predictions_to_csv([each for each in predictions if each.ids]),
    )
    write_hardest_pairs(root / "data/weights/hardest_pairs.json", make_hardest_pairs(run, segments, random))
    for split in ("valid", "test"):
        write_representations(
            root / "data/representations",
            make_representations(run, split, [s for s in segments if s.split == split], random),
        )


def make_segments(run: Run, random: np.random.Generator) -> list[Segment]:
    task = task_of(run.params)
    low, high = task.label_min, task.label_max
    digits = 1 if task.kind == "regression" else 0
    return [
        Segment(
            id=run.ids(split, n),
            split=split,
            label=float(np.round(random.uniform(low, high), digits)),
            speaker=run.speakers(split, n),
            video=f"{split} recording {n}",
            language="en",
            text=run.texts(split, n),
            media=run.media(split, n),
            media_sha256=None,
            has_audio=True,
            has_video=run.has_video,
            start_s=run.span_s[0],
            end_s=run.span_s[1],
        )
        for split in SPLITS
        for n in range(run.n_segments[split])
    ]


def make_predictions(
    run: Run, split: str, segments: list[Segment], random: np.random.Generator
) -> SplitPredictions:
    of_split = [segment for segment in segments if segment.split == split]
    truth = np.array([segment.label for segment in of_split])
    ids = tuple(segment.id for segment in of_split)
    classes = task_of(run.params).classes
    if classes:
        shares = random.dirichlet(np.ones(len(classes)), size=(2, len(run.seeds), len(of_split)))
        constant = np.full((1, len(of_split), len(classes)), 1 / len(classes))
        models = {"grcf": shares[0], "pointwise": shares[1], "class_shares": constant}
        seeds = {"grcf": run.seeds, "pointwise": run.seeds, "class_shares": ()}
        return SplitPredictions(split, ids, truth, models, seeds, classes=classes)
    shared = random.normal(size=len(of_split))
    own = random.normal(size=(len(run.seeds), len(of_split)))
    grcf = truth + run.error_sd * (shared + 0.2 * own)
    baseline = truth + run.error_sd * (shared - 0.2 * own)
    return SplitPredictions(
        split,
        ids,
        truth,
        {"grcf": grcf, "pointwise": baseline, "median": np.zeros((1, len(of_split)))},
        {"grcf": run.seeds, "pointwise": run.seeds, "median": ()},
    )


def make_representations(
    run: Run, split: str, segments: list[Segment], random: np.random.Generator
) -> Representations:
    """Vectors that grow with the label along one direction, and are random along all."""
    labels = np.array([segment.label for segment in segments])
    sample = even_sample(labels, at_most=MOST_SEGMENTS)
    by_seed = {
        seed: 3 * labels[sample, None] * random.normal(size=6) + random.normal(size=(len(sample), 6))
        for seed in run.seeds
    }
    return Representations(
        split,
        tuple(segments[position].id for position in sample),
        len(segments),
        {seed: vectors.astype(np.float32) for seed, vectors in by_seed.items()},
    )


def make_hardest_pairs(run: Run, segments: list[Segment], random: np.random.Generator) -> HardestPairs:
    """Every pair of train with different rounded labels, under random scores."""
    train = sorted((s for s in segments if s.split == "train"), key=lambda s: -s.label)
    n = len(run.seeds)
    pairs = [
        HardPair(
            above=above.id,
            below=below.id,
            margin=0.5,
            weight=tuple(random.uniform(1, 2, n).tolist()),
            violation=tuple(random.uniform(0, 3, n).tolist()),
            gap=tuple(random.normal(0, 2, n).tolist()),
        )
        for position, above in enumerate(train)
        for below in train[position + 1 :]
        if round(above.label) > round(below.label)
    ]
    pairs.sort(key=lambda pair: -float(np.dot(pair.weight, pair.violation)))
    return HardestPairs(
        seeds=run.seeds,
        objective=run.objective,
        n_segments=len(train),
        n_train=len(train) if run.n_train is None else run.n_train,
        n_pairs=len(pairs),
        n_ranked=len(train),
        mean_pull=2.0,
        fence=5.0,
        pairs=tuple(pairs),
        segments=tuple(
            HardSegment(
                id=segment.id,
                order=tuple(random.uniform(0, 1, n).tolist()),
                label_order=0.5,
                n_pairs=len(train) - 1,
                pull_above=6.0 / (1 + position),
                pull_below=0.5,
                extra=1.25,
                n_hardest=sum(segment.id in (pair.above, pair.below) for pair in pairs),
                stands_out=position == 0,
            )
            for position, segment in enumerate(train)
        ),
    )


def copy_clip(root: Path, media: str, source: str = "s01_01.mp4") -> None:
    """Put a real clip where a segment says that its recording is."""
    (root / media).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(CLIPS / source, root / media)

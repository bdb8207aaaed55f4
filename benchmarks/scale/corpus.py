"""Generated corpora: what `align` reads, or what `align` and training leave, of any number of segments."""

import itertools
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.aligned.writing import write_aligned
from pipeline.artifacts.corpus.rejections import write_rejections
from pipeline.artifacts.corpus.segments import Segment, Split, iterate_segments, write_segments
from pipeline.artifacts.corpus.sequences import (
    MODALITIES,
    FeatureSequence,
    Modality,
)
from pipeline.artifacts.corpus.task import Task, write_task
from pipeline.artifacts.corpus.words import SegmentWords, Word
from pipeline.artifacts.features.packed import PackedSequences
from pipeline.artifacts.features.shards import write_sequences, write_sequences_of
from pipeline.artifacts.formats.files import write_text
from pipeline.extract.audio.classic import audio_columns
from pipeline.extract.visual.mesh import visual_columns
from pipeline.yaml12 import parse_yaml

ROOT = Path(__file__).parents[2]
_DURATION_S = 7.0
_EXTRACTOR: dict[str, Any] = {"settings": {}, "libraries": {}, "device": "cpu"}


@dataclass(frozen=True)
class Features:
    """What extraction gives of one segment.

    Attributes:
        n_words: number of words; each has a row of text.
        n_rows: number of rows of sound and face.
        columns: names of the columns of each modality.
    """

    n_words: int
    n_rows: Mapping[Modality, int]
    columns: Mapping[Modality, list[str]]


def usual_features(settings: Mapping[str, Any]) -> Features:
    """As many numbers as extraction gives of a spoken review."""
    audio = settings["audio"]
    return Features(
        20,
        {"audio": round(50 * _DURATION_S), "visual": round(10 * _DURATION_S)},
        {
            "text": [f"hidden_{i + 1}" for i in range(384)],
            "audio": list(audio_columns(n_mfcc=audio["n_mfcc"], n_chroma=audio["n_chroma"])),
            "visual": list(visual_columns(landmarks=False)),
        },
    )


def small_features() -> Features:
    """So few numbers that a million segments fit a disk: what grows with the segments themselves is as ever."""
    columns: dict[Modality, list[str]] = {
        modality: [f"{modality}_{i + 1}" for i in range(8)] for modality in MODALITIES
    }
    return Features(4, {"audio": 4, "visual": 4}, columns)


def write_corpus(root: Path, n_segments: int, *, small: bool = False) -> None:
    """What `align` reads, and parameters for one seed and one epoch.

    Args:
        root: folder of the run.
        n_segments: number of segments, of all splits together.
        small: whether to write `small_features` in place of `usual_features`.
    """
    settings = write_parameters(root)
    rng = np.random.default_rng(n_segments)
    features = small_features() if small else usual_features(settings)
    bounds_s = np.linspace(0, _DURATION_S, features.n_words + 1).tolist()
    words = tuple(Word(f"word{i}", start, end) for i, (start, end) in enumerate(itertools.pairwise(bounds_s)))
    segments = [_segment(i, n_segments, round(float(rng.normal(scale=1.4)), 1)) for i in range(n_segments)]
    write_segments(root / "data/manifest/segments.jsonl", segments)
    write_rejections(root / "data/manifest/rejected.csv", [])
    write_task(root / "data/manifest/task.json", Task("regression", "label", -3.0, 3.0, "mosi", "integer"))
    words_line = SegmentWords("", "given", words).to_bytes().decode()
    write_text(
        root / "data/words/words.jsonl",
        "".join(words_line.replace('"id": ""', f'"id": "{segment.id}"') for segment in segments),
    )
    (root / "data/words/extractor.json").write_text(json.dumps(_EXTRACTOR), encoding="utf-8")
    for modality in MODALITIES:
        columns, n_rows = features.columns[modality], features.n_rows.get(modality, features.n_words)
        write = _write_rows_at_once if small else _write_rows
        write(root / f"data/{modality}", modality, segments, columns, n_rows, rng)


def _write_rows(
    path: Path,
    modality: Modality,
    segments: list[Segment],
    columns: list[str],
    n_rows: int,
    rng: np.random.Generator,
) -> None:
    times_s = (np.arange(n_rows) + 0.5) * (_DURATION_S / n_rows)
    sequences = (
        FeatureSequence(
            rng.standard_normal((n_rows, len(columns)), np.float32) + np.float32(segment.label / 3),
            times_s,
            np.ones(n_rows, bool),
        )
        for segment in segments
    )
    ids = [segment.id for segment in segments]
    recordings = [segment.recording for segment in segments]
    write_sequences_of(
        path, modality, ids, sequences, recordings=recordings, columns=columns, extractor=_EXTRACTOR
    )


def _write_rows_at_once(
    path: Path,
    modality: Modality,
    segments: list[Segment],
    columns: list[str],
    n_rows: int,
    rng: np.random.Generator,
) -> None:
    """What `_write_rows` writes, in a tenth of its time, with all rows in memory."""
    n = len(segments)
    values = rng.standard_normal((n * n_rows, len(columns)), np.float32)
    values += np.repeat(np.array([segment.label / 3 for segment in segments], np.float32), n_rows)[:, None]
    packed = PackedSequences(
        modality=modality,
        ids=tuple(segment.id for segment in segments),
        columns=tuple(columns),
        offsets=np.arange(0, n * n_rows + 1, n_rows),
        values=values,
        times_s=np.tile((np.arange(n_rows) + 0.5) * (_DURATION_S / n_rows), n),
        valid=np.ones(n * n_rows, bool),
        failures={},
        extractor=_EXTRACTOR,
    )
    write_sequences(path, packed, recordings=[segment.recording for segment in segments])


def write_aligned_corpus(root: Path, networks: Path) -> None:
    """What `align` and training would leave of a corpus of `write_corpus` with small features, by which `evaluate` begins.

    Args:
        root: folder of the run.
        networks: folder of a kept run, whose networks are taken.
    """
    for name in ("rank", "calibrate", "pointwise", "weights", "degraded"):
        shutil.copytree(networks / "data" / name, root / "data" / name, dirs_exist_ok=True)
    shutil.copytree(networks / "reports", root / "reports", dirs_exist_ok=True)
    features, rng = small_features(), np.random.default_rng(0)
    columns = {modality: tuple(features.columns[modality]) for modality in MODALITIES}
    segments: dict[Split, list[Segment]] = {"valid": [], "test": []}
    for segment in iterate_segments(root / "data/manifest/segments.jsonl"):
        if segment.split in segments:
            segments[segment.split].append(segment)
    for split, of_split in segments.items():
        labels = np.array([segment.label for segment in of_split])
        n_words = features.n_words * len(of_split)
        shift = np.repeat(labels.astype(np.float32) / 3, features.n_words)[:, None]
        aligned = AlignedSplit(
            split=split,
            ids=tuple(segment.id for segment in of_split),
            labels=labels,
            offsets=np.arange(0, n_words + 1, features.n_words),
            features={
                modality: rng.standard_normal((n_words, len(names)), np.float32) + shift
                for modality, names in columns.items()
            },
            valid={modality: np.ones(n_words, bool) for modality in MODALITIES},
            columns=columns,
            speaker=tuple(segment.speaker for segment in of_split),
            video=tuple(segment.video for segment in of_split),
        )
        write_aligned(root / f"data/align/{split}", aligned)


def write_parameters(root: Path) -> dict[str, Any]:
    """The parameters of a run, which are those of the project but for one seed and one epoch."""
    settings: dict[str, Any] = parse_yaml((ROOT / "params.yaml").read_text(encoding="utf-8"))
    settings["training"] |= {"seeds": [1], "epochs": 1}
    (root / "params.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return settings


def _segment(number: int, n_segments: int, label: float) -> Segment:
    split: Split = "train" if number < 0.7 * n_segments else "valid" if number < 0.8 * n_segments else "test"
    return Segment(
        id=f"segment{number:06d}",
        split=split,
        label=min(3.0, max(-3.0, label)),
        speaker=f"speaker{number // 10}",
        video=f"video{number // 10}",
        language="en",
        text=None,
        media=None,
        media_sha256=None,
        has_audio=False,
        has_video=False,
        start_s=0.0,
        end_s=_DURATION_S,
    )

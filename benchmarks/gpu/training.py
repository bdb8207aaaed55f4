"""Training on a GPU: several seeds against one, and an epoch in which a language model learns with the ranking loss."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import gradient_caching
from benchmarks.gpu.models import save_bert
from benchmarks.gpu.scale import PRECISIONS, ROOT, TRANSCRIPTS, Scale, demo_rows, seconds_of
from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.artifacts.corpus.tokens import join_tokens
from pipeline.evaluation.selection import mean_absolute_error
from pipeline.extract.text.encoder import TextEncoder
from pipeline.extract.tokens import tokenise
from pipeline.grcf.calibration.pointwise_objective import absolute_error
from pipeline.grcf.fit.loop import TrainingSettings, first_networks, train_network
from pipeline.grcf.fit.selection import Selection
from pipeline.grcf.fit.stacked import train_networks
from pipeline.grcf.network.batches import SplitTensors
from pipeline.grcf.network.checkpoints import build_network
from pipeline.grcf.network.curve import IDENTITY
from pipeline.grcf.rank import ranking_objective
from pipeline.pretrained.models import EncoderSettings

SEEDS = (1, 2, 3, 4, 5)
# Segments of train and width of the network: the demo's, and those of CMU-MOSI in `benchmarks.mosi`.
_SIZES = {"demo": (96, 64), "mosi": (1284, 128)}
_COLUMNS: Mapping[Modality, int] = {"text": 384, "audio": 74, "visual": 35}


def seeds(scale: Scale) -> dict[str, Any]:
    """Five seeds of stage 1 against one: one after the other, as processes, and side by side; at most 2 is aimed at."""
    result: dict[str, Any] = {"target": 2.0}
    _train((1,), 64, 64, scale)  # what a device does once is no part of any of them
    for name, (n_segments, width) in _SIZES.items():
        if scale.small and name != "demo":
            continue
        n_segments = scale.of(n_segments, 16)
        one = seconds_of(lambda n=n_segments, w=width: _train((1,), n, w, scale), scale.device)  # type: ignore[misc]
        together = seconds_of(
            lambda n=n_segments, w=width: _train(SEEDS, n, w, scale, stacked=True),  # type: ignore[misc]
            scale.device,
        )
        after = seconds_of(lambda n=n_segments, w=width: _train(SEEDS, n, w, scale), scale.device)  # type: ignore[misc]
        alone, at_once = (
            _processes(some, n_segments, width, scale) for some in ((1,), SEEDS[: scale.of(5, 1)])
        )
        result[name] = {
            "segments": n_segments,
            "seconds_of_one": round(one, 3),
            "seconds_of_one_process": round(alone, 3),
            "five_over_one": {
                "one after the other": round(after / one, 3),
                "processes, start included": round(at_once / alone, 3),
                "side by side": round(together / one, 3),
            },
        }
    return result


def _train(
    chosen: tuple[int, ...], n_segments: int, width: int, scale: Scale, *, stacked: bool = False
) -> None:
    train, valid = (_split(name, n, seed) for name, n, seed in (("train", n_segments, 1), ("valid", 32, 2)))
    tensors = [SplitTensors(part, device=scale.device) for part in (train, valid)]
    network = replace(gradient_caching.NETWORK, width=width)
    starts = [
        build_network(columns=train.columns, settings=network, seed=seed).to(scale.device) for seed in chosen
    ]
    settings = TrainingSettings(
        epochs=scale.of(5, 1), batch_size=32, learning_rate=1e-3, weight_decay=0.01, modality_dropout=0.3,
        precision="float32",
    )  # fmt: skip
    how: dict[str, Any] = {
        "objective": lambda score, label, *_: absolute_error(score, label).mean(),
        "selection": Selection(by="magnitude", calibration=IDENTITY, error=mean_absolute_error),
        "settings": settings,
    }
    if stacked:
        train_networks(starts, *tensors, seeds=chosen, **how)
        return
    for seed, start in zip(chosen, starts, strict=True):
        train_network(start, *tensors, seed=seed, **how)


def _processes(chosen: tuple[int, ...], n_segments: int, width: int, scale: Scale) -> float:
    code = (
        "import sys; from benchmarks.gpu.scale import Scale; from benchmarks.gpu.training import _train; "
        f"_train((int(sys.argv[1]),), {n_segments}, {width}, Scale({scale.device!r}, {scale.small}))"
    )
    started = time.perf_counter()
    running = [subprocess.Popen([sys.executable, "-c", code, str(seed)], cwd=ROOT) for seed in chosen]
    statuses = [process.wait() for process in running]
    if any(statuses):
        raise RuntimeError(f"training processes ended with {statuses}")
    return time.perf_counter() - started


def _split(split: Any, n_segments: int, seed: int) -> AlignedSplit:
    """Labels that the first column of text tells under noise, as many columns as the demo's extractors give."""
    rng = np.random.default_rng(seed)
    labels = rng.uniform(-3, 3, n_segments).round(1)
    lengths = rng.integers(4, 20, n_segments)
    offsets = np.concatenate([[0], lengths.cumsum()]).astype(np.int64)
    features = {
        modality: rng.standard_normal((int(offsets[-1]), width)).astype(np.float32)
        for modality, width in _COLUMNS.items()
    }
    features["text"][:, 0] += np.repeat(labels, lengths).astype(np.float32)
    return AlignedSplit(
        split=split,
        ids=tuple(f"{split}-{position}" for position in range(n_segments)),
        labels=labels,
        offsets=offsets,
        features=features,
        valid={modality: np.ones(int(offsets[-1]), bool) for modality in MODALITIES},
        columns={modality: tuple(f"{modality}_{k}" for k in range(n)) for modality, n in _COLUMNS.items()},
    )


def finetuning(scale: Scale) -> dict[str, Any]:
    """An epoch in which BERT-base learns with GRCF's ranking loss: seconds and memory by size of the group and of the chunk."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        bert = save_bert(Path(name) / "bert", TRANSCRIPTS, small=scale.small)
        n_segments = scale.of(1024, 16)
        train, valid = (
            _spoken(split, n, bert, seed)
            for split, n, seed in (("train", n_segments, 1), ("valid", scale.of(128, 8), 2))
        )
        _epoch(valid, valid, scale.of(32, 4), None, "float32", scale)  # as above
        groups = (4, 8, 16) if scale.small else (32, 256, 1024)
        for precision in PRECISIONS:
            for group in groups:
                for chunk in (None, groups[0]) if group > groups[0] else (None,):
                    row: dict[str, Any] = {"precision": precision, "group": group, "chunk": chunk}
                    try:
                        row |= _epoch(train, valid, group, chunk, precision, scale)
                    except torch.cuda.OutOfMemoryError:
                        row["failure"] = "out of memory"
                    rows.append(row)
    return {"segments": n_segments, "rows": rows}


def _epoch(
    train: AlignedSplit, valid: AlignedSplit, group: int, chunk: int | None, precision: Any, scale: Scale
) -> dict[str, Any]:
    settings = TrainingSettings(
        epochs=1, batch_size=group, learning_rate=1e-3, weight_decay=0.01, modality_dropout=0.0, precision=precision,
        chunk_size=chunk, finetuning=gradient_caching.FINETUNING,
    )  # fmt: skip
    objective = ranking_objective(
        "groupwise", margin=gradient_caching.MARGIN, advantage=gradient_caching.ADVANTAGE
    ).loss
    assert objective is not None, "the groupwise objective has a loss"
    (start,) = first_networks(
        train, network=gradient_caching.NETWORK, settings=settings, seeds=[1], device=scale.device
    )
    tensors = [SplitTensors(part, device=scale.device) for part in (train, valid)]
    if scale.device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    seconds = seconds_of(
        lambda: train_network(
            start,
            *tensors,
            objective=objective,
            selection=Selection(by="order"),
            seed=1,
            settings=settings,
        ),
        scale.device,
    )
    peak = torch.cuda.max_memory_allocated() / 2**20 if scale.device == "cuda" else None
    return {"seconds": round(seconds, 3), "peak_mb": None if peak is None else round(peak)}


def _spoken(split: Any, n_segments: int, folder: Path, seed: int) -> AlignedSplit:
    """Segments of which each says a sentence of the demo, with nothing but text."""
    rng = np.random.default_rng(seed)
    encoder = TextEncoder(
        str(folder), settings=EncoderSettings(layers=(-1,), precision="float32"), device="cpu"
    )
    written = [tokenise(row["text"]) for row in demo_rows()]
    tokens = join_tokens(encoder.tokenise([written[i % len(written)] for i in range(n_segments)]))
    n_words = int(tokens.word_offsets[-1])
    nothing = np.zeros((n_words, 0), np.float32)
    return AlignedSplit(
        split=split,
        ids=tuple(f"{split}-{position}" for position in range(n_segments)),
        labels=rng.uniform(-3, 3, n_segments).round(1),
        offsets=tokens.word_offsets,
        features=dict.fromkeys(MODALITIES, nothing),
        valid={modality: np.full(n_words, modality == "text") for modality in MODALITIES},
        columns={"text": encoder.columns, "audio": (), "visual": ()},
        tokens=tokens,
    )

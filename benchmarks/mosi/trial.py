"""One trained and evaluated model of the benchmark: a method, a seed, a split, spoilt or thinned out or as it is."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.methods import Method
from benchmarks.mosi.data import divide, read_pool, spoil_labels, thin_out
from benchmarks.training import train_method
from pipeline.artifacts.files import sha256_of, tensors_from_bytes, tensors_to_bytes
from pipeline.execution.cache import ResultCache, cache_folder, cache_key
from pipeline.execution.device import best_device
from pipeline.execution.executor import map_cached
from pipeline.execution.seeds import made_with
from pipeline.execution.source import source_digest
from pipeline.grcf.scoring import predict

_KIND, _VERSION = "benchmark trial", 1
_FEATURES = (
    "manifest/segments.jsonl",
    "words/words.jsonl",
    "text/features.safetensors",
    "audio/features.safetensors",
)


@dataclass(frozen=True)
class Trial:
    """What is trained on what.

    Attributes:
        method: the row of the table.
        seed: of the first weights and of everything random in training, and of which labels are spoilt.
        split: "standard" or the seed of a random one.
        noise: share of the labels of train and valid that are replaced by others, 0 to 1.
        share: share of train that is used, 0 to 1.
    """

    method: Method
    seed: int
    split: str = "standard"
    noise: float = 0.0
    share: float = 1.0


@dataclass(frozen=True, eq=False)
class Outcome:
    """Labels, scores after stage 1 and predictions of one model, by split; the baseline has no stage 1."""

    truth: dict[str, np.ndarray]
    score: dict[str, np.ndarray]
    prediction: dict[str, np.ndarray]

    def to_bytes(self) -> bytes:
        """Pack for the cache."""
        tensors = {
            f"{field}.{split}": values
            for field, rows in asdict(self).items()
            for split, values in rows.items()
        }
        return tensors_to_bytes(tensors, kind=_KIND, version=_VERSION, header={})

    @classmethod
    def from_bytes(cls, content: bytes) -> "Outcome":
        """Unpack what `to_bytes` packed."""
        tensors, _ = tensors_from_bytes(content, kind=_KIND, version=_VERSION, source="benchmark cache entry")
        rows: dict[str, dict[str, np.ndarray]] = {"truth": {}, "score": {}, "prediction": {}}
        for name, values in tensors.items():
            field, _, split = name.partition(".")
            rows[field][split] = values
        return cls(**rows)


def run_trials(
    trials: Sequence[Trial], *, repository: Path, align: dict[str, Any], title: str
) -> list[Outcome]:
    """Train and evaluate each, side by side; those that an earlier or killed run finished are not done again."""
    features = [sha256_of(repository / "data" / name) for name in _FEATURES]
    source, versions = source_digest("pipeline.grcf.scoring"), made_with()
    sources = [source] + [
        source_digest(f"pipeline.grcf.{name}") for name in ("rank", "calibrate", "pointwise")
    ]
    keys = [
        cache_key(
            trial=[trial.method.settings(), trial.seed, trial.split, trial.noise, trial.share],
            features=features,
            align=align,
            sources=sources,
            made_with=versions,
        )
        for trial in trials
    ]
    return map_cached(
        partial(run_trial, repository=repository, align=align),
        trials,
        keys=keys,
        cache=ResultCache(cache_folder() / "benchmarks" / "mosi"),
        encode=Outcome.to_bytes,
        decode=Outcome.from_bytes,
        title=title,
        unit="model",
    )


def run_trial(trial: Trial, *, repository: Path, align: dict[str, Any]) -> Outcome:
    """Train one model and let it predict every split; labels of test are never spoilt and never seen in training."""
    train, valid, test = divide(read_pool(repository, **align), trial.split)
    clean = {"train": train, "valid": valid, "test": test}
    if trial.noise:
        train, valid = (spoil_labels(part, share=trial.noise, seed=trial.seed) for part in (train, valid))
    if trial.share < 1:
        train = thin_out(train, share=trial.share, seed=trial.seed)
    stages = train_method(trial.method, train, valid, seed=trial.seed)
    said = [
        {name: predict([model], part, device=best_device())[0] for name, part in clean.items()}
        for model in stages
    ]
    return Outcome(
        {name: part.labels for name, part in clean.items()}, said[0] if len(said) > 1 else {}, said[-1]
    )

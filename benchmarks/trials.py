"""The models of a benchmark, trained side by side and kept, so that a killed run goes on where it stopped."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pipeline.artifacts.formats.files import sha256_of, tensors_from_bytes, tensors_to_bytes
from pipeline.execution.cache import ResultCache, cache_folder, cache_key
from pipeline.execution.executor import map_cached
from pipeline.execution.seeds import environment
from pipeline.execution.source import source_digest

_KIND, _VERSION = "benchmark trial", 1

Trial = TypeVar("Trial")
"""A frozen dataclass with the field `method`; all its fields together say what is trained on what."""


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


def map_trials(
    run_trial: Callable[..., Outcome],
    trials: Sequence[Trial],
    *,
    benchmark: str,
    features: Sequence[str],
    repository: Path,
    align: dict[str, Any],
    title: str,
) -> list[Outcome]:
    """Train and evaluate each, side by side; those that an earlier or killed run finished are not done again.

    Args:
        run_trial: trains and evaluates one, given `repository` and `align` by name.
        trials: trials to train.
        benchmark: name of the folder of the cache.
        features: files below `data/` of the repository that every trial reads.
        repository: the clone in which the features were extracted.
        align: parameters of the alignment.
        title: name of the work, for the progress line.
    """
    inputs = [sha256_of(repository / "data" / name) for name in features]
    sources = [source_digest(module) for module in (run_trial.__module__, "benchmarks.training")]
    versions = environment()
    keys = [
        cache_key(
            trial=_described(trial), features=inputs, align=align, sources=sources, environment=versions
        )
        for trial in trials
    ]
    return list(
        map_cached(
            partial(run_trial, repository=repository, align=align),
            trials,
            keys=keys,
            cache=ResultCache(cache_folder() / "benchmarks" / benchmark),
            encode=Outcome.to_bytes,
            decode=Outcome.from_bytes,
            title=title,
            unit="model",
        )
    )


def _described(trial: Any) -> dict[str, Any]:
    values = {field.name: getattr(trial, field.name) for field in fields(trial)}
    return values | {"method": trial.method.settings()}

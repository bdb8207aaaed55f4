"""One model per seed, side by side, each kept as soon as it is trained."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.artifacts.checkpoint import Checkpoint, TrainingStage, checkpoint_path
from pipeline.artifacts.files import sha256_of
from pipeline.execution.cache import ResultCache, cache_folder, cache_key, library_versions
from pipeline.execution.device import device_class
from pipeline.execution.executor import map_cached
from pipeline.execution.source import source_digest


def made_with() -> dict[str, str]:
    """Versions and class of device, for checkpoint headers and cache keys."""
    return library_versions("torch", "numpy", "scipy") | {"device": device_class()}


def inputs_of(seed: int, *, stage: TrainingStage) -> tuple[Path, ...]:
    """The files that the model of a seed is made from; their content is part of its cache key."""
    splits = (Path("data/align/train.safetensors"), Path("data/align/valid.safetensors"))
    return (*splits, checkpoint_path(Path("data/rank"), seed)) if stage == "calibrate" else splits


def seed_cache(stage: TrainingStage) -> ResultCache:
    """The checkpoints of one stage."""
    return ResultCache(cache_folder() / "checkpoints" / stage)


def seed_keys(
    seeds: Sequence[int],
    *,
    stage: TrainingStage,
    inputs: Callable[[int], Sequence[Path]],
    settings: Mapping[str, Any],
    digest: Callable[[Path], str] = sha256_of,
) -> list[str]:
    """The cache key of each seed; arguments as those of `map_seeds`, and what digests a file."""
    digests = {path: digest(path) for path in dict.fromkeys(path for seed in seeds for path in inputs(seed))}
    source, versions = source_digest(f"stages.{stage}"), made_with()
    return [
        cache_key(
            seed=seed,
            inputs=[digests[path] for path in inputs(seed)],
            settings=settings,
            source=source,
            made_with=versions,
        )
        for seed in seeds
    ]


def map_seeds(
    train_seed: Callable[[int], Checkpoint],
    seeds: Sequence[int],
    *,
    stage: TrainingStage,
    inputs: Callable[[int], Sequence[Path]],
    settings: Mapping[str, Any],
) -> list[Checkpoint]:
    """`train_seed` for every seed in worker processes; seeds that a killed run finished are not trained again.

    Args:
        train_seed: loads what it needs and trains one model.
        seeds: which seeds.
        stage: name of the stage and of its entry module in `stages/`.
        inputs: the files that the model of a seed is made from, see `inputs_of`.
        settings: every parameter that the model depends on, as JSON values.
    """
    return map_cached(
        train_seed,
        seeds,
        keys=seed_keys(seeds, stage=stage, inputs=inputs, settings=settings),
        cache=seed_cache(stage),
        encode=Checkpoint.to_bytes,
        decode=Checkpoint.from_bytes,
        title=stage,
        unit="seed",
        describe=lambda seed: f"seed {seed}",
    )

"""One model per seed, side by side, each kept as soon as it is trained."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.artifacts.checkpoint import Checkpoint, TrainingStage, checkpoint_path
from pipeline.artifacts.files import sha256_of
from pipeline.execution.cache import ResultCache, cache_folder, cache_key
from pipeline.execution.device import best_device, device_class
from pipeline.execution.executor import map_cached
from pipeline.execution.source import source_digest
from pipeline.execution.versions import library_versions


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
    source = source_digest(f"stages.{stage}")
    # The last two make only what a text encoder learns, but one key for all is simpler than two.
    versions = made_with() | library_versions("peft", "transformers")
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
    train_seeds: Callable[[Sequence[int]], Iterable[Checkpoint]],
    seeds: Sequence[int],
    *,
    stage: TrainingStage,
    inputs: Callable[[int], Sequence[Path]],
    settings: Mapping[str, Any],
) -> list[Checkpoint]:
    """A model for every seed; seeds that a killed run finished are not trained again.

    On a CPU each seed has a worker process. A GPU trains all that are missing in this one: processes would wait for each
    other's kernels, and each would hold a context of its own.

    Args:
        train_seeds: loads what it needs and trains the models of some seeds, each the same whatever the others are, and
            gives each as soon as it is there.
        seeds: which seeds.
        stage: name of the stage and of its entry module in `stages/`.
        inputs: the files that the model of a seed is made from, see `inputs_of`.
        settings: every parameter that the model depends on, as JSON values.
    """
    keys = seed_keys(seeds, stage=stage, inputs=inputs, settings=settings)
    cache = seed_cache(stage)
    if best_device() == "cuda":
        return _together(train_seeds, seeds, keys=keys, cache=cache)
    return map_cached(
        partial(_alone, train_seeds),
        seeds,
        keys=keys,
        cache=cache,
        encode=Checkpoint.to_bytes,
        decode=Checkpoint.from_bytes,
        title=stage,
        unit="seed",
        describe=lambda seed: f"seed {seed}",
    )


def _alone(train_seeds: Callable[[Sequence[int]], Iterable[Checkpoint]], seed: int) -> Checkpoint:
    (checkpoint,) = train_seeds([seed])
    return checkpoint


def _together(
    train_seeds: Callable[[Sequence[int]], Iterable[Checkpoint]],
    seeds: Sequence[int],
    *,
    keys: Sequence[str],
    cache: ResultCache,
) -> list[Checkpoint]:
    found = {seed: cache.load(key, Checkpoint.from_bytes) for seed, key in zip(seeds, keys, strict=True)}
    missing = [seed for seed, checkpoint in found.items() if checkpoint is None]
    for checkpoint in train_seeds(missing) if missing else ():
        cache.put(keys[seeds.index(checkpoint.seed)], checkpoint.to_bytes())
        found[checkpoint.seed] = checkpoint
    return [checkpoint for checkpoint in found.values() if checkpoint is not None]

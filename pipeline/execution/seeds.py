"""One model per seed, trained in parallel and kept as soon as it is there.

What a model rests on is in its cache key: its seed, the content of the files that it is made from, the parameters, the code of
the module that trains it with all that this imports and of parts of one's own (`plugins/`), the versions of libraries, and the class of device. A stage only hands
its parameters on, each to the setting of the same name; whatever decides more than that belongs into the module that trains.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import cache, partial
from pathlib import Path
from typing import Any

from pipeline.artifacts.formats.files import sha256_of
from pipeline.artifacts.sharding.files import INDEX, check_content
from pipeline.artifacts.trained.checkpoint import Checkpoint, TrainingStage
from pipeline.execution.apart import apart
from pipeline.execution.cache import ResultCache, cache_folder, cache_key
from pipeline.execution.device import best_device, device_class
from pipeline.execution.engines.protocol import OTHER_DEVICE, unlike
from pipeline.execution.engines.protocol import VARIABLE as ENGINE
from pipeline.execution.executor import map_cached
from pipeline.execution.live import Live, following, live_curves
from pipeline.execution.plugin_sources import plugin_sources
from pipeline.execution.source import source_digest
from pipeline.execution.variables import variable
from pipeline.execution.versions import library_versions

READER = "pipeline.artifacts.aligned.reading"
"""The module by which every trainer gets its splits: what it makes of the files is part of a seed's key, as the trainer is."""


def environment() -> dict[str, str]:
    """Versions of libraries and class of device, for checkpoint headers and cache keys."""
    return library_versions("torch", "numpy", "scipy") | {"device": _device_here()}


@cache
def _device_here() -> str:
    return apart(device_class, title="device")


def seed_cache(stage: TrainingStage) -> ResultCache:
    """The checkpoints of one stage."""
    return ResultCache(cache_folder() / "checkpoints" / stage)


def seed_keys(
    seeds: Sequence[int],
    *,
    trainer: str,
    inputs: Callable[[int], Sequence[Path]],
    settings: Mapping[str, Any],
    digest: Callable[[Path], str] = sha256_of,
) -> list[str]:
    """The cache key of each seed.

    Args:
        seeds: seeds of the models.
        trainer: name of the module that trains; its source, that of `READER`, and that of all that they import is part of the key.
        inputs: gives the files that the model of a seed is made from; their content is part of the key.
        settings: every parameter that the model depends on, as JSON values.
        digest: gives the digest of a file.
    """
    digests = {path: digest(path) for path in dict.fromkeys(path for seed in seeds for path in inputs(seed))}
    source = source_digest(trainer, READER)
    plugins = plugin_sources(settings)
    # The last two make only what a text encoder learns, but one key for all is simpler than two.
    versions = environment() | library_versions("peft", "transformers")
    return [
        cache_key(
            seed=seed,
            inputs=[digests[path] for path in inputs(seed)],
            settings=settings,
            source=source,
            environment=versions,
            **({"plugins": plugins} if plugins else {}),
        )
        for seed in seeds
    ]


def map_seeds(
    train_seeds: Callable[[Sequence[int]], Iterable[Checkpoint]],
    seeds: Sequence[int],
    *,
    stage: TrainingStage,
    trainer: str,
    inputs: Callable[[int], Sequence[Path]],
    settings: Mapping[str, Any],
    curves: Path | None = None,
) -> list[Checkpoint]:
    """A model for every seed; seeds that a killed run finished are not trained again.

    On a CPU each seed has a worker process. A GPU trains all that are missing in this one: processes would wait for each
    other's kernels, and each would hold a context of its own.

    Args:
        train_seeds: loads what it needs and trains the models of some seeds, each the same whatever the others are, and
            gives each as soon as it is there.
        seeds: seeds of the models.
        stage: name of the stage, for its folder of the cache and the progress line.
        trainer: name of the module that trains, see `seed_keys`.
        inputs: gives the files that the model of a seed is made from.
        settings: every parameter that the model depends on, as JSON values.
        curves: where to write the curves while they grow, on this machine; None for nowhere.

    Raises:
        PipelineError: a shard of an aligned split is damaged, or a seed could not be trained.
    """
    # The key of a seed has the digest of an index, which stands for the rows beside it.
    for folder in {path.parent for seed in seeds for path in inputs(seed) if path.name == INDEX}:
        check_content(folder)
    keys = seed_keys(seeds, trainer=trainer, inputs=inputs, settings=settings)
    results = seed_cache(stage)
    results.remove_abandoned()
    # Workers on other machines have neither this folder nor these files.
    with live_curves(curves) if curves and variable(ENGINE) is None else nullcontext() as live:
        if best_device() == "cuda":
            with following(live):
                return _together(train_seeds, seeds, keys=keys, cache=results)
        return list(
            map_cached(
                partial(_alone, train_seeds, live, _device_here()),
                seeds,
                keys=keys,
                cache=results,
                encode=Checkpoint.to_bytes,
                decode=Checkpoint.from_bytes,
                title=stage,
                unit="seed",
                describe=lambda seed: f"seed {seed}",
            )
        )


def _alone(
    train_seeds: Callable[[Sequence[int]], Iterable[Checkpoint]], live: Live | None, device: str, seed: int
) -> Checkpoint:
    here = device_class()
    if here != device:  # a worker on another machine, whose result would be stored under a key of this one
        raise unlike(f"its device is {here}, and here it is {device}", remedy=OTHER_DEVICE)
    with following(live):
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

"""On a GPU the seeds of a stage share a process; what is cached is not trained again, whoever is beside."""

import numpy as np
import pytest

from pipeline.artifacts.aligned.writing import write_aligned
from pipeline.artifacts.sharding.files import INDEX
from pipeline.artifacts.trained.checkpoint import Checkpoint
from pipeline.errors import PipelineError
from pipeline.execution import seeds as module
from pipeline.execution.seeds import map_seeds
from tests.grcf.synthetic import make_split


def trained(seed: int) -> Checkpoint:
    return Checkpoint(
        stage="rank",
        objective="groupwise",
        leaves_order=True,
        seed=seed,
        network={},
        columns={},
        selected_epoch=1,
        history=[],
        link="identity",
        best_constant=0.0,
        environment={},
        tensors={"network.head.weight": np.full(3, seed, np.float32)},
    )


def all_trained(group):
    return [trained(seed) for seed in group]


@pytest.fixture
def asked(monkeypatch, tmp_path) -> list[list[int]]:
    """The groups of seeds that were trained, as if a GPU did it."""
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "best_device", lambda: "cuda")
    return []


def train(asked, seeds, settings=None):
    def train_seeds(group):
        asked.append(list(group))
        return [trained(seed) for seed in group]

    found = map_seeds(
        train_seeds,
        seeds,
        stage="rank",
        trainer="pipeline.grcf.rank",
        inputs=lambda seed: (),
        settings=settings or {"epochs": 1},
    )
    assert [checkpoint.seed for checkpoint in found] == list(seeds)
    assert [checkpoint.tensors["network.head.weight"][0] for checkpoint in found] == list(seeds)


def test_all_seeds_are_trained_in_one_go(asked):
    train(asked, [3, 1, 2])
    assert asked == [[3, 1, 2]]


def test_what_is_cached_is_not_trained_again(asked):
    train(asked, [1, 2])
    train(asked, [2, 4, 1, 5])
    train(asked, [1, 2, 4, 5])
    assert asked == [[1, 2], [4, 5]]


def test_other_settings_are_trained_anew(asked):
    train(asked, [1])
    train(asked, [1], {"epochs": 2})
    assert asked == [[1], [1]]


def test_rows_that_are_not_those_of_the_index_are_neither_trained_on_nor_answered_from_the_cache(
    asked, tmp_path
):
    folder = tmp_path / "train"
    write_aligned(folder, make_split("train", 5, seed=0))

    def train_on(seed):
        map_seeds(
            lambda group: all_trained(asked.append(list(group)) or group),
            [seed],
            stage="rank",
            trainer="pipeline.grcf.rank",
            inputs=lambda seed: (folder / INDEX,),
            settings={"epochs": 1},
        )

    train_on(1)
    (shard,) = folder.glob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:-1] + b"\x07")
    for seed in (1, 2):
        with pytest.raises(PipelineError, match=rf"{shard.name}: holds other bytes than"):
            train_on(seed)
    assert asked == [[1]]


def test_a_worker_with_another_device_is_refused_and_stores_nothing(asked, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "best_device", lambda: "cpu")
    monkeypatch.setattr(module, "_device_here", lambda: "cpu x86_64 OF A HEAD")
    with pytest.raises(PipelineError, match=r"its device is cpu .*, and here it is cpu x86_64 OF A HEAD"):
        map_seeds(
            all_trained,
            [1],
            stage="rank",
            trainer="pipeline.grcf.rank",
            inputs=lambda seed: (),
            settings={},
        )
    assert not [path for path in (tmp_path / "checkpoints").rglob("*") if path.is_file()]

"""Stage `rank`: GRCF stage 1, the order of the sentiments.

What needs torch is imported by the functions that need it: workers call them, and the process that waits for them does without.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stages.preloading_entry import run

from pipeline import params
from pipeline.artifacts.sharding.files import INDEX
from pipeline.artifacts.trained.checkpoint import Checkpoint, read_checkpoints, write_checkpoints
from pipeline.artifacts.trained.curves import write_curves
from pipeline.artifacts.trained.hardest_pairs import write_hardest_pairs
from pipeline.artifacts.trained.pair_statistics import write_distributions, write_group_pairs
from pipeline.execution.apart import apart
from pipeline.execution.device import best_device
from pipeline.execution.seeds import environment, map_seeds
from pipeline.settled.task import load_task

if TYPE_CHECKING:
    from pipeline.grcf.loss.interface import RankingObjective

TRAIN, VALID = Path("data/align/train"), Path("data/align/valid")
TASK = Path("data/manifest/task.json")
CHECKPOINTS = Path("data/rank")
CURVES = Path("reports/curves/rank.csv")
GROUP_PAIRS = Path("reports/group_pairs.csv")
HARDEST_PAIRS = Path("data/weights/hardest_pairs.json")
DISTRIBUTIONS = Path("reports/pair_distributions.csv")

TRAINER = "pipeline.grcf.rank"
SECTIONS = (params.Network, params.Training, params.Finetuning, params.Margin, params.Advantage, params.Rank)


def inputs_of(seed: int) -> tuple[Path, ...]:
    """The files that the model of a seed is made from."""
    return TRAIN / INDEX, VALID / INDEX


def train_seeds(seeds: Sequence[int]) -> Iterator[Checkpoint]:
    """Train the models of these seeds, each given as soon as it is there."""
    from pipeline.grcf.rank import train_rankings
    from stages.settings import network_settings, read_learnt, training_settings

    training, rank, task = params.load(params.Training), params.load(params.Rank), load_task(TASK)
    return train_rankings(
        read_learnt(TRAIN),
        read_learnt(VALID),
        seeds=seeds,
        network=network_settings(params.load(params.Network), n_classes=len(task.classes)),
        objective=_objective(),
        settings=training_settings(
            training,
            params.load(params.Finetuning),
            epochs=training.epochs,
            learning_rate=rank.learning_rate,
        ),
        device=best_device(),
        environment=environment(),
    )


def _objective() -> "RankingObjective":
    from pipeline.grcf.rank import ranking_objective
    from stages.ranking_settings import advantage_settings, margin_settings

    task = load_task(TASK)
    return ranking_objective(
        params.load(params.Rank).objective,
        margin=margin_settings(params.load(params.Margin), task.groups),
        advantage=advantage_settings(params.load(params.Advantage)),
        task=task.kind,
        ordered=task.ordered,
    )


def describe() -> None:
    """Write how stage 1 left the pairs of what it learnt from of train, by the checkpoints that it wrote."""
    from pipeline.grcf.pairs.hardest_pairs import find_hardest_pairs
    from pipeline.grcf.pairs.pair_statistics import (
        describe_distributions,
        describe_group_pairs,
        pair_values,
    )
    from pipeline.grcf.rank import comparable
    from stages.ranking_settings import advantage_settings, margin_settings
    from stages.settings import read_learnt

    train = comparable(read_learnt(TRAIN), _objective())
    checkpoints = read_checkpoints(CHECKPOINTS, stage="rank")
    margin = margin_settings(params.load(params.Margin), load_task(TASK).groups)
    advantage = advantage_settings(params.load(params.Advantage))
    values = [
        pair_values(
            checkpoint,
            train,
            batch_size=params.load(params.Training).batch_size,
            margin=margin,
            advantage=advantage,
            device=best_device(),
        )
        for checkpoint in checkpoints
    ]
    write_group_pairs(GROUP_PAIRS, [row for pairs in values for row in describe_group_pairs(pairs)])
    write_distributions(DISTRIBUTIONS, list(describe_distributions(values)))
    hardest = find_hardest_pairs(
        checkpoints,
        train,
        margin=margin,
        advantage=advantage,
        device=best_device(),
    )
    write_hardest_pairs(HARDEST_PAIRS, hardest)


def main() -> None:
    """Train every seed and describe what became of the pairs."""
    checkpoints = map_seeds(
        train_seeds,
        params.load(params.Training).seeds,
        stage="rank",
        trainer=TRAINER,
        inputs=inputs_of,
        settings=load_task(TASK).settle(params.dump(SECTIONS, without={"training.seeds"})),
        curves=CURVES,
    )
    write_checkpoints(CHECKPOINTS, checkpoints)
    write_curves(CURVES, checkpoints)
    apart(describe, title="pairs of train")


if __name__ == "__main__":
    run(main)

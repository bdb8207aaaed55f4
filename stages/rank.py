"""Stage `rank`: GRCF stage 1, the order of the sentiments."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from stages.entry import run

from pipeline import params
from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.checkpoint import Checkpoint, write_checkpoints
from pipeline.artifacts.curves import write_curves
from pipeline.artifacts.hardest_pairs import write_hardest_pairs
from pipeline.artifacts.pair_statistics import write_distributions, write_group_pairs
from pipeline.execution.device import best_device
from pipeline.execution.seeds import environment, map_seeds
from pipeline.grcf.hardest_pairs import find_hardest_pairs
from pipeline.grcf.pair_statistics import (
    PairValues,
    describe_distributions,
    describe_group_pairs,
    pair_values,
)
from pipeline.grcf.rank import ranking_objective, train_rankings
from pipeline.settled.task import load_task
from stages.ranking_settings import advantage_settings, margin_settings
from stages.settings import network_settings, read_learnt, training_settings

TRAIN, VALID = Path("data/align/train.safetensors"), Path("data/align/valid.safetensors")
TASK = Path("data/manifest/task.json")
CHECKPOINTS = Path("data/rank")
CURVES = Path("reports/curves/rank.csv")
GROUP_PAIRS = Path("reports/group_pairs.csv")
HARDEST_PAIRS = Path("data/weights/hardest_pairs.json")
DISTRIBUTIONS = Path("reports/pair_distributions.csv")

TRAINER = train_rankings.__module__
SECTIONS = (params.Network, params.Training, params.Finetuning, params.Margin, params.Advantage, params.Rank)


def inputs_of(seed: int) -> tuple[Path, ...]:
    """The files that the model of a seed is made from."""
    return TRAIN, VALID


def train_seeds(seeds: Sequence[int]) -> Iterator[Checkpoint]:
    """Train the models of these seeds, each given as soon as it is there."""
    training, rank, task = params.load(params.Training), params.load(params.Rank), load_task(TASK)
    objective = ranking_objective(
        rank.objective,
        margin=margin_settings(params.load(params.Margin), task.groups),
        advantage=advantage_settings(params.load(params.Advantage)),
        task=task.kind,
        ordered=task.ordered,
    )
    return train_rankings(
        read_learnt(TRAIN),
        read_learnt(VALID),
        seeds=seeds,
        network=network_settings(params.load(params.Network), n_classes=len(task.classes)),
        objective=objective,
        settings=training_settings(
            training,
            params.load(params.Finetuning),
            epochs=training.epochs,
            learning_rate=rank.learning_rate,
        ),
        device=best_device(),
        environment=environment(),
    )


def values_of(checkpoint: Checkpoint, train: AlignedSplit) -> PairValues:
    """Margins, violations and weights of one seed, pair by pair of train."""
    return pair_values(
        checkpoint,
        train,
        batch_size=params.load(params.Training).batch_size,
        margin=margin_settings(params.load(params.Margin), load_task(TASK).groups),
        advantage=advantage_settings(params.load(params.Advantage)),
        device=best_device(),
    )


def describe(checkpoints: list[Checkpoint]) -> None:
    """Write how stage 1 left the pairs of train."""
    train = read_learnt(TRAIN)
    values = [values_of(checkpoint, train) for checkpoint in checkpoints]
    write_group_pairs(GROUP_PAIRS, [row for pairs in values for row in describe_group_pairs(pairs)])
    write_distributions(DISTRIBUTIONS, list(describe_distributions(values)))
    hardest = find_hardest_pairs(
        checkpoints,
        train,
        margin=margin_settings(params.load(params.Margin), load_task(TASK).groups),
        advantage=advantage_settings(params.load(params.Advantage)),
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
    )
    write_checkpoints(CHECKPOINTS, checkpoints)
    write_curves(CURVES, checkpoints)
    describe(checkpoints)


if __name__ == "__main__":
    run(main)

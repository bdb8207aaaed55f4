"""Stage `rank`: GRCF stage 1, the order of the sentiments."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from stages.entry import run

from pipeline import params
from pipeline.artifacts.aligned import AlignedSplit, read_aligned
from pipeline.artifacts.checkpoint import Checkpoint, write_checkpoints
from pipeline.artifacts.curves import write_curves
from pipeline.artifacts.hardest_pairs import write_heaviest
from pipeline.artifacts.pair_statistics import write_distributions, write_group_pairs
from pipeline.execution.device import best_device
from pipeline.execution.seeds import inputs_of, made_with, map_seeds
from pipeline.grcf.fit.loop import TrainingSettings
from pipeline.grcf.hardest_pairs import find_heaviest
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings
from pipeline.grcf.network.network import NetworkSettings
from pipeline.grcf.network.word_encoder import FinetuningSettings
from pipeline.grcf.rank import (
    PairValues,
    describe_distributions,
    describe_group_pairs,
    pair_values,
    train_rankings,
)

TRAIN, VALID = Path("data/align/train.safetensors"), Path("data/align/valid.safetensors")
CHECKPOINTS = Path("data/rank")
CURVES = Path("reports/curves/rank.csv")
GROUP_PAIRS = Path("reports/group_pairs.csv")
HEAVIEST = Path("data/weights/heaviest.json")
DISTRIBUTIONS = Path("reports/pair_distributions.csv")

SECTIONS = (params.Network, params.Training, params.Finetuning, params.Margin, params.Advantage, params.Rank)


def train_seeds(seeds: Sequence[int]) -> Iterator[Checkpoint]:
    """Train the models of these seeds, each given as soon as it is there."""
    network, training, settings = (
        params.load(params.Network),
        params.load(params.Training),
        params.load(params.Rank),
    )
    margin, advantage = ranking_settings()
    return train_rankings(
        read_aligned(TRAIN),
        read_aligned(VALID),
        seeds=seeds,
        network=NetworkSettings(**network.model_dump()),
        objective=settings.objective,
        margin=margin,
        advantage=advantage,
        settings=TrainingSettings(
            **training.model_dump(exclude={"seeds"}),
            finetuning=FinetuningSettings(**params.load(params.Finetuning).model_dump()),
            learning_rate=settings.learning_rate,
        ),
        device=best_device(),
        made_with=made_with(),
    )


def ranking_settings() -> tuple[MarginSettings, AdvantageSettings]:
    """The sections `margin` and `advantage` as the library knows them."""
    return (
        MarginSettings(**params.load(params.Margin).model_dump()),
        AdvantageSettings(**params.load(params.Advantage).model_dump()),
    )


def values_of(checkpoint: Checkpoint, train: AlignedSplit) -> PairValues:
    """How the margins and weights of one seed came out, pair by pair of train."""
    margin, advantage = ranking_settings()
    return pair_values(
        checkpoint,
        train,
        batch_size=params.load(params.Training).batch_size,
        margin=margin,
        advantage=advantage,
        device=best_device(),
    )


def main() -> None:
    """Train every seed and describe what became of the pairs."""
    checkpoints = map_seeds(
        train_seeds,
        params.load(params.Training).seeds,
        stage="rank",
        inputs=partial(inputs_of, stage="rank"),
        settings=params.dump(SECTIONS, without={"training.seeds"}),
    )
    write_checkpoints(CHECKPOINTS, checkpoints)
    write_curves(CURVES, checkpoints)
    train = read_aligned(TRAIN)
    values = [values_of(checkpoint, train) for checkpoint in checkpoints]
    write_group_pairs(GROUP_PAIRS, [row for each in values for row in describe_group_pairs(each)])
    write_distributions(DISTRIBUTIONS, list(describe_distributions(values)))
    margin, advantage = ranking_settings()
    write_heaviest(
        HEAVIEST,
        find_heaviest(checkpoints, train, margin=margin, advantage=advantage, device=best_device()),
    )


if __name__ == "__main__":
    run(main)

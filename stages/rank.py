"""Stage `rank`: GRCF stage 1, the order of the sentiments."""

from pathlib import Path

import pandas as pd

from pipeline import params
from pipeline.artifacts.aligned import AlignedSplit, read_aligned
from pipeline.artifacts.checkpoint import Checkpoint, write_checkpoints
from pipeline.artifacts.curves import write_curves
from pipeline.artifacts.files import write_text
from pipeline.artifacts.heaviest import write_heaviest
from pipeline.execution.device import best_device
from pipeline.execution.seeds import made_with, map_seeds
from pipeline.grcf.heaviest import find_heaviest
from pipeline.grcf.losses import AdvantageSettings, MarginSettings
from pipeline.grcf.rank import GROUP_PAIR_COLUMNS, describe_group_pairs, train_ranking
from pipeline.grcf.training import TrainingSettings
from stages.entry import run

TRAIN, VALID = Path("data/align/train.safetensors"), Path("data/align/valid.safetensors")
CHECKPOINTS = Path("data/rank")
CURVES = Path("reports/curves/rank.csv")
GROUP_PAIRS = Path("reports/group_pairs.csv")
HEAVIEST = Path("data/weights/heaviest.json")

SECTIONS = (params.Network, params.Training, params.Margin, params.Advantage, params.Rank)


def train_seed(seed: int) -> Checkpoint:
    """Train the model of one seed."""
    network, training, settings = (
        params.load(params.Network),
        params.load(params.Training),
        params.load(params.Rank),
    )
    margin, advantage = ranking_settings()
    return train_ranking(
        read_aligned(TRAIN),
        read_aligned(VALID),
        seed=seed,
        width=network.width,
        dropout=network.dropout,
        objective=settings.objective,
        margin=margin,
        advantage=advantage,
        settings=TrainingSettings(
            **training.model_dump(exclude={"seeds"}),
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


def describe(checkpoints: list[Checkpoint], train: AlignedSplit) -> pd.DataFrame:
    """How the margins and weights of each seed came out, by pair of groups of train."""
    margin, advantage = ranking_settings()
    rows = [
        row
        for checkpoint in checkpoints
        for row in describe_group_pairs(
            checkpoint,
            train,
            batch_size=params.load(params.Training).batch_size,
            margin=margin,
            advantage=advantage,
            device=best_device(),
        )
    ]
    return pd.DataFrame(rows, columns=GROUP_PAIR_COLUMNS)


def main() -> None:
    """Train every seed and describe what became of the pairs."""
    checkpoints = map_seeds(
        train_seed,
        params.load(params.Training).seeds,
        stage="rank",
        inputs=lambda seed: (TRAIN, VALID),
        settings=params.dump(SECTIONS, without={"training.seeds"}),
    )
    write_checkpoints(CHECKPOINTS, checkpoints)
    write_curves(CURVES, checkpoints)
    train = read_aligned(TRAIN)
    table = describe(checkpoints, train)
    write_text(GROUP_PAIRS, table.to_csv(index=False, float_format="%.6f", lineterminator="\n"))
    margin, advantage = ranking_settings()
    write_heaviest(
        HEAVIEST,
        find_heaviest(checkpoints, train, margin=margin, advantage=advantage, device=best_device()),
    )


if __name__ == "__main__":
    run(main)

"""Stage `pointwise`: the baseline, the same network and budget, point by point."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from stages.entry import run

from pipeline import params
from pipeline.artifacts.aligned import read_aligned
from pipeline.artifacts.checkpoint import Checkpoint, write_checkpoints
from pipeline.artifacts.curves import write_curves
from pipeline.artifacts.preprocessing import preprocessing_path, read_preprocessing, write_preprocessing
from pipeline.execution.device import best_device
from pipeline.execution.seeds import inputs_of, made_with, map_seeds
from pipeline.grcf.fit.loop import TrainingSettings
from pipeline.grcf.network.network import NetworkSettings
from pipeline.grcf.network.word_encoder import FinetuningSettings
from pipeline.grcf.pointwise import train_pointwises

TRAIN, VALID = Path("data/align/train.safetensors"), Path("data/align/valid.safetensors")
PREPROCESSING = Path("data/align/preprocessing.safetensors")
CHECKPOINTS = Path("data/pointwise")
CURVES = Path("reports/curves/pointwise.csv")

SECTIONS = (params.Task, params.Network, params.Training, params.Finetuning, params.Pointwise)


def train_seeds(seeds: Sequence[int]) -> Iterator[Checkpoint]:
    """Train the models of these seeds, each given as soon as it is there."""
    network, training = params.load(params.Network), params.load(params.Training)
    pointwise = params.load(params.Pointwise)
    return train_pointwises(
        read_aligned(TRAIN),
        read_aligned(VALID),
        seeds=seeds,
        network=NetworkSettings(**network.model_dump()),
        settings=TrainingSettings(
            **training.model_dump(exclude={"seeds", "epochs"}),
            finetuning=FinetuningSettings(**params.load(params.Finetuning).model_dump()),
            epochs=training.epochs + pointwise.extra_epochs,
            learning_rate=pointwise.learning_rate,
        ),
        select_by=pointwise.select_by,
        calibration=pointwise.calibration,
        n_knots=pointwise.n_knots,
        device=best_device(),
        made_with=made_with(),
        task=params.load(params.Task).kind,
    )


def main() -> None:
    """Train every seed."""
    checkpoints = map_seeds(
        train_seeds,
        params.load(params.Training).seeds,
        stage="pointwise",
        inputs=partial(inputs_of, stage="pointwise"),
        settings=params.dump(SECTIONS, without={"training.seeds"}),
    )
    write_checkpoints(CHECKPOINTS, checkpoints)
    write_preprocessing(preprocessing_path(CHECKPOINTS), read_preprocessing(PREPROCESSING))
    write_curves(CURVES, checkpoints)


if __name__ == "__main__":
    run(main)

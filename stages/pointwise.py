"""Stage `pointwise`: the baseline, the same network and budget, point by point."""

from functools import partial
from pathlib import Path

from pipeline import params
from pipeline.artifacts.aligned import read_aligned
from pipeline.artifacts.checkpoint import Checkpoint, write_checkpoints
from pipeline.artifacts.curves import write_curves
from pipeline.artifacts.preprocessing import preprocessing_path, read_preprocessing, write_preprocessing
from pipeline.execution.device import best_device
from pipeline.execution.seeds import inputs_of, made_with, map_seeds
from pipeline.grcf.pointwise import train_pointwise
from pipeline.grcf.training import TrainingSettings
from stages.entry import run

TRAIN, VALID = Path("data/align/train.safetensors"), Path("data/align/valid.safetensors")
PREPROCESSING = Path("data/align/preprocessing.safetensors")
CHECKPOINTS = Path("data/pointwise")
CURVES = Path("reports/curves/pointwise.csv")

SECTIONS = (params.Task, params.Network, params.Training, params.Pointwise)


def train_seed(seed: int) -> Checkpoint:
    """Train the model of one seed."""
    network, training = params.load(params.Network), params.load(params.Training)
    pointwise = params.load(params.Pointwise)
    return train_pointwise(
        read_aligned(TRAIN),
        read_aligned(VALID),
        seed=seed,
        width=network.width,
        dropout=network.dropout,
        settings=TrainingSettings(
            **training.model_dump(exclude={"seeds", "epochs"}),
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
        train_seed,
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

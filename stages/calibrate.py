"""Stage `calibrate`: GRCF stage 2, the magnitude, from the checkpoints of stage 1."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from stages.entry import run

from pipeline import params
from pipeline.artifacts.aligned import read_aligned
from pipeline.artifacts.checkpoint import Checkpoint, checkpoint_path, read_checkpoint, write_checkpoints
from pipeline.artifacts.curves import write_curves
from pipeline.artifacts.preprocessing import preprocessing_path, read_preprocessing, write_preprocessing
from pipeline.execution.device import best_device
from pipeline.execution.seeds import inputs_of, made_with, map_seeds
from pipeline.grcf.calibrate import calibrate
from pipeline.grcf.fit.loop import TrainingSettings
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings
from pipeline.grcf.network.word_encoder import FinetuningSettings

TRAIN, VALID = Path("data/align/train.safetensors"), Path("data/align/valid.safetensors")
RANKED = Path("data/rank")
PREPROCESSING = Path("data/align/preprocessing.safetensors")
CHECKPOINTS = Path("data/calibrate")
CURVES = Path("reports/curves/calibrate.csv")

SECTIONS = (
    params.Task,
    params.Training,
    params.Finetuning,
    params.Margin,
    params.Advantage,
    params.Calibrate,
)


def train_seed(seed: int) -> Checkpoint:
    """Calibrate the model of one seed."""
    training, settings = params.load(params.Training), params.load(params.Calibrate)
    return calibrate(
        read_checkpoint(checkpoint_path(RANKED, seed)),
        read_aligned(TRAIN),
        read_aligned(VALID),
        scope=settings.scope,
        n_knots=settings.n_knots,
        beta=settings.beta,
        margin=MarginSettings(**params.load(params.Margin).model_dump()),
        advantage=AdvantageSettings(**params.load(params.Advantage).model_dump()),
        settings=TrainingSettings(
            **training.model_dump(exclude={"seeds", "epochs"}),
            finetuning=FinetuningSettings(**params.load(params.Finetuning).model_dump()),
            epochs=settings.epochs,
            learning_rate=settings.learning_rate,
        ),
        device=best_device(),
        made_with=made_with(),
        task=params.load(params.Task).kind,
    )


def train_seeds(seeds: Sequence[int]) -> Iterator[Checkpoint]:
    """Calibrate the models of these seeds, each given as soon as it is there."""
    return map(train_seed, seeds)


def main() -> None:
    """Calibrate every seed."""
    checkpoints = map_seeds(
        train_seeds,
        params.load(params.Training).seeds,
        stage="calibrate",
        inputs=partial(inputs_of, stage="calibrate"),
        settings=params.dump(SECTIONS, without={"training.seeds"}),
    )
    write_checkpoints(CHECKPOINTS, checkpoints)
    write_preprocessing(preprocessing_path(CHECKPOINTS), read_preprocessing(PREPROCESSING))
    write_curves(CURVES, checkpoints)


if __name__ == "__main__":
    run(main)

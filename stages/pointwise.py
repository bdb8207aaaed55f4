"""Stage `pointwise`: the baseline, the same network and budget, point by point.

What needs torch is imported by the function that needs it: workers call it, and the process that waits for them does without.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from stages.preloading_entry import run

from pipeline import params
from pipeline.artifacts.aligned.preprocessing import (
    of_classes,
    of_corpora,
    preprocessing_path,
    read_preprocessing,
    write_preprocessing,
)
from pipeline.artifacts.sharding.files import INDEX
from pipeline.artifacts.trained.checkpoint import Checkpoint, write_checkpoints
from pipeline.artifacts.trained.curves import write_curves
from pipeline.execution.device import best_device
from pipeline.execution.seeds import environment, map_seeds
from pipeline.settled.task import load_task

TRAIN, VALID = Path("data/align/train"), Path("data/align/valid")
TASK = Path("data/manifest/task.json")
PREPROCESSING = Path("data/align/preprocessing.safetensors")
CHECKPOINTS = Path("data/pointwise")
CURVES = Path("reports/curves/pointwise.csv")

TRAINER = "pipeline.grcf.pointwise"
SECTIONS = (params.Network, params.Training, params.Finetuning, params.Pointwise)


def inputs_of(seed: int) -> tuple[Path, ...]:
    """The files that the model of a seed is made from."""
    return TRAIN / INDEX, VALID / INDEX


def train_seeds(seeds: Sequence[int]) -> Iterator[Checkpoint]:
    """Train the models of these seeds, each given as soon as it is there."""
    from pipeline.grcf.pointwise import train_pointwises
    from stages.settings import network_settings, read_learnt, training_settings

    training, pointwise = params.load(params.Training), params.load(params.Pointwise)
    task = load_task(TASK)
    return train_pointwises(
        read_learnt(TRAIN),
        read_learnt(VALID),
        seeds=seeds,
        network=network_settings(params.load(params.Network), n_classes=len(task.classes)),
        settings=training_settings(
            training,
            params.load(params.Finetuning),
            epochs=training.epochs,
            learning_rate=pointwise.learning_rate,
        ),
        extra_epochs=pointwise.extra_epochs,
        select_by=pointwise.select_by,
        calibration=pointwise.calibration,
        n_knots=pointwise.n_knots,
        weight=pointwise.weight,
        bound=pointwise.bound,
        tuning_rate=pointwise.tuning_rate,
        raters=pointwise.raters,
        within=pointwise.within,
        across=pointwise.across,
        on=pointwise.labels,
        task=task.kind,
        device=best_device(),
        environment=environment(),
    )


def main() -> None:
    """Train every seed."""
    checkpoints = map_seeds(
        train_seeds,
        params.load(params.Training).seeds,
        stage="pointwise",
        trainer=TRAINER,
        inputs=inputs_of,
        settings=load_task(TASK).settle(params.dump(SECTIONS, without={"training.seeds"})),
        curves=CURVES,
    )
    write_checkpoints(CHECKPOINTS, checkpoints)
    preprocessing = of_corpora(read_preprocessing(PREPROCESSING), params.load(params.Training).corpora)
    preprocessing = of_classes(preprocessing, load_task(TASK).classes)
    write_preprocessing(preprocessing_path(CHECKPOINTS), preprocessing)
    write_curves(CURVES, checkpoints)


if __name__ == "__main__":
    run(main)

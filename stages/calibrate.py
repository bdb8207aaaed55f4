"""Stage `calibrate`: GRCF stage 2, the magnitude, from the checkpoints of stage 1.

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
from pipeline.artifacts.trained.checkpoint import (
    Checkpoint,
    checkpoint_path,
    read_checkpoint,
    write_checkpoints,
)
from pipeline.artifacts.trained.curves import write_curves
from pipeline.execution.device import best_device
from pipeline.execution.seeds import environment, map_seeds
from pipeline.settled.task import load_task

TRAIN, VALID = Path("data/align/train"), Path("data/align/valid")
TASK = Path("data/manifest/task.json")
RANKED = Path("data/rank")
PREPROCESSING = Path("data/align/preprocessing.safetensors")
CHECKPOINTS = Path("data/calibrate")
CURVES = Path("reports/curves/calibrate.csv")

TRAINER = "pipeline.grcf.calibrate"
SECTIONS = (
    params.Training,
    params.Finetuning,
    params.Margin,
    params.Advantage,
    params.Calibrate,
)


def inputs_of(seed: int) -> tuple[Path, ...]:
    """The files that the model of a seed is made from."""
    return TRAIN / INDEX, VALID / INDEX, checkpoint_path(RANKED, seed)


def train_seed(seed: int) -> Checkpoint:
    """Calibrate the model of one seed."""
    from pipeline.grcf.calibrate import RankingTerm, calibrate
    from stages.ranking_settings import advantage_settings, margin_settings
    from stages.settings import read_learnt, training_settings

    settings, task = params.load(params.Calibrate), load_task(TASK)
    return calibrate(
        read_checkpoint(checkpoint_path(RANKED, seed)),
        read_learnt(TRAIN),
        read_learnt(VALID),
        scope=settings.scope,
        on=settings.labels,
        n_knots=settings.n_knots,
        ranking=RankingTerm(
            beta=settings.beta,
            margin=margin_settings(params.load(params.Margin), task.groups),
            advantage=advantage_settings(params.load(params.Advantage)),
            ordered=task.ordered,
        ),
        settings=training_settings(
            params.load(params.Training),
            params.load(params.Finetuning),
            epochs=settings.epochs,
            learning_rate=settings.learning_rate,
        ),
        task=task.kind,
        device=best_device(),
        environment=environment(),
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

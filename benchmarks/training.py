"""One row of a benchmark, trained by the code of the stages."""

from typing import Any

from benchmarks.methods import Method
from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.checkpoint import Checkpoint
from pipeline.execution.device import best_device
from pipeline.execution.seeds import made_with
from pipeline.grcf.calibrate import calibrate
from pipeline.grcf.calibration.pointwise_objective import Task
from pipeline.grcf.fit.loop import TrainingSettings
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings
from pipeline.grcf.network.network import NetworkSettings
from pipeline.grcf.network.word_encoder import FinetuningSettings
from pipeline.grcf.pointwise import train_pointwise
from pipeline.grcf.rank import train_ranking


def train_method(
    method: Method, train: AlignedSplit, valid: AlignedSplit, *, seed: int, task: Task = "regression"
) -> list[Checkpoint]:
    """The checkpoints of stage 1 and stage 2, or of the baseline, exactly as the stages train them."""
    shared: dict[str, Any] = {"seed": seed, "network": NetworkSettings(**method.network.model_dump())}
    machine: dict[str, Any] = {"device": best_device(), "made_with": made_with()}
    training = method.training.model_dump(exclude={"seeds", "epochs"}) | {
        "finetuning": FinetuningSettings(**method.finetuning.model_dump())
    }
    if not method.two_stages:
        pointwise = method.pointwise
        settings = TrainingSettings(
            **training,
            epochs=method.training.epochs + pointwise.extra_epochs,
            learning_rate=pointwise.learning_rate,
        )
        chosen = pointwise.model_dump(include={"select_by", "calibration", "n_knots"})
        return [train_pointwise(train, valid, settings=settings, task=task, **shared, **chosen, **machine)]
    ranking: dict[str, Any] = {
        "margin": MarginSettings(**method.margin.model_dump()),
        "advantage": AdvantageSettings(**method.advantage.model_dump()),
    }
    first = TrainingSettings(
        **training, epochs=method.training.epochs, learning_rate=method.rank.learning_rate
    )
    ranked = train_ranking(
        train, valid, objective=method.rank.objective, settings=first, **shared, **ranking, **machine
    )
    second = TrainingSettings(
        **training, epochs=method.calibrate.epochs, learning_rate=method.calibrate.learning_rate
    )
    chosen = method.calibrate.model_dump(include={"scope", "n_knots", "beta"})
    return [
        ranked,
        calibrate(ranked, train, valid, settings=second, task=task, **chosen, **ranking, **machine),
    ]

"""One row of a benchmark, trained by the code of the stages."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.methods import Method
from benchmarks.trials import Outcome
from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.trained.checkpoint import Checkpoint
from pipeline.execution.device import best_device
from pipeline.execution.seeds import environment
from pipeline.grcf.calibrate import RankingTerm, calibrate
from pipeline.grcf.calibration.pointwise_objective import Task
from pipeline.grcf.pointwise import train_pointwise
from pipeline.grcf.rank import ranking_objective, train_ranking
from pipeline.grcf.scoring import predict
from stages.ranking_settings import advantage_settings, margin_settings
from stages.settings import network_settings, training_settings


def train_method(
    method: Method, train: AlignedSplit, valid: AlignedSplit, *, seed: int, task: Task = "regression"
) -> list[Checkpoint]:
    """The checkpoints of stage 1 and stage 2, or of the baseline, exactly as the stages train them."""
    network = network_settings(method.network)
    machine: dict[str, Any] = {"device": best_device(), "environment": environment()}
    training = method.training
    if not method.two_stages:
        pointwise = method.pointwise
        return [
            train_pointwise(
                train,
                valid,
                seed=seed,
                network=network,
                settings=training_settings(
                    training,
                    method.finetuning,
                    epochs=training.epochs,
                    learning_rate=pointwise.learning_rate,
                ),
                extra_epochs=pointwise.extra_epochs,
                select_by=pointwise.select_by,
                calibration=pointwise.calibration,
                n_knots=pointwise.n_knots,
                weight=pointwise.weight,
                bound=pointwise.bound,
                task=task,
                **machine,
            )
        ]
    margin, advantage = (
        margin_settings(method.margin, method.margin.groups or "integer"),
        advantage_settings(method.advantage),
    )
    ranked = train_ranking(
        train,
        valid,
        seed=seed,
        network=network,
        objective=ranking_objective(method.rank.objective, margin=margin, advantage=advantage),
        settings=training_settings(
            training, method.finetuning, epochs=training.epochs, learning_rate=method.rank.learning_rate
        ),
        **machine,
    )
    second = method.calibrate
    calibrated = calibrate(
        ranked,
        train,
        valid,
        scope=second.scope,
        n_knots=second.n_knots,
        ranking=RankingTerm(beta=second.beta, margin=margin, advantage=advantage),
        settings=training_settings(
            training, method.finetuning, epochs=second.epochs, learning_rate=second.learning_rate
        ),
        task=task,
        **machine,
    )
    return [ranked, calibrated]


def outcome_of(stages: Sequence[Checkpoint], splits: Mapping[str, AlignedSplit]) -> Outcome:
    """What the stages of one trained row predict for each split."""
    predictions = [
        {name: predict([stage], part, device=best_device())[0] for name, part in splits.items()}
        for stage in stages
    ]
    return Outcome(
        {name: part.labels for name, part in splits.items()},
        predictions[0] if len(predictions) > 1 else {},
        predictions[-1],
    )

"""Small trained models: the stages of training with settings that take a second."""

from dataclasses import replace

from pipeline.artifacts.trained.checkpoint import Checkpoint
from pipeline.grcf.calibrate import RankingTerm, calibrate
from pipeline.grcf.fit.loop import TrainingSettings
from pipeline.grcf.loss.classes import class_by_class
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings
from pipeline.grcf.network.network import NetworkSettings
from pipeline.grcf.pointwise import train_pointwise
from pipeline.grcf.rank import ranking_objective, train_ranking

NETWORK = NetworkSettings(fusion="attention_pooling", width=16, dropout=0.1)
SETTINGS = TrainingSettings(
    epochs=12, batch_size=24, learning_rate=5e-3, weight_decay=0.01, modality_dropout=0.1, precision="float32"
)
MARGIN = MarginSettings(
    groups="integer", base=0.2, slope=0.2, distance="group", shape="softplus", smoothing=1.0
)
ADVANTAGE = AdvantageSettings(scope="group_pair", scale="std", strength=0.5, cap=2.0)
MACHINE = {"device": "cpu", "environment": {"torch": "test"}}


def objective_of(name="groupwise", *, margin=MARGIN, advantage=ADVANTAGE):
    return ranking_objective(name, margin=margin, advantage=advantage)


def rank(
    train,
    valid,
    *,
    seed=1,
    network=NETWORK,
    objective="groupwise",
    margin=MARGIN,
    advantage=ADVANTAGE,
    settings=SETTINGS,
    n_classes=1,
    ordered=False,
) -> Checkpoint:
    chosen = objective_of(objective, margin=margin, advantage=advantage)
    return train_ranking(
        train,
        valid,
        seed=seed,
        network=replace(network, n_outputs=n_classes),
        objective=chosen if n_classes == 1 else class_by_class(chosen, ordered=ordered),
        settings=settings,
        **MACHINE,
    )


def stage_two(
    ranked, train, valid, scope, *, on="all", beta=0.0, settings=SETTINGS, task="regression"
) -> Checkpoint:
    return calibrate(
        ranked,
        train,
        valid,
        scope=scope,
        on=on,
        n_knots=3,
        ranking=RankingTerm(beta=beta, margin=MARGIN, advantage=ADVANTAGE),
        settings=settings,
        task=task,
        **MACHINE,
    )


def pointwise(
    train,
    valid,
    *,
    select_by="magnitude",
    calibration="none",
    settings=SETTINGS,
    extra_epochs=0,
    task="regression",
    n_classes=1,
) -> Checkpoint:
    return train_pointwise(
        train,
        valid,
        seed=1,
        network=replace(NETWORK, n_outputs=n_classes),
        settings=settings,
        extra_epochs=extra_epochs,
        select_by=select_by,
        calibration=calibration,
        n_knots=3,
        task=task,
        **MACHINE,
    )

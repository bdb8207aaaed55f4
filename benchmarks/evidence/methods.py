"""The methods of the map, trained by the library's own losses and fits, with the same network and the same steps."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from benchmarks.evidence.conditions import standardised
from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.checkpoint import Checkpoint
from pipeline.grcf.calibrate import RankingTerm, tune
from pipeline.grcf.calibration.pointwise_objective import POINTWISE_OBJECTIVES
from pipeline.grcf.fit.loop import TrainingSettings, first_networks, train_network
from pipeline.grcf.fit.selection import Selection
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings
from pipeline.grcf.network.batches import SplitTensors
from pipeline.grcf.network.checkpoints import make_checkpoint
from pipeline.grcf.network.curve import IDENTITY
from pipeline.grcf.network.network import NetworkSettings
from pipeline.grcf.network.owned_labels import NOBODY, OwnedLabels
from pipeline.grcf.pointwise import train_pointwise
from pipeline.grcf.rank import ranking_objective, train_ranking

NETWORK = NetworkSettings(fusion="attention_pooling", width=64, dropout=0.5, input_dropout=0.3)
MARGIN = MarginSettings(
    groups="integer", base=0.0, slope=1.0, distance="label", shape="softplus", smoothing=2.0
)
# Cuts between quarters of a label unit: whole units leave a rater of few labels hardly a pair.
FINE = tuple(-3 + 0.125 + 0.25 * step for step in range(24))
ADVANTAGE = AdvantageSettings(scope="group_pair", scale="std", strength=0.5, cap=2.0)
BOUNDED = replace(ADVANTAGE, direction="bounded", bound=3.0)
MACHINE: dict[str, Any] = {"device": "cpu", "environment": {}}
# Steps of a stage 2 on trusted segments; those on train are the corpus's. Steps, so that fewer segments are no fewer steps.
STEPS_TRUSTED = 100
_RATE, _SECOND_RATE = 2e-3, 3e-4
_BATCH = 64

First = Callable[[AlignedSplit, AlignedSplit, int, int], Checkpoint]
"""From train, valid, a seed and a number of epochs to a model after its first training."""


def epochs_of(n_segments: int, *, steps: int) -> int:
    """How many epochs over so many segments have nearest to so many steps; at least two, one for each stage of a ranking."""
    return max(2, round(steps / max(1, -(-n_segments // _BATCH))))


def settings_of(epochs: int, *, rate: float) -> TrainingSettings:
    """The last epoch is kept, so that nothing is chosen on valid."""
    return TrainingSettings(
        epochs=epochs,
        batch_size=_BATCH,
        learning_rate=rate,
        weight_decay=0.05,
        modality_dropout=0.2,
        precision="float32",
        epoch="last",
    )


def pointwise(weight: str = "none") -> First:
    """Absolute error, all alike or bounded."""

    def train_first(train: AlignedSplit, valid: AlignedSplit, seed: int, epochs: int) -> Checkpoint:
        return train_pointwise(
            train,
            valid,
            seed=seed,
            network=NETWORK,
            settings=settings_of(epochs, rate=_RATE),
            extra_epochs=0,
            select_by="magnitude",
            calibration="none",
            n_knots=4,
            weight=weight,
            bound=1.5,
            task="regression",
            **MACHINE,
        )

    return train_first


def ranking(
    objective: str = "groupwise", *, margin: MarginSettings = MARGIN, advantage: AdvantageSettings = ADVANTAGE
) -> First:
    """A ranking loss."""

    def train_first(train: AlignedSplit, valid: AlignedSplit, seed: int, epochs: int) -> Checkpoint:
        return train_ranking(
            train,
            valid,
            seed=seed,
            network=NETWORK,
            objective=ranking_objective(objective, margin=margin, advantage=advantage),
            settings=settings_of(epochs, rate=_RATE),
            **MACHINE,
        )

    return train_first


def profiled(train: AlignedSplit, valid: AlignedSplit, seed: int, epochs: int) -> Checkpoint:
    """Absolute error of the residuals less their mean within a rater and batch, so that no offset of a rater counts."""
    settings = settings_of(epochs, rate=_RATE)
    (start,) = first_networks(train, network=NETWORK, settings=settings, seeds=[seed], device="cpu")
    objective = POINTWISE_OBJECTIVES["regression"]
    trained = train_network(
        start,
        SplitTensors(train, device="cpu", within="rater"),
        SplitTensors(valid, device="cpu"),
        objective=offset_free_error,
        selection=Selection(by="magnitude", calibration=IDENTITY, error=objective.error),
        seed=seed,
        settings=settings,
    )
    return make_checkpoint(
        trained,
        stage="pointwise",
        objective="offset_free_error",
        leaves_order=True,
        seed=seed,
        calibration=IDENTITY,
        link="identity",
        train=train,
        environment={},
    )


def offset_free_error(score: Tensor, label: Tensor, _: Tensor, owned: OwnedLabels | None) -> Tensor:
    """Mean absolute residual after the mean residual of each owner is taken off."""
    assert owned is not None, "batches are drawn by owner"
    owner = owned.owner[:, 0]
    residual = (score - label)[owner != NOBODY]
    member = owner[owner != NOBODY].unique(return_inverse=True)[1]
    count = member.bincount()
    mean = residual.new_zeros(len(count)).index_add(0, member, residual) / count
    error: Tensor = (residual - mean[member]).abs().mean()
    return error


def on_standardised(train_first: First) -> First:
    """The same on labels that are standardised by rater."""
    return lambda train, valid, seed, epochs: train_first(standardised(train), valid, seed, epochs)


METHODS: Mapping[str, tuple[First, bool]] = {
    "mae": (pointwise(), False),
    "mae_bounded": (pointwise("bounded"), False),
    "mae_standardised": (on_standardised(pointwise()), False),
    "mae_profiled": (profiled, False),
    "grcf_all": (ranking(), True),
    "grcf_within": (ranking(margin=replace(MARGIN, within="rater")), True),
    "grcf_within_fine": (ranking(margin=replace(MARGIN, within="rater", groups=FINE)), True),
    "grcf_bounded": (ranking(advantage=BOUNDED), True),
    "ranknet": (ranking("ranknet"), True),
    "ranknet_within": (ranking("ranknet", margin=replace(MARGIN, within="rater")), True),
    "ranklist": (ranking("ranklist"), True),
    "rank_n_contrast": (ranking("rank_n_contrast"), True),
}
"""Each method's first training, and whether it is a ranking, whose magnitude a second training gives."""


def train_method(
    name: str, train: AlignedSplit, valid: AlignedSplit, *, seed: int, steps: int, trusts_valid: bool
) -> Checkpoint:
    """One model.

    Where only valid has the true scale (`trusts_valid`), every method trains first on train and then, from an affine fit
    of its scores to valid, on valid by absolute error. Else a ranking takes a third of the epochs and absolute error on
    train the rest, and a point-wise method takes all of them by itself.

    Args:
        name: name of the method.
        train: the split as the condition leaves it.
        valid: the split that nothing is chosen on; where it is trusted, the last of the training is on it.
        seed: seed of the first weights and of everything random in training.
        steps: steps on train in all, up to whole epochs.
        trusts_valid: whether labels of valid alone are on the scale that counts.
    """
    train_first, is_ranking = METHODS[name]
    epochs = epochs_of(len(train), steps=steps)
    if trusts_valid:
        first = train_first(train, valid, seed, epochs)
        return _second(
            first, valid, valid, epochs=epochs_of(len(valid), steps=STEPS_TRUSTED), rate=_SECOND_RATE
        )
    if not is_ranking:
        return train_first(train, valid, seed, epochs)
    n_first = max(1, round(epochs / 3))
    first = train_first(train, valid, seed, n_first)
    return _second(first, train, valid, epochs=epochs - n_first, rate=_RATE / 2)


def _second(
    first: Checkpoint, train: AlignedSplit, valid: AlignedSplit, *, epochs: int, rate: float
) -> Checkpoint:
    return tune(
        first,
        train,
        valid,
        part="all",
        ranking=RankingTerm(beta=0.0, margin=MARGIN, advantage=ADVANTAGE),
        settings=settings_of(epochs, rate=rate),
        task="regression",
        **MACHINE,
    )

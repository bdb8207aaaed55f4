"""The methods of the map, trained by the library's own losses and fits, with the same network and the same steps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from benchmarks.evidence.conditions import rescaled, standardised
from benchmarks.evidence.setups import BATCH, Learning, Setup
from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.trained.checkpoint import Checkpoint
from pipeline.grcf.calibrate import RankingTerm, tune
from pipeline.grcf.fit.loop import TrainingSettings, train_network
from pipeline.grcf.fit.selection import Selection
from pipeline.grcf.loss.groupwise import (
    AdvantageSettings,
    MarginSettings,
    compare_pairs,
)
from pipeline.grcf.loss.interface import RankingObjective
from pipeline.grcf.network.batches import SplitTensors
from pipeline.grcf.network.checkpoints import make_checkpoint, restore
from pipeline.grcf.network.curve import IDENTITY
from pipeline.grcf.network.network import NetworkSettings
from pipeline.grcf.network.owned_labels import OwnedLabels, compared
from pipeline.grcf.pointwise import train_pointwise
from pipeline.grcf.rank import ranking_objective, train_ranking

MARGIN = MarginSettings(
    groups="integer", base=0.0, slope=1.0, distance="label", shape="softplus", smoothing=2.0
)
# Cuts between quarters of a label unit: whole units leave a rater of few labels hardly a pair.
FINE = tuple(-3 + 0.125 + 0.25 * step for step in range(24))
ADVANTAGE = AdvantageSettings(scope="group_pair", scale="std", strength=0.5, cap=2.0)
WITHIN_FINE = replace(MARGIN, within="rater", groups=FINE)
BOUNDED = replace(ADVANTAGE, direction="bounded", bound=3.0)
MACHINE: dict[str, Any] = {"device": "cpu", "environment": {}}
# Steps of a stage 2 on trusted segments; those on train are the corpus's. Steps, so that fewer segments are no fewer steps.
STEPS_TRUSTED = 100
_SECOND_RATE = 3e-4


@dataclass(frozen=True)
class Start:
    """How a first training starts: the seed, the epochs, the peak learning rate, the network and the size of a batch."""

    seed: int
    epochs: int
    rate: float
    network: NetworkSettings
    batch_size: int = BATCH


First = Callable[[AlignedSplit, AlignedSplit, Start], Checkpoint]
"""From train, valid and a start to a model after its first training."""


def epochs_of(n_segments: int, *, steps: int) -> int:
    """How many epochs over so many segments have nearest to so many steps; at least two, one for each stage of a ranking."""
    return max(2, round(steps / max(1, -(-n_segments // BATCH))))


def settings_of(epochs: int, *, rate: float, batch_size: int = BATCH) -> TrainingSettings:
    """The last epoch is kept, so that nothing is chosen on valid."""
    return TrainingSettings(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=rate,
        weight_decay=0.05,
        modality_dropout=0.2,
        precision="float32",
        epoch="last",
    )


def pointwise(weight: str = "none", raters: str = "as_given", *, across: float = 0.0) -> First:
    """Absolute error, all alike or bounded, with or without offsets of the raters, of which a share may stay."""

    def train_first(train: AlignedSplit, valid: AlignedSplit, start: Start) -> Checkpoint:
        return train_pointwise(
            train,
            valid,
            seed=start.seed,
            network=start.network,
            settings=settings_of(start.epochs, rate=start.rate, batch_size=start.batch_size),
            extra_epochs=0,
            select_by="magnitude",
            calibration="none",
            n_knots=4,
            weight=weight,
            raters=raters,
            across=across,
            bound=1.5,
            task="regression",
            **MACHINE,
        )

    return train_first


def ranking(
    objective: str = "groupwise", *, margin: MarginSettings = MARGIN, advantage: AdvantageSettings = ADVANTAGE
) -> First:
    """A ranking loss of the library."""
    return ranked_by(ranking_objective(objective, margin=margin, advantage=advantage))


def ranked_by(objective: RankingObjective) -> First:
    """Any ranking loss."""

    def train_first(train: AlignedSplit, valid: AlignedSplit, start: Start) -> Checkpoint:
        return train_ranking(
            train,
            valid,
            seed=start.seed,
            network=start.network,
            objective=objective,
            settings=settings_of(start.epochs, rate=start.rate, batch_size=start.batch_size),
            **MACHINE,
        )

    return train_first


def within_evenly() -> RankingObjective:
    """GRCF's loss within a rater where the pairs of n labels weigh 1/n each, so that a rater weighs by labels, not by pairs.

    Over squared differences that is the squared error with the rater's offset profiled out. Violations are less soft than in
    `MARGIN`, and have no advantage.
    """
    margin, alike = replace(WITHIN_FINE, smoothing=0.5), replace(ADVANTAGE, strength=0.0)

    def loss(score: Tensor, label: Tensor, _: Tensor, owned: OwnedLabels | None) -> Tensor:
        score, label, owner = compared(score, label, owned)
        pairs = compare_pairs(score, label, owner, margin=margin, advantage=alike)
        weight = pairs.weight if owner is None else pairs.weight / (owner[:, None] == owner).sum(dim=1)
        total = weight.sum()
        return (weight * pairs.violation).sum() / total if total > 0 else 0 * score.sum()

    return RankingObjective(
        "within, evenly", loss, leaves_order=True, groups=margin.groups, within=margin.within
    )


def in_turn(train_first: First, objective: RankingObjective) -> First:
    """Half of the epochs as `train_first`, the other half by a ranking loss from there, at half the rate."""
    if objective.loss is None:
        raise ValueError("the second half needs a loss")
    second = objective.loss

    def train_both(train: AlignedSplit, valid: AlignedSplit, start: Start) -> Checkpoint:
        n_first = max(1, start.epochs // 2)
        first = train_first(train, valid, replace(start, epochs=n_first))
        n_second = start.epochs - n_first
        if n_second == 0:
            return first
        trained = train_network(
            restore(first, device=MACHINE["device"])[0],
            *(SplitTensors(split, device=MACHINE["device"]) for split in (train, valid)),
            objective=second,
            selection=Selection(by="order"),
            seed=start.seed,
            settings=settings_of(n_second, rate=start.rate / 2, batch_size=start.batch_size),
        )
        return make_checkpoint(
            trained,
            stage="rank",
            objective=objective.name,
            leaves_order=True,
            seed=start.seed,
            calibration=IDENTITY,
            link="identity",
            train=train,
            environment=MACHINE["environment"],
        )

    return train_both


def on_standardised(train_first: First) -> First:
    """The same on labels that are standardised by rater."""
    return lambda train, valid, start: train_first(standardised(train), valid, start)


def on_rescaled(train_first: First) -> First:
    """The same on labels whose spread is made alike by rater, as far as few labels can tell a rater's spread."""
    return lambda train, valid, start: train_first(rescaled(train), valid, start)


METHODS: Mapping[str, tuple[First, bool]] = {
    "mae": (pointwise(), False),
    "mae_bounded": (pointwise("bounded"), False),
    "mae_standardised": (on_standardised(pointwise()), False),
    "mae_profiled": (pointwise(raters="profiled"), False),
    "mae_profiled_rescaled": (on_rescaled(pointwise(raters="profiled")), False),
    "mae_partly_25": (pointwise(raters="profiled", across=0.25), False),
    "mae_partly_50": (pointwise(raters="profiled", across=0.5), False),
    "grcf_all": (ranking(), True),
    "grcf_within": (ranking(margin=replace(MARGIN, within="rater")), True),
    "grcf_within_fine": (ranking(margin=WITHIN_FINE), True),
    "grcf_within_rescaled": (on_rescaled(ranking(margin=WITHIN_FINE)), True),
    "grcf_partly_25": (ranking(margin=replace(WITHIN_FINE, across=0.25)), True),
    "grcf_partly_50": (ranking(margin=replace(WITHIN_FINE, across=0.5)), True),
    "grcf_within_even": (ranked_by(within_evenly()), True),
    "grcf_bounded": (ranking(advantage=BOUNDED), True),
    "ranknet": (ranking("ranknet"), True),
    "ranknet_within": (ranking("ranknet", margin=replace(MARGIN, within="rater")), True),
    "ranklist": (ranking("ranklist"), True),
    "rank_n_contrast": (ranking("rank_n_contrast"), True),
    "rank_n_contrast_grcf": (
        in_turn(
            ranking("rank_n_contrast"), ranking_objective("groupwise", margin=MARGIN, advantage=ADVANTAGE)
        ),
        True,
    ),
}
"""Each method's first training, and whether it is a ranking, whose magnitude a second training gives."""


def train_method(
    name: str,
    train: AlignedSplit,
    valid: AlignedSplit,
    *,
    seed: int,
    steps: int,
    trusts_valid: bool,
    setup: Setup,
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
        steps: steps on train in all, up to whole epochs, in batches of `BATCH`; `Learning` says how many epochs of them there are.
        trusts_valid: whether labels of valid alone are on the scale that counts.
        setup: the network and how each side learns.
    """
    train_first, is_ranking = METHODS[name]
    learning: Learning = setup.ranking if is_ranking else setup.pointwise
    epochs = learning.epochs * epochs_of(len(train), steps=steps)
    start = Start(seed, epochs, learning.rate, setup.network, learning.batch_size)
    if trusts_valid:
        first = train_first(train, valid, start)
        return _second(
            first, valid, valid, epochs=epochs_of(len(valid), steps=STEPS_TRUSTED), rate=_SECOND_RATE
        )
    if not is_ranking:
        return train_first(train, valid, start)
    n_first = max(1, round(epochs / 3))
    first = train_first(train, valid, replace(start, epochs=n_first))
    return _second(
        first, train, valid, epochs=epochs - n_first, rate=start.rate / 2, batch_size=start.batch_size
    )


def _second(
    first: Checkpoint,
    train: AlignedSplit,
    valid: AlignedSplit,
    *,
    epochs: int,
    rate: float,
    batch_size: int = BATCH,
) -> Checkpoint:
    return tune(
        first,
        train,
        valid,
        part="all",
        ranking=RankingTerm(beta=0.0, margin=MARGIN, advantage=ADVANTAGE),
        settings=settings_of(epochs, rate=rate, batch_size=batch_size),
        task="regression",
        **MACHINE,
    )

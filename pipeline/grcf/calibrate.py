"""Stage 2: give the order of stage 1 its magnitude."""

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
from torch import Tensor
from torch.nn import Parameter

from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.checkpoint import Checkpoint
from pipeline.errors import PipelineError
from pipeline.evaluation.selection import ordered_pair_accuracy
from pipeline.grcf.calibration.pointwise_objective import MAGNITUDES, Magnitude, Task, fit_calibration
from pipeline.grcf.fit.loop import (
    Trained,
    TrainingSettings,
    check_columns,
    make_checkpoint,
    restore,
    score_split,
    train_network,
)
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings, groupwise_ranking_loss
from pipeline.grcf.loss.objectives import SCORING
from pipeline.grcf.network.batches import SplitTensors
from pipeline.grcf.network.curve import IDENTITY, Curve
from pipeline.grcf.network.network import SentimentNetwork

CalibrationScope = Literal["affine", "monotone", "head", "all"]


def calibrate(
    ranked: Checkpoint,
    train: AlignedSplit,
    valid: AlignedSplit,
    *,
    scope: CalibrationScope,
    n_knots: int,
    beta: float,
    margin: MarginSettings,
    advantage: AdvantageSettings,
    settings: TrainingSettings,
    device: str,
    made_with: Mapping[str, str],
    task: Task = "regression",
) -> Checkpoint:
    """Continue from a checkpoint of stage 1 with the magnitude as objective.

    Args:
        ranked: what stage 1 left.
        train: what the network is tuned on.
        valid: what the curve is fitted on and the epoch chosen on. Not train: its scores are over-fitted, so they
            spread wider than those of new segments and would give too small a slope.
        scope: "affine" fits one positive slope and an offset, "monotone" a curve with `n_knots` bends; neither can
            change the order. "head" and "all" start from the affine fit and tune the last layer or the whole network.
        n_knots: bends of the monotone curve.
        beta: weight of the ranking loss that is kept beside the error, head and all only.
        margin: of that ranking loss.
        advantage: of that ranking loss.
        settings: how head and all are tuned.
        device: where the network runs.
        made_with: versions and device for the header.
        task: what is minimised: "regression" the mean absolute error, "binary" the cross-entropy of labels 0 and 1.

    Returns:
        A checkpoint whose network still gives scores and whose curve turns them into label units, or into logits.

    Raises:
        PipelineError: a curve is asked for, but the objective of stage 1 leaves no order or the task has no such curve.
    """
    magnitude = MAGNITUDES[task]
    check_columns(ranked, train)
    network, _ = restore(ranked, device=device)
    train_tensors, valid_tensors = SplitTensors(train, device=device), SplitTensors(valid, device=device)
    scores = score_split(network, valid_tensors)
    has_order = ranked.objective in SCORING
    if scope in ("affine", "monotone") and not has_order:
        raise PipelineError(
            f"calibrate.scope is {scope!r}, but rank.objective {ranked.objective!r} leaves no order to calibrate; set "
            "calibrate.scope to head or all"
        )
    curve = (
        fit_calibration(
            scores,
            valid.labels,
            task=task,
            shape="monotone" if scope == "monotone" else "affine",
            n_knots=n_knots,
        )
        if has_order
        else IDENTITY
    )
    if scope in ("affine", "monotone"):
        trained = _curve_only(
            network, curve, magnitude, ranked.seed, train_tensors, train.labels, scores, valid.labels
        )
    else:

        def objective(score: Tensor, label: Tensor, _: Tensor) -> Tensor:
            error = magnitude.loss(curve.offset + curve.slope * score, label)
            if beta == 0:
                return error
            return error + beta * groupwise_ranking_loss(score, label, margin=margin, advantage=advantage)

        trained = train_network(
            network,
            train_tensors,
            valid_tensors,
            objective=objective,
            select_by="magnitude",
            curve=curve,
            measure=magnitude.error,
            parameters=_head if scope == "head" else SentimentNetwork.parameters,
            keep_start=has_order,
            seed=ranked.seed,
            settings=settings,
        )
    return make_checkpoint(
        trained,
        stage="calibrate",
        objective=magnitude.objective
        if beta == 0 or scope in ("affine", "monotone")
        else f"{magnitude.objective} + ranking",
        seed=ranked.seed,
        curve=curve,
        link=magnitude.link,
        train=train,
        made_with=made_with,
    )


def _head(network: SentimentNetwork) -> Iterable[Parameter]:
    return network.head.parameters()


def _curve_only(
    network: SentimentNetwork,
    curve: Curve,
    magnitude: Magnitude,
    seed: int,
    train: SplitTensors,
    train_labels: np.ndarray,
    valid_scores: np.ndarray,
    valid_labels: np.ndarray,
) -> Trained:
    """The network as stage 1 left it, with the one row that there is to tell of."""
    row: dict[str, float | int | None] = {
        "seed": seed,
        "epoch": 0,
        "train_loss": magnitude.error(train_labels, curve(score_split(network, train))),
        "valid_ordered_pair_accuracy": ordered_pair_accuracy(valid_labels, valid_scores),
        "valid_error": magnitude.error(valid_labels, curve(valid_scores)),
    }
    return Trained(network, 0, [row])

"""Ranking where labels are classes: each class above all others by its own score."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.grcf.loss.interface import RankingObjective
from pipeline.grcf.network.batches import Objective
from pipeline.grcf.network.owned_labels import OwnedLabels


def class_by_class(objective: RankingObjective, *, ordered: bool) -> RankingObjective:
    """The objective for one score per class, in place of one score.

    Of each class in turn it gets the scores and the labels 1 for the segments of the class and 0 for all others, and the loss
    is the mean over the classes. Where classes have an order, the same objective is added for the expected place of a
    segment among them, Σ_k k · softmax(score)_k, and the number of its class, so that a mistake by two places costs
    more than one by one.

    Args:
        objective: an objective for one score per segment; labels of two classes and whole numbers have to be groups of it.
        ordered: whether the classes have an order, which is that of their numbers.
    """
    if objective.loss is None:
        return objective
    return replace(objective, loss=_class_by_class(objective.loss, ordered=ordered))


def _class_by_class(loss: Objective, *, ordered: bool) -> Objective:
    def of_classes(
        score: Float[Tensor, "segment class"],
        label: Float[Tensor, "segment"],
        representation: Float[Tensor, "segment width"],
        owned: OwnedLabels | None,
    ) -> Float[Tensor, ""]:
        losses = [
            loss(column, own, representation, own_of_owners)
            for column, own, own_of_owners in score_columns(score, label, owned)
        ]
        mean = torch.stack(losses).mean()
        return mean + loss(expected_place(score), label, representation, owned) if ordered else mean

    return of_classes


def score_columns(
    score: Float[Tensor, "segment *class"], label: Float[Tensor, "segment"], owned: OwnedLabels | None
) -> Iterator[tuple[Float[Tensor, "segment"], Float[Tensor, "segment"], OwnedLabels | None]]:
    """The scores of each class, with 1 for the labels of the class and 0 for all others.

    Scores that are no classes' come once, with their labels as they are.

    Args:
        score: scores of a batch, one per segment, or one per segment and class.
        label: labels of its segments.
        owned: their labels by owner; None where all are compared with all.
    """
    if score.ndim == 1:
        yield score, label, owned
        return
    for number, column in enumerate(score.unbind(dim=1)):
        of_owners = owned and OwnedLabels(_is(owned.label, number), owned.owner)
        yield column, _is(label, number), of_owners


def _is(label: Tensor, number: int) -> Tensor:
    return (label == number).to(label.dtype)


def expected_place(score: Float[Tensor, "segment class"]) -> Float[Tensor, "segment"]:
    """Σ_k k · softmax(score)_k: where a segment stands among classes with an order, from 0 to their number less one."""
    places = torch.arange(score.shape[1], dtype=score.dtype, device=score.device)
    return score.softmax(dim=1) @ places

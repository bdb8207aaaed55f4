"""The objectives of stage 1 by name: GRCF's own, those of others, one's own, or none."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.errors import PipelineError
from pipeline.grcf.loss.baselines import BASELINES
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings, groupwise_ranking_loss
from pipeline.grcf.loss.interface import RankingObjective
from pipeline.grcf.network.owned_labels import OwnedLabels, compared
from pipeline.plugins import is_plugin, load_plugin, refuse_plugin

GROUPWISE = "groupwise"
_PLUGIN = "a function of score, label and owner that gives a scalar, or a RankingObjective"

OBJECTIVES: Mapping[str, RankingObjective] = {
    **{objective.name: objective for objective in BASELINES},
    # Leaves the first weights for a stage 2 that trains everything.
    "none": RankingObjective("none", None, leaves_order=False),
}
"""Every objective without settings; GRCF's own has some, see `groupwise_objective`."""


def groupwise_objective(margin: MarginSettings, advantage: AdvantageSettings) -> RankingObjective:
    """GRCF's own objective under these settings; see `groupwise_ranking_loss`."""
    return RankingObjective(
        GROUPWISE,
        lambda score, label, _, owned: groupwise_ranking_loss(
            *compared(score, label, owned), margin=margin, advantage=advantage
        ),
        leaves_order=True,
        groups=margin.groups,
        within=margin.within,
    )


def pooled(objective: RankingObjective, across: float) -> RankingObjective:
    """An objective within owners that also compares segments of two owners: partial pooling, as random effects do it.

    With α = `across` the loss is (1 − α) of that within owners and α of that of all segments with an owner, whoever gave their labels.
    Pairs within an owner tell nothing of what lies between owners, and pairs of two owners tell of that and of their scales. A segment
    with labels of several owners is one segment there, with the label that it has in the corpus, so that it is never compared with itself.

    Args:
        objective: any; one that compares all with all, or trains nothing, stays as it is.
        across: weight of the pairs of all owners, 0 to 1.
    """
    loss = objective.loss
    if loss is None or across == 0 or objective.within == "any":
        return objective

    def partly(
        score: Float[Tensor, "segment"],
        label: Float[Tensor, "segment"],
        representation: Float[Tensor, "segment width"],
        owned: OwnedLabels | None,
    ) -> Float[Tensor, ""]:
        within = loss(score, label, representation, owned)
        if owned is None:
            return within
        known = owned.is_owned
        return torch.lerp(within, loss(score[known], label[known], representation[known], None), across)

    return replace(objective, loss=partly, across=across)


def objective_of(name: str) -> RankingObjective:
    """The objective without settings of that name, or that a reference to a file in `plugins/` or an installed package names.

    What a reference names is a `RankingObjective`, or a loss alone: a function of the scores, labels and owners of a batch, one each
    per segment (owners are None where labels of all are compared), whose scores count as being in the order of the labels.

    Raises:
        PipelineError: there is no such objective, see `load_plugin`, or what is named is neither of the two.
    """
    if not is_plugin(name):
        if name not in OBJECTIVES:
            raise PipelineError(
                f"rank.objective is {name!r}; expected {GROUPWISE}, {', '.join(OBJECTIVES)}, or file.py:Name of a file in plugins/"
            )
        return OBJECTIVES[name]
    found = load_plugin(name, parameter="rank.objective", expected=_PLUGIN)
    if isinstance(found, RankingObjective):
        return replace(found, name=name)
    if isinstance(found, type) or not callable(found):
        raise refuse_plugin(name, found, parameter="rank.objective", expected=_PLUGIN)
    return RankingObjective(
        name, lambda score, label, _, owned: found(*compared(score, label, owned)), leaves_order=True
    )

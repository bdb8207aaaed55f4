"""Which objective stage 1 has: GRCF's own, that of a relative, or none."""

from typing import Literal

from pipeline.grcf.fit.loop import Objective
from pipeline.grcf.loss.baselines import rank_n_contrast_loss, ranklist_loss, ranknet_loss
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings, groupwise_ranking_loss

RankObjective = Literal["groupwise", "ranknet", "ranklist", "rank_n_contrast", "none"]

# Stage 1 leaves scores that mean something; without, stage 2 has nothing to calibrate and starts from the raw network.
SCORING: tuple[RankObjective, ...] = ("groupwise", "ranknet", "ranklist")


def ranking_objective(
    name: RankObjective, *, margin: MarginSettings, advantage: AdvantageSettings
) -> Objective:
    """The loss that stage 1 minimises; `margin` and `advantage` matter to "groupwise" alone.

    Raises:
        ValueError: "none" has no loss.
    """
    if name == "groupwise":
        return lambda score, label, _: groupwise_ranking_loss(
            score, label, margin=margin, advantage=advantage
        )
    if name == "ranknet":
        return lambda score, label, _: ranknet_loss(score, label)
    if name == "ranklist":
        return lambda score, label, _: ranklist_loss(score, label)
    if name == "rank_n_contrast":
        return lambda _, label, representation: rank_n_contrast_loss(representation, label)
    raise ValueError(f"the objective {name!r} trains nothing")

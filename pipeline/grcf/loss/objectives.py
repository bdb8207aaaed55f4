"""The objectives of stage 1 by name: GRCF's own, those of others, or none."""

from collections.abc import Mapping

from pipeline.grcf.loss.baselines import BASELINES
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings, groupwise_ranking_loss
from pipeline.grcf.loss.interface import RankingObjective
from pipeline.grcf.network.owned_labels import compared

GROUPWISE = "groupwise"

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

"""What a ranking objective is: a loss, and what the scores that it trains are good for."""

from dataclasses import dataclass

from pipeline.grcf.loss.groups import Grouping
from pipeline.grcf.network.batches import Objective
from pipeline.grcf.network.owned_labels import Within


@dataclass(frozen=True)
class RankingObjective:
    """What stage 1 minimises.

    Attributes:
        name: the value of `rank.objective`; a checkpoint keeps it.
        loss: function of the scores, labels, representations and owned labels of a batch; None trains nothing.
        leaves_order: whether the trained scores are in the order of the labels, so that a curve can calibrate them and the
            epoch can be selected by their order.
        groups: the sentiment groups between which it compares pairs; None where it compares all different labels.
        within: the owner within which it compares labels.
        across: what pairs of all owners weigh beside those within one, 0 to 1; see `objectives.pooled`.
    """

    name: str
    loss: Objective | None
    leaves_order: bool
    groups: Grouping | None = None
    within: Within = "any"
    across: float = 0.0

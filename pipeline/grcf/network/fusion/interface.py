"""What every fusion takes and gives."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from pipeline.artifacts.corpus.sequences import Modality
from pipeline.grcf.network.batches import Batch


@dataclass(frozen=True, eq=False)
class Fused:
    """What a fusion makes of a batch.

    Attributes:
        representation: one vector per segment, of which the score is a linear function.
        penalty: term that is minimised beside the objective, one value per segment, already weighted; None where the fusion has
            none. It depends on each segment alone, so that a batch may be taken in parts and the mean is the same.
    """

    representation: Float[Tensor, "segment width"]
    penalty: Float[Tensor, "segment"] | None = None


class Fusion(nn.Module, ABC):
    """From the words of a batch to one vector per segment.

    An invalid word counts exactly as a word that is not there, a modality without a column (no entry in `n_features`, or
    0) as one that no segment has, and no segment depends on those beside it.
    """

    @abstractmethod
    def forward(self, batch: Batch) -> Fused:
        """Fuse the modalities of each segment."""

    @abstractmethod
    def own_parameters(self, modality: Modality) -> Iterator[nn.Parameter]:
        """The parameters that serve this modality alone; none where the corpus does not have it."""

"""The network that rank, calibrate and pointwise share: a fusion of the modalities and a linear score."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from pipeline.artifacts.sequences import MODALITIES, Modality
from pipeline.grcf.network.batches import Batch
from pipeline.grcf.network.fusion.attention_pooling import AttentionPoolingFusion
from pipeline.grcf.network.fusion.cross_modal import CrossModalFusion
from pipeline.grcf.network.fusion.gated import GatedFusion
from pipeline.grcf.network.fusion.interface import Fused, Fusion
from pipeline.grcf.network.fusion.language_focused import LanguageFocusedFusion
from pipeline.grcf.network.fusion.pooled import PooledFusion
from pipeline.grcf.network.word_encoder import WordEncoder

FusionName = Literal["attention_pooling", "pooled", "gated", "cross_modal", "language_focused"]

FUSIONS: Mapping[FusionName, Callable[[Mapping[Modality, int], int, float, float], Fusion]] = {
    "attention_pooling": AttentionPoolingFusion,
    "pooled": PooledFusion,
    "gated": GatedFusion,
    "cross_modal": CrossModalFusion,
    "language_focused": LanguageFocusedFusion,
}


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """What a network is made of; see the section `network` of params.yaml."""

    fusion: FusionName
    width: int
    dropout: float
    input_dropout: float = 0.0
    n_outputs: int = 1
    """Scores per segment: one, or one for each class."""


class SentimentNetwork(nn.Module):
    """One score per segment, or one per segment and class, from whatever modalities it has.

    Args:
        n_features: number of feature columns per modality; 0 for one that the corpus does not have.
        settings: the fusion, the size of its vectors, and the probabilities of dropout.
    """

    def __init__(self, *, n_features: Mapping[Modality, int], settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        self.fusion = FUSIONS[settings.fusion](
            {modality: n_features[modality] for modality in MODALITIES},
            settings.width,
            settings.dropout,
            settings.input_dropout,
        )
        self.head = nn.Linear(settings.width, settings.n_outputs)
        self.word_encoder: WordEncoder | None = None

    def fuse(self, batch: Batch) -> Fused:
        """What the fusion makes of the batch, whose words are read first where the text encoder learns."""
        fused: Fused = self.fusion(batch if self.word_encoder is None else self.word_encoder(batch))
        return fused

    def own_parameters(self, modality: Modality) -> Iterator[nn.Parameter]:
        """The parameters that serve this modality alone: those of the fusion, and of an encoder that learns its words."""
        yield from self.fusion.own_parameters(modality)
        if modality == "text" and self.word_encoder is not None:
            yield from self.word_encoder.parameters()

    def represent(self, batch: Batch) -> Float[Tensor, "segment width"]:
        """One vector per segment, of which the score is a linear function."""
        return self.fuse(batch).representation

    def forward(self, batch: Batch) -> Float[Tensor, "segment *class"]:
        """One score per segment, or one per segment and class, unbounded."""
        score: Tensor = self.head(self.represent(batch)).squeeze(-1)
        return score

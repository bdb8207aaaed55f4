"""Mean pooling of the features, then one hidden layer: the smallest network that a ranking has to beat.

Nothing is learnt of single words, so it has few weights and trains in seconds. On CMU-MOSI it is worse than attention pooling
(docs/explanation/experiments.md).
"""

from collections.abc import Iterator, Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.grcf.network.batches import Batch
from pipeline.grcf.network.fusion.interface import Fused, Fusion
from pipeline.grcf.network.fusion.words import Dropout, features_of, presence, spread


class PooledFusion(Fusion):
    """The mean of each modality's features over its valid words, all of them into one hidden layer.

    A flag per modality tells an absent modality from one whose mean happens to be small.
    """

    def __init__(
        self, n_features: Mapping[Modality, int], width: int, dropout: float, input_dropout: float
    ) -> None:
        super().__init__()
        self.present: tuple[Modality, ...] = tuple(m for m in MODALITIES if n_features[m] > 0)
        self.drop = nn.ModuleDict({m: Dropout(input_dropout, n_columns=n_features[m]) for m in self.present})
        # One layer over everything, its weights kept by modality.
        self.layer = nn.ModuleDict({m: nn.Linear(n_features[m], width, bias=False) for m in self.present})
        self.flags = nn.Linear(len(self.present), width)
        self.out = nn.Sequential(nn.GELU(), Dropout(dropout))

    def forward(self, batch: Batch) -> Fused:
        """Pool, drop, mix."""
        hidden = self.flags(torch.cat([presence(batch, m) for m in self.present], dim=1))
        for m in self.present:
            pooled = mean_over_words(features_of(batch, m), batch.valid[m])
            hidden = hidden + self.layer[m](self.drop[m](pooled))
        return Fused(self.out(hidden))

    def own_parameters(self, modality: Modality) -> Iterator[nn.Parameter]:
        """Those of its part of the layer."""
        return self.layer[modality].parameters() if modality in self.present else iter(())


def mean_over_words(
    features: Float[Tensor, "*row column"], valid: Bool[Tensor, "segment word"]
) -> Float[Tensor, "segment column"]:
    """The mean of the valid words of each segment; zeros where it has none."""
    total = spread(features, valid).sum(dim=1)
    mean: Tensor = total / valid.sum(dim=1, keepdim=True).clamp(min=1)
    return mean

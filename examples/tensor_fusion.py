"""A fusion: the outer product of the modalities, Tensor Fusion Network (Zadeh et al., EMNLP 2017, arXiv 1707.07250).

`dvc exp run -S network.fusion=tensor_fusion.py:TensorFusion`

As there: a vector per modality with a 1 behind it, so that the product holds each modality, each pair and all three. Otherwise
than there: attention pools the words of every modality, where they run an LSTM over the text and average the others.
"""

from collections.abc import Iterator, Mapping
from itertools import chain

import torch
from torch import Tensor, nn

from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.grcf.network.batches import Batch
from pipeline.grcf.network.fusion.interface import Fused, Fusion
from pipeline.grcf.network.fusion.words import Pool, encoder_of, features_of

_SIZE = 16  # of each modality's vector: the product of three has 17³ entries


class TensorFusion(Fusion):
    """One outer product per segment, then a layer."""

    def __init__(
        self, n_features: Mapping[Modality, int], width: int, dropout: float, input_dropout: float
    ) -> None:
        super().__init__()
        self.present = [m for m in MODALITIES if n_features[m] > 0]
        self.layer = nn.ModuleDict(
            {
                m: encoder_of(n_features[m], width, dropout, m, input_dropout=input_dropout)
                for m in self.present
            }
        )
        self.pool = nn.ModuleDict({m: Pool(width) for m in self.present})
        self.squeeze = nn.ModuleDict({m: nn.Linear(width, _SIZE) for m in self.present})
        n_products = (_SIZE + 1) ** len(self.present)
        self.mix = nn.Sequential(nn.Linear(n_products, width), nn.GELU(), nn.Dropout(dropout))

    def forward(self, batch: Batch) -> Fused:
        """A modality that a segment lacks is a vector of zeros, and the 1 behind it keeps what the others say."""
        product: Tensor | None = None
        for m in self.present:
            there = batch.valid[m].any(dim=1, keepdim=True)
            pooled = self.pool[m](self.layer[m](features_of(batch, m)), batch.valid[m])
            vector = torch.cat([self.squeeze[m](pooled) * there, torch.ones_like(pooled[:, :1])], dim=1)
            product = vector if product is None else (product[:, :, None] * vector[:, None, :]).flatten(1)
        return Fused(self.mix(product))

    def own_parameters(self, modality: Modality) -> Iterator[nn.Parameter]:
        """Those of its layer, its pooling and its vector."""
        if modality not in self.present:
            return iter(())
        parts = (self.layer[modality], self.pool[modality], self.squeeze[modality])
        return chain.from_iterable(part.parameters() for part in parts)

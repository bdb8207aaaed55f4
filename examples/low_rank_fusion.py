"""A fusion: the outer product by factors of low rank, Low-rank Multimodal Fusion (Liu et al., ACL 2018, arXiv 1806.00064).

`dvc exp run -S network.fusion=low_rank_fusion.py:LowRankFusion`

The layer over an outer product as a sum of `_RANK` products, so that it is never made: h = Σ_r w_r Π_m W_m,r [v_m; 1].
"""

from collections.abc import Iterator, Mapping
from itertools import chain

import torch
from torch import Tensor, nn

from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.grcf.network.batches import Batch
from pipeline.grcf.network.fusion.interface import Fused, Fusion
from pipeline.grcf.network.fusion.words import Pool, encoder_of, features_of

_RANK = 4


class LowRankFusion(Fusion):
    """A few products of the modalities per segment, and their weighted sum."""

    def __init__(
        self, n_features: Mapping[Modality, int], width: int, dropout: float, input_dropout: float
    ) -> None:
        super().__init__()
        self.present = [m for m in MODALITIES if n_features[m] > 0]
        self.width = width
        self.layer = nn.ModuleDict(
            {
                m: encoder_of(n_features[m], width, dropout, m, input_dropout=input_dropout)
                for m in self.present
            }
        )
        self.pool = nn.ModuleDict({m: Pool(width) for m in self.present})
        self.factor = nn.ModuleDict(
            {m: nn.Linear(width + 1, _RANK * width, bias=False) for m in self.present}
        )
        self.weight = nn.Linear(_RANK, 1)
        self.out = nn.Sequential(nn.LayerNorm(width), nn.GELU(), nn.Dropout(dropout))

    def forward(self, batch: Batch) -> Fused:
        """A modality that a segment lacks is a vector of zeros, and the 1 behind it keeps what the others say."""
        product: Tensor | float = 1.0
        for m in self.present:
            there = batch.valid[m].any(dim=1, keepdim=True)
            pooled = self.pool[m](self.layer[m](features_of(batch, m)), batch.valid[m]) * there
            vector = torch.cat([pooled, torch.ones_like(pooled[:, :1])], dim=1)
            product = product * self.factor[m](vector).view(-1, self.width, _RANK)
        return Fused(self.out(self.weight(product).squeeze(-1)))

    def own_parameters(self, modality: Modality) -> Iterator[nn.Parameter]:
        """Those of its layer, its pooling and its factors."""
        if modality not in self.present:
            return iter(())
        parts = (self.layer[modality], self.pool[modality], self.factor[modality])
        return chain.from_iterable(part.parameters() for part in parts)

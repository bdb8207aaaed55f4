"""Cross-modal attention: the words of each modality gather from those of each other one.

The idea of MulT (Tsai et al., "Multimodal Transformer for Unaligned Multimodal Language Sequences", ACL 2019, arXiv 1906.00295):
a block per ordered pair of modalities, the keys those of the source. Smaller than there, for corpora of this size: one block
per pair and not four or five, attention pooling in place of its second transformers, and neither convolution nor positions,
so that a masked word counts as one that is not there.
"""

from collections.abc import Iterator, Mapping
from itertools import chain

import torch
from torch import nn

from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.grcf.network.batches import Batch
from pipeline.grcf.network.fusion.interface import Fused, Fusion
from pipeline.grcf.network.fusion.words import (
    CrossAttention,
    Dropout,
    Pool,
    encoder_of,
    features_of,
    presence,
)


class CrossModalFusion(Fusion):
    """One vector per segment for each ordered pair of modalities, then one hidden layer over all."""

    def __init__(
        self, n_features: Mapping[Modality, int], width: int, dropout: float, input_dropout: float
    ) -> None:
        super().__init__()
        self.present: tuple[Modality, ...] = tuple(m for m in MODALITIES if n_features[m] > 0)
        self.layer = nn.ModuleDict(
            {
                m: encoder_of(n_features[m], width, dropout, m, input_dropout=input_dropout)
                for m in self.present
            }
        )
        # Where a corpus has one modality, there is nobody else to ask.
        self.pairs = [(a, b) for a in self.present for b in self.present if a != b] or [
            (a, a) for a in self.present
        ]
        self.attend = nn.ModuleDict({f"{a}_from_{b}": CrossAttention(width) for a, b in self.pairs})
        self.pool = nn.ModuleDict({f"{a}_from_{b}": Pool(width) for a, b in self.pairs})
        n_inputs = len(self.pairs) * width + len(self.present)
        self.mix = nn.Sequential(nn.Linear(n_inputs, width), nn.GELU(), Dropout(dropout))

    def forward(self, batch: Batch) -> Fused:
        """Attend, pool each stream, mix."""
        hidden = {m: self.layer[m](features_of(batch, m)) for m in self.present}
        vectors = []
        for asking, source in self.pairs:
            name = f"{asking}_from_{source}"
            gathered = self.attend[name](batch, asking, source, hidden)
            vectors.append(self.pool[name](gathered, batch.valid[asking]))
        flags = [presence(batch, m) for m in self.present]
        return Fused(self.mix(torch.cat([*vectors, *flags], dim=1)))

    def own_parameters(self, modality: Modality) -> Iterator[nn.Parameter]:
        """Those of its layer and of the blocks in which it asks."""
        if modality not in self.present:
            return iter(())
        asked = [f"{a}_from_{b}" for a, b in self.pairs if a == modality]
        blocks = [module[name] for module in (self.attend, self.pool) for name in asked]
        return chain.from_iterable(module.parameters() for module in (self.layer[modality], *blocks))

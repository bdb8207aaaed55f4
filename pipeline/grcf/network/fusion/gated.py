"""Word-aligned gated fusion: at each word, gates decide how much of each modality counts.

Gated multimodal units (Arevalo et al., "Gated Multimodal Units for Information Fusion", arXiv 1702.01992), one per word, as the
word axis that all modalities share allows: h = Σ zₘ ⊙ hₘ with zₘ = σ(Wₘ [all h; which are there]). Ours: hₘ is the layer of
all fusions here in place of a tanh, a modality that is not there at a word adds nothing, and attention pools the words.
"""

from collections.abc import Iterator, Mapping
from itertools import chain

import torch
from torch import nn

from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.grcf.network.batches import Batch
from pipeline.grcf.network.fusion.interface import Fused, Fusion
from pipeline.grcf.network.fusion.words import (
    Dropout,
    Pool,
    encoder_of,
    features_of,
    gather,
    presence,
    spread,
)


class GatedFusion(Fusion):
    """One fused vector per word, then one per segment."""

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
        self.gate = nn.ModuleDict(
            {m: nn.Linear(len(self.present) * (width + 1), width) for m in self.present}
        )
        self.pool = Pool(width)
        self.mix = nn.Sequential(nn.Linear(width + len(self.present), width), nn.GELU(), Dropout(dropout))

    def forward(self, batch: Batch) -> Fused:
        """Gate the words, pool them, mix."""
        there = torch.stack([batch.valid[m] for m in self.present]).any(dim=0)
        hidden = {
            m: gather(batch, spread(self.layer[m](features_of(batch, m)), batch.valid[m]), there)
            for m in self.present
        }
        presences = [
            gather(batch, batch.valid[m][..., None].to(hidden[m].dtype), there) for m in self.present
        ]
        context = torch.cat([*hidden.values(), *presences], dim=-1)
        gated = torch.stack([self.gate[m](context).sigmoid() * hidden[m] for m in self.present]).sum(dim=0)
        flags = [presence(batch, m) for m in self.present]
        return Fused(self.mix(torch.cat([self.pool(gated, there), *flags], dim=1)))

    def own_parameters(self, modality: Modality) -> Iterator[nn.Parameter]:
        """Those of its layer and of its gate."""
        if modality not in self.present:
            return iter(())
        return chain(self.layer[modality].parameters(), self.gate[modality].parameters())

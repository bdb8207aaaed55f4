"""Language-focused fusion: what modalities share and what is their own are kept apart, and language attracts the latter.

After DLF (Wang et al., "DLF: Disentangled-Language-Focused Multimodal Sentiment Analysis", AAAI 2025, arXiv 2412.12225), whose text
and published code were read: shared and specific encoders, reconstruction, orthogonality, and the cross-attention of
language to audio and visual are its; which of these are smaller here and what is left out is in docs/explanation/fusion.md.
"""

from collections.abc import Iterator, Mapping
from itertools import chain

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.grcf.network.batches import Batch
from pipeline.grcf.network.fusion.interface import Fused, Fusion
from pipeline.grcf.network.fusion.words import (
    CrossAttention,
    Dropout,
    Pool,
    Words,
    encoder_of,
    features_of,
    presence,
    spread,
)

# The published code adds 0.1 · (reconstruction + specific + 0.1 · orthogonality) to the loss of the task.
_WEIGHT, _WEIGHT_ORTHOGONAL = 0.1, 0.1
_LANGUAGE: Modality = "text"


class LanguageFocusedFusion(Fusion):
    """What is shared, one vector per modality, and what language attracts, one vector per modality; then one hidden layer."""

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
        self.shared = _branch(width)
        self.specific = nn.ModuleDict({m: _branch(width) for m in self.present})
        self.decode = nn.ModuleDict({m: nn.Linear(2 * width, width) for m in self.present})
        self.attracted = self.present if _LANGUAGE in self.present else ()
        self.attract = nn.ModuleDict({m: CrossAttention(width) for m in self.attracted})
        self.pool = nn.ModuleDict({m: Pool(width) for m in self.attracted})
        self.pool_shared = Pool(width)
        n_inputs = (len(self.present) + len(self.attracted)) * width + len(self.present)
        self.mix = nn.Sequential(nn.Linear(n_inputs, width), nn.GELU(), Dropout(dropout))

    def forward(self, batch: Batch) -> Fused:
        """Disentangle, attract, pool, mix; the penalty is for training only."""
        hidden = {m: self.layer[m](features_of(batch, m)) for m in self.present}
        shared = {m: self.shared(hidden[m]) for m in self.present}
        specific = {m: self.specific[m](hidden[m]) for m in self.present}
        vectors = [self.pool_shared(shared[m], batch.valid[m]) for m in self.present]
        for m in self.attracted:
            gathered = self.attract[m](batch, _LANGUAGE, m, specific)
            vectors.append(self.pool[m](gathered, batch.valid[_LANGUAGE]))
        flags = [presence(batch, m) for m in self.present]
        representation = self.mix(torch.cat([*vectors, *flags], dim=1))
        if not self.training:
            return Fused(representation)
        penalties = [
            self._penalty(m, hidden[m], shared[m], specific[m], batch.valid[m]) for m in self.present
        ]
        return Fused(representation, _WEIGHT * torch.stack(penalties).sum(dim=0))

    def own_parameters(self, modality: Modality) -> Iterator[nn.Parameter]:
        """Those of its layer, its specific encoder, its decoder, and the block by which language attracts it."""
        if modality not in self.present:
            return iter(())
        own = [module[modality] for module in (self.layer, self.specific, self.decode)]
        own += [module[modality] for module in (self.attract, self.pool) if modality in module]
        return chain.from_iterable(module.parameters() for module in own)

    def _penalty(
        self,
        modality: Modality,
        hidden: Words,
        shared: Words,
        specific: Words,
        valid: Bool[Tensor, "segment word"],
    ) -> Float[Tensor, "segment"]:
        """How far the two parts are from telling all of the modality, and from telling different things: mean over words."""
        decoded = self.decode[modality](torch.cat([specific, shared], dim=-1))
        again = self.specific[modality](decoded)
        by_word = (
            (decoded - hidden).square().mean(dim=-1)
            + (again - specific).square().mean(dim=-1)
            + _WEIGHT_ORTHOGONAL * cosine_similarity(specific, shared, dim=-1).clamp(min=0)
        )
        return spread(by_word[..., None], valid).sum(dim=(1, 2)) / valid.sum(dim=1).clamp(min=1)


def _branch(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))

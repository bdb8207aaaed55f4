"""Masked attention pooling: each modality by itself into one vector, then one hidden layer over all (the default).

The pooling is the attention of Yang et al., "Hierarchical Attention Networks" (NAACL 2016), reduced to one linear logit per
word; late fusion by concatenation is the plainest of this field's baselines.
"""

from collections.abc import Iterator, Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.grcf.network.batches import Batch
from pipeline.grcf.network.fusion.interface import Fused, Fusion
from pipeline.grcf.network.fusion.words import Dropout, encoder_of, features_of, masked_softmax, spread


class AttentionPooling(nn.Module):
    """Words of one modality to one vector, by a learned weight per valid word.

    A masked word counts exactly as a word that is not there; a segment without a valid word gives zeros.
    """

    def __init__(
        self, n_features: int, width: int, dropout: float, modality: Modality, input_dropout: float
    ) -> None:
        super().__init__()
        self.encode = encoder_of(n_features, width, dropout, modality, input_dropout=input_dropout)
        self.attend = nn.Linear(width, 1)

    def forward(
        self, features: Float[Tensor, "*row _"], valid: Bool[Tensor, "segment word"]
    ) -> Float[Tensor, "segment width"]:
        """One vector per segment.

        Args:
            features: features of the words, as rows; see `words`.
            valid: whether there is a word, on the padded axis.
        """
        hidden = self.encode(features)
        if hidden.dim() == 3:
            weight = masked_softmax(self.attend(hidden).squeeze(-1), valid)
            together: Tensor = (weight[:, None, :] @ spread(hidden, valid)).squeeze(1)
            return together
        logits = hidden.new_full(valid.shape, float("-inf"))
        logits = logits.masked_scatter(valid, self.attend(hidden).squeeze(-1))
        # A row of −inf alone would be NaN in the softmax and in its gradient.
        logits = torch.where(valid.any(dim=1, keepdim=True), logits, torch.zeros_like(logits))
        weight = logits.softmax(dim=1)[valid]
        segment = valid.nonzero()[:, 0]
        pooled: Tensor = hidden.new_zeros(len(valid), hidden.shape[1])
        return pooled.index_add(0, segment, weight[:, None] * hidden)


class AttentionPoolingFusion(Fusion):
    """Each modality is pooled over the words by itself, so that a strong one does not starve the others of attention.

    A flag per modality tells an absent modality from one whose vector happens to be small.
    """

    def __init__(
        self, n_features: Mapping[Modality, int], width: int, dropout: float, input_dropout: float
    ) -> None:
        super().__init__()
        self.width = width
        self.pool = nn.ModuleDict(
            {
                modality: AttentionPooling(n_features[modality], width, dropout, modality, input_dropout)
                for modality in MODALITIES
                if n_features[modality] > 0
            }
        )
        self.mix = nn.Sequential(nn.Linear(len(MODALITIES) * (width + 1), width), nn.GELU(), Dropout(dropout))

    def forward(self, batch: Batch) -> Fused:
        """Pool, concatenate, mix."""
        vectors = []
        for modality in MODALITIES:
            valid = batch.valid[modality]
            present = valid.any(dim=1, keepdim=True).to(batch.label.dtype)
            vector = (
                self.pool[modality](features_of(batch, modality), valid)
                if modality in self.pool
                else present.new_zeros(len(valid), self.width)
            )
            vectors += [vector, present]
        return Fused(self.mix(torch.cat(vectors, dim=1)))

    def own_parameters(self, modality: Modality) -> Iterator[nn.Parameter]:
        """Those of its pooling."""
        return self.pool[modality].parameters() if modality in self.pool else iter(())

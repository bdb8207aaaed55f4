"""The network that rank, calibrate and pointwise share: attention pooling per modality, then fusion."""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from pipeline.artifacts.sequences import MODALITIES, Modality
from pipeline.grcf.batches import Batch
from pipeline.grcf.word_encoder import WordEncoder


class AttentionPooling(nn.Module):
    """Words of one modality to one vector, by a learned weight per valid word.

    A masked word counts exactly as a word that is not there; a segment without a valid word gives zeros.
    """

    def __init__(self, n_features: int, width: int, dropout: float) -> None:
        super().__init__()
        self.encode = nn.Sequential(
            nn.Linear(n_features, width), nn.GELU(), nn.LayerNorm(width), nn.Dropout(dropout)
        )
        self.attend = nn.Linear(width, 1)

    def forward(
        self, features: Float[Tensor, "valid_word _"], valid: Bool[Tensor, "segment word"]
    ) -> Float[Tensor, "segment width"]:
        """One vector a segment.

        Args:
            features: the rows of the valid words alone, segment by segment.
            valid: which words these are.
        """
        hidden = self.encode(features)
        logits = hidden.new_full(valid.shape, float("-inf"))
        logits = logits.masked_scatter(valid, self.attend(hidden).squeeze(-1))
        # A row of −inf alone would be NaN in the softmax and in its gradient.
        logits = torch.where(valid.any(dim=1, keepdim=True), logits, torch.zeros_like(logits))
        weight = logits.softmax(dim=1)[valid]
        segment = valid.nonzero()[:, 0]
        pooled: Tensor = hidden.new_zeros(len(valid), hidden.shape[1])
        return pooled.index_add(0, segment, weight[:, None] * hidden)


class SentimentNetwork(nn.Module):
    """One score per segment from whatever modalities it has.

    Each modality is pooled over the words by itself, so that a strong one does not starve the others of attention; a
    flag per modality tells the fusion an absent modality from one whose vector happens to be small.

    Args:
        n_features: number of feature columns per modality; 0 where the corpus has none of it.
        width: size of each modality's vector and of the fusion's hidden layer.
        dropout: share of hidden units dropped while training.
    """

    def __init__(self, *, n_features: Mapping[Modality, int], width: int, dropout: float) -> None:
        super().__init__()
        self.width = width
        self.pool = nn.ModuleDict(
            {
                modality: AttentionPooling(n_features[modality], width, dropout)
                for modality in MODALITIES
                if n_features[modality] > 0
            }
        )
        self.fuse = nn.Sequential(
            nn.Linear(len(MODALITIES) * (width + 1), width), nn.GELU(), nn.Dropout(dropout)
        )
        self.head = nn.Linear(width, 1)
        self.word_encoder: WordEncoder | None = None

    def represent(self, batch: Batch) -> Float[Tensor, "segment width"]:
        """One vector a segment, of which the score is a linear function."""
        if self.word_encoder is not None:
            batch = self.word_encoder(batch)
        vectors = []
        for modality in MODALITIES:
            valid = batch.valid[modality]
            present = valid.any(dim=1, keepdim=True).to(batch.label.dtype)
            vector = (
                self.pool[modality](batch.features[modality][batch.row[valid]], valid)
                if modality in self.pool
                else present.new_zeros(len(valid), self.width)
            )
            vectors += [vector, present]
        fused: Tensor = self.fuse(torch.cat(vectors, dim=1))
        return fused

    def forward(self, batch: Batch) -> Float[Tensor, "segment"]:
        """One score a segment, unbounded."""
        score: Tensor = self.head(self.represent(batch)).squeeze(-1)
        return score

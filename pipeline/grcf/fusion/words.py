"""What fusions make of the words of one modality before they bring modalities together."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from pipeline.artifacts.sequences import Modality
from pipeline.grcf.batches import Batch

# Of attention; a width that they do not divide has one head.
_N_HEADS = 4


def encoder_of(n_features: int, width: int, dropout: float) -> nn.Sequential:
    """Rows of features to hidden vectors, row by row."""
    return nn.Sequential(nn.Linear(n_features, width), nn.GELU(), nn.LayerNorm(width), nn.Dropout(dropout))


class WordLayer(nn.Module):
    """The hidden vectors of one modality's words, in their places; zeros where there is no valid word."""

    def __init__(self, n_features: int, width: int, dropout: float) -> None:
        super().__init__()
        self.encode = encoder_of(n_features, width, dropout)

    def forward(self, batch: Batch, modality: Modality) -> Float[Tensor, "segment word width"]:
        """Encode the valid words."""
        valid = batch.valid[modality]
        hidden: Tensor = self.encode(batch.features[modality][batch.row[valid]])
        return hidden.new_zeros(*valid.shape, hidden.shape[-1]).masked_scatter(valid[..., None], hidden)


class Pool(nn.Module):
    """Words to one vector by a learned weight per valid word; zeros where a segment has none."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attend = nn.Linear(width, 1)

    def forward(
        self, hidden: Float[Tensor, "segment word width"], valid: Bool[Tensor, "segment word"]
    ) -> Float[Tensor, "segment width"]:
        """The weighted mean."""
        weight = masked_softmax(self.attend(hidden).squeeze(-1), valid)
        return (weight[:, None, :] @ hidden).squeeze(1)


class CrossAttention(nn.Module):
    """Words of one sequence gather from the words of another: a pre-norm transformer block whose keys are the other's.

    No positions: a masked word has to count as one that is not there, which would move the positions behind it.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.n_heads = _N_HEADS if width % _N_HEADS == 0 else 1
        self.asks, self.answers, self.thinks = (nn.LayerNorm(width) for _ in range(3))
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(
        self,
        asking: Float[Tensor, "segment word width"],
        source: Float[Tensor, "segment word width"],
        valid: Bool[Tensor, "segment word"],
    ) -> Float[Tensor, "segment word width"]:
        """What the asking words become; the same as without attention where the source has no valid word.

        Args:
            asking: words that gather.
            source: words that are gathered from.
            valid: which of these there are.
        """
        query = self._by_head(self.query(self.asks(asking)))
        key, value = (self._by_head(part) for part in self.key_value(self.answers(source)).chunk(2, dim=-1))
        logits = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        weight = masked_softmax(logits, valid[:, None, None, :].expand_as(logits))
        gathered: Tensor = self.out((weight @ value).transpose(1, 2).flatten(2))
        there = valid.any(dim=1)[:, None, None]
        hidden = asking + torch.where(there, gathered, torch.zeros_like(gathered))
        fed: Tensor = hidden + self.feed(self.thinks(hidden))
        return fed

    def _by_head(
        self, hidden: Float[Tensor, "segment word width"]
    ) -> Float[Tensor, "segment head word part"]:
        parted: Tensor = hidden.unflatten(-1, (self.n_heads, -1))
        return parted.transpose(1, 2)


def masked_softmax(
    logits: Float[Tensor, "*batch word"], valid: Bool[Tensor, "*batch word"]
) -> Float[Tensor, "*batch word"]:
    """Weights over the valid words that sum to 1; all 0 where there are none."""
    # A row of −inf alone would be NaN in the softmax and in its gradient.
    some = valid.any(dim=-1, keepdim=True)
    shown = torch.where(some & ~valid, torch.full_like(logits, float("-inf")), logits)
    return torch.where(valid, shown.softmax(dim=-1), torch.zeros_like(logits))


def presence(batch: Batch, modality: Modality) -> Float[Tensor, "segment 1"]:
    """1 where a segment has a valid word of the modality, else 0."""
    return batch.valid[modality].any(dim=1, keepdim=True).to(batch.label.dtype)

"""What fusions make of the words of one modality before they bring modalities together.

Words are rows: of a packed batch the valid words alone, end to end, because most of what is padded would be computed in
vain; of any other batch every place of the padding, because shapes must not depend on data there (`Batch.packed`). Layers
work on rows and do not see the difference; `spread` and `gather` go to the padded form and back where words meet.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import dropout

from pipeline.artifacts.corpus.sequences import Modality
from pipeline.grcf.network.batches import Batch

Words = Float[Tensor, "*row width"]

# Of attention; a width that they do not divide has one head.
_N_HEADS = 4


class Dropout(nn.Module):
    """Dropout whose draws may be given from outside: each of several stacked networks has a generator of its own.

    Attributes:
        p: probability that a unit is dropped.
        modality: the modality whose words are its rows; None where its rows are segments.
        n_columns: number of units of a row; None where that is the width of the network.
        mask: factors to multiply with in place of drawing; empty where it draws.
    """

    mask: Tensor

    def __init__(self, p: float, modality: Modality | None = None, n_columns: int | None = None) -> None:
        super().__init__()
        self.p, self.modality, self.n_columns = p, modality, n_columns
        self.register_buffer("mask", torch.empty(0), persistent=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """Drop units while training."""
        return hidden * self.mask if self.mask.numel() else dropout(hidden, self.p, self.training)


def encoder_of(
    n_features: int, width: int, p: float, modality: Modality, *, input_dropout: float = 0.0
) -> nn.Sequential:
    """A layer from rows of features to hidden vectors, row by row.

    Args:
        n_features: number of feature columns.
        width: size of a hidden vector.
        p: probability that a hidden unit is dropped.
        modality: the modality whose words are the rows.
        input_dropout: probability that a feature of a word is dropped.
    """
    inputs = [Dropout(input_dropout, modality, n_features)] if input_dropout > 0 else []
    return nn.Sequential(
        *inputs, nn.Linear(n_features, width), nn.GELU(), nn.LayerNorm(width), Dropout(p, modality)
    )


def features_of(batch: Batch, modality: Modality) -> Words:
    """The features of the words of one modality, as rows."""
    row = batch.row[batch.valid[modality]] if batch.packed else batch.row
    return batch.features[modality][row]


def spread(words: Words, valid: Bool[Tensor, "segment word"]) -> Float[Tensor, "segment word width"]:
    """Rows into their places of the padding; zeros where there is no valid word."""
    if words.dim() == 3:
        return torch.where(valid[..., None], words, torch.zeros_like(words))
    return words.new_zeros(*valid.shape, words.shape[-1]).masked_scatter(valid[..., None], words)


def gather(
    batch: Batch, padded: Float[Tensor, "segment word width"], valid: Bool[Tensor, "segment word"]
) -> Words:
    """The rows of valid words out of the padding, as `spread` takes them."""
    return padded[valid] if batch.packed else padded


class Pool(nn.Module):
    """Words to one vector by a learned weight per valid word; zeros where a segment has none."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attend = nn.Linear(width, 1)

    def forward(self, words: Words, valid: Bool[Tensor, "segment word"]) -> Float[Tensor, "segment width"]:
        """The weighted mean."""
        weight = masked_softmax(spread(self.attend(words), valid).squeeze(-1), valid)
        return (weight[:, None, :] @ spread(words, valid)).squeeze(1)


class CrossAttention(nn.Module):
    """Words of one sequence gather from the words of another: a pre-norm transformer block whose keys are the other's.

    No positions: a masked word has to count as one that is not there, which would move the positions behind it.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.n_heads = _N_HEADS if width % _N_HEADS == 0 else 1
        self.asks, self.answers, self.thinks = (nn.LayerNorm(width) for _ in range(3))
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)  # a softmax is blind to a bias of the keys
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width, bias=False)  # nothing gathered adds nothing
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(
        self, batch: Batch, asking: Modality, source: Modality, words: Mapping[Modality, Tensor]
    ) -> Tensor:
        """The words of `asking`, as rows, with what they gather; nothing where the source has no valid word.

        Args:
            batch: the batch that the words belong to.
            asking: the modality whose words gather.
            source: the modality that they gather from.
            words: words of both modalities, as rows.
        """
        hidden = words[asking]
        if words[source].numel() and hidden.numel():
            padded = self._attend(batch, asking, source, words)
            hidden = hidden + self.out(gather(batch, padded, batch.valid[asking]))
        fed: Tensor = hidden + self.feed(self.thinks(hidden))
        return fed

    def _attend(
        self, batch: Batch, asking: Modality, source: Modality, words: Mapping[Modality, Tensor]
    ) -> Float[Tensor, "segment word width"]:
        asked, answering = batch.valid[asking], batch.valid[source]
        answers = self.answers(words[source])
        query = self._by_head(spread(self.query(self.asks(words[asking])), asked))
        key = self._by_head(spread(self.key(answers), answering))
        value = self._by_head(spread(self.value(answers), answering))
        logits = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        weight = masked_softmax(logits, answering[:, None, None, :].expand_as(logits))
        return (weight @ value).transpose(1, 2).flatten(2)

    def _by_head(
        self, padded: Float[Tensor, "segment word width"]
    ) -> Float[Tensor, "segment head word part"]:
        parted: Tensor = padded.unflatten(-1, (self.n_heads, -1))
        return parted.transpose(1, 2)


def masked_softmax(
    logits: Float[Tensor, "*batch word"], valid: Bool[Tensor, "*batch word"]
) -> Float[Tensor, "*batch word"]:
    """Weights over the valid words that sum to 1; all 0 where there are none."""
    # A row of −inf alone would be NaN in the softmax and in its gradient.
    some = valid.any(dim=-1, keepdim=True)
    masked = torch.where(some & ~valid, torch.full_like(logits, float("-inf")), logits)
    return torch.where(valid, masked.softmax(dim=-1), torch.zeros_like(logits))


def presence(batch: Batch, modality: Modality) -> Float[Tensor, "segment 1"]:
    """1 where a segment has a valid word of the modality, else 0."""
    return batch.valid[modality].any(dim=1, keepdim=True).to(batch.label.dtype)

"""The network that rank, calibrate and pointwise share: a fusion of the modalities and a linear score."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.errors import PipelineError
from pipeline.grcf.network.batches import Batch, hide_modalities
from pipeline.grcf.network.fusion.attention_pooling import AttentionPoolingFusion
from pipeline.grcf.network.fusion.cross_modal import CrossModalFusion
from pipeline.grcf.network.fusion.gated import GatedFusion
from pipeline.grcf.network.fusion.interface import Fused, Fusion
from pipeline.grcf.network.fusion.language_focused import LanguageFocusedFusion
from pipeline.grcf.network.fusion.pooled import PooledFusion
from pipeline.grcf.network.word_encoder import WordEncoder
from pipeline.plugins import is_plugin, load_plugin, refuse_plugin

_PLUGIN = "a subclass of pipeline.grcf.network.fusion.interface.Fusion"

FusionName = Literal["attention_pooling", "pooled", "gated", "cross_modal", "language_focused"]

FusionMaker = Callable[[Mapping[Modality, int], int, float, float], Fusion]
"""From the number of feature columns per modality, the width, the dropout and the dropout of the input."""

FUSIONS: Mapping[FusionName, FusionMaker] = {
    "attention_pooling": AttentionPoolingFusion,
    "pooled": PooledFusion,
    "gated": GatedFusion,
    "cross_modal": CrossModalFusion,
    "language_focused": LanguageFocusedFusion,
}


def fusion_of(name: str) -> FusionMaker:
    """The fusion of that name, or that a reference to a file in `plugins/` or an installed package names.

    Raises:
        PipelineError: there is no such fusion, see `load_plugin`, or what is named is no subclass of `Fusion`.
    """
    if is_plugin(name):
        found = load_plugin(name, parameter="network.fusion", expected=_PLUGIN)
        if not (isinstance(found, type) and issubclass(found, Fusion)):
            raise refuse_plugin(name, found, parameter="network.fusion", expected=_PLUGIN)
        maker: FusionMaker = found
        return maker
    for known, maker in FUSIONS.items():
        if known == name:
            return maker
    raise PipelineError(
        f"network.fusion is {name!r}; expected {', '.join(FUSIONS)}, or file.py:Name of a file in plugins/"
    )


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """What a network is made of; see the section `network` of params.yaml."""

    fusion: str
    width: int
    dropout: float
    input_dropout: float = 0.0
    n_outputs: int = 1
    """Scores per segment: one, or one for each class."""
    unlearnt: tuple[Modality, ...] = ()
    """Modalities that no segment had which the network learnt from: they count as absent wherever they are there."""


class SentimentNetwork(nn.Module):
    """One score per segment, or one per segment and class, from whatever modalities it has.

    Args:
        n_features: number of feature columns per modality; 0 for one that the corpus does not have.
        settings: the fusion, the size of its vectors, and the probabilities of dropout.
    """

    def __init__(self, *, n_features: Mapping[Modality, int], settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        self._has_own_fusion = is_plugin(settings.fusion)
        self.fusion = fusion_of(settings.fusion)(
            {modality: n_features[modality] for modality in MODALITIES},
            settings.width,
            settings.dropout,
            settings.input_dropout,
        )
        self.head = nn.Linear(settings.width, settings.n_outputs)
        self.word_encoder: WordEncoder | None = None

    def fuse(self, batch: Batch) -> Fused:
        """What the fusion makes of the batch, whose words are read first where the text encoder learns."""
        # Weights that nothing has trained would add their chance to every score.
        batch = hide_modalities(batch, frozenset(self.settings.unlearnt))
        fused: Fused = self.fusion(batch if self.word_encoder is None else self.word_encoder(batch))
        if self._has_own_fusion:
            self._check(fused, len(batch.valid["text"]))
        return fused

    def _check(self, fused: object, n_segments: int) -> None:
        name, expected = self.settings.fusion, (n_segments, self.settings.width)
        if not isinstance(fused, Fused):
            raise PipelineError(
                f"network.fusion {name!r}: forward gives {type(fused).__name__}; expected Fused(representation)"
            )
        if fused.representation.shape != expected:
            raise PipelineError(
                f"network.fusion {name!r}: the representation has shape {tuple(fused.representation.shape)}; expected {expected}, a row "
                "for each segment as wide as network.width"
            )

    def own_parameters(self, modality: Modality) -> Iterator[nn.Parameter]:
        """The parameters that serve this modality alone: those of the fusion, and of an encoder that learns its words."""
        yield from self.fusion.own_parameters(modality)
        if modality == "text" and self.word_encoder is not None:
            yield from self.word_encoder.parameters()

    def represent(self, batch: Batch) -> Float[Tensor, "segment width"]:
        """One vector per segment, of which the score is a linear function."""
        return self.fuse(batch).representation

    def forward(self, batch: Batch) -> Float[Tensor, "segment *class"]:
        """One score per segment, or one per segment and class, unbounded."""
        score: Tensor = self.head(self.represent(batch)).squeeze(-1)
        return score

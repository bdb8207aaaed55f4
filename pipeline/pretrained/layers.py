"""Which hidden layers of an encoder make its vectors."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float32

from pipeline.errors import PipelineError


@dataclass(frozen=True)
class Layers:
    """Hidden layers whose mean is taken, counted from 0, the embeddings; no layer twice."""

    chosen: tuple[int, ...]

    @property
    def last(self) -> int:
        """The highest of them, which those above are not needed for."""
        return max(self.chosen)

    def mean(self, hidden_states: Sequence[torch.Tensor]) -> Float32[torch.Tensor, "..."]:
        """The mean of the chosen layers in single precision."""
        chosen = [hidden_states[layer].float() for layer in self.chosen]
        return chosen[0] if len(chosen) == 1 else torch.stack(chosen).mean(dim=0)


def choose_layers(section: str, model: str, *, layers: Sequence[int], n_hidden: int) -> Layers:
    """The layers that a section of the parameters asks for.

    Args:
        section: section of the parameters, `text`, `audio` or `visual`, for error messages.
        model: name of the encoder, for error messages.
        layers: layers to average: 0 = embeddings, -1 = the last that there is.
        n_hidden: number of layers of the encoder on top of its embeddings.

    Raises:
        PipelineError: the encoder has no such layers, or one of them is named twice.
    """
    for layer in layers:
        if not -n_hidden - 1 <= layer <= n_hidden:
            raise PipelineError(
                f"{section}.layers has {layer}, but {model} has {n_hidden} layers; expected {-n_hidden - 1} to {n_hidden}"
            )
    chosen = sorted(layer % (n_hidden + 1) for layer in layers)
    if not chosen or len(set(chosen)) < len(chosen):
        named = ", ".join(map(str, layers)) or "empty"
        raise PipelineError(
            f"{section}.layers is {named}, and {model} has {n_hidden} layers; expected at least one layer, and none twice"
        )
    return Layers(tuple(chosen))

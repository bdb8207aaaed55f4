"""Which hidden layers of an encoder make its vectors."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float32

from pipeline.errors import PipelineError


@dataclass(frozen=True)
class Layers:
    """Neighbouring hidden layers, whose mean is taken; `first` and `last` count from 0, the embeddings."""

    first: int
    last: int

    def mean(self, hidden_states: Sequence[torch.Tensor]) -> Float32[torch.Tensor, "..."]:
        """The mean of the chosen layers in single precision."""
        chosen = [hidden.float() for hidden in hidden_states[self.first : self.last + 1]]
        return chosen[0] if len(chosen) == 1 else torch.stack(chosen).mean(dim=0)


def choose_layers(section: str, model: str, *, layer: int, n_layers: int, n_hidden: int) -> Layers:
    """The layers that a section of the parameters asks for.

    Args:
        section: section of the parameters, `text`, `audio` or `visual`, for error messages.
        model: name of the encoder, for error messages.
        layer: last of the layers to read: 0 = embeddings, -1 = the last that there is.
        n_layers: number of layers up to that one, itself included.
        n_hidden: number of layers of the encoder on top of its embeddings.

    Raises:
        PipelineError: the encoder has no such layers.
    """
    if not -n_hidden - 1 <= layer <= n_hidden:
        raise PipelineError(
            f"{section}.layer is {layer}, but {model} has {n_hidden} layers; expected {-n_hidden - 1} to {n_hidden}"
        )
    last = layer % (n_hidden + 1)
    if not 1 <= n_layers <= last + 1:
        raise PipelineError(
            f"{section}.n_layers is {n_layers}, but {model} has {last + 1} up to {section}.layer {layer}, its embeddings "
            f"included; expected 1 to {last + 1}"
        )
    return Layers(last - n_layers + 1, last)

"""A network with a text encoder that learns: which weights learn, at which rate, and what a checkpoint keeps of it."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.errors import PipelineError
from pipeline.execution.versions import library_versions
from pipeline.grcf.network.network import SentimentNetwork
from pipeline.grcf.network.word_encoder import FinetuningSettings, WordEncoder, describe


def add_encoder(
    network: SentimentNetwork, split: AlignedSplit, *, settings: FinetuningSettings | None, seed: int
) -> SentimentNetwork:
    """Give the network the text encoder that learns with it, where the split holds tokens for one.

    Raises:
        PipelineError: the split holds tokens, but nothing says how the encoder learns.
    """
    if split.tokens is None:
        return network
    if settings is None:
        raise PipelineError(
            "the text is tokenized for an encoder that learns, but nothing says how it learns; give "
            "TrainingSettings.finetuning, or frozen word vectors"
        )
    network.word_encoder = WordEncoder(describe(split.tokens, settings), seed=seed)
    return network


def learning(network: SentimentNetwork, parameters: Callable[[SentimentNetwork], Any]) -> list[nn.Parameter]:
    """The chosen parameters that may learn; of a text encoder only the layers, adapters or embeddings that were asked for."""
    encoder = network.word_encoder
    fixed = (
        {id(parameter) for name, parameter in encoder.named_parameters() if name not in encoder.depth}
        if encoder
        else set()
    )
    return [parameter for parameter in parameters(network) if id(parameter) not in fixed]


def parameter_groups(
    network: SentimentNetwork, settings: FinetuningSettings | None, *, weight_decay: float
) -> list[dict[str, Any]]:
    """Parameter groups for an optimiser, by learning rate; the network's own parameters come first."""
    encoder = network.word_encoder
    inside = {id(parameter) for parameter in encoder.parameters()} if encoder else set()
    own = [
        parameter
        for parameter in network.parameters()
        if parameter.requires_grad and id(parameter) not in inside
    ]
    groups: list[dict[str, Any]] = [{"params": own}]
    if encoder and settings:
        if settings.gradient_checkpointing:
            encoder.checkpoint_gradients()
        groups += encoder.parameter_groups(settings, weight_decay=weight_decay)
    return groups


def weights_as_found(network: SentimentNetwork) -> dict[str, Tensor]:
    """The weights of a text encoder that never learn, by their names in the network."""
    encoder = network.word_encoder
    if encoder is None:
        return {}
    return {
        f"word_encoder.{name}": value
        for name, value in encoder.state_dict().items()
        if name not in encoder.depth
    }


def described_encoder(network: SentimentNetwork) -> dict[str, Any]:
    """What the header of a checkpoint says of the text encoder; nothing where none learns."""
    return {"encoder": network.word_encoder.described} if network.word_encoder else {}


def encoder_libraries(network: SentimentNetwork) -> dict[str, str]:
    """Versions of the libraries that computed the text encoder; none where none learns."""
    if network.word_encoder is None:
        return {}
    adapters = ["peft"] if network.word_encoder.described["adapter_rank"] is not None else []
    return library_versions("transformers", *adapters)

"""The gradient of a loss over more segments than fit into memory at once."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.grcf.batches import Batch

Forward = Callable[[Batch], tuple[Tensor, Tensor]]
"""From a batch to its scores and representations."""


def backward(
    forward: Forward,
    chunks: Sequence[Batch],
    objective: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> Float[Tensor, ""]:
    """Add to the parameters the gradient of the loss over all chunks together, holding the graph of one at a time.

    Gradient caching after Gao et al. (2021, arXiv 2101.06983): all chunks are computed without a graph; the loss gives a
    gradient for each score and representation; then each chunk is computed once more, now with a graph and with the same
    random numbers, and its part of the gradient goes back through it. Equal to computing all chunks with their graphs and
    then the loss, but for rounding; it takes one more forward pass.

    Args:
        forward: scores and representations of a chunk; may draw random numbers from the default generators.
        chunks: the segments that the loss compares; one alone is computed as if there were no chunks.
        objective: loss of scores, labels and representations.

    Returns:
        The loss, without a graph.
    """
    if len(chunks) == 1:
        score, representation = forward(chunks[0])
        loss = objective(score.float(), chunks[0].label, representation.float())
        loss.backward()
        return loss.detach()
    device = chunks[0].label.device
    states, scores, representations = [], [], []
    with torch.no_grad():
        for chunk in chunks:
            states.append(_random_state(device))
            score, representation = forward(chunk)
            scores.append(score)
            representations.append(representation)
    end = _random_state(device)
    joined = [torch.cat(parts).float().requires_grad_() for parts in (scores, representations)]
    loss = objective(joined[0], torch.cat([chunk.label for chunk in chunks]), joined[1])
    loss.backward()
    sizes = [len(chunk.label) for chunk in chunks]
    # An objective that reads no representations leaves them no gradient.
    gradients = [
        (each.grad if each.grad is not None else torch.zeros_like(each)).split(sizes) for each in joined
    ]
    for chunk, state, *wanted in zip(chunks, states, *gradients, strict=True):
        _set_random_state(state, device)
        computed = forward(chunk)
        torch.autograd.backward(
            computed, [gradient.to(part) for part, gradient in zip(computed, wanted, strict=True)]
        )
    _set_random_state(end, device)
    return loss.detach()


def _random_state(device: torch.device) -> tuple[Tensor, Tensor | None]:
    return torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None


def _set_random_state(state: tuple[Tensor, Tensor | None], device: torch.device) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1], device)

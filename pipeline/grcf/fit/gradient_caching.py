"""The gradient of a loss over more segments than fit into memory at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.grcf.network.batches import Batch


@dataclass(frozen=True, eq=False)
class Computed:
    """What the network makes of a batch; `penalty` is None where its fusion wants nothing beside the objective."""

    score: Float[Tensor, "segment"]
    representation: Float[Tensor, "segment width"]
    penalty: Float[Tensor, "segment"] | None


def backward(
    forward: Callable[[Batch], Computed],
    chunks: Sequence[Batch],
    objective: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> Float[Tensor, ""]:
    """Add to the parameters the gradient of the loss over all chunks together, holding the graph of one at a time.

    Gradient caching after Gao et al. (2021, arXiv 2101.06983): all chunks are computed without a graph; the loss gives a
    gradient for each score and representation; then each chunk is computed once more, now with a graph and with the same
    random numbers, and its part of the gradient goes back through it. Equal to computing all chunks with their graphs and
    then the loss, but for rounding; it takes one more forward pass.

    Args:
        forward: of a chunk; may draw random numbers from the default generators.
        chunks: the segments that the loss compares; one alone is computed as if there were no chunks.
        objective: loss of scores, labels and representations.

    Returns:
        The loss, without a graph.
    """
    if len(chunks) == 1:
        computed = forward(chunks[0])
        loss = objective(computed.score.float(), chunks[0].label, computed.representation.float())
        if computed.penalty is not None:
            loss = loss + computed.penalty.float().mean()
        loss.backward()
        return loss.detach()
    device = chunks[0].label.device
    states, seen = [], []
    with torch.no_grad():
        for chunk in chunks:
            states.append(_random_state(device))
            seen.append(forward(chunk))
    end = _random_state(device)
    joined = [
        torch.cat(parts).float().requires_grad_()
        for parts in ([each.score for each in seen], [each.representation for each in seen])
    ]
    label = torch.cat([chunk.label for chunk in chunks])
    loss = objective(joined[0], label, joined[1])
    loss.backward()
    penalties = [each.penalty.float() for each in seen if each.penalty is not None]
    total = loss.detach() + (torch.cat(penalties).mean() if penalties else 0)
    sizes = [len(chunk.label) for chunk in chunks]
    # An objective that reads no representations leaves them no gradient.
    gradients = [
        (each.grad if each.grad is not None else torch.zeros_like(each)).split(sizes) for each in joined
    ]
    for chunk, state, *wanted in zip(chunks, states, *gradients, strict=True):
        _set_random_state(state, device)
        computed = forward(chunk)
        parts = [computed.score, computed.representation]
        if computed.penalty is not None:
            parts.append(computed.penalty)
            # Of a mean over all segments.
            wanted.append(torch.full_like(computed.penalty, 1 / len(label)))
        torch.autograd.backward(
            parts, [gradient.to(part) for part, gradient in zip(parts, wanted, strict=True)]
        )
    _set_random_state(end, device)
    return total


def _random_state(device: torch.device) -> tuple[Tensor, Tensor | None]:
    return torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None


def _set_random_state(state: tuple[Tensor, Tensor | None], device: torch.device) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1], device)

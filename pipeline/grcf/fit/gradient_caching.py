"""The gradient of a loss over more segments than fit into memory at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.grcf.network.batches import Batch, Objective
from pipeline.grcf.network.owned_labels import OwnedLabels


@dataclass(frozen=True, eq=False)
class Computed:
    """Outputs of the network for a batch; `penalty` is None where its fusion adds nothing to the objective."""

    score: Float[Tensor, "segment *class"]
    representation: Float[Tensor, "segment width"]
    penalty: Float[Tensor, "segment"] | None


def backward(
    forward: Callable[[Batch], Computed], chunks: Sequence[Batch], objective: Objective
) -> Float[Tensor, ""]:
    """Add to the parameters the gradient of the loss over all chunks together, holding the graph of one at a time.

    One chunk goes the plain way, several that of `cached_backward`.

    Args:
        forward: computes one chunk; it may draw random numbers from the default generators.
        chunks: the segments that the loss compares.
        objective: loss of scores, labels and representations.

    Returns:
        the loss, without a graph.
    """
    if len(chunks) > 1:
        return cached_backward(forward, chunks, objective)
    (batch,) = chunks
    computed = forward(batch)
    loss = objective(computed.score.float(), batch.label, computed.representation.float(), batch.owned)
    if computed.penalty is not None:
        loss = loss + computed.penalty.float().mean()
    loss.backward()
    return loss.detach()


def cached_backward(
    forward: Callable[[Batch], Computed], chunks: Sequence[Batch], objective: Objective
) -> Float[Tensor, ""]:
    """Gradient caching after Gao et al. (2021, arXiv 2101.06983); arguments as those of `backward`.

    All chunks are computed without a graph; the loss gives a gradient for each score and representation; then each chunk
    is computed once more, now with a graph and with the same random numbers, and its part of the gradient goes back through
    it. Equal to computing all chunks with their graphs and then the loss, but for rounding; it takes one more forward pass.
    """
    device = chunks[0].label.device
    states, computed_once = [], []
    with torch.no_grad():
        for chunk in chunks:
            states.append(_random_state(device))
            computed_once.append(forward(chunk))
    end = _random_state(device)
    label = torch.cat([chunk.label for chunk in chunks])
    owned = OwnedLabels.joined([chunk.owned for chunk in chunks])
    loss, gradients = _gradients(computed_once, label, owned, objective)
    for chunk, state, *gradient in zip(chunks, states, *gradients, strict=True):
        _set_random_state(state, device)
        computed = forward(chunk)
        outputs = [computed.score, computed.representation]
        if computed.penalty is not None:
            outputs.append(computed.penalty)
            # The penalty of the loss is the mean over all segments.
            gradient.append(torch.full_like(computed.penalty, 1 / len(label)))
        torch.autograd.backward(
            outputs, [part.to(output) for output, part in zip(outputs, gradient, strict=True)]
        )
    _set_random_state(end, device)
    return loss


def _gradients(
    chunks: Sequence[Computed],
    label: Float[Tensor, "segment"],
    owned: OwnedLabels | None,
    objective: Objective,
) -> tuple[Float[Tensor, ""], list[tuple[Tensor, ...]]]:
    """The loss of all chunks together, and its gradients by scores and by representations, chunk by chunk."""
    joined = [
        torch.cat(parts).float().requires_grad_()
        for parts in ([chunk.score for chunk in chunks], [chunk.representation for chunk in chunks])
    ]
    loss = objective(joined[0], label, joined[1], owned)
    loss.backward()
    penalties = [chunk.penalty.float() for chunk in chunks if chunk.penalty is not None]
    total = loss.detach() + (torch.cat(penalties).mean() if penalties else 0)
    sizes = [len(chunk.score) for chunk in chunks]
    # An objective that reads no representations leaves them no gradient.
    return total, [
        (part.grad if part.grad is not None else torch.zeros_like(part)).split(sizes) for part in joined
    ]


def _random_state(device: torch.device) -> tuple[Tensor, Tensor | None]:
    return torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None


def _set_random_state(state: tuple[Tensor, Tensor | None], device: torch.device) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1], device)

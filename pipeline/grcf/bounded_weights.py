"""A weight that stops believing what deviates too far, for pairs and for segments alike."""

from jaxtyping import Float
from torch import Tensor


def bounded_weight_of(deviation: Float[Tensor, "*of"], *, bound: float) -> Float[Tensor, "*of"]:
    """Weight of each deviation under a bound: w = 1 / (1 + (d / c)²), without gradient, from 1 down to 0.

    This is the weight of the Cauchy M-estimator (Holland and Welsch 1977). Where labels are wrong, the hardest pairs and
    the largest residuals are mostly theirs, and weights that grow with the violation learn them first. Here the pull w·d
    of a deviation grows up to d = c and falls beyond, so that a label that contradicts everything else is left alone.

    Args:
        deviation: violations of pairs in score units, or errors of segments; never negative.
        bound: c, the deviation at which the weight is one half, above 0.

    Example:
        >>> import torch
        >>> bounded_weight_of(torch.tensor([0.0, 3.0]), bound=3.0).tolist()
        [1.0, 0.5]
    """
    return 1 / (1 + (deviation.detach() / bound).square())

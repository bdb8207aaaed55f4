"""The objective of stage 2 and of the point-wise baseline."""

from jaxtyping import Float
from torch import Tensor


def absolute_error(
    prediction: Float[Tensor, "segment"], label: Float[Tensor, "segment"]
) -> Float[Tensor, ""]:
    """Mean absolute error in label units."""
    return (prediction - label).abs().mean()

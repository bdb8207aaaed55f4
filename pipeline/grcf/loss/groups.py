"""Sentiment groups: the coarse classes whose order stage 1 learns."""

from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor

Grouping = Literal["integer"] | tuple[float, ...]


def group_of(label: Float[Tensor, "segment"], *, groups: Grouping) -> Int64[Tensor, "segment"]:
    """Number of the sentiment group of each label; a larger number is a more positive group.

    The same rule as `evaluation.groups.group_of`, for tensors on any device: labels are compared in single precision.

    Args:
        label: labels in label units.
        groups: "integer" rounds half to even, the bins of seven-class accuracy on CMU-MOSI; a tuple of increasing cuts
            puts a label into the group of the cuts strictly below it, for example ±0.1 and ±0.7 on CH-SIMS v2.

    Example:
        >>> group_of(torch.tensor([-2.6, 0.5, 1.5, 2.5]), groups="integer").tolist()
        [-3, 0, 2, 2]
        >>> group_of(torch.tensor([-0.8, 0.0, 0.1, 0.8]), groups=(-0.7, -0.1, 0.1, 0.7)).tolist()
        [0, 2, 2, 4]
    """
    single = label.float().contiguous()
    if groups == "integer":
        return single.round().long()
    cuts = torch.tensor(groups, dtype=torch.float32, device=label.device)
    return torch.searchsorted(cuts, single, right=False)

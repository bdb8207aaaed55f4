"""Mean and spread of the violations of peers: one rule for the loss, its exact path and the record of the hardest pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Moments:
    """Number, mean and squared deviations of the values of one or more scopes.

    The mean is kept in two parts: in one, the differences from it would lose all their digits where one upper segment is far
    from the rest.

    Attributes:
        count: number of values.
        mean: their mean, rounded.
        rest: rounding error of the mean.
        squares: sum of the squared differences from the mean.
    """

    count: Tensor
    mean: Tensor
    rest: Tensor
    squares: Tensor

    @classmethod
    def by_scope(
        cls, value: Float[Tensor, "value"], scope: Int64[Tensor, "value"], *, n_scopes: int
    ) -> "Moments":
        """The moments of each scope from all values, in two passes.

        Args:
            value: values of all scopes.
            scope: number of the scope that each value belongs to, from 0.
            n_scopes: number of scopes, each with at least one value.
        """
        zeros = value.new_zeros(n_scopes)
        count = torch.bincount(scope, minlength=n_scopes).to(value.dtype)
        mean = zeros.scatter_add(0, scope, value) / count
        squares = zeros.scatter_add(0, scope, (value - mean[scope]).square())
        return cls(count, mean, zeros, squares)

    @classmethod
    def joined(cls, parts: Sequence["Moments"]) -> "Moments":
        """The scopes of all parts, end to end."""
        return cls(
            *(
                torch.cat([getattr(part, name) for part in parts])
                for name in ("count", "mean", "rest", "squares")
            )
        )

    def pooled(self, dim: int = 0) -> "Moments":
        """All scopes along one dimension as a single one, after Chan, Golub and LeVeque (1983).

        Without a value, mean and squares are 0.
        """
        count = self.count.sum(dim, keepdim=True)
        divisor = count.clamp(min=1)
        mean = (self.count * (self.mean + self.rest)).sum(dim, keepdim=True) / divisor
        offset = (self.mean - mean) + self.rest
        rest = (self.count * offset).sum(dim, keepdim=True) / divisor
        squares = (self.squares + self.count * (offset - rest).square()).sum(dim, keepdim=True)
        return Moments(count, mean, rest, squares)

    @property
    def spread(self) -> Tensor:
        """The population standard deviation; 0 without a value."""
        return (self.squares.clamp(min=0) / self.count.clamp(min=1)).sqrt()

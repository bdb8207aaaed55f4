"""Sums of polynomials over ranges of sorted values, without a loop over the values and without cancellation."""

import math
from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

Polynomial = Sequence[Tensor | float]
"""Coefficients from the constant upwards, each a tensor with an entry a range, or one number for all ranges."""


def product(left: Polynomial, right: Polynomial) -> list[Tensor | float]:
    """The product of two polynomials, range by range."""
    result: list[Tensor | float] = [0.0] * (len(left) + len(right) - 1)
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            result[i + j] = result[i + j] + a * b
    return result


def dot(polynomial: Polynomial, powers: Sequence[Float[Tensor, "range"]]) -> Float[Tensor, "range"]:
    """Σ P(x), from the sums of the powers Σ x^p."""
    total = polynomial[0] * powers[0]
    for coefficient, power in zip(polynomial[1:], powers[1:], strict=False):
        total = total + coefficient * power
    return total


def moved(powers: Sequence[Tensor], by: Tensor) -> list[Tensor]:
    """Σ (x + by)^p for each p, from the sums Σ x^p; nothing cancels where `by` and all x are at least 0."""
    result = list(powers)
    for first in range(1, len(result)):
        for power in range(len(result) - 1, first - 1, -1):
            result[power] = torch.addcmul(result[power], by, result[power - 1])
    return result


class SortedSums:
    """Sorted values x that answer Σ P(x_l − x_low) over a range low ≤ l < high, for many ranges at once.

    Prefix sums of powers lose everything to one far value. So each value keeps the sums T_p = Σ (x_l − x_k)^p over the
    values l ≥ k behind it, which follow from those of its successor over the gap g between the two,

        T_p[k] = T_p[k+1] + Σ_{q<p} C(p, q) g^{p−q} T_q[k+1],

    p cumulative sums of terms that are never negative. A range is what lies behind its first value less what lies behind
    its end. So that values far behind a short range cannot drown it, `width` cuts the axis into cells and T_p counts to
    the end of the cell only; then no range may be longer than one cell is wide, so that it meets two cells at most.

    Time O(n) to build and O(1) a range, memory O(n), both times `degree`.
    """

    def __init__(self, values: Float[Tensor, "value"], *, degree: int, width: float = math.inf) -> None:
        """Take sorted values, at least one; `degree` is the highest power that `powers` can be asked for."""
        n_values = len(values)
        # One more, so that the end of the last range is a legal index; it belongs to no cell.
        self.values = torch.cat([values, values[-1:]])
        self._start = torch.zeros(n_values + 1, dtype=torch.long)
        self._end = torch.full((n_values + 1,), n_values)
        if math.isfinite(width):
            cell = ((values - values[0]) / width).floor()
            self._start[:-1] = torch.searchsorted(cell, cell)
            self._end[:-1] = torch.searchsorted(cell, cell, right=True)
        self._one_cell = not math.isfinite(width)
        successor = torch.arange(1, n_values + 1)
        gap = self.values.diff().masked_fill_(self._end[:-1] == successor, 0)
        self._behind = [(self._end - torch.arange(n_values + 1)).to(values.dtype)]
        for _ in range(degree):
            below = [*(sums[1:] for sums in self._behind), torch.zeros_like(gap)]
            total = torch.zeros_like(self.values)
            total[:-1] = moved(below, gap)[-1].flip(0).cumsum(0).flip(0)
            self._behind.append(total if self._one_cell else total - total[self._end])
        self._middle = (self._start + self._end).div(2, rounding_mode="floor")

    def __len__(self) -> int:
        """Number of values."""
        return len(self.values) - 1

    def first_above(self, threshold: Float[Tensor, "range"]) -> Int64[Tensor, "range"]:
        """Position of the first value above each threshold."""
        return torch.searchsorted(self.values[:-1], threshold, right=True)

    def powers(
        self, low: Int64[Tensor, "range"], high: Int64[Tensor, "range"] | None, *, degree: int
    ) -> list[Float[Tensor, "range"]]:
        """Σ (x_l − x_low)^p over each range, for p from 0 to `degree`; `high=None` is the end of all values."""
        behind = self._behind[: degree + 1]
        found = [sums[low] for sums in behind]
        origin = self.values[low]
        if high is None:
            if not self._one_cell:
                raise ValueError("a range to the end of all values may be longer than a cell")
            return found
        after = [sums[high] for sums in behind]
        if not self._one_cell:
            end = self._end[low]
            next_cell = moved([sums[end] for sums in behind], self.values[end] - origin)
            found = [
                head + torch.where(high > end, more, 0) for head, more in zip(found, next_cell, strict=True)
            ]
            # Where a range ends with a cell, what lies behind its end was never counted.
            counted = (self._start[high] <= end) & (high != end)
            after = [torch.where(counted, sums, 0) for sums in after]
        after = moved(after, self.values[high] - origin)
        return [all_behind - sums for all_behind, sums in zip(found, after, strict=True)]

    def scatter(
        self, ranges: Iterable[tuple[Int64[Tensor, "range"], Int64[Tensor, "range"] | None, Polynomial]]
    ) -> Float[Tensor, "value"]:
        """The transpose of `powers`: each value's sum of P(x_l − x_low) over the ranges (low, high, P) that it lies in."""
        opened: list[Tensor] = []
        for low, high, polynomial in ranges:
            origin = self.values[low]
            if self._one_cell:
                self._open(opened, low, high, origin, polynomial)
            else:
                end = self._end[low] if high is None else torch.minimum(self._end[low], high)
                self._open(opened, low, end, origin, polynomial)
                self._open(opened, end, high, origin, polynomial)
        offset = (self.values - self.values[self._middle])[:-1]
        total = torch.zeros_like(offset)
        for coefficient in reversed(opened):
            total = torch.addcmul(coefficient[:-1].cumsum(0), total, offset)
        return total

    def _open(
        self, opened: list[Tensor], low: Tensor, high: Tensor | None, origin: Tensor, polynomial: Polynomial
    ) -> None:
        """Start each polynomial at `low` and stop it at `high`, in one cell, around the middle value of that cell."""
        while len(opened) < len(polynomial):
            opened.append(torch.zeros_like(self.values))
        around = [torch.as_tensor(c, dtype=origin.dtype).expand_as(origin) for c in polynomial]
        by = self.values[self._middle[low]] - origin
        for last in range(len(around) - 1):
            for power in range(len(around) - 2, last - 1, -1):
                around[power] = torch.addcmul(around[power], by, around[power + 1])
        for coefficient, total in zip(around, opened, strict=False):
            # An empty range that is started and stopped would leave its rounding behind.
            kept = coefficient if high is None else torch.where(low < high, coefficient, 0)
            total.index_add_(0, low, kept)
            if high is not None:
                total.index_add_(0, high, -kept)

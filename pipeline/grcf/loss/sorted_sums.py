"""Sums of polynomials over ranges of sorted values, without a loop over the values and without cancellation."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

Coefficient = Tensor | float
Polynomial = Sequence[Coefficient]
"""Coefficients from the constant upwards, each with one entry per range, or one number for all ranges."""


def product(left: Polynomial, right: Polynomial) -> list[Coefficient]:
    """The product of two polynomials, range by range."""
    result: list[Coefficient | None] = [None] * (len(left) + len(right) - 1)
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            term, sum_so_far = _times(a, b), result[i + j]
            result[i + j] = term if sum_so_far is None else sum_so_far + term
    return [coefficient for coefficient in result if coefficient is not None]


def dot(polynomial: Polynomial, powers: Sequence[Float[Tensor, "range"]]) -> Float[Tensor, "range"]:
    """Σ P(x) over each range, from the sums of its powers Σ x^p."""
    total = _times(polynomial[0], powers[0])
    for coefficient, power in zip(polynomial[1:], powers[1:], strict=False):
        total = total + _times(coefficient, power)
    assert isinstance(total, Tensor)
    return total


def _times(a: Coefficient, b: Coefficient) -> Coefficient:
    # Many coefficients are the number 1, and a product by it is a pass over memory.
    if isinstance(a, float) and a == 1:
        return b
    return a if isinstance(b, float) and b == 1 else a * b


def moved(powers: Sequence[Tensor], by: Tensor) -> list[Tensor]:
    """Σ (x + by)^p for each p, from the sums Σ x^p; nothing cancels where `by` and all x are at least 0."""
    result = list(powers)
    for first in range(1, len(result)):
        for power in range(len(result) - 1, first - 1, -1):
            result[power] = torch.addcmul(result[power], by, result[power - 1])
    return result


class SortedSums:
    """Sorted values x that answer Σ (x_l − x_low)^p over low ≤ l < high, for many ranges at once.

    Prefix sums of powers lose everything to one far value. So each value keeps the sums T_p = Σ (x_l − x_k)^p over the
    values l ≥ k behind it, which follow from those of its successor over the gap g between the two,

        T_p[k] = T_p[k+1] + Σ_{q<p} C(p, q) g^{p−q} T_q[k+1],

    cumulative sums of terms that are never negative. A range is what lies behind its first value minus what lies behind
    its end. So that values far behind a short range cannot drown it, `width` cuts the axis into cells and T_p counts to
    the end of the cell only; then no range may be longer than one cell is wide, so that it meets two cells at most.

    Time and memory O(n) to build and O(1) per range, both times `degree`.
    """

    def __init__(self, values: Float[Tensor, "value"], *, degree: int, width: float = math.inf) -> None:
        """Build the sums.

        Args:
            values: sorted values, at least one.
            degree: the highest power that is asked for.
            width: width of a cell; infinite for a single one.
        """
        # One more, so that the end of the last range is a legal position.
        self.values = torch.cat([values, values[-1:]])
        self._end: Tensor | None = None
        gap = self.values.diff()
        if math.isfinite(width):
            cell = self.values.sub(values[0]).div_(width).floor_()
            cell[-1] = math.inf
            self._end = torch.searchsorted(cell[:-1], cell, right=True, out_int32=True)
            gap.masked_fill_(cell.diff() > 0, 0)
        # Kept back to front, which makes of what lies behind a value a cumulative sum.
        backwards = gap.flip(0)
        at_end = None if self._end is None else (len(self) - self._end).flip(0)
        count = torch.arange(len(self.values), dtype=values.dtype)
        self._behind = [count if at_end is None else count - at_end]
        for power in range(1, degree + 1):
            grown = self._behind[0][:-1] * backwards
            for lower in range(1, power):
                grown.add_(self._behind[lower][:-1], alpha=math.comb(power, lower)).mul_(backwards)
            total = torch.cat([grown.new_zeros(1), grown.cumsum_(0)])
            self._behind.append(total if at_end is None else total.sub_(total.index_select(0, at_end)))

    def __len__(self) -> int:
        """Number of values."""
        return len(self.values) - 1

    def first_above(self, threshold: Float[Tensor, "range"]) -> Int64[Tensor, "range"]:
        """Position of the first value above each threshold."""
        return torch.searchsorted(self.values[:-1], threshold, right=True)

    def end_of_cell(self, position: Int64[Tensor, "range"]) -> Int64[Tensor, "range"] | None:
        """Position behind the cell; None where there is one cell only."""
        return None if self._end is None else self._end.index_select(0, position).long()

    def powers(
        self, low: Int64[Tensor, "range"], high: Int64[Tensor, "range"] | None, *, degree: int
    ) -> list[Float[Tensor, "range"]]:
        """Σ (x_l − x_low)^p over each range, for p from 0 to `degree`; `high=None` is the end of the cell of `low`."""
        found = self._behind_at(low, degree)
        if high is None:
            return found
        first, after = self.values.index_select(0, low), self._behind_at(high, degree)
        end = self.end_of_cell(low)
        if end is not None:
            next_cell = moved(self._behind_at(end, degree), self.values.index_select(0, end) - first)
            within = high <= end
            for power, sums in enumerate(next_cell):
                found[power] += sums.masked_fill_(within, 0)
            # Where a range ends with a cell, what lies behind its end was never counted.
            uncounted = (high == end) | (high == self.end_of_cell(end))
            after = [sums.masked_fill_(uncounted, 0) for sums in after]
        after = moved(after, self.values.index_select(0, high) - first)
        return [sums - rest for sums, rest in zip(found, after, strict=True)]

    def _behind_at(self, position: Int64[Tensor, "range"], degree: int) -> list[Float[Tensor, "range"]]:
        # Three times faster than `sums[backwards]`.
        backwards = len(self) - position
        return [sums.index_select(0, backwards) for sums in self._behind[: degree + 1]]

    def origin_of_cell(self, position: Int64[Tensor, "range"] | None = None) -> Float[Tensor, "*_"]:
        """A value near all of the cell of each position, or of each value; the median where there is one cell only."""
        if self._end is None:
            return self.values[len(self) // 2]
        end = self._end if position is None else self._end.index_select(0, position)
        return self.values.index_select(0, end - 1)


class Scatter:
    """The transpose of `SortedSums.powers`: each value's sum of P(x_l − x_low) over the ranges that it lies in."""

    def __init__(self, sums: SortedSums) -> None:
        self._sums = sums
        self._opened: list[Tensor] = []

    def add(
        self, low: Int64[Tensor, "range"], high: Int64[Tensor, "range"] | None, polynomial: Polynomial
    ) -> None:
        """One P for each range; `high=None` is the end of all values, where there is one cell only."""
        first = self._sums.values.index_select(0, low)
        end = self._sums.end_of_cell(low)
        if end is None or high is None:
            self._open(low, high, first, polynomial)
        else:
            end = torch.minimum(end, high)
            self._open(low, end, first, polynomial)
            self._open(end, high, first, polynomial)

    def _open(self, low: Tensor, high: Tensor | None, first: Tensor, polynomial: Polynomial) -> None:
        """Start each polynomial at `low` and stop it at `high`, in one cell, in powers of x minus the cell's origin."""
        while len(self._opened) < len(polynomial):
            self._opened.append(torch.zeros_like(self._sums.values))
        around = [torch.as_tensor(c, dtype=first.dtype).expand_as(first) for c in polynomial]
        by = self._sums.origin_of_cell(low) - first
        for last in range(len(around) - 1):
            for power in range(len(around) - 2, last - 1, -1):
                around[power] = torch.addcmul(around[power], by, around[power + 1])
        for coefficient, opened in zip(around, self._opened, strict=False):
            if high is None:
                opened.index_add_(0, low, coefficient)
            else:
                # An empty range that is started and stopped would leave its rounding behind.
                nonempty = coefficient.masked_fill(low >= high, 0)
                opened.index_add_(0, low, nonempty).index_add_(0, high, nonempty, alpha=-1)

    def total(self) -> Float[Tensor, "value"]:
        """The sum at each value over all ranges added so far."""
        offset = self._sums.values - self._sums.origin_of_cell()
        total = torch.zeros_like(offset)
        for coefficient in reversed(self._opened):
            total.mul_(offset).add_(coefficient.cumsum(0))
        return total[:-1]

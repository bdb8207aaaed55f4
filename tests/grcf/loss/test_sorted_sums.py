"""Range sums and their transpose against sums that are written out."""

import math

import pytest
import torch

from pipeline.grcf.loss.sorted_sums import Scatter, SortedSums, dot, product

DEGREE = 4


def ranges(values: torch.Tensor, *, width: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Every range, empty ones too, whose values lie within `width`."""
    n = len(values)
    found = [
        (low, high)
        for low in range(n + 1)
        for high in range(low, n + 1)
        if high <= low + 1 or values[high - 1] - values[low] <= width
    ]
    low, high = torch.tensor(found).unbind(1)
    return low, high


def written_out(values: torch.Tensor, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    rows = [
        [(values[a:b] - values[min(a, len(values) - 1)]).pow(p).sum().item() for p in range(DEGREE + 1)]
        for a, b in zip(low.tolist(), high.tolist(), strict=True)
    ]
    return torch.tensor(rows, dtype=torch.float64).T


def scattered(n: int, *, seed: int) -> torch.Tensor:
    """Clumps and gaps, and some values twice."""
    random = torch.Generator().manual_seed(seed)
    values = torch.randn(n, generator=random, dtype=torch.float64).pow(3)
    values[:3] = values[3]
    return values.sort().values


@pytest.mark.parametrize("width", [math.inf, 2.0, 0.5, 0.01])
@pytest.mark.parametrize("seed", range(3))
def test_powers_are_those_of_the_range(width, seed):
    values = scattered(30, seed=seed)
    low, high = ranges(values, width=width)
    sums = SortedSums(values, degree=DEGREE, width=width)
    error = torch.stack(sums.powers(low, high, degree=DEGREE)) - written_out(values, low, high)
    # Relative to what is subtracted: all that lies behind, or two cells of it.
    reach = torch.clamp(values[-1] - values[low.clamp(max=len(values) - 1)], max=3 * width)
    powers = torch.arange(DEGREE + 1)[:, None]
    assert (error.abs() <= 1e-12 * len(values) * reach**powers).all()


@pytest.mark.parametrize("width", [math.inf, 2.0, 0.5, 0.01])
@pytest.mark.parametrize("seed", range(3))
def test_scatter_is_the_transpose_of_powers(width, seed):
    values = scattered(30, seed=seed)
    low, high = ranges(values, width=width)
    polynomial = torch.randn(4, len(low), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    scatter = Scatter(SortedSums(values, degree=DEGREE, width=width))
    scatter.add(low, high, list(polynomial))
    expected = torch.zeros_like(values)
    for a, b, coefficients in zip(low.tolist(), high.tolist(), polynomial.T, strict=True):
        for power, coefficient in enumerate(coefficients):
            expected[a:b] += coefficient * (values[a:b] - values[min(a, len(values) - 1)]).pow(power)
    assert torch.allclose(scatter.total(), expected, rtol=1e-9, atol=1e-9)


def test_a_far_value_does_not_drown_a_short_range():
    values = torch.tensor([0.0, 1e-3, 2e-3, 1e9], dtype=torch.float64)
    found = SortedSums(values, degree=DEGREE, width=1.0).powers(
        torch.tensor([0]), torch.tensor([3]), degree=DEGREE
    )
    assert [power.item() for power in found] == pytest.approx([3, 3e-3, 5e-6, 9e-9, 17e-12], rel=1e-12, abs=0)


def test_product_and_dot_are_those_of_polynomials():
    # (1 + 2x)(3 + x²) = 3 + 6x + x² + 2x³, at x = 2 and x = 1: 35 and 12.
    one, two = torch.ones(1), 2 * torch.ones(1)
    result = product([1.0, two], [3.0, 0.0, 1.0])
    powers = [two, 3 * one, 5 * one, 9 * one]
    assert dot(result, powers).item() == 35 + 12

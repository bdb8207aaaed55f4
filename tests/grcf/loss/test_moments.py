"""Mean and spread of scopes are those of numpy, from all values at once and pooled from parts."""

import numpy as np
import pytest
import torch

from pipeline.grcf.loss.moments import Moments

VALUES = torch.tensor([1.0, 4.0, -2.0, 7.5, 0.25, 3.0, 3.0], dtype=torch.float64)
SCOPE = torch.tensor([0, 1, 0, 1, 1, 2, 2])


def test_every_scope_has_its_own():
    found = Moments.by_scope(VALUES, SCOPE, n_scopes=3)
    for number in range(3):
        values = VALUES[number == SCOPE].numpy()
        assert found.count[number] == len(values)
        assert found.mean[number].item() == pytest.approx(values.mean())
        assert found.spread[number].item() == pytest.approx(values.std())


def test_pooled_scopes_are_one_sample():
    pooled = Moments.by_scope(VALUES, SCOPE, n_scopes=3).pooled()
    assert pooled.count.item() == len(VALUES)
    assert (pooled.mean + pooled.rest).item() == pytest.approx(VALUES.mean().item())
    assert pooled.spread.item() == pytest.approx(VALUES.numpy().std())


def test_scopes_far_apart_keep_their_digits():
    far = VALUES + 2.0**40
    pooled = Moments.by_scope(far, SCOPE, n_scopes=3).pooled()
    assert pooled.spread.item() == pytest.approx(VALUES.numpy().std(), rel=1e-3)


def test_without_a_value_there_is_no_spread():
    nothing = torch.zeros(2, 3, dtype=torch.float64)
    pooled = Moments(nothing, nothing, nothing, nothing).pooled(dim=1)
    np.testing.assert_array_equal(pooled.mean, np.zeros((2, 1)))
    np.testing.assert_array_equal(pooled.spread, np.zeros((2, 1)))

"""Each baseline loss against its definition, one pair at a time in plain Python."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.grcf.loss.baselines import rank_n_contrast_loss, ranklist_loss, ranknet_loss

labels = st.integers(-6, 6).map(lambda y: y / 2)
rows = st.lists(st.tuples(st.floats(-4, 4, allow_nan=False), labels), min_size=1, max_size=9)


def doubles(values):
    return torch.tensor(values, dtype=torch.float64)


def naive_ranknet(score, label):
    losses = [
        math.log1p(math.exp(-(score[i] - score[j])))
        for i, j in itertools.product(range(len(score)), repeat=2)
        if label[i] > label[j]
    ]
    return sum(losses) / len(losses) if losses else 0.0


def naive_ranklist(score, label):
    distinct = sorted(set(label))
    losses = []
    for skip in (1, 2, 4, 8):
        for i in range(len(score)):
            below = [
                math.exp(score[j] - score[i])
                for j in range(len(score))
                if distinct.index(label[i]) - distinct.index(label[j]) >= skip
            ]
            if below:
                losses.append(math.log(1 + sum(below)))
    return sum(losses) / len(losses) if losses else 0.0


def naive_rank_n_contrast(feature, label):
    n = len(label)
    if n < 2:
        return 0.0
    logit = [[-math.dist(feature[i], feature[j]) / 2 for j in range(n)] for i in range(n)]
    total = 0.0
    for i, k in itertools.permutations(range(n), 2):
        farther = [
            math.exp(logit[i][j])
            for j in range(n)
            if j != i and abs(label[i] - label[j]) >= abs(label[i] - label[k])
        ]
        total += logit[i][k] - math.log(sum(farther))
    return -total / (n * (n - 1))


@pytest.mark.parametrize(("loss", "naive"), [(ranknet_loss, naive_ranknet), (ranklist_loss, naive_ranklist)])
@settings(max_examples=40)
@given(rows=rows)
def test_a_loss_of_scores_equals_its_definition(loss, naive, rows):
    score, label = (list(column) for column in zip(*rows, strict=True))
    value = loss(doubles(score), doubles(label)).item()
    assert value == pytest.approx(naive(score, label), rel=1e-9, abs=1e-12)


@settings(max_examples=40)
@given(rows=rows, seed=st.integers(0, 99))
def test_rank_n_contrast_equals_its_definition(rows, seed):
    label = [y for _, y in rows]
    feature = torch.randn(len(label), 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    value = rank_n_contrast_loss(feature, doubles(label)).item()
    assert value == pytest.approx(naive_rank_n_contrast(feature.tolist(), label), rel=1e-9, abs=1e-12)


def test_rank_n_contrast_has_a_gradient_where_representations_coincide():
    feature = torch.zeros(4, 3, dtype=torch.float64, requires_grad=True)
    rank_n_contrast_loss(feature, doubles([0.0, 1.0, 1.0, 2.0])).backward()
    assert torch.isfinite(feature.grad).all()


@pytest.mark.parametrize("loss", [ranknet_loss, ranklist_loss])
def test_without_a_pair_there_is_no_loss_and_no_gradient(loss):
    score = doubles([1.0, -2.0]).requires_grad_()
    value = loss(score, doubles([0.5, 0.5]))
    value.backward()
    assert value.item() == 0
    assert score.grad.tolist() == [0, 0]


def test_a_single_segment_contrasts_with_nothing():
    feature = torch.ones(1, 3, requires_grad=True)
    value = rank_n_contrast_loss(feature, torch.ones(1))
    value.backward()
    assert value.item() == 0
    assert not feature.grad.any()


@pytest.mark.parametrize("loss", [ranknet_loss, ranklist_loss])
def test_the_right_order_costs_less_than_the_wrong_one(loss):
    label = doubles([-2.0, 0.0, 2.0])
    assert loss(label, label) < loss(-label, label)


def test_rank_n_contrast_prefers_distances_that_follow_the_labels():
    label = doubles([0.0, 1.0, 3.0])
    swapped = doubles([1.0, 0.0, 3.0])
    assert rank_n_contrast_loss(label[:, None], label) < rank_n_contrast_loss(swapped[:, None], label)

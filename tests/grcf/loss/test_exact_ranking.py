"""The exact path of the ranking loss against its definition, pair by pair: value and gradient."""

import itertools
import math
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.grcf.loss import groupwise as losses
from pipeline.grcf.loss.groups import group_of
from pipeline.grcf.loss.groupwise import (
    AdvantageSettings,
    MarginSettings,
    exact_ranking_loss,
    groupwise_ranking_loss,
    pairwise_ranking_loss,
)

pytestmark = pytest.mark.slow

CUTS = (-0.75, -0.125, 0.125, 0.75)
# Binary fractions: on a grid of them a shortfall is exactly 0 or exactly the corner.
MARGIN = MarginSettings(
    groups="integer", base=0.25, slope=0.25, distance="group", shape="softplus", smoothing=0.0
)
ADVANTAGE = AdvantageSettings(scope="group_pair", scale="std", strength=0.75, cap=1.75)
CORNERS = [("softplus", 0.0), ("quadratic", 1.0), ("quadratic", 0.125)]


def every(test):
    """One test for each scope, scale, distance and shape."""
    for name, values in {
        "scope": ["group_pair", "anchor", "batch"],
        "scale": ["std", "none"],
        "distance": ["group", "label"],
        "corner": CORNERS,
    }.items():
        test = pytest.mark.parametrize(name, values)(test)
    return test


def chosen(scope, scale, distance, corner, groups="integer"):
    shape, smoothing = corner
    return {
        "margin": replace(MARGIN, distance=distance, shape=shape, smoothing=smoothing, groups=groups),
        "advantage": replace(ADVANTAGE, scope=scope, scale=scale),
    }


def value_and_gradient(loss, score, label, **how):
    score = score.clone().requires_grad_()
    value = loss(score, label, **how)
    value.backward()
    return value.item(), score.grad


def by_definition(score, label, *, margin, advantage):
    """The double loop in rational numbers, so that rounding is the other side's alone."""
    s, y = ([Fraction(x) for x in column.tolist()] for column in (score, label))
    group = group_of(label, groups=margin.groups).tolist()
    base, slope, corner = (Fraction(x) for x in (margin.base, margin.slope, margin.smoothing))
    scopes = {}
    for i, j in itertools.product(range(len(s)), repeat=2):
        if group[i] > group[j]:
            distance = group[i] - group[j] if margin.distance == "group" else y[i] - y[j]
            d = base + slope * distance - (s[i] - s[j])
            if d <= 0:
                v, pull = Fraction(0), Fraction(0)
            elif d >= corner:
                v, pull = d - corner / 2, Fraction(1)
            else:
                v, pull = d * d / (2 * corner), d / corner
            scope = {"group_pair": (group[i], group[j]), "anchor": i, "batch": 0}[advantage.scope]
            scopes.setdefault(scope, []).append((i, j, v, pull))
    loss, weights, gradient = Fraction(0), Fraction(0), [Fraction(0)] * len(s)
    for pairs in scopes.values():
        mean = sum(v for _, _, v, _ in pairs) / len(pairs)
        variance = sum((v - mean) ** 2 for _, _, v, _ in pairs) / len(pairs)
        spread = Fraction(math.isqrt(int(variance * 10**60)), 10**30)
        gain = Fraction(0)
        if spread >= Fraction(1, 10**6):
            gain = Fraction(advantage.strength) / (spread if advantage.scale == "std" else 1)
        for i, j, v, pull in pairs:
            weight = min(Fraction(advantage.cap), 1 + gain * max(Fraction(0), v - mean))
            loss, weights = loss + weight * v, weights + weight
            gradient[i] -= weight * pull
            gradient[j] += weight * pull
    if not weights:
        return 0.0, torch.zeros_like(score)
    return float(loss / weights), torch.tensor([float(g / weights) for g in gradient], dtype=torch.float64)


def assert_same(found, expected, *, rel=1e-9):
    assert found[0] == pytest.approx(expected[0], rel=rel, abs=1e-14)
    scale = expected[1].abs().max().item()
    assert (found[1] - expected[1]).abs().max().item() <= rel * scale + 1e-15


def random_segments(n, *, seed):
    random = torch.Generator().manual_seed(seed)
    label = 6 * torch.rand(n, generator=random, dtype=torch.float64) - 3
    return torch.randn(n, generator=random, dtype=torch.float64) + label / 2, label


def on_grid(x):
    return (x * 8).round() / 8


@every
def test_equals_the_pairwise_form_on_random_scores(scope, scale, distance, corner):
    how = chosen(scope, scale, distance, corner)
    score, label = random_segments(90, seed=1)
    assert_same(
        value_and_gradient(exact_ranking_loss, score, label, **how),
        value_and_gradient(pairwise_ranking_loss, score, label, **how),
    )


@pytest.mark.parametrize("groups", ["integer", CUTS])
@every
def test_equals_the_definition_on_a_grid_where_margins_are_kept_exactly(
    scope, scale, distance, corner, groups
):
    how = chosen(scope, scale, distance, corner, groups)
    score, label = (on_grid(column) for column in random_segments(18, seed=2))
    assert_same(
        value_and_gradient(exact_ranking_loss, score, label, **how), by_definition(score, label, **how)
    )


@every
def test_equals_the_definition_beside_scores_that_are_far_away(scope, scale, distance, corner):
    how = chosen(scope, scale, distance, corner, CUTS)
    score, label = (on_grid(column) for column in random_segments(18, seed=3))
    score[torch.tensor([1, 5, 8])] += 2.0**30
    score[torch.tensor([2, 3, 13])] -= 2.0**30
    # A double has 1e-7 to tell two scores there apart; the pairwise form is as far off.
    assert_same(
        value_and_gradient(exact_ranking_loss, score, label, **how),
        by_definition(score, label, **how),
        rel=1e-8,
    )


# Hundredths, because rounding alone decides about a spread that is all but `MIN_SPREAD`.
segments = st.lists(st.tuples(st.integers(-400, 400), st.integers(-30, 30)), min_size=1, max_size=14)


@pytest.mark.parametrize("scope", ["group_pair", "anchor", "batch"])
@settings(max_examples=30)
@given(
    rows=segments,
    corner=st.sampled_from(CORNERS),
    scale=st.sampled_from(["std", "none"]),
    distance=st.sampled_from(["group", "label"]),
    base=st.sampled_from([0.0, 0.2]),
    slope=st.sampled_from([0.0, 0.3]),
    strength=st.sampled_from([0.0, 0.5, 20.0]),
    cap=st.sampled_from([1.0, 1.5, 1e6]),
)
def test_equals_the_pairwise_form_whatever_the_settings(
    rows, scope, corner, scale, distance, base, slope, strength, cap
):
    score, label = torch.tensor(rows, dtype=torch.float64).unbind(1)
    how = chosen(scope, scale, distance, corner)
    how["margin"] = replace(how["margin"], base=base, slope=slope)
    how["advantage"] = replace(how["advantage"], strength=strength, cap=cap)
    assert_same(
        value_and_gradient(exact_ranking_loss, score / 100, label / 10, **how),
        value_and_gradient(pairwise_ranking_loss, score / 100, label / 10, **how),
    )


@pytest.mark.parametrize("scope", ["group_pair", "anchor", "batch"])
@pytest.mark.parametrize("distance", ["group", "label"])
@pytest.mark.parametrize("corner", CORNERS)
def test_equal_scores_weigh_alike(scope, distance, corner):
    how = chosen(scope, "std", distance, corner)
    label = random_segments(40, seed=4)[1]
    score = torch.full_like(label, 0.3)
    assert_same(
        value_and_gradient(exact_ranking_loss, score, label, **how),
        value_and_gradient(pairwise_ranking_loss, score, label, **how),
    )


@pytest.mark.parametrize("scope", ["group_pair", "anchor", "batch"])
def test_a_scope_without_spread_has_the_weight_one(scope):
    label = torch.tensor([-2.0, -2.0, 2.0, 2.0], dtype=torch.float64)
    how = {"margin": MARGIN, "advantage": replace(ADVANTAGE, scope=scope, strength=50.0, cap=99.0)}
    value, gradient = value_and_gradient(exact_ranking_loss, torch.zeros_like(label), label, **how)
    assert value == 0.25 + 0.25 * 4
    assert gradient.tolist() == [0.5, 0.5, -0.5, -0.5]


@pytest.mark.parametrize("scope", ["group_pair", "anchor", "batch"])
@pytest.mark.parametrize("corner", CORNERS)
def test_groups_may_be_missing_in_between(scope, corner):
    how = chosen(scope, "std", "group", corner)
    score, label = random_segments(40, seed=5)
    label = torch.where(label > 0, 3.0, torch.where(label < -1, -3.0, -1.0)).double()
    assert_same(
        value_and_gradient(exact_ranking_loss, score, label, **how),
        value_and_gradient(pairwise_ranking_loss, score, label, **how),
    )


@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize("upper", [-1.0, 0.5, 0.75, 2.0])
def test_a_single_pair(corner, upper):
    how = chosen("group_pair", "std", "group", corner)
    score, label = torch.tensor([upper, 0.0]).double(), torch.tensor([1.0, -1.0]).double()
    assert_same(
        value_and_gradient(exact_ranking_loss, score, label, **how), by_definition(score, label, **how)
    )


@pytest.mark.parametrize("labels", [[0.1], [0.1, -0.2, 0.3], []])
@pytest.mark.parametrize("scope", ["group_pair", "anchor", "batch"])
def test_without_a_pair_loss_and_gradient_are_zero(labels, scope):
    label = torch.tensor(labels, dtype=torch.float64)
    how = {"margin": MARGIN, "advantage": replace(ADVANTAGE, scope=scope)}
    value, gradient = value_and_gradient(exact_ranking_loss, label, label, **how)
    assert value == 0
    assert gradient.tolist() == [0.0] * len(labels)


@pytest.mark.parametrize("scope", ["group_pair", "anchor", "batch"])
@pytest.mark.parametrize("corner", CORNERS)
def test_blind_to_a_large_common_offset(scope, corner):
    how = chosen(scope, "std", "label", corner)
    score, label = (on_grid(column) for column in random_segments(60, seed=6))
    assert_same(
        value_and_gradient(exact_ranking_loss, score + 2.0**30, label, **how),
        value_and_gradient(exact_ranking_loss, score, label, **how),
    )


def test_single_precision_scores_are_summed_in_double():
    score, label = (column.float() for column in random_segments(400, seed=7))
    how = {"margin": MARGIN, "advantage": ADVANTAGE}
    value, gradient = value_and_gradient(exact_ranking_loss, score, label, **how)
    expected = value_and_gradient(pairwise_ranking_loss, score.double(), label.double(), **how)
    assert gradient.dtype == torch.float32
    assert_same((value, gradient.double()), expected, rel=2e-7)


@pytest.mark.parametrize("scope", ["group_pair", "anchor", "batch"])
@pytest.mark.parametrize("corner", CORNERS)
def test_copies_of_all_segments_change_nothing_at_a_size_without_room_for_pairs(scope, corner):
    # Means, spreads and weights are those of the originals. All pairs of 120,000 segments would be 10¹⁰ numbers.
    how = chosen(scope, "std", "group", corner)
    score, label = random_segments(60, seed=8)
    n_copies = 2000
    value, gradient = value_and_gradient(
        exact_ranking_loss, score.repeat(n_copies), label.repeat(n_copies), **how
    )
    gradient = gradient.view(n_copies, -1)
    assert torch.allclose(gradient, gradient[:1], rtol=1e-9, atol=1e-14)
    assert_same((value, gradient.sum(0)), value_and_gradient(pairwise_ranking_loss, score, label, **how))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_score_that_is_not_finite_shows(bad):
    score, label = random_segments(20, seed=9)
    score[4] = bad
    value, gradient = value_and_gradient(exact_ranking_loss, score, label, margin=MARGIN, advantage=ADVANTAGE)
    assert math.isnan(value)
    assert gradient.isnan().all()


def test_a_second_derivative_is_refused():
    score, label = random_segments(20, seed=10)
    score.requires_grad_()
    loss = exact_ranking_loss(score, label, margin=MARGIN, advantage=ADVANTAGE)
    (gradient,) = torch.autograd.grad(loss.square(), score, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_softplus_has_no_exact_path():
    score, label = random_segments(20, seed=11)
    with pytest.raises(ValueError, match="quadratic"):
        exact_ranking_loss(score, label, margin=replace(MARGIN, smoothing=1.0), advantage=ADVANTAGE)


@pytest.mark.parametrize("corner", CORNERS)
def test_the_public_loss_is_the_same_on_both_sides_of_the_threshold(corner, monkeypatch):
    how = chosen("group_pair", "std", "group", corner)
    score, label = random_segments(100, seed=12)
    monkeypatch.setattr(losses, "EXACT_FROM", 101)
    below = value_and_gradient(groupwise_ranking_loss, score, label, **how)
    assert below[0] == pairwise_ranking_loss(score, label, **how).item()
    monkeypatch.setattr(losses, "EXACT_FROM", 100)
    above = value_and_gradient(groupwise_ranking_loss, score, label, **how)
    assert above[0] == exact_ranking_loss(score, label, **how).item()
    assert_same(above, below)


def test_the_public_loss_stays_pairwise_where_there_is_no_exact_path(monkeypatch):
    how = {"margin": replace(MARGIN, smoothing=1.0), "advantage": ADVANTAGE}
    score, label = random_segments(30, seed=13)
    monkeypatch.setattr(losses, "EXACT_FROM", 1)
    assert groupwise_ranking_loss(score, label, **how) == pairwise_ranking_loss(score, label, **how)

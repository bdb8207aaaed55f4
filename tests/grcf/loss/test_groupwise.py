"""The ranking loss against a naive double loop, hand-written numbers, and the traps of the method."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.grcf.loss.groups import group_of
from pipeline.grcf.loss.groupwise import (
    EXACT_FROM,
    AdvantageSettings,
    MarginSettings,
    compare_pairs,
    exact_ranking_loss,
    groupwise_ranking_loss,
)

HINGE = MarginSettings(
    groups="integer", base=0.2, slope=0.3, distance="group", shape="softplus", smoothing=0.0
)
ALIKE = AdvantageSettings(scope="batch", scale="std", strength=0.0, cap=1.0)


def naive_loss(
    score: list[float],
    label: list[float],
    margin: MarginSettings,
    advantage: AdvantageSettings,
    owner: list[int] | None = None,
):
    """The definition, one pair at a time, in plain Python."""
    group = [round(y) for y in label]  # Python rounds half to even too
    owner = owner or [0] * len(score)
    pairs = []
    for i, j in itertools.product(range(len(score)), repeat=2):
        if group[i] <= group[j] or owner[i] != owner[j]:
            continue
        distance = group[i] - group[j] if margin.distance == "group" else label[i] - label[j]
        shortfall = margin.base + margin.slope * distance - (score[i] - score[j])
        if margin.smoothing == 0:
            violation = max(0.0, shortfall)
        elif margin.shape == "quadratic":
            inside, outside = shortfall**2 / (2 * margin.smoothing), shortfall - margin.smoothing / 2
            violation = 0.0 if shortfall <= 0 else inside if shortfall <= margin.smoothing else outside
        else:
            violation = margin.smoothing * math.log1p(math.exp(shortfall / margin.smoothing))
        scope = {"group_pair": (group[i], group[j]), "anchor": i, "batch": 0}[advantage.scope]
        pairs.append(((owner[i], scope), violation))
    total = weights = 0.0
    for scope, violation in pairs:
        peers = [-v for s, v in pairs if s == scope]
        mean = sum(peers) / len(peers)
        spread = math.sqrt(sum((r - mean) ** 2 for r in peers) / len(peers))
        if advantage.direction == "bounded":
            weight = advantage.bound**2 / (advantage.bound**2 + violation**2)
            total += weight * violation
            weights += weight
            continue
        gain = 0.0
        if spread >= 1e-6:
            gain = (-violation - mean) / (spread if advantage.scale == "std" else 1.0)
        weight = min(advantage.cap, max(1.0, 1 + advantage.strength * max(0.0, -gain)))
        total += weight * violation
        weights += weight
    return total / weights if weights else 0.0


def doubles(values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


labels = st.floats(-3, 3, allow_nan=False).map(lambda y: round(y, 1))
segments = st.lists(st.tuples(st.floats(-4, 4, allow_nan=False), labels), min_size=2, max_size=12)


@pytest.mark.parametrize(
    "advantage",
    [
        *(
            AdvantageSettings(scope=scope, scale=scale, strength=0.7, cap=1.8)
            for scope in ("group_pair", "anchor", "batch")
            for scale in ("std", "none")
        ),
        AdvantageSettings(scope="batch", scale="std", strength=0.7, cap=1.8, direction="bounded", bound=0.8),
    ],
)
@pytest.mark.parametrize("distance", ["group", "label"])
@pytest.mark.parametrize(("shape", "smoothing"), [("softplus", 0.0), ("softplus", 1.5), ("quadratic", 1.5)])
@settings(max_examples=15)
@given(rows=segments)
def test_equals_the_naive_double_loop(rows, advantage, distance, shape, smoothing):
    score, label = (list(column) for column in zip(*rows, strict=True))
    margin = MarginSettings(
        groups="integer", base=0.2, slope=0.3, distance=distance, shape=shape, smoothing=smoothing
    )
    loss = groupwise_ranking_loss(doubles(score), doubles(label), margin=margin, advantage=advantage)
    assert loss.item() == pytest.approx(naive_loss(score, label, margin, advantage), rel=1e-9, abs=1e-12)


def test_hand_written_example_with_weights():
    # Pairs (above, below): (1, 0) with margin 0.5, (2, 0) with margin 0.8, (2, 1) with margin 0.5.
    score, label = doubles([0.0, 0.0, 0.9]), doubles([-1.0, 0.0, 1.0])
    advantage = AdvantageSettings(scope="batch", scale="none", strength=1.0, cap=10.0)
    # Violations 0.5 - 0 = 0.5, 0.8 - 0.9 < 0 and 0.5 - 0.9 < 0. Rewards -0.5, 0, 0; mean -1/6; advantage of the first -1/3.
    loss = groupwise_ranking_loss(score, label, margin=HINGE, advantage=advantage)
    assert loss.item() == pytest.approx((4 / 3 * 0.5) / (4 / 3 + 1 + 1))


def test_the_right_order_costs_less_than_the_wrong_one():
    label = doubles([-2.0, 0.0, 2.0])
    right = groupwise_ranking_loss(label, label, margin=HINGE, advantage=ALIKE)
    wrong = groupwise_ranking_loss(-label, label, margin=HINGE, advantage=ALIKE)
    assert right < wrong


def test_a_larger_margin_never_costs_less():
    score, label = doubles([0.3, -0.1, 0.8, 0.2]), doubles([1.0, -1.0, 2.0, 0.0])
    losses = [
        groupwise_ranking_loss(
            score,
            label,
            margin=MarginSettings(
                groups="integer", base=base, slope=0.1, distance="group", shape="softplus", smoothing=1.0
            ),
            advantage=ALIKE,
        ).item()
        for base in (0.0, 0.5, 1.0)
    ]
    assert losses == sorted(losses)
    assert losses[0] < losses[-1]


def test_margins_grow_with_the_distance_of_the_groups():
    label = doubles([-2.0, 0.0, 2.0])
    compared = compare_pairs(label, label, margin=HINGE, advantage=ALIKE)
    assert compared.margin[2, 0].item() == pytest.approx(0.2 + 0.3 * 4)
    assert compared.margin[1, 0].item() == pytest.approx(0.2 + 0.3 * 2)


def test_no_pair_of_different_groups_gives_zero_and_zero_gradient():
    score = torch.tensor([0.3, -0.5], requires_grad=True)
    loss = groupwise_ranking_loss(score, torch.tensor([1.1, 0.9]), margin=HINGE, advantage=ALIKE)
    loss.backward()
    assert loss.item() == 0
    assert score.grad is not None
    assert score.grad.tolist() == [0, 0]


def test_blind_to_a_common_offset():
    score, label = doubles([0.1, 0.7, -0.4]), doubles([0.0, 2.0, -1.0])
    loss = groupwise_ranking_loss(score, label, margin=HINGE, advantage=ALIKE)
    moved = groupwise_ranking_loss(score + 7, label, margin=HINGE, advantage=ALIKE)
    assert loss.item() == pytest.approx(moved.item())


def test_unit_margins_per_group_fight_the_perfect_prediction_and_label_margins_do_not():
    label = doubles([0.8, 0.4, -0.6, 1.6, -1.4])
    for distance, expected_zero in (("group", False), ("label", True)):
        margin = MarginSettings(
            groups="integer", base=0.0, slope=1.0, distance=distance, shape="softplus", smoothing=0.0
        )
        loss = groupwise_ranking_loss(label, label, margin=margin, advantage=ALIKE).item()
        assert (loss < 1e-12) is expected_zero


@settings(max_examples=40)
@given(rows=segments, strength=st.floats(0, 5), cap=st.floats(1, 4))
def test_no_weight_is_negative_or_beyond_its_bounds(rows, strength, cap):
    score, label = (list(column) for column in zip(*rows, strict=True))
    advantage = AdvantageSettings(scope="group_pair", scale="std", strength=strength, cap=cap)
    compared = compare_pairs(doubles(score), doubles(label), margin=HINGE, advantage=advantage)
    weight = compared.weight[compared.pair]
    assert (weight >= 1).all()
    assert (weight <= cap + 1e-12).all()
    assert (compared.weight[~compared.pair] == 0).all()


def bounded(bound: float) -> AdvantageSettings:
    return AdvantageSettings(
        scope="batch", scale="std", strength=3.0, cap=9.0, direction="bounded", bound=bound
    )


@settings(max_examples=40)
@given(rows=segments, bound=st.floats(0.1, 10))
def test_a_bounded_weight_falls_from_one_and_is_half_at_the_bound(rows, bound):
    score, label = (doubles(list(column)) for column in zip(*rows, strict=True))
    compared = compare_pairs(score, label, margin=HINGE, advantage=bounded(bound))
    weight, violation = compared.weight[compared.pair], compared.violation[compared.pair]
    assert ((weight > 0) & (weight <= 1)).all()
    assert (weight[violation == 0] == 1).all()
    assert ((weight < 0.5) == (violation > bound))[(violation - bound).abs() > 1e-9].all()
    order = violation.argsort()
    assert (weight[order].diff() <= 0).all()
    assert (compared.weight[~compared.pair] == 0).all()


def test_under_a_bound_one_wrong_label_pulls_less_the_more_it_contradicts():
    label = doubles([-1.0, 1.0])

    def pull(gap: float) -> float:
        score = doubles([gap, 0.0])
        compared = compare_pairs(score, label, margin=HINGE, advantage=bounded(1.0))
        return (compared.weight * compared.violation).sum().item()

    # The margin is 0.8, so that the violation is the bound at a gap of 0.2.
    assert pull(0.0) < pull(0.2) > pull(1.0) > pull(5.0)


def test_a_bound_out_of_reach_weighs_all_pairs_alike():
    score, label = doubles([0.3, -0.1, 0.8, 0.2]), doubles([1.0, -1.0, 2.0, 0.0])
    loss = groupwise_ranking_loss(score, label, margin=HINGE, advantage=bounded(1e6))
    alike = groupwise_ranking_loss(score, label, margin=HINGE, advantage=ALIKE)
    assert loss.item() == pytest.approx(alike.item(), rel=1e-9)


def test_many_segments_with_bounded_weights_go_pair_by_pair():
    """The exact path has no sums of a bounded weight, so it refuses rather than gives another loss."""
    random = torch.Generator().manual_seed(3)
    label = (6 * torch.rand(EXACT_FROM, generator=random, dtype=torch.float64) - 3).round(decimals=1)
    score = label + torch.randn(EXACT_FROM, generator=random, dtype=torch.float64)
    loss = groupwise_ranking_loss(score, label, margin=HINGE, advantage=bounded(1.0))
    alike = groupwise_ranking_loss(score, label, margin=HINGE, advantage=ALIKE)
    assert loss < 0.9 * alike
    with pytest.raises(ValueError, match="no exact path"):
        exact_ranking_loss(score, label, margin=HINGE, advantage=bounded(1.0))


def test_equal_rewards_give_the_weight_one():
    score, label = torch.zeros(4), torch.tensor([-1.0, -1.0, 1.0, 1.0])
    advantage = AdvantageSettings(scope="group_pair", scale="std", strength=3.0, cap=9.0)
    compared = compare_pairs(score, label, margin=HINGE, advantage=advantage)
    assert compared.weight[compared.pair].tolist() == [1.0] * 4


def test_the_harder_of_two_peers_weighs_more():
    score, label = doubles([0.0, 0.0, 1.0, -1.0]), doubles([-1.0, -1.0, 1.0, 1.0])
    advantage = AdvantageSettings(scope="group_pair", scale="std", strength=0.5, cap=9.0)
    compared = compare_pairs(score, label, margin=HINGE, advantage=advantage)
    assert compared.weight[3, 0] > compared.weight[2, 0] == 1


def test_weights_carry_no_gradient():
    label = doubles([-1.0, -1.0, 1.0, 1.0])
    score = doubles([0.0, 0.1, 0.4, -1.0]).requires_grad_()
    advantage = AdvantageSettings(scope="batch", scale="none", strength=2.0, cap=9.0)
    compared = compare_pairs(score, label, margin=HINGE, advantage=advantage)
    assert not compared.weight.requires_grad
    assert compared.violation.requires_grad


def test_gradient_equals_finite_differences_under_frozen_weights():
    score = doubles([0.3, -0.2, 0.9, 0.1]).requires_grad_()
    label = doubles([1.0, -1.0, 2.0, 0.0])
    margin = MarginSettings(
        groups="integer", base=0.2, slope=0.3, distance="label", shape="softplus", smoothing=1.0
    )
    assert torch.autograd.gradcheck(
        lambda s: groupwise_ranking_loss(s, label, margin=margin, advantage=ALIKE), (score,)
    )


def test_smoothing_approaches_the_hinge():
    score, label = doubles([0.3, -0.2, 0.9]), doubles([1.0, -1.0, 0.0])
    hinge = groupwise_ranking_loss(score, label, margin=HINGE, advantage=ALIKE)
    smooth = groupwise_ranking_loss(
        score,
        label,
        margin=MarginSettings(
            groups="integer", base=0.2, slope=0.3, distance="group", shape="softplus", smoothing=1e-4
        ),
        advantage=ALIKE,
    )
    assert smooth.item() == pytest.approx(hinge.item(), abs=1e-3)


def test_integer_groups_round_half_to_even():
    assert group_of(doubles([-2.5, -0.5, 0.5, 1.5, 2.5]), groups="integer").tolist() == [-2, 0, 0, 2, 2]


def test_cuts_put_a_label_on_the_cut_into_the_lower_group():
    assert group_of(doubles([-0.1, 0.1, 0.11]), groups=(-0.1, 0.1)).tolist() == [0, 1, 2]

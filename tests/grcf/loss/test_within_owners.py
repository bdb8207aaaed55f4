"""Losses that compare labels of one owner only: the definition, the exact path, and what a rater's scale cannot change."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.grcf.loss import groupwise
from pipeline.grcf.loss.baselines import rank_n_contrast_loss, ranklist_loss, ranknet_loss
from pipeline.grcf.loss.exact_by_owner import weighted_sums_by_owner
from pipeline.grcf.loss.exact_ranking import ExactSettings
from pipeline.grcf.loss.groupwise import (
    AdvantageSettings,
    MarginSettings,
    exact_ranking_loss,
    groupwise_ranking_loss,
    pairwise_ranking_loss,
)
from tests.grcf.loss.test_baselines import naive_rank_n_contrast, naive_ranklist, naive_ranknet
from tests.grcf.loss.test_groupwise import ALIKE, doubles, naive_loss

MARGIN = MarginSettings(
    groups="integer", base=0.2, slope=0.3, distance="label", shape="quadratic", smoothing=1.5
)
ADVANTAGES = [
    *(
        AdvantageSettings(scope=scope, scale="std", strength=0.7, cap=1.8)
        for scope in ("group_pair", "anchor", "batch")
    ),
    AdvantageSettings(scope="batch", scale="none", strength=0.7, cap=1.8, direction="bounded", bound=0.8),
]
labels = st.integers(-6, 6).map(lambda y: y / 2)
rows = st.lists(
    st.tuples(st.floats(-4, 4, allow_nan=False), labels, st.integers(0, 3)), min_size=2, max_size=14
)


def columns(rows):
    score, label, owner = (list(column) for column in zip(*rows, strict=True))
    return score, label, owner


def random_rows(n, n_owners, seed=0):
    rng = torch.Generator().manual_seed(seed)
    score = torch.randn(n, generator=rng, dtype=torch.float64)
    label = (torch.randn(n, generator=rng, dtype=torch.float64) * 1.5).clamp(-3, 3)
    return score, label, torch.randint(n_owners, (n,), generator=rng)


def gradient(loss, score, *arguments, **settings):
    score = score.clone().requires_grad_()
    value = loss(score, *arguments, **settings)
    value.backward()
    return value.item(), score.grad


@pytest.mark.parametrize("advantage", ADVANTAGES, ids=lambda each: f"{each.direction}-{each.scope}")
@pytest.mark.parametrize("shape", ["softplus", "quadratic"])
@settings(max_examples=25)
@given(rows=rows)
def test_equals_the_naive_double_loop_over_pairs_of_one_owner(rows, advantage, shape):
    score, label, owner = columns(rows)
    margin = replace(MARGIN, shape=shape)
    loss = groupwise_ranking_loss(
        doubles(score), doubles(label), torch.tensor(owner), margin=margin, advantage=advantage
    )
    assert loss.item() == pytest.approx(
        naive_loss(score, label, margin, advantage, owner), rel=1e-9, abs=1e-12
    )


@settings(max_examples=25)
@given(rows=rows)
def test_one_owner_of_all_is_no_owner_to_the_bit(rows):
    score, label, _ = columns(rows)
    for loss, settings_ in (
        (pairwise_ranking_loss, {"margin": MARGIN, "advantage": ADVANTAGES[0]}),
        (ranknet_loss, {}),
        (ranklist_loss, {}),
    ):
        alone = gradient(loss, doubles(score), doubles(label), **settings_)
        owned = gradient(loss, doubles(score), doubles(label), torch.full((len(score),), 7), **settings_)
        assert alone[0] == owned[0]
        assert torch.equal(alone[1], owned[1])


@pytest.mark.parametrize("advantage", ADVANTAGES[:3], ids=lambda each: each.scope)
@pytest.mark.parametrize("smoothing", [0.0, 1.5])
@pytest.mark.parametrize("n_owners", [1, 3, 40, 300])
def test_the_exact_path_equals_the_pairs_in_value_and_gradient(monkeypatch, advantage, smoothing, n_owners):
    # Some owners above the bound, some below, some alone.
    monkeypatch.setattr(groupwise, "EXACT_FROM", 64)
    score, label, owner = random_rows(300, n_owners)
    owner[: 300 // 3] = 0
    how = {"margin": replace(MARGIN, smoothing=smoothing), "advantage": advantage}
    exact = gradient(exact_ranking_loss, score, label, owner, **how)
    pairs = gradient(pairwise_ranking_loss, score, label, owner, **how)
    assert exact[0] == pytest.approx(pairs[0], rel=1e-9)
    assert (exact[1] - pairs[1]).abs().max() <= 1e-9 * pairs[1].abs().max()


def test_small_owners_are_never_compared_all_with_all():
    # A matrix of all 40,000 would take 13 GB.
    score, label, owner = random_rows(40_000, 8_000)
    how = ExactSettings(base=0.2, smoothing=0.0, scope="batch", scale="std", strength=0.5, cap=2.0)
    sums = weighted_sums_by_owner(score, label.round().long(), owner, how, exact_from=512)
    assert sums.weight > 0


@pytest.mark.parametrize("loss", [ranknet_loss, ranklist_loss])
def test_the_gradient_is_that_of_differences(loss):
    score, label, owner = random_rows(9, 3)
    assert torch.autograd.gradcheck(lambda s: loss(s, label, owner), (score.requires_grad_(),))


@settings(max_examples=40)
@given(rows=rows)
def test_baselines_by_owner_add_up_the_terms_of_each_owner(rows):
    score, label, owner = columns(rows)
    tensors = doubles(score), doubles(label), torch.tensor(owner)
    of_owner = [[k for k, other in enumerate(owner) if other == number] for number in sorted(set(owner))]

    def parts(naive, n_terms):
        found = []
        for members in of_owner:
            s, y = [score[k] for k in members], [label[k] for k in members]
            found.append((n_terms(y), naive(s, y)))
        total = sum(n for n, _ in found)
        return sum(n * mean for n, mean in found) / total if total else 0.0

    def n_pairs(y):
        return sum(a > b for a in y for b in y)

    def n_lists(y):
        distinct = sorted(set(y))
        return sum(distinct.index(a) >= skip for a in y for skip in (1, 2, 4, 8))

    assert ranknet_loss(*tensors).item() == pytest.approx(parts(naive_ranknet, n_pairs), abs=1e-9)
    assert ranklist_loss(*tensors).item() == pytest.approx(parts(naive_ranklist, n_lists), abs=1e-9)
    contrast = rank_n_contrast_loss(tensors[0][:, None], *tensors[1:]).item()
    expected = parts(
        lambda s, y: naive_rank_n_contrast([[value] for value in s], y), lambda y: len(y) * (len(y) - 1)
    )
    assert contrast == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("advantage", ADVANTAGES, ids=lambda each: f"{each.direction}-{each.scope}")
@pytest.mark.parametrize("shape", ["softplus", "quadratic"])
def test_an_offset_of_a_raters_labels_by_whole_groups_changes_nothing(advantage, shape):
    score, label, owner = random_rows(40, 4)
    offset = torch.tensor([0.0, 1.0, -2.0, 3.0], dtype=torch.float64)[owner]
    for distance in ("group", "label"):
        how = {"margin": replace(MARGIN, shape=shape, distance=distance), "advantage": advantage}
        plain = gradient(groupwise_ranking_loss, score, label, owner, **how)
        moved = gradient(groupwise_ranking_loss, score, label + offset, owner, **how)
        assert moved[0] == pytest.approx(plain[0])
        torch.testing.assert_close(moved[1], plain[1])
        # All pairs do feel it.
        assert groupwise_ranking_loss(score, label + offset, **how).item() != pytest.approx(
            groupwise_ranking_loss(score, label, **how).item()
        )


def test_any_offset_changes_nothing_where_cuts_move_no_pair():
    # One cut between the two labels of each rater, before and after: label distances stay.
    score, label = doubles([0.3, 0.1, -0.2, 0.4]), doubles([-1.5, 1.5, -1.0, 2.0])
    owner = torch.tensor([0, 0, 1, 1])
    how = {"margin": replace(MARGIN, groups=(0.0,)), "advantage": ALIKE}
    moved = label + doubles([0.25, 0.25, -0.625, -0.625])
    assert groupwise_ranking_loss(score, moved, owner, **how).item() == pytest.approx(
        groupwise_ranking_loss(score, label, owner, **how).item()
    )


def test_the_scores_of_each_owner_may_have_an_offset_of_their_own():
    score, label, owner = random_rows(40, 4)
    offset = torch.tensor([5.0, -1.0, 0.0, 2.5], dtype=torch.float64)[owner]
    for loss, how in (
        (groupwise_ranking_loss, {"margin": MARGIN, "advantage": ADVANTAGES[0]}),
        (ranknet_loss, {}),
        (ranklist_loss, {}),
    ):
        assert loss(score + offset, label, owner, **how).item() == pytest.approx(
            loss(score, label, owner, **how).item()
        )


@pytest.mark.parametrize("loss", [ranknet_loss, ranklist_loss])
def test_without_a_pair_within_an_owner_loss_and_gradient_are_zero(loss):
    score, label, owner = doubles([1.0, 2.0]), doubles([0.0, 3.0]), torch.tensor([0, 1])
    value, slope = gradient(loss, score, label, owner)
    assert (value, slope.tolist()) == (0.0, [0.0, 0.0])
    value, slope = gradient(groupwise_ranking_loss, score, label, owner, margin=MARGIN, advantage=ALIKE)
    assert (value, slope.tolist()) == (0.0, [0.0, 0.0])

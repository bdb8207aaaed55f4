"""The statistics of pairs are those of the pairs that the loss compared."""

from dataclasses import fields, replace

import numpy as np
import pytest

from pipeline.grcf.pairs import pair_statistics
from pipeline.grcf.pairs.pair_statistics import describe_distributions, describe_group_pairs, pair_values
from tests.grcf.models import ADVANTAGE, MARGIN, rank


@pytest.fixture(scope="module")
def ranked(train, valid):
    return rank(train, valid)


def pairs_of(checkpoint, train):
    return pair_values(checkpoint, train, batch_size=24, margin=MARGIN, advantage=ADVANTAGE, device="cpu")


def test_group_pairs_tell_what_was_compared(ranked, train):
    for row in describe_group_pairs(pairs_of(ranked, train)):
        assert row.group_above > row.group_below
        assert row.margin == pytest.approx(0.2 + 0.2 * (row.group_above - row.group_below), abs=1e-6)
        assert 1 <= row.weight <= ADVANTAGE.cap
        assert 0 <= row.ordered <= 1


def test_a_distribution_holds_every_pair_once_and_none_outside(ranked, train):
    values = pairs_of(ranked, train)
    rows = list(describe_distributions([values, values]))
    for quantity in ("margin", "violation", "weight"):
        bins = [row for row in rows if row.quantity == quantity]
        assert sum(row.n_pairs for row in bins) == 2 * len(values.margin)
        assert sum(row.share for row in bins) == pytest.approx(1)
        found = getattr(values, quantity)
        assert min(row.low for row in bins) <= found.min()
        assert max(row.high for row in bins) >= found.max()


def test_a_distribution_tells_how_many_groups_apart(ranked, train):
    values = pairs_of(ranked, train)
    for row in describe_distributions([values]):
        # The margin of these settings grows by 0.2 with each group.
        if row.quantity == "margin":
            assert row.low - 1e-6 <= 0.2 + 0.2 * row.distance <= row.high + 1e-6


def test_groups_that_train_lacks_count_as_they_do_in_the_margin(train, valid):
    gapped = replace(train, labels=np.array([-3.0, 0.0, 3.0])[np.arange(len(train)) % 3])
    values = pairs_of(rank(gapped, valid), gapped)
    rows = [row for row in describe_distributions([values]) if row.quantity == "margin"]
    assert {row.distance for row in rows} == {3, 6}
    for row in rows:
        assert row.low - 1e-6 <= 0.2 + 0.2 * row.distance <= row.high + 1e-6


def test_no_pairs_have_no_distribution(ranked, train):
    values = pairs_of(ranked, train)
    none = replace(values, **{field.name: getattr(values, field.name)[:0] for field in fields(values)[1:]})
    assert list(describe_distributions([none])) == []


def test_of_a_large_train_so_many_batches_are_described_as_hold_enough_pairs(ranked, train, monkeypatch):
    whole = pairs_of(ranked, train)
    n_wanted = len(whole.margin) // 2
    monkeypatch.setattr(pair_statistics, "MOST_PAIRS", n_wanted)
    some = pairs_of(ranked, train)
    assert n_wanted <= len(some.margin) < len(whole.margin)
    # They are the first of the same batches.
    np.testing.assert_array_equal(some.violation, whole.violation[: len(some.violation)])

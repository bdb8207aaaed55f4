"""Whose labels are compared, and batches in which they meet."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.artifacts.aligned.split import Ratings
from pipeline.grcf.network.batch_order import order_by_owner
from pipeline.grcf.network.batches import SplitTensors
from pipeline.grcf.network.owned_labels import NOBODY, compared, owned_labels
from tests.grcf.synthetic import make_split


def n_partners(order, owner, n_batches):
    """Pairs of one owner that meet in a batch."""
    return sum(
        int((owner[batch][:, None] == owner[batch][None, :]).sum()) - len(batch)
        for batch in np.array_split(order, n_batches)
    )


@settings(max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=25),
    batch_size=st.integers(2, 40),
    seed=st.integers(0, 5),
)
def test_every_segment_comes_once_and_the_order_repeats(sizes, batch_size, seed):
    owner = np.repeat(np.arange(len(sizes)), sizes)[:, None]
    n_batches = -(-len(owner) // batch_size)
    orders = [order_by_owner(owner, n_batches=n_batches, rng=np.random.default_rng(seed)) for _ in range(2)]
    assert sorted(orders[0]) == list(range(len(owner)))
    assert np.array_equal(*orders)


def test_owners_meet_far_more_often_than_by_chance():
    owner = np.random.default_rng(0).integers(0, 60, 600)
    rng = np.random.default_rng(1)
    met = n_partners(order_by_owner(owner[:, None], n_batches=20, rng=rng), owner, 20)
    by_chance = n_partners(rng.permutation(600), owner, 20)
    assert met > 8 * by_chance


def test_a_batch_is_never_of_one_owners_mind():
    owner = np.repeat(np.arange(4), 100)[:, None]
    order = order_by_owner(owner, n_batches=10, rng=np.random.default_rng(0))
    assert all(len(np.unique(owner[batch])) > 1 for batch in np.array_split(order, 10))


def test_all_raters_of_a_segment_meet_in_time():
    # Segment 0 has two raters; over epochs it stands beside the segments of either.
    owner = np.full((61, 2), NOBODY)
    owner[1:31, 0], owner[31:, 0] = 0, 1
    owner[0] = (0, 1)
    rng, beside = np.random.default_rng(0), set()
    for _ in range(20):
        for batch in np.array_split(order_by_owner(owner, n_batches=8, rng=rng), 8):
            if 0 in batch:
                beside |= set(owner[batch][:, 0].tolist())
    assert beside == {0, 1}


def test_any_with_any_is_the_order_of_a_plain_shuffle():
    split = SplitTensors(make_split("train", 50, seed=0), device="cpu")
    assert split.owned is None
    assert np.array_equal(
        split.epoch_order(8, np.random.default_rng(3)), np.random.default_rng(3).permutation(50)
    )


def test_labels_by_owner_are_those_of_each_rater():
    split = replace(
        make_split("train", 4, seed=0),
        rater=("ada", "", "", "ben"),
        ratings=Ratings.of([{}, {"ben": 2.0, "ada": -1.0}, {}, {}]),
    )
    owned = owned_labels(split, "rater")
    label, owner = owned.flat()
    assert owned.segment.tolist() == [0, 1, 1, 3]
    assert owner.tolist() == [0, 0, 1, 1]
    assert label.tolist() == pytest.approx([split.labels[0], -1.0, 2.0, split.labels[3]])
    assert owned.is_owned.tolist() == [True, True, False, True]
    tensors = SplitTensors(split, device="cpu", within="rater")
    batch = tensors.batch(tensors.label.new_tensor([3, 1]).long())
    score, label, owner = compared(batch.label.new_tensor([10.0, 20.0]), batch.label, batch.owned)
    assert (score.tolist(), owner.tolist()) == ([10.0, 20.0, 20.0], [1, 0, 1])
    assert label.tolist() == pytest.approx([split.labels[3], -1.0, 2.0])


@pytest.mark.parametrize("within", ["corpus", "speaker", "video"])
def test_other_owners_have_one_label_a_segment(within):
    split = replace(make_split("train", 3, seed=0), **{within: ("b", "a", "b")})
    label, owner = owned_labels(split, within).flat()
    assert owner.tolist() == [1, 0, 1]
    assert label.tolist() == pytest.approx(split.labels.tolist())

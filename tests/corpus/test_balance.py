"""A drawn split keeps speakers and videos whole, has the same parts for the same seed, and balances their labels."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.corpus.balance import balanced_parts, make_draw
from pipeline.corpus.splits import balance_sentence, is_drawn, split_candidates
from tests.corpus.test_manifest import candidate

DRAW = {"valid_share": 0.15, "test_share": 0.2}


def share_of_ones(rows, splits) -> list[float]:
    return [
        float(np.mean([row.label for row in rows if splits[row.id] == split]))
        for split in ("train", "valid", "test")
    ]


def corpus(n: int, n_speakers: int, rng: np.random.Generator):
    """Speakers who differ in how positive they are, as speakers do."""
    leaning = rng.normal(size=n_speakers)
    return [
        replace(
            candidate(f"c{position}", label=float(rng.normal(leaning[position % n_speakers]) > 0)),
            split=None,
            speaker=f"s{position % n_speakers}",
            video=f"v{position % n_speakers}",
        )
        for position in range(n)
    ]


@pytest.mark.parametrize("split_seed", range(5))
@pytest.mark.parametrize("n_speakers", [80, 20])
def test_eighty_clips_have_nearly_the_same_share_of_ones_in_every_part(n_speakers, split_seed):
    rows = corpus(80, n_speakers, np.random.default_rng(3))
    splits = split_candidates(rows, split_seed=split_seed, **DRAW)
    shares = share_of_ones(rows, splits)
    assert max(shares) - min(shares) < 0.1
    assert is_drawn(rows, splits)
    assert f"train {shares[0]:.2f} of" in balance_sentence(rows, splits)


def test_the_same_seed_draws_the_same_and_another_differs():
    rows = corpus(80, 20, np.random.default_rng(3))
    draws = [split_candidates(rows, split_seed=seed, **DRAW) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    assert split_candidates(rows[::-1], split_seed=1, **DRAW) == draws[0]


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_speakers_and_videos_that_are_linked_stay_together(data):
    n = data.draw(st.integers(6, 30))
    named = st.lists(st.sampled_from([None, *"abcdefghijkl"]), min_size=n, max_size=n)
    speakers, videos = data.draw(named), data.draw(named)
    # Ten more recordings of their own, so that there is always something to draw from.
    rows = [
        replace(
            candidate(f"c{position}", label=float(position % 2)), split=None, speaker=speaker, video=video or f"v{position}"
        )
        for position, (speaker, video) in enumerate(zip([*speakers, *[None] * 10], [*videos, *[None] * 10], strict=True))
    ]  # fmt: skip
    splits = split_candidates(rows, split_seed=data.draw(st.integers(0, 9)), **DRAW)
    for kind in ("speaker", "video"):
        parts: dict[str, set[str]] = {}
        for row in rows:
            if getattr(row, kind) is not None:
                parts.setdefault(getattr(row, kind), set()).add(splits[row.id])
        assert all(len(found) == 1 for found in parts.values())


@pytest.mark.parametrize("split_seed", range(4))
def test_a_valid_part_drawn_from_train_keeps_linked_speakers_together(split_seed):
    # Two people in each recording, as in interviews; every second segment is that of the host, who is another one in each.
    rows = [
        replace(
            candidate(f"c{n}", label=float(n % 3)),
            split="train" if n < 24 else "test",
            speaker=f"{'host' if n % 2 else 'guest'} {n // 4}",
            video=f"talk {n // 4}",
        )
        for n in range(32)
    ]
    splits = split_candidates(rows, split_seed=split_seed, **DRAW)
    assert set(splits.values()) == {"train", "valid", "test"}
    for talk in {row.video for row in rows}:
        assert len({splits[row.id] for row in rows if row.video == talk}) == 1


def test_parts_have_the_number_of_owners_that_they_are_to_have():
    rng = np.random.default_rng(5)
    owners = [f"s{rng.integers(40)}" for _ in range(500)]
    draw = make_draw(owners, rng.normal(size=500).tolist())
    parts = balanced_parts(draw, {"valid": 6, "test": 8, "train": len(draw.owners) - 14}, seed=0)
    assert sorted(parts) == sorted(set(owners))
    assert [list(parts.values()).count(name) for name in ("valid", "test")] == [6, 8]


@pytest.mark.parametrize("mixes", [("speaker",), ("speaker", "video")])
def test_a_cast_that_may_be_in_two_splits_keeps_no_videos_together(mixes):
    rows = [
        replace(
            candidate(f"c{position}", label=float(position % 3)),
            split="test" if position >= 36 else "train",
            speaker=f"s{position % 6}",
            video=f"v{position // 4}",
        )
        for position in range(48)
    ]
    splits = split_candidates(rows, split_seed=0, **DRAW, mixes={None: mixes})
    assert set(splits.values()) == {"train", "valid", "test"}

"""No video in two parts, no test label touched, and every segment judged once in tuning."""

import numpy as np
import pytest

from benchmarks.mosi.data import TUNING, Pool, divide, spoil_labels, thin_out
from pipeline.align.splits import AlignedSegment
from pipeline.artifacts.corpus.segments import Segment
from tests.segments import make_segment

N_VIDEOS, N_SEGMENTS = 93, 4


def segment(video: str, clip: int, split: str, label: float) -> Segment:
    return make_segment(id=f"{video}_{clip}", split=split, label=label, speaker=video, video=video)


def make_pool() -> Pool:
    """As many videos as MOSI has, a word or two in each segment."""
    random = np.random.default_rng(0)
    segments, aligned = [], []
    for video in range(N_VIDEOS):
        split = "train" if video < 52 else "valid" if video < 62 else "test"
        for clip in range(N_SEGMENTS):
            segments.append(segment(f"v{video}", clip, split, float(random.integers(-3, 4))))
            n_words = int(random.integers(1, 3))
            rows = random.normal(size=(n_words, 2)).astype(np.float32)
            nothing = np.zeros((n_words, 0), np.float32)
            aligned.append(
                AlignedSegment(
                    {"text": rows, "audio": nothing, "visual": nothing},
                    {
                        "text": np.ones(n_words, bool),
                        "audio": np.zeros(n_words, bool),
                        "visual": np.zeros(n_words, bool),
                    },
                )
            )
    return Pool(tuple(segments), tuple(aligned), {"text": ("a", "b"), "audio": (), "visual": ()})


@pytest.fixture(scope="module")
def pool() -> Pool:
    return make_pool()


def videos(part):
    return {id_.partition("_")[0] for id_ in part.ids}


@pytest.mark.parametrize("split", ["standard", "11", "12", *TUNING])
def test_no_video_is_in_two_parts(pool, split):
    parts = [videos(part) for part in divide(pool, split)]
    assert all(parts)
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]


def test_random_splits_have_the_standard_sizes_and_differ(pool):
    first, second = divide(pool, "11"), divide(pool, "12")
    assert [len(videos(part)) for part in first] == [52, 10, 31]
    assert videos(first[2]) != videos(second[2])


def test_tuning_never_sees_the_standard_test_and_judges_every_other_segment_once(pool):
    held_out = videos(divide(pool, "standard")[2])
    judged = []
    for fold in TUNING:
        parts = divide(pool, fold)
        assert not held_out & set().union(*(videos(part) for part in parts))
        judged += parts[2].ids
    assert sorted(judged) == sorted(s.id for s in pool.segments if s.split != "test")


def test_train_alone_is_normalised_to_zero_and_one(pool):
    train, _, test = divide(pool, "11")
    np.testing.assert_allclose(train.features["text"].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(train.features["text"].std(axis=0), 1, atol=1e-4)
    assert np.abs(test.features["text"].mean(axis=0)).max() > 1e-4


def test_spoiling_changes_at_most_that_share_of_the_labels_and_nothing_else(pool):
    train = divide(pool, "standard")[0]
    spoilt = spoil_labels(train, share=0.3, seed=1)
    changed = np.mean(spoilt.labels != train.labels)
    assert 0.15 < changed <= 0.3
    assert spoilt.features is train.features
    assert set(spoilt.labels) <= set(train.labels)


def test_another_seed_spoils_other_labels(pool):
    train = divide(pool, "standard")[0]
    first, second = (spoil_labels(train, share=0.3, seed=seed).labels for seed in (1, 2))
    assert (first != second).any()


def test_a_thinned_out_part_holds_the_words_of_its_segments(pool):
    train = divide(pool, "standard")[0]
    thin = thin_out(train, share=0.25, seed=1)
    assert len(thin) == round(0.25 * len(train))
    for position, id_ in enumerate(thin.ids):
        before = train.ids.index(id_)
        own = slice(thin.offsets[position], thin.offsets[position + 1])
        was = slice(train.offsets[before], train.offsets[before + 1])
        np.testing.assert_array_equal(thin.features["text"][own], train.features["text"][was])
        assert thin.labels[position] == train.labels[before]

"""Several splits of a corpus together: a mean over splits and seeds, and its intervals over videos."""

import numpy as np
import pytest

from benchmarks.evidence.pooled import differences_of, interval_of


def parts(*, n_videos: int, effect: float, n_splits: int = 3, n_seeds: int = 4, noise: float = 0.3):
    rng = np.random.default_rng(0)
    made = []
    for split in range(n_splits):
        videos = [f"video {number}" for number in range(split, split + n_videos) for _ in range(20)]
        made.append((effect + noise * rng.normal(size=(n_seeds, len(videos))), videos))
    return made


def test_sums_are_by_video_and_a_video_of_several_splits_is_one():
    first = np.array([[1.0, 2.0, 4.0], [0.0, 0.0, 1.0]]), ["a", "b", "b"]
    second = np.array([[8.0], [16.0]]), ["b"]
    found = differences_of([first, second])
    assert found.counts.tolist() == [[1, 2], [0, 1]]
    assert found.sums.tolist() == [[[1.0, 6.0], [0.0, 1.0]], [[0.0, 8.0], [0.0, 16.0]]]


def test_the_difference_is_the_mean_of_the_splits_and_lies_in_its_intervals():
    made = parts(n_videos=30, effect=0.02)
    found = interval_of(differences_of(made), splits_too=True)
    assert found["difference"] == pytest.approx(np.mean([difference.mean() for difference, _ in made]))
    assert found["low"] < found["low_90"] < found["difference"] < found["high_90"] < found["high"]
    assert found == interval_of(differences_of(made), splits_too=True)


def test_splits_that_differ_widen_the_interval_that_draws_them():
    made = [
        (difference + shift, videos)
        for (difference, videos), shift in zip(parts(n_videos=30, effect=0.0), (-0.2, 0.0, 0.2), strict=True)
    ]
    found = differences_of(made)
    drawn, fixed = (interval_of(found, splits_too=splits_too) for splits_too in (True, False))
    assert drawn["difference"] == fixed["difference"]
    assert drawn["high"] - drawn["low"] > 2 * (fixed["high"] - fixed["low"])


def test_videos_that_differ_widen_it_too():
    rng = np.random.default_rng(1)
    own = {f"video {number}": value for number, value in enumerate(rng.normal(size=40))}
    made = parts(n_videos=30, effect=0.0)
    alike = interval_of(differences_of(made), splits_too=False)
    apart = interval_of(
        differences_of(
            [(difference + np.array([own[v] for v in videos]), videos) for difference, videos in made]
        ),
        splits_too=False,
    )
    assert apart["high"] - apart["low"] > 5 * (alike["high"] - alike["low"])

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.extract.words.ctc import align_labels

BLANK, A, B = 0, 1, 2


def log_probs_of(*frames: int, n_classes: int = 3, certainty: float = 0.9) -> np.ndarray:
    """Each frame says its class and hardly anything else."""
    probabilities = np.full((len(frames), n_classes), (1 - certainty) / (n_classes - 1))
    probabilities[np.arange(len(frames)), frames] = certainty
    return np.log(probabilities).astype(np.float32)


def merged(path: tuple[int, ...]) -> list[int]:
    return [label for label, _ in itertools.groupby(path) if label != BLANK]


def best_by_trying_all(log_probs: np.ndarray, labels: list[int]) -> float:
    """The definition: the likeliest of all paths that are left with the labels."""
    n_frames, n_classes = log_probs.shape
    scores = [
        sum(float(log_probs[frame, label]) for frame, label in enumerate(path))
        for path in itertools.product(range(n_classes), repeat=n_frames)
        if merged(path) == labels
    ]
    return max(scores, default=-np.inf)


def test_labels_are_found_where_the_frames_say_them():
    found = align_labels(log_probs_of(0, 1, 1, 0, 0, 2, 0), [A, B], blank=BLANK)

    np.testing.assert_array_equal(found.frames, [[1, 2], [5, 5]])
    np.testing.assert_allclose(found.label_log_prob, np.log([0.9, 0.9]), rtol=1e-6)
    assert found.log_prob == pytest.approx(7 * np.log(0.9), rel=1e-6)


def test_a_label_twice_needs_a_blank_in_between():
    found = align_labels(log_probs_of(1, 1, 1), [A, A], blank=BLANK)

    np.testing.assert_array_equal(found.frames, [[0, 0], [2, 2]])


def test_different_labels_need_none():
    np.testing.assert_array_equal(
        align_labels(log_probs_of(1, 2), [A, B], blank=BLANK).frames, [[0, 0], [1, 1]]
    )


@pytest.mark.parametrize("labels", [[A, B, A], [A, A], []])
def test_too_few_frames_or_no_labels_have_no_path(labels):
    assert align_labels(log_probs_of(1, 2), labels, blank=BLANK) is None


def test_no_frames_have_no_path():
    assert align_labels(np.zeros((0, 3), np.float32), [A], blank=BLANK) is None


@given(
    seed=st.integers(0, 10**6),
    n_frames=st.integers(1, 7),
    labels=st.lists(st.sampled_from([A, B]), min_size=1, max_size=4),
)
@settings(max_examples=60)
def test_the_path_is_the_best_of_all(seed, n_frames, labels):
    random = np.random.default_rng(seed)
    log_probs = np.log(random.dirichlet(np.ones(3), n_frames)).astype(np.float32)

    found = align_labels(log_probs, labels, blank=BLANK)

    best = best_by_trying_all(log_probs, labels)
    if found is None:
        assert best == -np.inf
        return
    assert found.log_prob == pytest.approx(best, abs=1e-5)
    # The frames tell the path, and the path has that probability.
    path = np.full(n_frames, BLANK)
    for label, (first, last) in zip(labels, found.frames, strict=True):
        path[first : last + 1] = label
    assert merged(tuple(path)) == labels
    assert log_probs[np.arange(n_frames), path].sum() == pytest.approx(best, abs=1e-5)


@given(seed=st.integers(0, 10**6), n_frames=st.integers(30, 400), n_labels=st.integers(1, 30))
@settings(max_examples=30)
def test_frames_of_labels_are_in_order_and_apart(seed, n_frames, n_labels):
    random = np.random.default_rng(seed)
    log_probs = np.log(random.dirichlet(np.ones(5), n_frames)).astype(np.float32)

    found = align_labels(log_probs, random.integers(1, 5, n_labels).tolist(), blank=BLANK)

    if found is not None:
        edges = found.frames.reshape(-1)
        assert (np.diff(edges) >= 0).all()
        assert (found.frames[1:, 0] > found.frames[:-1, 1]).all()
        assert 0 <= edges[0] <= edges[-1] < n_frames

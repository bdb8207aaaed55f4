import numpy as np
import pytest

from pipeline.artifacts.evaluated.representations import (
    Representations,
    even_sample,
    read_representations,
    write_representations,
)
from pipeline.errors import PipelineError


def test_vectors_survive_a_round_trip(tmp_path):
    rng = np.random.default_rng(1)
    by_seed = {seed: rng.normal(size=(2, 3)).astype(np.float32) for seed in (7, 4)}
    write_representations(tmp_path, Representations("test", ("a", "Größe #1"), 5, by_seed))
    found = read_representations(tmp_path, "test")
    assert (found.split, found.ids, found.n_segments) == ("test", ("a", "Größe #1"), 5)
    assert list(found.by_seed) == [7, 4]
    for seed, vectors in by_seed.items():
        np.testing.assert_array_equal(found.by_seed[seed], vectors)


def test_vectors_of_other_segments_are_refused():
    with pytest.raises(PipelineError, match="do not fit together: 1 ids of 3 segments"):
        Representations("test", ("a",), 3, {1: np.zeros((2, 4), np.float32)})
    with pytest.raises(PipelineError, match="do not fit together: 2 ids of 1 segments"):
        Representations("test", ("a", "b"), 1, {1: np.zeros((2, 4), np.float32)})


@pytest.mark.parametrize(("n", "at_most"), [(0, 4), (1, 4), (4, 4), (5, 4), (1000, 7)])
def test_a_sample_has_both_ends_of_the_scale_and_no_segment_twice(n, at_most):
    labels = np.random.default_rng(n).normal(size=n)
    found = even_sample(labels, at_most=at_most)
    assert len(set(found.tolist())) == len(found) == min(n, at_most)
    assert found.tolist() == sorted(found.tolist())
    if n:
        assert {labels.argmin(), labels.argmax()} <= set(found.tolist())

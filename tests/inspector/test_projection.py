import numpy as np
import pytest
from sklearn.decomposition import PCA

from pipeline.inspector.projection import project


def vectors(n=40, width=9, seed=3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, width)) @ np.diag(np.linspace(5, 0.1, width)), rng.normal(size=n)


def test_of_one_seed_they_are_the_principal_components():
    found, labels = vectors()
    reference = PCA(2).fit(found)
    expected = reference.transform(found)
    projection = project([found], labels)
    assert projection.explained == pytest.approx(tuple(reference.explained_variance_ratio_))
    for axis in range(2):
        assert abs(np.corrcoef(projection.places[:, axis], expected[:, axis])[0, 1]) == pytest.approx(1)
    assert np.abs(projection.places).max() == pytest.approx(1)


def test_neither_the_axes_nor_the_size_of_a_seed_matter():
    (one, labels), (other, _) = vectors(), vectors(seed=4)
    turned, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(9, 9)))
    expected = project([one, other], labels)
    found = project([one @ turned * 1000 + 7, other], labels)
    np.testing.assert_allclose(found.places, expected.places, atol=1e-9)
    assert found.explained == pytest.approx(expected.explained)


def test_labels_rise_along_both_axes():
    found, labels = vectors()
    for sign in (1, -1):
        places = project([sign * found], labels).places
        assert np.all((labels - labels.mean()) @ places > 0)


@pytest.mark.parametrize(("n", "width"), [(1, 5), (2, 5), (3, 1), (6, 4)])
def test_few_segments_and_narrow_vectors_have_places(n, width):
    found = np.random.default_rng(n).normal(size=(n, width))
    projection = project([found], np.arange(n, dtype=np.float64))
    assert projection.places.shape == (n, 2)
    assert np.isfinite(projection.places).all()
    assert 0 <= sum(projection.explained) <= 1 + 1e-9


def test_vectors_that_are_all_equal_hold_no_variance():
    projection = project([np.full((4, 3), 2.0)], np.zeros(4))
    assert projection.explained == (0.0, 0.0)
    assert not projection.places.any()

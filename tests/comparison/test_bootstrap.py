import numpy as np
import pytest

from pipeline.comparison.bootstrap import Bootstrap, Side
from pipeline.evaluation.protocols import MOSI
from tests.comparison.repositories import split_predictions

MAE, PEARSON = MOSI.metric("mae"), MOSI.metric("pearson")


def side(**settings):
    split = split_predictions("valid", **settings)
    return Side(split.truth, split.models["grcf"])


def means(side, metric=MAE, bootstrap=None, **settings):
    return (bootstrap or Bootstrap(n_resamples=50)).means(side, [metric], **settings)[metric.name]


def test_the_same_settings_draw_the_same_resamples():
    np.testing.assert_array_equal(means(side()), means(side()))


def test_what_is_remembered_is_what_would_be_drawn():
    bootstrap = Bootstrap(n_resamples=50)
    first = means(side(noise=0.5), bootstrap=bootstrap)
    others = [means(side(noise=2.0), metric, bootstrap) for metric in (PEARSON, MAE)]
    np.testing.assert_array_equal(means(side(noise=0.5), bootstrap=bootstrap), first)
    np.testing.assert_array_equal(others[0], means(side(noise=2.0), PEARSON))
    np.testing.assert_array_equal(others[1], means(side(noise=2.0)))


@pytest.mark.parametrize("apart", [{"other_segments": True}, {"other_seeds": True}])
def test_what_is_drawn_apart_is_drawn_otherwise_with_the_same_spread(apart):
    bootstrap = Bootstrap(n_resamples=2000)
    together, other = means(side(), bootstrap=bootstrap), means(side(), bootstrap=bootstrap, **apart)
    assert abs(np.corrcoef(together, other)[0, 1]) < 0.95
    assert other.std() == pytest.approx(together.std(), rel=0.15)
    assert other.mean() == pytest.approx(together.mean(), abs=0.02)


def test_segments_drawn_apart_are_independent():
    bootstrap = Bootstrap(n_resamples=4000)
    one = side(seeds=(1,))
    first, second = means(one, bootstrap=bootstrap), means(one, bootstrap=bootstrap, other_segments=True)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.06


def test_one_seed_is_not_drawn():
    one = side(seeds=(1,))
    np.testing.assert_array_equal(means(one), means(one, other_seeds=True))


def test_the_means_are_those_of_a_loop_over_drawn_segments():
    one = side(seeds=(1,))
    spread = np.abs(one.truth - one.rows[0])
    found = means(one, bootstrap=Bootstrap(n_resamples=4000))
    assert found.mean() == pytest.approx(spread.mean(), abs=0.005)
    assert found.std() == pytest.approx(spread.std() / np.sqrt(len(spread)), rel=0.05)


def test_an_undefined_seed_spoils_only_the_resamples_that_draw_it():
    split = side()
    rows = split.rows.copy()
    rows[0] = 0.0
    found = means(Side(split.truth, rows), PEARSON, Bootstrap(n_resamples=1000))
    assert np.isnan(found).mean() == pytest.approx(1 - (2 / 3) ** 3, abs=0.06)

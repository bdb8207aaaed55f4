"""A few labels bring predictions onto their scale, and never change their order."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import rankdata

from pipeline.crossing.recalibration import N_DRAWS, draw_labels, recalibrate, recalibrated_draws
from pipeline.errors import PipelineError
from tests.crossing.runs import predictions


def test_predictions_on_another_scale_come_back_onto_that_of_the_labels():
    labels = np.array([-3.0, -1.0, 0.5, 2.0])
    others = np.array([-2.0, 0.0, 3.0])
    brought = recalibrate(0.1 * labels + 7, labels, 0.1 * others + 7, kind="regression")
    np.testing.assert_allclose(brought, others, atol=1e-6)


@pytest.mark.parametrize("kind", ["regression", "binary"])
def test_the_order_stays_even_where_the_labels_contradict_it(kind):
    rng = np.random.default_rng(1)
    known, others = rng.uniform(0, 1, 30), np.append(rng.uniform(0, 1, 50), [0.0, 1.0])
    against = (known < 0.5).astype(float)
    brought = recalibrate(known, against, others, kind=kind)
    np.testing.assert_array_equal(rankdata(brought), rankdata(others))
    if kind == "binary":
        assert brought.min() >= 0
        assert brought.max() <= 1


def test_probabilities_of_two_classes_meet_the_share_of_the_labels():
    rng = np.random.default_rng(2)
    labels = (rng.uniform(size=400) < 0.8).astype(float)
    known = 1 / (1 + np.exp(-(2 * labels - 4 + rng.normal(size=400))))
    assert known.mean() < 0.4
    assert recalibrate(known, labels, known, kind="binary").mean() == pytest.approx(labels.mean(), abs=0.02)


def test_probabilities_of_several_classes_stay_probabilities():
    splits = predictions("films", kind="classes")
    source, other = splits["valid"], splits["test"]
    brought = recalibrate(source.models["grcf"][0], source.truth, other.models["grcf"][0], kind="classes")
    np.testing.assert_allclose(brought.sum(axis=1), 1, atol=1e-9)
    assert brought.shape == other.models["grcf"][0].shape


@pytest.mark.parametrize("kind", ["regression", "binary", "classes"])
def test_a_constant_becomes_what_the_labels_say_without_a_model(kind):
    """The median, or the shares of classes as Platt and vector scaling smooth them."""
    labels = np.array([0.0, 0.0, 1.0, 1.0, 1.0])
    known = np.tile([0.5, 0.3, 0.2], (5, 1)) if kind == "classes" else np.full(5, 0.4)
    brought = recalibrate(known, labels, known[:1], kind=kind)
    expected = {"regression": 1.0, "binary": 0.58, "classes": [0.34, 0.48, 0.18]}[kind]
    np.testing.assert_allclose(brought[0], expected, atol=1e-6)


def test_draws_are_of_different_segments_and_always_the_same():
    source = predictions("films")["valid"].of_corpus("clips")
    labels = draw_labels(source, 5, corpus="clips")
    assert len(labels.draws) == N_DRAWS
    assert all(len(set(drawn.tolist())) == 5 for drawn in labels.draws)
    assert len({tuple(drawn) for drawn in labels.draws}) > 1
    for one, other in zip(labels.draws, draw_labels(source, 5, corpus="clips").draws, strict=True):
        np.testing.assert_array_equal(one, other)


def test_all_labels_are_one_draw_and_more_than_there_are_is_a_sentence():
    source = predictions("films")["valid"].of_corpus("clips")
    (drawn,) = draw_labels(source, 20, corpus="clips").draws
    np.testing.assert_array_equal(drawn, np.arange(20))
    with pytest.raises(
        PipelineError, match="takes 21 labels of each corpus, but clips has 20 segments in valid"
    ):
        draw_labels(source, 21, corpus="clips")


def test_only_the_drawn_labels_are_looked_at():
    source = predictions("films")["valid"].of_corpus("clips")
    rows = predictions("films")["test"].of_corpus("clips").models["grcf"]
    labels = draw_labels(source, 5, corpus="clips")
    unseen = np.setdiff1d(np.arange(20), labels.draws[0])
    truth = source.truth.copy()
    truth[unseen] = 99.0
    other = replace(labels, source=replace(source, truth=truth))
    one, two = (
        recalibrated_draws(each, source.models["grcf"], rows, kind="regression")[0]
        for each in (labels, other)
    )
    np.testing.assert_array_equal(one, two)

"""A restored model gives the same answers however often, for whichever seeds and in whichever order it is asked."""

import numpy as np
import pytest

from pipeline.grcf.scoring import Scorer, hidden_subsets, predict
from tests.grcf.models import rank


@pytest.fixture(scope="module")
def checkpoints(train, valid):
    return [rank(train, valid, seed=seed) for seed in (4, 2)]


def test_a_scorer_that_is_asked_again_answers_as_one_that_is_asked_once(checkpoints, train, valid):
    scorer = Scorer(checkpoints, device="cpu")
    for split in (valid, train, valid):
        np.testing.assert_array_equal(scorer.predict(split), predict(checkpoints, split, device="cpu"))
        np.testing.assert_array_equal(
            scorer.predict(split, hidden={"text"}),
            predict(checkpoints, split, hidden={"text"}, device="cpu"),
        )


def test_seeds_choose_rows(checkpoints, valid):
    scorer = Scorer(checkpoints, device="cpu")
    assert scorer.seeds == (4, 2)
    every = scorer.predict(valid)
    assert not np.array_equal(every[0], every[1])
    np.testing.assert_array_equal(scorer.predict(valid, seeds=[2]), every[1:])
    np.testing.assert_array_equal(scorer.predict(valid, seeds=[2, 4]), every[::-1])


def test_every_present_modality_is_left_out_once_and_alone_once(valid):
    names = list(hidden_subsets(valid))
    assert names == [
        "all",
        "without text",
        "without audio",
        "without visual",
        "only text",
        "only audio",
        "only visual",
        "nothing",
    ]
    assert hidden_subsets(valid)["without text"] == {"text"}
    assert hidden_subsets(valid)["only text"] == {"audio", "visual"}

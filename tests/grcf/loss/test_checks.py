"""A loss in a training loop of one's own: what is no setting, and what is not of the same segments, is refused by its name."""

import jaxtyping
import pytest
import torch

from pipeline.errors import PipelineError
from pipeline.grcf.loss.baselines import ranklist_loss, ranknet_loss
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings, groupwise_ranking_loss

MARGIN = {
    "groups": "integer",
    "base": 0.2,
    "slope": 0.2,
    "distance": "group",
    "shape": "softplus",
    "smoothing": 1.0,
}
ADVANTAGE = {"scope": "group_pair", "scale": "std", "strength": 0.5, "cap": 2.0}


@pytest.fixture(autouse=True)
def as_outside_the_tests():
    """Without the types that the tests check wherever a function is called."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"groups": "interger"}, r"groups is 'interger' \(did you mean 'integer'\?\); expected 'integer'"),
        ({"groups": (0.1, -0.1)}, r"groups is \(0.1, -0.1\); expected 'integer' or increasing cuts"),
        ({"groups": ()}, r"groups is \(\); expected"),
        ({"distance": "grup"}, r"distance is 'grup' \(did you mean 'group'\?\); expected 'group' or 'label'"),
        ({"shape": "hinge"}, "shape is 'hinge'; expected 'softplus' or 'quadratic'"),
        ({"within": "raters"}, r"within is 'raters' \(did you mean 'rater'\?\)"),
        ({"base": -1.0}, "base is -1; expected a number of at least 0"),
        ({"slope": float("nan")}, "slope is nan"),
        ({"across": 1.5}, "across is 1.5; expected a share from 0 to 1"),
    ],
)
def test_a_margin_that_is_none(wrong, sentence):
    with pytest.raises(PipelineError, match=sentence):
        MarginSettings(**MARGIN | wrong)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"scope": "pair"}, "scope is 'pair'; expected 'group_pair' or 'anchor' or 'batch'"),
        ({"scale": None}, "scale is None; expected 'std' or 'none'"),
        ({"direction": "hard"}, r"direction is 'hard' \(did you mean 'harder'\?\)"),
        ({"cap": 0.5}, "cap is 0.5; expected a number of at least 1"),
        ({"bound": 0.0}, "bound is 0; expected a number above 0"),
    ],
)
def test_an_advantage_that_is_none(wrong, sentence):
    with pytest.raises(PipelineError, match=sentence):
        AdvantageSettings(**ADVANTAGE | wrong)


def groupwise(score, label, owner=None):
    return groupwise_ranking_loss(
        score, label, owner, margin=MarginSettings(**MARGIN), advantage=AdvantageSettings(**ADVANTAGE)
    )


@pytest.mark.parametrize("loss", [groupwise, ranknet_loss, ranklist_loss])
@pytest.mark.parametrize(
    ("score", "label", "owner", "sentence"),
    [
        ((8,), (5,), None, r"score \(8,\), label \(5,\)"),
        ((8,), (1,), None, r"score \(8,\), label \(1,\)"),
        ((8, 1), (8, 1), None, r"score \(8, 1\), label \(8, 1\)"),
        ((8,), (8,), (3,), r"owner \(3,\)"),
    ],
)
def test_what_is_not_of_the_same_segments(loss, score, label, owner, sentence):
    owner = None if owner is None else torch.zeros(owner, dtype=torch.long)
    with pytest.raises(PipelineError, match=sentence):
        loss(torch.randn(score), torch.randn(label), owner)

"""Labels without a pair to order end stage 1 with a sentence, before anything is trained."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.artifacts.corpus.task import PROTOCOL_RANGES
from pipeline.errors import PipelineError
from pipeline.evaluation.protocols import protocol_named
from pipeline.grcf.rank import require_pairs
from tests.grcf.models import MARGIN, objective_of


@pytest.mark.parametrize(
    ("labels", "groups", "objective", "sentence"),
    [
        (
            [-0.4, 0.0, 0.4],
            "integer",
            "groupwise",
            r"\(-0\.4 to 0\.4\) are in one group .*-S 'margin\.groups=\[",
        ),
        ([-3.0, 0.0, 3.0], (5.0,), "groupwise", r"margin\.groups = \[5\.0\]"),
        ([1.0, 1.0], "integer", "groupwise", "every label of train is 1"),
        ([1.0, 1.0], "integer", "ranknet", "every label of train is 1"),
    ],
)
def test_no_pair_is_a_sentence(labels, groups, objective, sentence):
    with pytest.raises(PipelineError, match=sentence):
        require_pairs(np.array(labels), objective_of(objective, margin=replace(MARGIN, groups=groups)))


@pytest.mark.parametrize(
    ("labels", "groups", "objective"),
    [
        ([-0.4, 0.6], "integer", "groupwise"),
        ([-0.4, 0.4], (0.0,), "groupwise"),
        ([-0.4, 0.4], "integer", "ranklist"),
        ([1.0, 1.0], "integer", "none"),
    ],
)
def test_a_pair_is_enough(labels, groups, objective):
    require_pairs(np.array(labels), objective_of(objective, margin=replace(MARGIN, groups=groups)))


@pytest.mark.parametrize("name", PROTOCOL_RANGES)
def test_the_ranges_of_the_parameters_are_those_of_the_protocols(name):
    protocol = protocol_named(name)
    assert PROTOCOL_RANGES[name] == (protocol.label_min, protocol.label_max)

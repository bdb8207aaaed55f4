"""Every choice that params.yaml offers is one that the code knows, and the other way round."""

import itertools
import re
from collections.abc import Iterable
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

from pipeline import params
from pipeline.artifacts.corpus.segments import Owner
from pipeline.artifacts.corpus.task import PROTOCOL_RANGES, PROTOCOLS_OF, Kind, ProtocolName
from pipeline.corpus.facts import LayoutName
from pipeline.corpus.layouts import LAYOUTS
from pipeline.evaluation.protocols import PROTOCOLS
from pipeline.extract.text.encoder import TextSettings
from pipeline.extract.visual.mesh import Face
from pipeline.extract.words.locate import Aligner, Recogniser
from pipeline.grcf.calibrate import CalibrationScope
from pipeline.grcf.calibration.pointwise_objective import POINTWISE_OBJECTIVES
from pipeline.grcf.calibration.rater_scales import Raters
from pipeline.grcf.calibration.trusted import CalibrateOn
from pipeline.grcf.fit.loop import TrainingPrecision
from pipeline.grcf.fit.modulation import Balance
from pipeline.grcf.fit.selection import EpochChoice, SelectBy
from pipeline.grcf.loss.advantages import Direction, Scale, Scope
from pipeline.grcf.loss.groups import Grouping
from pipeline.grcf.loss.margins import Distance, Shape
from pipeline.grcf.loss.objectives import GROUPWISE, OBJECTIVES
from pipeline.grcf.network.network import FUSIONS, FusionName
from pipeline.grcf.network.owned_labels import Within
from pipeline.grcf.pointwise import PointwiseCalibration, PointwiseWeight
from pipeline.pretrained.models import EncoderPrecision

ROOT = Path(__file__).parent.parent


def choices(annotation: Any) -> set[str]:
    """All strings of the `Literal`s in a type."""
    if get_origin(annotation) is Literal:
        return {value for value in get_args(annotation) if isinstance(value, str)}
    if get_origin(annotation) in (Union, UnionType):
        return set().union(*map(choices, get_args(annotation)))
    return set()


OFFERED = {
    f"{section.__name__.lower()}.{name}": found
    for section in params.Section.__subclasses__()
    for name, field in section.model_fields.items()
    if (found := choices(field.annotation))
}

KNOWN: dict[str, Iterable[str]] = {
    "words.aligner": choices(Aligner),
    "words.recogniser": choices(Recogniser),
    "text.mode": choices(get_type_hints(TextSettings)["mode"]),
    "text.precision": choices(EncoderPrecision),
    "audio.precision": choices(EncoderPrecision),
    "visual.precision": choices(EncoderPrecision),
    "visual.face": choices(Face),
    "network.fusion": FUSIONS,
    "training.epoch": choices(EpochChoice),
    "training.precision": choices(TrainingPrecision),
    "training.balance": choices(Balance),
    "margin.within": choices(Within),
    "margin.groups": choices(Grouping),
    "margin.distance": choices(Distance),
    "margin.shape": choices(Shape),
    "advantage.direction": choices(Direction),
    "advantage.scope": choices(Scope),
    "advantage.scale": choices(Scale),
    "rank.objective": {GROUPWISE, *OBJECTIVES},
    "calibrate.scope": choices(CalibrationScope),
    "calibrate.labels": choices(CalibrateOn),
    # The loss itself selects where stage 1 leaves no order; a baseline always has a magnitude.
    "pointwise.select_by": choices(SelectBy) - {"objective"},
    "pointwise.calibration": choices(PointwiseCalibration),
    "pointwise.labels": choices(CalibrateOn),
    "pointwise.weight": choices(PointwiseWeight),
    "pointwise.raters": choices(Raters),
    "pointwise.within": choices(Owner),
    "evaluate.protocol": PROTOCOLS,
}


def test_the_facts_of_a_corpus_offer_what_the_code_knows():
    assert set(get_args(LayoutName)) == set(LAYOUTS)
    assert set(get_args(Kind)) == set(POINTWISE_OBJECTIVES) == set(PROTOCOLS_OF)
    assert set(get_args(ProtocolName)) == set(PROTOCOLS) == set(itertools.chain(*PROTOCOLS_OF.values()))
    assert {name: (PROTOCOLS[name].label_min, PROTOCOLS[name].label_max) for name in PROTOCOL_RANGES} == dict(
        PROTOCOL_RANGES
    )


def test_every_parameter_with_choices_is_held_against_the_code():
    assert OFFERED.keys() == KNOWN.keys()


@pytest.mark.parametrize("key", OFFERED)
def test_what_is_offered_is_what_is_known(key):
    assert OFFERED[key] == set(KNOWN[key])


@pytest.mark.parametrize("key", OFFERED)
def test_the_comments_name_every_choice(key):
    """A comment belongs to the line of its key and goes on in the lines of nothing but comment below it."""
    section, _, name = key.partition(".")
    text = (ROOT / "params.yaml").read_text()
    body = re.search(rf"^{section}:\n((?:[ #].*\n|\n)*)", text, re.MULTILINE)
    assert body is not None
    line = re.search(rf"^  {name}: .*\n(?:\s+#.*\n)*", body[1], re.MULTILINE)
    assert line is not None
    assert [choice for choice in OFFERED[key] if not re.search(rf"\b{choice}\b", line[0])] == []


def test_the_names_of_fusions_are_their_rows():
    assert choices(FusionName) == set(FUSIONS)


def test_an_objective_stands_under_its_own_name():
    assert {name: objective.name for name, objective in OBJECTIVES.items()} == {
        name: name for name in OBJECTIVES
    }

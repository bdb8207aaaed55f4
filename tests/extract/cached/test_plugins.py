"""An encoder of one's own: its keys hold all of its source, and its description is enough to find it again."""

import re
import sys

import pytest

from pipeline.artifacts.corpus.sequences import MODALITIES
from pipeline.errors import PipelineError
from pipeline.execution.source import source_digest
from pipeline.extract.cached.audio import audio_extractor
from pipeline.prediction.extraction import Extractors
from tests.prediction.models import columns, make_preprocessing
from tests.segments import make_segment

CLASS = """
import numpy as np
from pipeline.artifacts.corpus.sequences import FeatureSequence

def prepare(segment):
    return segment.end_s

class Constant:
    columns, libraries, device, rate_hz = ("a",), ("numpy",), "cpu", 1.0

    def __init__(self, scale):
        self.scale, self.spec, self.prepare = scale, SPEC, prepare

    def windows(self, given):
        return [given]

    def read(self, windows):
        for key, given in windows:
            yield key, np.full((1, 1), given * self.scale, np.float32)

    def sequence(self, given, rows):
        return FeatureSequence.empty(1, str(rows[0]))
"""
MAKE = "from class_of_another import Constant\ndef make():\n    return Constant(SCALE)\n"
REFERENCE = "made_by_me:make"


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(*, scale="2.0", spec="{}", comment=""):
        (tmp_path / "class_of_another.py").write_text(CLASS.replace("SPEC", spec) + comment)
        (tmp_path / "made_by_me.py").write_text(MAKE.replace("SCALE", scale))
        for name in ("class_of_another", "made_by_me"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        source_digest.cache_clear()
        return audio_extractor({"encoder": REFERENCE})

    return write


def test_an_edit_of_the_plug_in_or_of_its_class_makes_new_keys(write):
    segment = make_segment(media=None, end_s=1.0)
    edits = ({}, {"scale": "3.00"}, {"comment": "# other\n"}, {})
    # Each key while its files are there.
    keys = [write(**edit).keys([segment])[0] for edit in edits]
    assert keys[0] == keys[3]
    assert len(set(keys)) == 3


@pytest.mark.parametrize("spec", ["{}", "{'encoder': 'wavlm', 'hidden_size': 1}"])
def test_a_model_of_training_finds_it_again(write, spec):
    found = write(spec=spec)
    described = make_preprocessing().extractors | {"audio": dict(found.description)}
    extractors = Extractors(make_preprocessing(extractors=described, columns=columns() | {"audio": ["a"]}))
    segment = make_segment(media=None, end_s=1.0)
    observed = extractors.observe(segment).sequences
    assert set(observed) == set(MODALITIES)
    assert observed["audio"].to_bytes() == found.one(segment).to_bytes()
    assert extractors.other_encoders() == []


def test_what_the_plug_in_calls_its_encoder_is_part_of_the_keys(write):
    one, other = (write(spec=f"{{'encoder': '{name}'}}").description["settings"] for name in ("one", "other"))
    assert (one["encoder"], other["encoder"]) == (REFERENCE, REFERENCE)
    assert one != other


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("{}", "audio.encoder: the encoder gives numbers that are not finite"),
        ("{'encoder': 'mine', 'precision': 'float16'}", "audio.precision: mine overflows in float16"),
    ],
)
def test_numbers_that_are_not_finite_are_a_sentence(write, spec, sentence):
    with pytest.raises(PipelineError, match=re.escape(sentence)):
        write(scale="float('nan')", spec=spec).one(make_segment(media=None, end_s=1.0))


FUNCTION = """
import numpy as np
from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.extract.extractors import FrameFunction

def extract(segment):
    return FeatureSequence.empty(1, "nothing")

def make():
    return FrameFunction(function=extract, columns=("a",), settings=SETTINGS, libraries=("numpy",), rate_hz=1.0)
"""


@pytest.fixture
def write_function(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name, settings):
        (tmp_path / f"{name}.py").write_text(FUNCTION.replace("SETTINGS", repr(settings)))
        monkeypatch.delitem(sys.modules, name, raising=False)
        source_digest.cache_clear()
        return audio_extractor({"encoder": f"{name}:make"})

    return write


@pytest.mark.parametrize(
    "settings",
    [
        {"encoder": "wavlm"},
        {"encoder": "classic", "model": "own", "hidden_size": 1},
        {"encoder": "a", "encoder_within": "b"},
    ],
)
def test_a_function_that_calls_a_setting_encoder_is_found_again(write_function, settings):
    found = write_function("mine", settings)
    described = make_preprocessing().extractors | {"audio": dict(found.description)}
    extractors = Extractors(make_preprocessing(extractors=described, columns=columns() | {"audio": ["a"]}))

    extractors.observe(make_segment(media=None, end_s=1.0))

    assert found.description["settings"]["encoder"] == "mine:make"
    assert extractors.other_encoders() == []


def test_two_functions_that_call_their_encoder_the_same_have_keys_of_their_own(write_function):
    segment = make_segment(media=None, end_s=1.0)
    made = [write_function(name, {"encoder": "wavlm"}) for name in ("mine", "theirs")]

    assert made[0].description != made[1].description
    assert made[0].keys([segment]) != made[1].keys([segment])


@pytest.mark.parametrize("name", ["encoder", "encoder_within", "encoder_within_within"])
def test_each_own_setting_is_part_of_the_description(write, write_function, name):
    settings = {"encoder": "a", "encoder_within": "b", "encoder_within_within": "c"}
    other = settings | {name: "another"}

    assert (
        write_function("mine", settings).description["settings"]
        != write_function("mine", other).description["settings"]
    )
    assert (
        write(spec=repr(settings)).description["settings"] != write(spec=repr(other)).description["settings"]
    )

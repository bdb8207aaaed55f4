"""An encoder of one's own: its keys hold all of its source, and its description is enough to find it again."""

import re
import sys

import pytest

from pipeline.artifacts.sequences import MODALITIES
from pipeline.errors import PipelineError
from pipeline.execution.source import source_digest
from pipeline.extract.cached.audio import audio_extractor
from pipeline.prediction.extraction import Extractors
from tests.prediction.models import columns, make_preprocessing
from tests.segments import make_segment

CLASS = """
import numpy as np
from pipeline.artifacts.sequences import FeatureSequence

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

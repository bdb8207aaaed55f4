"""What carries results is not in the source that their keys hold: an edit there extracts nothing again."""

import pkgutil
import re
from pathlib import Path

import pytest

import pipeline.extract
from pipeline.execution import source
from pipeline.execution.source import import_closure, source_digest
from pipeline.extract.cached.audio import audio_extractor
from pipeline.extract.cached.visual import visual_extractor
from pipeline.extract.cached.words import words_extractor
from pipeline.extract.words.locate import WordSettings
from tests.extract.encoders import save_image_encoder, save_speech_encoder
from tests.extract.word_settings import WITHOUT_MODELS
from tests.prediction.models import AUDIO, VISUAL

WINGS = ("words", "audio", "visual", "text")
EXTRACTORS = sorted(
    module.name
    for module in pkgutil.walk_packages(pipeline.extract.__path__, "pipeline.extract.")
    if module.name.split(".")[2] in WINGS and not module.ispkg
)
CARRIES = re.compile(
    r"pipeline\.(execution\.(apart|cache|clips|disk_space|executor|garbage|lazily|live|own_process|pack_files|packs|plugin_sources|pool|preloaded|preloading|progress|scheduling|seeds"
    r"|side_by_side|source|together)|extract\.cached.*|params|prediction.*|storage.*|pruning.*|commands.*)|stages.*"
)


@pytest.mark.parametrize("module", EXTRACTORS)
def test_no_extractor_imports_what_carries_its_results(module):
    assert [name for name in import_closure(module) if CARRIES.fullmatch(name)] == []


def test_what_carries_results_is_named_as_it_is():
    """A renamed module would leave the pattern without a word."""
    execution = {path.stem for path in Path(source.__file__).parent.glob("*.py")} - {"__init__"}
    carries = {name for name in execution if CARRIES.fullmatch(f"pipeline.execution.{name}")}
    assert execution - carries == {"compilation", "device", "variables", "versions", "workers"}
    assert CARRIES.fullmatch("pipeline.extract.cached.frames")


def test_keys_hold_the_source_of_modules_in_the_wings(tmp_path):
    layers = {"layers": [-1], "precision": "float32"}
    extractors = [
        words_extractor(WordSettings(**WITHOUT_MODELS)),
        audio_extractor({"encoder": "classic", **AUDIO}),
        audio_extractor({"encoder": str(save_speech_encoder(tmp_path / "speech")), **layers}),
        visual_extractor({"encoder": "mesh", **VISUAL}),
        visual_extractor(
            {"encoder": str(save_image_encoder(tmp_path / "images", "clip")), **layers, **VISUAL}
        ),
    ]
    modules = [extractor.module for extractor in extractors]
    assert set(modules) <= set(EXTRACTORS)
    assert len({source_digest(module) for module in modules}) == len(modules)

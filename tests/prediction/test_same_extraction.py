"""A recording that `predict` extracts has the words and rows that the stages give it in a corpus, to the bit."""

from pathlib import Path

import pytest
import soundfile
import torch

from pipeline.execution.clips import name_of
from pipeline.execution.side_by_side import SideBySide
from pipeline.extract.cached.audio import audio_extractor
from pipeline.extract.cached.text import text_extractor
from pipeline.extract.cached.visual import visual_extractor
from pipeline.extract.cached.words import _ToTheBit, words_extractor
from pipeline.extract.extractors import choose
from pipeline.extract.text.encoder import TextSettings
from pipeline.extract.words.locate import WordSettings
from pipeline.prediction.extraction import Extractors
from pipeline.prediction.recording import Recording, as_segment
from tests.extract.encoders import save_image_encoder, save_speech_encoder
from tests.extract.speech_models import RATE_HZ, random_words, tones, train_ctc, whisper_folder
from tests.extract.word_settings import WITHOUT_MODELS
from tests.prediction.conftest import SAID
from tests.prediction.models import AUDIO, LOOKING, TEXT_MODEL, VISUAL, columns, make_preprocessing
from tests.prediction.noting import Noting, noted, reader_of

pytestmark = pytest.mark.slow

LAYERS = {"revision": "main", "layers": [-2, -1], "precision": "float32"}
TEXT = {"model": TEXT_MODEL, "mode": "frozen", **LAYERS}


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GRCF_WORKERS", "1")


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, str]:
    """A folder of each kind of model, by name."""
    root = tmp_path_factory.mktemp("models")
    return {
        "speech": str(save_speech_encoder(root / "speech")),
        "images": str(save_image_encoder(root / "images", "clip")),
        "ctc": str(train_ctc(root / "tones")),
        "whisper": str(whisper_folder(root / "whisper", says="Nice film!", timed=True)),
    }


@pytest.fixture(scope="module")
def sentence(tmp_path_factory) -> Recording:
    """Words in the language of the CTC model, which somebody else could not say."""
    words = random_words(5, seed=1)
    path = tmp_path_factory.mktemp("said") / "tones.wav"
    soundfile.write(path, tones(words, seed=1)[0], RATE_HZ)
    return Recording(media=path, transcript=" ".join(words))


def trained_on(*, words=None, **made):
    """What training would leave, had it extracted with these."""
    described = {modality: dict(found.description) for modality, found in made.items()}
    named = {modality: list(found.columns) for modality, found in made.items()}
    given = {} if words is None else {"words": dict(words.description)}
    return make_preprocessing(
        extractors=make_preprocessing().extractors | described, columns=columns() | named, **given
    )


@pytest.mark.parametrize(
    ("modality", "settings"),
    [
        ("audio", {"encoder": "classic", **AUDIO}),
        ("audio", {"encoder": "speech", **LAYERS}),
        ("visual", {"encoder": "mesh", **VISUAL}),
        ("visual", {"encoder": "mesh", **VISUAL, "face": "speaking", "landmarks": True}),
        ("visual", {"encoder": "images", **LAYERS, **LOOKING}),
    ],
)
@pytest.mark.parametrize("part", [{}, {"start_s": 0.5, "end_s": 1.3}], ids=["whole", "part"])
def test_rows_of_sound_and_face_are_those_of_the_stage(models, clip, modality, settings, part):
    folder = models.get(settings["encoder"])
    make = audio_extractor if modality == "audio" else visual_extractor
    found = make(settings, folder=folder)
    segment = as_segment(Recording(media=clip, **part), language="en")

    (staged,) = found.map([segment])
    extractors = Extractors(trained_on(**{modality: found}), folders={modality: folder} if folder else {})
    observed = extractors.observe(segment)

    assert staged.valid.any()
    assert observed.sequences[modality].to_bytes() == staged.to_bytes()
    assert extractors.other_encoders() == []


WAYS = {
    "given transcript, pocketsphinx": {},
    "given transcript, proportional": {"aligner": "proportional"},
    "given transcript, ctc": {"aligner": "ctc", "ctc_model": "ctc"},
    "recognised, pocketsphinx": {"recogniser": "pocketsphinx"},
    "recognised, whisper": {"recogniser": "whisper", "whisper_model": "whisper"},
    "not recognised": {"recogniser": "none"},
}
METHODS = {
    "given transcript, pocketsphinx": "forced",
    "given transcript, proportional": "proportional",
    "given transcript, ctc": "forced",
    "recognised, whisper": "recognised",
    "not recognised": "none",
}


@pytest.fixture
def way(request, models, clip, sentence):
    """Settings of words, and a segment whose words they find."""
    chosen = WAYS[request.param] | {
        name: models[value] for name, value in WAYS[request.param].items() if name.endswith("_model")
    }
    recording = Recording(media=clip, transcript=SAID if request.param.startswith("given") else None)
    if request.param.endswith("ctc"):
        recording = sentence
    language = "xx" if recording is sentence else "en"
    return request.param, WordSettings(**WITHOUT_MODELS | chosen), as_segment(recording, language=language)


@pytest.mark.parametrize("mode", ["frozen", "finetuned"])
@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_words_and_their_rows_are_those_of_the_stages(way, mode):
    name, settings, segment = way
    words, text = words_extractor(settings), text_extractor(choose(TextSettings, {**TEXT, "mode": mode}))

    (located,) = words.map([segment])
    (rows,) = text.map([located])
    extractors = Extractors(trained_on(words=words, text=text))
    observed = extractors.observe(segment)

    assert located.align_method == METHODS.get(name, located.align_method)
    assert observed.spoken == located
    assert observed.sequences["text"].to_bytes() == rows.to_bytes()
    assert extractors.other_encoders() == []


def settings_in_a_guarded_process(function, settings, segment):
    """The settings of torch under which the stage reads, which does so in a process of its own."""
    noting = Noting(_ToTheBit(function, settings), settings)
    beside = SideBySide(noting, limit_s=lambda segment: 600.0, describe=name_of)
    ((_, outcome),) = beside.outcomes({0: segment}, n_threads=2)
    return outcome.result


@pytest.mark.parametrize("way", ["given transcript, ctc", "recognised, whisper"], indirect=True)
def test_a_model_of_words_reads_under_the_settings_of_the_stage(way):
    _, settings, segment = way
    reader = reader_of(settings)
    words = words_extractor(settings)
    extractors = Extractors(trained_on(words=words))
    # A library that finds speech sets the number of threads when it is imported, which this does.
    extractors.observe_media(segment)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        staged = settings_in_a_guarded_process(words.function, settings, segment)
        with noted(reader._model) as here:
            extractors.observe_media(segment)
        after = torch.get_num_threads()
    finally:
        torch.set_num_threads(n_threads)

    assert set(here) == set(staged) == {(1, "highest", False, True)}
    assert after == 2


@pytest.mark.parametrize(
    ("way", "task"), [("given transcript, ctc", "ctc"), ("recognised, whisper", "whisper")], indirect=["way"]
)
def test_another_model_of_words_than_that_of_training_is_told(way, task):
    _, settings, segment = way
    made = words_extractor(settings)
    other = dict(made.description)
    other["models"] = {task: {**other["models"][task], "sha256": "0" * 64}}
    trained = make_preprocessing(words=other)
    same, changed = Extractors(trained_on(words=made)), Extractors(trained)

    for extractors in (same, changed):
        extractors.observe_media(segment)

    assert same.other_encoders() == []
    (difference,) = changed.other_encoders()
    name = Path(getattr(settings, f"{task}_model")).name
    assert difference.startswith(f"{task} model of words {name} (sha256 000000000000, here ")

"""What a recording brings is extracted with the model's own settings; what changes in it changes only what it should."""

import dataclasses

import numpy as np
import pytest

from pipeline.artifacts.aligned.normalisation import Normalisation
from pipeline.artifacts.corpus.sequences import MODALITIES
from pipeline.errors import PipelineError
from pipeline.extract.audio.classic import ClassicSettings, extract_audio
from pipeline.extract.visual.mesh import MeshSettings, extract_visual
from pipeline.prediction.extraction import Extractors
from pipeline.prediction.recording import Recording, as_segment, read_transcript
from tests.extract.speech_models import whisper_folder
from tests.media.recordings import shared_data, write_recording
from tests.prediction.conftest import SAID
from tests.prediction.models import AUDIO, VISUAL, make_preprocessing

pytestmark = pytest.mark.slow

SHARP = {"qmin": "2", "qmax": "2"}


def texts(observed) -> list[str]:
    return [word.text for word in observed.spoken.words]


def observe(extractors, path):
    return extractors.observe(as_segment(Recording(media=path, transcript=SAID), language="en"))


@pytest.fixture(scope="module")
def written(material, extractors, tmp_path_factory):
    """The clip, written anew as it is; what the other tests change is held against this."""
    pictures, sound = material
    path = tmp_path_factory.mktemp("written") / "plain.mov"
    return observe(extractors, write_recording(path, pictures=pictures, sound=sound, video_options=SHARP))


def test_rows_are_those_of_the_extractors_with_the_settings_of_the_model(observed):
    for modality, expected in (
        ("audio", extract_audio(observed.segment, ClassicSettings(**AUDIO))),
        ("visual", extract_visual(observed.segment, MeshSettings(**VISUAL))),
    ):
        np.testing.assert_array_equal(observed.sequences[modality].values, expected.values)
    assert len(observed.sequences["text"].values) == len(observed.spoken.words) == 7
    assert observed.spoken.align_method == "forced"


def test_a_silenced_recording_changes_the_sound_and_the_times_of_the_words_alone(
    material, written, extractors, tmp_path
):
    pictures, sound = material
    path = write_recording(
        tmp_path / "muted.mov", pictures=pictures, sound=np.zeros_like(sound), video_options=SHARP
    )
    muted = observe(extractors, path)
    assert not muted.sequences["audio"].valid.any()
    assert muted.spoken.align_method == "proportional"
    assert texts(muted) == texts(written)
    np.testing.assert_array_equal(muted.sequences["text"].values, written.sequences["text"].values)
    np.testing.assert_array_equal(muted.sequences["visual"].values, written.sequences["visual"].values)


def test_a_recording_filmed_sideways_is_seen_upright(material, written, extractors, tmp_path):
    pictures, sound = material
    turned = [(time_s, np.ascontiguousarray(np.rot90(image, -1))) for time_s, image in pictures]
    path = write_recording(
        tmp_path / "turned.mov", pictures=turned, sound=sound, video_options=SHARP, rotation_deg=90
    )
    sideways = observe(extractors, path)
    assert sideways.spoken == dataclasses.replace(written.spoken, id="turned.mov")
    np.testing.assert_array_equal(sideways.sequences["audio"].values, written.sequences["audio"].values)
    assert sideways.sequences["visual"].valid.mean() > 0.9
    ours, theirs = (observed.sequences["visual"].values for observed in (sideways, written))
    # Lossy coding differs with the direction; the face stands in the same place and looks the same way.
    assert np.abs(ours - theirs)[:, -6:].mean(axis=0).max() < 3.0


def test_another_size_rate_and_container_run(material, written, extractors, tmp_path):
    pictures, sound = material
    smaller = [(time_s, np.ascontiguousarray(image[::2, ::2][:-1:, :])) for time_s, image in pictures[::2]]
    smaller = [
        (time_s, image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]) for time_s, image in smaller
    ]
    path = write_recording(
        tmp_path / "small.mkv", pictures=smaller, sound=np.repeat(sound, 2, axis=0), audio_codec="flac"
    )
    small = observe(extractors, path)
    assert texts(small) == texts(written)
    assert small.sequences["visual"].valid.mean() > 0.9
    assert len(small.sequences["visual"].values) == len(smaller)
    assert small.sequences["audio"].valid.any()


def test_precomputed_rows_are_absent_and_said_to_be(clip):
    described = make_preprocessing().extractors | {"audio": {"precomputed": "rows.npz"}}
    extractors = Extractors(make_preprocessing(extractors=described))
    audio = observe(extractors, clip).sequences["audio"]
    assert audio.values.shape == (0, 30)
    assert audio.failure == (
        "the model was trained on precomputed audio rows (rows.npz), which no new recording has; it goes on without audio"
    )


def test_what_no_segment_of_training_had_is_absent_and_said_to_be(clip):
    fitted = make_preprocessing().normalisation
    of_nothing = {"audio": np.ones_like(fitted.std["audio"])}
    preprocessing = make_preprocessing(
        normalisation=dataclasses.replace(fitted, std={**fitted.std, **of_nothing})
    )
    observed = observe(Extractors(preprocessing), clip)
    assert observed.sequences["audio"].values.shape == (0, len(preprocessing.columns["audio"]))
    assert observed.sequences["audio"].failure == (
        "no segment of training had sound, so the model never learnt from it and goes on without audio"
    )
    assert observed.sequences["visual"].valid.any()


def test_words_are_read_by_nothing_where_no_segment_of_training_had_any(clip):
    fitted = make_preprocessing().normalisation
    mean, std = np.zeros_like(fitted.mean["text"]), np.ones_like(fitted.std["text"])
    preprocessing = make_preprocessing(
        normalisation=Normalisation({**fitted.mean, "text": mean}, {**fitted.std, "text": std})
    )
    observed = observe(Extractors(preprocessing), clip)
    text = observed.sequences["text"]
    assert len(text.values) == len(observed.spoken.words) > 0
    assert not text.valid.any()
    assert text.failure == (
        "no segment of training had a word, so the model never learnt from it and goes on without text"
    )
    assert observed.sequences["audio"].valid.any()


def test_precomputed_text_leaves_the_words_without_vectors(clip):
    described = make_preprocessing().extractors | {"text": {"precomputed": "rows.npz"}}
    observed = observe(Extractors(make_preprocessing(extractors=described)), clip)
    text = observed.sequences["text"]
    assert len(text.values) == len(observed.spoken.words) > 0
    assert not text.valid.any()
    assert "it goes on without text" in text.failure


def test_a_model_of_features_alone_has_nothing_to_look_at():
    described = {modality: {"precomputed": "features.pkl"} for modality in MODALITIES}
    with pytest.raises(PipelineError, match=r"made elsewhere \(features\.pkl\)"):
        Extractors(make_preprocessing(extractors=described))


def test_settings_of_another_version_are_a_sentence():
    described = make_preprocessing().extractors
    described["visual"] = described["visual"] | {"settings": {"encoder": "mesh"} | VISUAL | {"wrinkles": 99}}
    with pytest.raises(PipelineError, match=r"other settings of visual than this version .*'wrinkles'"):
        Extractors(make_preprocessing(extractors=described))


def test_a_text_encoder_that_is_not_here_says_how_to_name_it(clip):
    described = make_preprocessing().extractors
    settings = described["text"]["settings"] | {"model": "no-such-folder-or-name"}
    described["text"] = described["text"] | {"settings": settings}
    with pytest.raises(PipelineError, match="name it with --text-model"):
        observe(Extractors(make_preprocessing(extractors=described)), clip)


@pytest.mark.parametrize(
    ("content", "expected"), [("\ufeffnaïve,\nyes".encode(), "naïve,\nyes"), ("好".encode(), "好")]
)
def test_a_transcript_is_read_from_a_file(tmp_path, content, expected):
    path = tmp_path / "said.txt"
    path.write_bytes(content)
    assert read_transcript(path) == expected


@pytest.mark.parametrize(
    ("content", "sentence"), [(b"\xff\xfeh\x00", "not UTF-8 text"), (None, "cannot be read")]
)
def test_a_transcript_that_cannot_be_read_is_a_sentence(tmp_path, content, sentence):
    path = tmp_path / "said.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PipelineError, match=sentence):
        read_transcript(path)


def test_a_real_recording_has_a_face_and_sound_throughout(extractors):
    path = shared_data("clips") / "vlog_1.mp4"
    observed = extractors.observe(as_segment(Recording(media=path), language="en"))
    assert observed.sequences["visual"].valid.mean() > 0.9
    assert observed.sequences["audio"].valid.mean() > 0.9
    assert all(observed.sequences[modality].failure is None for modality in MODALITIES)


@pytest.mark.slow
def test_words_are_recognised_by_the_model_of_training(model, clip, tmp_path):
    whisper = whisper_folder(tmp_path / "whisper", says="Nice film!", timed=False)
    settings = model.preprocessing.words["settings"] | {
        "recogniser": "whisper",
        "whisper_model": str(whisper),
    }
    trained = dataclasses.replace(
        model.preprocessing, words={**model.preprocessing.words, "settings": settings}
    )

    observed = Extractors(trained).observe(as_segment(Recording(media=clip), language="en"))

    assert texts(observed) == ["Nice", "film"]
    assert (observed.spoken.align_method, len(observed.sequences["text"].values)) == ("recognised", 2)

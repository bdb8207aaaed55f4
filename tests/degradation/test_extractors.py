"""Extractors on degraded recordings: the rows change, the keys change, and nothing of the ordinary ones does."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.degradation.conditions import Condition
from pipeline.degradation.extractors import on_degraded
from pipeline.extract.cached.audio import audio_extractor
from pipeline.extract.cached.visual import visual_extractor
from pipeline.extract.cached.words import words_extractor
from pipeline.extract.words.locate import WordSettings
from tests.extract.encoders import save_speech_encoder
from tests.extract.word_settings import WITHOUT_MODELS
from tests.media.recordings import tone, write_recording
from tests.prediction.models import AUDIO, VISUAL
from tests.segments import make_segment

NOISE = Condition("noise_snr_db", 0.0, 1)
CLASSIC = {"encoder": "classic", **AUDIO}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GRCF_WORKERS", "1")
    return tmp_path / "cache"


@pytest.fixture
def scratch(tmp_path) -> Path:
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


def spoken(path: Path, **fields):
    path = write_recording(path / "spoken.wav", sound=tone(150, 2, n_harmonics=20, amplitude=0.2))
    plain = {"media": str(path), "media_sha256": "ab", "has_audio": True, "text": "one two"}
    return make_segment(**plain | fields)


def test_rows_change_and_are_kept_under_keys_of_their_own(tmp_path, scratch):
    segment, clean = spoken(tmp_path), audio_extractor(CLASSIC)
    noisy = on_degraded(clean, NOISE, scratch=scratch)
    (of_clean,), (of_noisy,) = clean.map([segment]), noisy.map([segment])
    assert of_noisy.times_s.tolist() == of_clean.times_s.tolist()
    assert not np.allclose(of_noisy.values, of_clean.values, equal_nan=True)
    assert clean.keys([segment]) == audio_extractor(CLASSIC).keys([segment])
    assert of_noisy.values.tobytes() == noisy.one(segment).values.tobytes()
    assert list(scratch.iterdir()) == []


def test_keys_hold_the_condition_and_the_seed(tmp_path, scratch):
    segment, clean = spoken(tmp_path), audio_extractor(CLASSIC)
    conditions = [
        NOISE,
        Condition("noise_snr_db", 10.0, 1),
        Condition("noise_snr_db", 0.0, 2),
        Condition("opus_kbps", 10.0, 1),
    ]
    keys = {on_degraded(clean, each, scratch=scratch).keys([segment])[0] for each in conditions}
    assert len(keys | set(clean.keys([segment]))) == 5


def test_an_encoder_reads_the_degraded_sound(tmp_path, scratch):
    segment = spoken(tmp_path)
    settings = {
        "encoder": str(save_speech_encoder(tmp_path / "speech")),
        "layers": [-1],
        "precision": "float32",
    }
    clean = audio_extractor(settings)
    noisy = on_degraded(clean, NOISE, scratch=scratch)
    (of_clean,), (of_noisy,) = clean.map([segment]), noisy.map([segment])
    assert of_noisy.values.shape == of_clean.values.shape
    assert not np.allclose(of_noisy.values, of_clean.values)
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("kind", ["classic", "speech"])
def test_a_failure_names_the_recording_and_not_its_copy(tmp_path, scratch, kind):
    """The sound ends before the segment begins, but not before what is copied around it."""
    settings = CLASSIC if kind == "classic" else {
        "encoder": str(save_speech_encoder(tmp_path / "speech")), "layers": [-1], "precision": "float32",
    }  # fmt: skip
    segment = spoken(tmp_path, start_s=2.5, end_s=3.5)
    (found,) = on_degraded(audio_extractor(settings), NOISE, scratch=scratch).map([segment])
    assert "spoken.wav" in found.failure
    assert "degraded" not in found.failure


def test_transcripts_stay_and_are_timed_again_by_the_noisy_sound(tmp_path, scratch):
    extractor = words_extractor(WordSettings(**WITHOUT_MODELS))
    noisy = on_degraded(extractor, NOISE, scratch=scratch)
    (found,) = noisy.map([spoken(tmp_path)])
    assert [word.text for word in found.words] == ["one", "two"]
    assert found.id == "a"


def test_a_face_that_cannot_be_seen_is_not_valid(tmp_path, scratch):
    """On the clip of a speaker that comes with the repository."""
    clip = next(iter(sorted((Path(__file__).parents[2] / "data/raw/demo/clips").glob("*.mp4"))))
    segment = make_segment(media=str(clip), media_sha256="ab", has_audio=True, has_video=True, end_s=1.5)
    mesh = visual_extractor({"encoder": "mesh", **VISUAL})
    dark = on_degraded(mesh, Condition("light", 0.0005, 1), scratch=scratch)
    assert mesh.one(segment).valid.mean() > 0.8
    assert not dark.one(segment).valid.any()

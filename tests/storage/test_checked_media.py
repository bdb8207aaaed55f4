"""Recordings that lie elsewhere: read only with the bytes that the manifest stands for, and features do not tell where they were."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import fsspec
import numpy as np
import pytest

from pipeline.artifacts.formats.files import sha256_of
from pipeline.corpus.inspection import inspect_all
from pipeline.errors import PipelineError
from pipeline.extract.cached.audio import audio_extractor
from pipeline.extract.cached.words import words_extractor
from pipeline.extract.words.locate import WordSettings
from pipeline.prediction.extraction import Extractors
from pipeline.prediction.recording import Recording, as_segment
from pipeline.storage.checked_media import checked_medium
from pipeline.storage.digests import digest_of
from pipeline.storage.media_list import LIST_FILE, Listed, list_to_text
from pipeline.storage.place import Place, StorageError
from tests.extract.encoders import save_speech_encoder
from tests.prediction.models import AUDIO, make_preprocessing
from tests.storage.workspace import CORPUS, features, list_of, manifest, write_corpus

pytestmark = pytest.mark.usefixtures("workspace")


def put_elsewhere(folder: Path) -> None:
    """A corpus to a folder, and its table with a list of its recordings to the working directory."""
    write_corpus(folder)
    shutil.copytree(folder, CORPUS, ignore=shutil.ignore_patterns("clips"))
    (CORPUS / LIST_FILE).write_text(list_of(folder))


@pytest.mark.slow
def test_segments_and_features_are_those_of_a_corpus_that_is_here(tmp_path, monkeypatch):
    write_corpus(CORPUS)
    segments = manifest()
    expected = features(segments)
    shutil.rmtree(CORPUS)
    put_elsewhere(tmp_path / "away")
    monkeypatch.setenv("GRCF_MEDIA", str(tmp_path / "away"))
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path / "another cache"))
    assert manifest() == segments
    assert features(segments) == expected
    # On another machine they lie elsewhere, and nothing is different; nor is what was done before done again.
    (tmp_path / "away").rename(tmp_path / "moved")
    assert manifest() == segments
    assert features(segments) == expected
    monkeypatch.setenv("GRCF_MEDIA", f"other=/nowhere,mine={tmp_path / 'moved'}")
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path / "third cache"))
    assert manifest() == segments
    assert features(segments) == expected


def test_a_recording_that_is_broken_is_rejected_by_its_name_in_the_corpus(tmp_path, monkeypatch):
    broken = tmp_path / "away/clips/c9.mp4"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"no recording")
    CORPUS.mkdir(parents=True)
    (CORPUS / LIST_FILE).write_text(
        list_to_text({"clips/c9.mp4": Listed(sha256_of(broken), broken.stat().st_size)})
    )
    monkeypatch.setenv("GRCF_MEDIA", str(tmp_path / "away"))
    for _ in range(2):  # as it was found, and as it is kept
        (found,) = inspect_all(["clips/c9.mp4"], folder=CORPUS).values()
        assert found.reason.startswith("data/raw/mine/clips/c9.mp4: no sound or video")
        assert str(tmp_path) not in found.reason


@pytest.mark.slow
def test_what_is_wrong_is_a_sentence_and_rejects_nothing(tmp_path, monkeypatch):
    away = tmp_path / "away"
    put_elsewhere(away)
    medium = "data/raw/mine/clips/c0.mp4"
    with pytest.raises(
        StorageError, match="the media of 'mine' are not in the repository, and GRCF_MEDIA is not set"
    ):
        manifest()
    monkeypatch.setenv("GRCF_MEDIA", str(away))
    digest = sha256_of(away / "clips/c0.mp4")
    segments = manifest()
    content = (away / "clips/c0.mp4").read_bytes()
    for change, sentence in (
        (lambda path: path.write_bytes(content + b"x"), "is another recording"),
        (lambda path: path.write_bytes(content[:-1] + b"x"), "is another recording"),
        (Path.unlink, "not found at"),
        (Path.mkdir, "cannot be read at .*directory"),
    ):
        change(away / "clips/c0.mp4")
        with pytest.raises(StorageError, match=sentence) as caught:
            features(segments)
        assert str(caught.value).startswith(medium)
        with pytest.raises(StorageError, match=sentence), checked_medium(medium, digest):
            pass
    (away / "clips/c0.mp4").rmdir()
    (away / "clips/c0.mp4").write_bytes(content)
    features(segments)


def test_a_name_that_leads_out_of_the_place(tmp_path, monkeypatch):
    put_elsewhere(tmp_path / "away")
    monkeypatch.setenv("GRCF_MEDIA", str(tmp_path / "away"))
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    for name in ("../secret.mp4", "clips/../../secret.mp4", "/etc/passwd"):
        (found,) = inspect_all([name], folder=CORPUS).values()
        assert "leads out of the corpus folder" in found.reason
    with (
        pytest.raises(StorageError, match="leads out"),
        checked_medium(f"{CORPUS}/clips/../../secret.mp4", sha256_of(tmp_path / "secret.mp4")),
    ):
        pass


def test_a_transfer_that_ends_early_is_told_from_another_recording(tmp_path, monkeypatch):
    put_elsewhere(tmp_path / "away")
    whole = (tmp_path / "away/clips/c0.mp4").read_bytes()
    memory = fsspec.filesystem("memory")
    memory.pipe("/cut/clips/c0.mp4", whole)
    monkeypatch.setenv("GRCF_MEDIA", "memory://cut")
    monkeypatch.setenv("GRCF_MEDIA_CACHE", str(tmp_path / "copies"))
    digest, medium = sha256_of(tmp_path / "away/clips/c0.mp4"), f"{CORPUS}/clips/c0.mp4"
    blocks = Place.blocks
    monkeypatch.setattr(Place, "blocks", lambda place, name: (block[:1000] for block in blocks(place, name)))
    with (
        pytest.raises(StorageError, match=r"c0\.mp4: [1-9],000 bytes came from memory://cut.*network"),
        checked_medium(medium, digest),
    ):
        pass
    monkeypatch.setattr(Place, "blocks", blocks)
    with checked_medium(medium, digest) as path:
        assert path.read_bytes() == whole
    memory.pipe("/cut/clips/c0.mp4", whole[:-1])
    shutil.rmtree(tmp_path / "copies")
    with pytest.raises(StorageError, match="is another recording"), checked_medium(medium, digest):
        pass


def test_a_file_here_is_held_against_its_digest_too(tmp_path):
    put_elsewhere(tmp_path / "away")
    (CORPUS / "clips").mkdir()
    shutil.copy(tmp_path / "away/clips/c1.mp4", CORPUS / "clips/c0.mp4")
    digest = sha256_of(tmp_path / "away/clips/c0.mp4")
    with (
        pytest.raises(StorageError, match="is another recording"),
        checked_medium(f"{CORPUS}/clips/c0.mp4", digest),
    ):
        pass


def test_a_corpus_without_a_list_is_read_as_it_is(tmp_path):
    with checked_medium("data/raw/mine/clips/c0.mp4", None) as path:
        assert path == Path("data/raw/mine/clips/c0.mp4")


def test_bytes_are_read_once_until_size_time_or_inode_change(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(b"first")
    os.utime(path, (1e9, 1e9))
    first = digest_of(path)
    assert first == sha256_of(path)
    with path.open("r+b") as file:
        file.write(b"other")
    os.utime(path, (1e9, 1e9))
    assert digest_of(path) == first, "of the same size, time and inode, it was not read again"
    os.utime(path, (1e9, 1e9 + 1))
    assert digest_of(path) == sha256_of(path)
    path.unlink()
    path.write_bytes(b"third")
    assert digest_of(path) == sha256_of(path)
    path.write_bytes(b"later")
    assert digest_of(path) == sha256_of(path), "just written: its time says nothing yet"


def test_segments_name_the_corpus_and_never_the_place(tmp_path, monkeypatch):
    put_elsewhere(tmp_path / "away")
    monkeypatch.setenv("GRCF_MEDIA", str(tmp_path / "away"))
    segments = manifest()
    assert [segment.media for segment in segments] == [f"data/raw/mine/clips/c{n}.mp4" for n in range(6)]
    silent = [replace(segment, start_s=900.0, end_s=901.0) for segment in segments]
    speech = {
        "encoder": str(save_speech_encoder(tmp_path / "speech")),
        "layers": [-1],
        "precision": "float32",
    }
    for settings in ({"encoder": "classic", **AUDIO}, speech):
        rows = audio_extractor(settings).map(silent)
        assert [row.failure.partition(":")[0] for row in rows] == [segment.media for segment in segments]
        assert not any(str(tmp_path) in row.failure for row in rows)


def test_a_recording_of_the_corpus_can_be_predicted_by_its_name(tmp_path, monkeypatch):
    put_elsewhere(tmp_path / "away")
    monkeypatch.setenv("GRCF_MEDIA", str(tmp_path / "away"))
    named = as_segment(Recording(media=CORPUS / "clips/c0.mp4"), language="en")
    given = as_segment(Recording(media=tmp_path / "away/clips/c0.mp4"), language="en")
    assert named.media == "data/raw/mine/clips/c0.mp4"
    assert (named.media_sha256, named.end_s) == (given.media_sha256, given.end_s)
    extractor = audio_extractor({"encoder": "classic", **AUDIO})
    assert extractor.one(named).to_bytes() == extractor.one(given).to_bytes()
    with pytest.raises(PipelineError, match=r"c9\.mp4: not found; expected a video or sound file"):
        as_segment(Recording(media=CORPUS / "clips/c9.mp4"), language="en")


@pytest.mark.slow
def test_a_model_hears_a_recording_that_lies_elsewhere_as_the_stages_do(tmp_path, monkeypatch):
    put_elsewhere(tmp_path / "away")
    monkeypatch.setenv("GRCF_MEDIA", str(tmp_path / "away"))
    model = make_preprocessing()
    segment = manifest()[0]
    stages = words_extractor(WordSettings(**model.words["settings"])).one(segment)
    local = replace(segment, media=str(tmp_path / "away" / Path(segment.media or "").relative_to(CORPUS)))
    extractors = Extractors(model)
    observed, beside = extractors.observe_media(segment), extractors.observe_media(local)
    assert observed.spoken == stages == beside.spoken
    assert stages.align_method == "forced"
    for modality, rows in observed.sequences.items():
        np.testing.assert_array_equal(rows.values, beside.sequences[modality].values)
        assert rows.valid.any()

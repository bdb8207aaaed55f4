"""Recordings elsewhere on the workers of a cluster: found by the setting of the run, with the same results."""

import shutil
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="requirements-cluster.lock is not installed")

from pipeline.storage.media_list import LIST_FILE
from pipeline.storage.place import StorageError
from tests.storage.workspace import list_of, manifest, sound, write_corpus

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


def test_manifest_and_extraction_on_a_cluster_are_those_of_this_machine(tmp_path, monkeypatch):
    # An agent starts in the folder of the run, which has to hold the code.
    monkeypatch.chdir(ROOT)
    away, corpus = write_corpus(tmp_path / "away"), tmp_path / "mine"
    shutil.copytree(away, corpus, ignore=shutil.ignore_patterns("clips"))
    (corpus / LIST_FILE).write_text(list_of(away))
    monkeypatch.setenv("GRCF_MEDIA", str(away))
    found = {}
    for engine in ("", "local:2"):
        monkeypatch.setenv("GRCF_ENGINE", engine)
        monkeypatch.setenv("GRCF_CACHE", str(tmp_path / f"cache{engine}"))
        segments = manifest(corpus)
        found[engine] = segments, sound(segments)
    assert found[""] == found["local:2"]
    monkeypatch.setenv("GRCF_MEDIA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path / "third cache"))
    with pytest.raises(StorageError, match="not found at"):
        sound(segments)

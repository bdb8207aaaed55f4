"""A working directory and caches of its own for each test that asks for them."""

import pytest


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """An empty working directory; the folder above it is for what lies elsewhere."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GRCF_MEDIA_CACHE", str(tmp_path / "fetched"))
    monkeypatch.delenv("GRCF_MEDIA", raising=False)
    return tmp_path / "here"

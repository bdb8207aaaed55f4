"""An empty repository to bring a corpus into."""

import subprocess
import sys

import pytest


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """An empty git and DVC repository that is the working directory."""
    path = tmp_path / "repository"
    path.mkdir()
    monkeypatch.chdir(path)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    for command in (
        ["git", "init", "-q"],
        [sys.executable, "-m", "dvc", "init", "-q"],
        [sys.executable, "-m", "dvc", "config", "cache.type", "hardlink,copy"],
    ):
        subprocess.run(command, check=True)
    return path

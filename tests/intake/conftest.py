"""The repository that most tests of what comes in begin with."""

import subprocess
import sys

import pytest

from tests.intake.repositories import enter_empty_repository


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """An empty git and DVC repository that is the working directory."""
    path = enter_empty_repository(tmp_path, monkeypatch)
    subprocess.run([sys.executable, "-m", "dvc", "config", "cache.type", "hardlink,copy"], check=True)
    return path

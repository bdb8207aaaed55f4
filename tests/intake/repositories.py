"""An empty repository to bring a corpus into."""

import subprocess
import sys
from pathlib import Path

import pytest


def enter_empty_repository(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an empty git and DVC repository in a folder, and go there until the test ends."""
    path = folder / "repository"
    path.mkdir()
    monkeypatch.chdir(path)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, check=True)
    return path

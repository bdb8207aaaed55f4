"""An empty repository to bring a corpus into."""

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@cache
def _made(cache_type: str | None) -> TemporaryDirectory:
    """The repository that others are copies of, until this process ends: DVC takes seconds to make one."""
    folder = TemporaryDirectory(prefix="empty-repository-")
    commands = [["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]]
    if cache_type is not None:
        commands.append([sys.executable, "-m", "dvc", "config", "cache.type", cache_type])
    for command in commands:
        subprocess.run(command, cwd=folder.name, check=True)
    return folder


def enter_empty_repository(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, cache_type: str | None = None
) -> Path:
    """Make an empty git and DVC repository in a folder, and go there until the test ends.

    `cache_type` is what DVC links files of its cache by; None is its default.
    """
    path = folder / "repository"
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    shutil.copytree(_made(cache_type).name, path)
    monkeypatch.chdir(path)
    return path

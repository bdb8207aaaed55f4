"""The repository that most tests of what comes in begin with."""

import pytest

from tests.intake.repositories import enter_empty_repository


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """An empty git and DVC repository that is the working directory."""
    return enter_empty_repository(tmp_path, monkeypatch, cache_type="hardlink,copy")

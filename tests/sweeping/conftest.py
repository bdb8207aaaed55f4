import os
from pathlib import Path

import pytest
from filelock import FileLock

from tests.sweeping.repositories import Repository, make_repository


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The small repository after its first run; tests take a copy."""
    # One for all test processes: the first to come makes it, the others wait.
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    path = shared / "blink"
    with FileLock(shared / "blink.lock"):
        if not path.exists():
            make_repository(shared / "blink-unfinished").path.rename(path)
    return Repository(path)


@pytest.fixture
def blink(started: Repository, tmp_path: Path) -> Repository:
    """A copy of the small repository."""
    return started.copy(tmp_path / "repository")

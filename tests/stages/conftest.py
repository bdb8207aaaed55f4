"""A small repository with a corpus of its own, in which the pipeline ran for real."""

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from tests.stages.repositories import Repository, make_repository, toy_rows


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of the tests have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def clips(shared: Path) -> str:
    """A clip cache for all layouts: their miniatures have the same clips, which are looked at once."""
    return str(shared / "clips")


@pytest.fixture(scope="session")
def toy(shared: Path) -> Repository:
    """The toy corpus after one `dvc repro`, committed; tests that change it take a copy."""
    # One for all test processes: the first to come makes it, the others wait.
    path = shared / "toy"
    with FileLock(shared / "toy.lock"):
        if not path.exists():
            unfinished = make_repository(shared / "unfinished", *toy_rows())
            unfinished.run("dvc", "repro")
            unfinished.run("git", "add", "-A")
            unfinished.run("git", "commit", "-q", "-m", "results")
            unfinished.path.rename(path)
    return Repository(path)


@pytest.fixture
def copy(toy: Repository, tmp_path: Path) -> Repository:
    """A copy of the finished toy repository, with an empty clip cache."""
    return toy.copy(tmp_path / "repository")


@pytest.fixture
def filled(toy: Repository, copy: Repository) -> Repository:
    """A copy of the finished toy repository with its clip cache."""
    shutil.copytree(toy.path / ".cache", copy.path / ".cache")
    return copy

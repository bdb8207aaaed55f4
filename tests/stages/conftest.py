"""A small repository with a corpus of its own, in which the pipeline ran for real."""

from pathlib import Path

import pytest

from tests.stages.repositories import Repository, make_repository, toy_rows


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The toy corpus after one `dvc repro`, committed; tests that change it take a copy."""
    rows, media = toy_rows()
    repository = make_repository(tmp_path_factory.mktemp("toy") / "repository", rows, media)
    repository.run("dvc", "repro")
    repository.run("git", "add", "-A")
    repository.run("git", "commit", "-q", "-m", "results")
    return repository


@pytest.fixture
def copy(toy: Repository, tmp_path: Path) -> Repository:
    """A copy of the finished toy repository, with an empty clip cache."""
    return toy.copy(tmp_path / "repository")

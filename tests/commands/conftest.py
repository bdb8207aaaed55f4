import shutil
from pathlib import Path

import pytest

from tests.comparison.repositories import GIT, Repository, new_repository


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """An empty git repository that is the working directory."""
    for name, value in GIT.items():
        monkeypatch.setenv(name, value)
    repository = new_repository(tmp_path / "repository")
    monkeypatch.chdir(repository.root)
    return repository


@pytest.fixture(scope="session")
def committed_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A commit, and a sabotaged experiment with another margin on it; the workspace is as the commit."""
    repository = new_repository(tmp_path_factory.mktemp("committed"))
    repository.write_run()
    head = repository.commit()
    repository.write_run(noise=2.0, base="0.5")
    repository.experiment("wider", repository.commit(), baseline=head)
    repository.git("reset", "--quiet", "--hard", head)
    return repository.root


@pytest.fixture
def runs(repository: Repository, committed_runs: Path) -> Repository:
    """A copy of `committed_runs` that is the working directory."""
    shutil.copytree(committed_runs, repository.root, dirs_exist_ok=True)
    return repository

"""A repository with an origin, a remote and the CI of this one, as a runner of CI or a newcomer clones it."""

import shutil
from pathlib import Path

from tests.sweeping.repositories import ROOT, Repository


def with_origin(started: Repository, folder: Path) -> Repository:
    """The small repository with a bare origin, a local remote that holds its data, and the scripts of CI."""
    repository = started.copy(folder / "work")
    shutil.copy(ROOT / "Makefile", repository.path / "Makefile")
    (repository.path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/experiment", repository.path / ".ci/experiment")
    repository.run("git", "init", "--quiet", "--bare", "--initial-branch", "main", str(folder / "origin.git"))
    repository.run("git", "remote", "add", "origin", f"file://{folder / 'origin.git'}")
    repository.run("dvc", "remote", "add", "--quiet", "--default", "store", str(folder / "store"))
    repository.commit("origin and remote")
    repository.run("git", "push", "--quiet", "--set-upstream", "origin", "main")
    repository.run("dvc", "push", "--quiet")
    return repository


def clone(repository: Repository, path: Path, *options: str) -> Repository:
    origin = repository.run("git", "remote", "get-url", "origin").stdout.strip()
    repository.run("git", "clone", "--quiet", *options, origin, str(path))
    cloned = Repository(path)
    cloned.run("git", "config", "user.name", "test")
    cloned.run("git", "config", "user.email", "test@example.org")
    return cloned


def change(repository: Repository, old: str, new: str) -> None:
    params = repository.path / "params.yaml"
    text = params.read_text()
    assert old in text
    params.write_text(text.replace(old, new, 1))

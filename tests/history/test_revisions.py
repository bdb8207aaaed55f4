import shutil
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.history.revisions import read_files, resolve, resolve_all
from tests.comparison.repositories import GIT, Repository, new_repository

FILE = Path("reports/metrics.json")


def read(revision, path):
    return read_files([revision], [path])[0][path]


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Repository:
    """Two commits, `one` and `two`, and `three` in the workspace."""
    for name, value in GIT.items():
        monkeypatch.setenv(name, value)
    repository = new_repository(tmp_path / "repository")
    monkeypatch.chdir(repository.root)
    FILE.parent.mkdir()
    for content in ("one", "two"):
        FILE.write_text(content)
        repository.commit()
    FILE.write_text("three")
    return repository


def test_a_file_is_read_as_its_revision_has_it(repository):
    revisions = resolve_all(["workspace", "HEAD~1", "main", "workspace", "HEAD~1"])
    files = read_files(revisions, [FILE, Path("dvc.lock")])
    assert [each[FILE] for each in files] == [b"three", b"one", b"two", b"three", b"one"]
    assert {each[Path("dvc.lock")] for each in files} == {None}


def test_a_folder_is_no_file(repository):
    assert read(resolve("HEAD"), FILE.parent) is read(resolve("workspace"), FILE.parent) is None


def test_files_of_any_content_are_read_whole(repository):
    contents = [b"", b"\n\nabc blob 3\n", bytes(range(256))]
    paths = [Path(f"reports/{number}") for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    repository.commit()
    assert list(read_files([resolve("HEAD")], paths)[0].values()) == contents


def test_a_project_below_the_root_of_its_repository_reads_its_own_files(repository, monkeypatch):
    below = repository.root / "project"
    (below / FILE).parent.mkdir(parents=True)
    (below / FILE).write_text("below")
    repository.commit()
    monkeypatch.chdir(below)
    assert read(resolve("HEAD"), FILE) == b"below"


def test_an_experiment_is_found_by_its_name(repository):
    repository.experiment("wider", "HEAD~1")
    assert resolve("wider").sha == repository.git("rev-parse", "HEAD~1")


def test_a_name_of_git_goes_before_that_of_an_experiment(repository):
    repository.experiment("main", "HEAD~1")
    assert resolve("main").sha == repository.git("rev-parse", "main")


def test_what_else_dvc_keeps_beside_experiments_is_none(repository):
    repository.git("update-ref", "refs/exps/exec/EXEC_HEAD", "HEAD")
    repository.git("update-ref", "refs/exps/celery/stash", "HEAD")
    with pytest.raises(PipelineError, match="EXEC_HEAD: neither"):
        resolve("EXEC_HEAD")
    with pytest.raises(PipelineError, match="stash: neither"):
        resolve("stash")


def test_of_several_experiments_with_a_name_the_one_run_on_head_is_meant(repository):
    repository.experiment("wider", "HEAD~1", baseline=repository.git("rev-parse", "HEAD"))
    repository.experiment("wider", "HEAD", baseline=repository.git("rev-parse", "HEAD~1"))
    assert resolve("wider").sha == repository.git("rev-parse", "HEAD~1")


def test_several_experiments_with_a_name_elsewhere_are_a_sentence_that_lists_them(repository):
    repository.experiment("wider", "HEAD", baseline="abcdef")
    repository.experiment("wider", "HEAD", baseline="fedcba")
    with pytest.raises(
        PipelineError, match="refs/exps/ab/abcdef/wider or refs/exps/ab/fedcba/wider"
    ) as caught:
        resolve("wider")
    assert "\n" not in str(caught.value)
    assert resolve("refs/exps/ab/fedcba/wider").title.startswith("wider (")


def test_a_commit_is_called_by_its_start(repository):
    sha = repository.git("rev-parse", "HEAD")
    assert resolve(sha).title == sha[:7]
    assert resolve("HEAD").title == f"HEAD ({sha[:7]})"


@pytest.mark.parametrize(
    "name", ["nothing", "HEAD~9", "deadbeef", "HEAD:reports", "-x", "", "*", "HEAD\nHEAD"]
)
def test_an_unknown_revision_is_a_sentence_with_its_name(repository, name):
    with pytest.raises(PipelineError, match="neither a git revision nor an experiment") as caught:
        resolve_all(["HEAD", name])
    assert str(caught.value).startswith(f"{name}: ")


def test_a_revision_that_a_shallow_clone_lacks_asks_for_the_history(repository, tmp_path, monkeypatch):
    repository.git("clone", "--quiet", "--depth", "1", f"file://{repository.root}", str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")
    assert read(resolve("HEAD"), FILE) == b"two"
    with pytest.raises(PipelineError, match="git fetch --unshallow"):
        resolve("HEAD~1")


def test_outside_of_a_repository_only_the_workspace_can_be_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert read(resolve("workspace"), FILE) is None
    with pytest.raises(PipelineError, match="HEAD: no revision can be read here"):
        resolve("HEAD")


def test_a_machine_without_git_is_a_sentence(repository, monkeypatch):
    monkeypatch.setenv("PATH", str(repository.root))
    assert shutil.which("git") is None
    with pytest.raises(PipelineError, match="git was not found"):
        resolve("HEAD")


def test_a_repository_of_another_user_says_what_git_wants(repository, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # as where git runs as another user
    with pytest.raises(PipelineError, match=r"dubious ownership.*git config --global --add safe\.directory"):
        resolve_all(["HEAD"])

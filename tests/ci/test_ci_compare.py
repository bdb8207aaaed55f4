"""`make ci-compare` and its sisters in fresh clones: what .github/workflows/experiment.yml runs, without GitHub."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.ci.repositories import change, clone, with_origin
from tests.sweeping.repositories import Repository

pytestmark = pytest.mark.slow


def make(repository: Repository, target: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    # `--old-file`: the environment is the one of the tests, wherever it is.
    command = ("make", "--no-print-directory", "VENV=.venv", "--old-file", ".venv/.run", target, *arguments)
    return repository.run(*command, check=False)


def table(repository: Repository) -> str:
    return (repository.path / ".cache/ci/comparison.md").read_text()


@pytest.fixture(scope="module")
def published(started, tmp_path_factory) -> Repository:
    """A repository with three branches: a better margin and a worse one, run and committed, and one that was not run."""
    repository = with_origin(started, tmp_path_factory.mktemp("ci"))
    # Of another length than the value before: git may miss a change within one second that keeps the size of a file.
    for branch, base, is_run in (
        ("better", "0.05", True),
        ("worse", "2.25", True),
        ("not-run", "0.15", False),
    ):
        repository.run("git", "checkout", "--quiet", "-b", branch, "main")
        change(repository, "base: 0.2", f"base: {base}")
        if is_run:
            repository.run("dvc", "repro", "--quiet")
        repository.commit(branch)
        repository.run("git", "push", "--quiet", "origin", branch)
    repository.run("git", "checkout", "--quiet", "main")
    return repository


def test_a_better_branch_passes_and_nothing_runs(published, tmp_path):
    fresh = clone(published, tmp_path / "clone", "--branch", "better")
    ended = make(fresh, "ci-compare", "BASE=main")
    assert ended.returncode == 0, ended.stderr
    assert "dvc.lock is current" in ended.stderr
    assert not (fresh.path / ".cache/ci/repro.log").exists()
    assert not (fresh.path / "data/segments.jsonl").exists(), "nothing was pulled either"
    assert "better" in table(fresh)
    assert "margin.base" in table(fresh)
    assert (fresh.path / ".cache/ci/comparison.html").read_text().startswith("<!doctype html>")


def test_a_regression_fails_after_the_table_is_written(published, tmp_path):
    fresh = clone(published, tmp_path / "clone", "--branch", "worse")
    ended = make(fresh, "ci-compare", "BASE=main")
    assert ended.returncode != 0
    assert "a regression against origin/main" in ended.stderr
    assert "regression" in table(fresh)
    assert ended.stdout.strip() == table(fresh).strip()


def test_what_was_not_run_is_run_here_compared_and_named(published, tmp_path):
    fresh = clone(published, tmp_path / "clone", "--branch", "not-run")
    ended = make(fresh, "ci-compare", "BASE=main")
    assert ended.returncode != 0
    assert "dvc.lock is not current: run `dvc repro`" in ended.stderr
    assert (fresh.path / ".cache/ci/stale.txt").read_text().split() == ["evaluate"]
    assert (fresh.path / "data/segments.jsonl").is_file(), "pulled, not made"
    first = table(fresh).splitlines()[0]
    assert first.startswith("**`dvc.lock` is not current.** For this comparison the following ran: evaluate.")
    assert re.search(r"margin\.base.*0\.2.*0\.15", table(fresh))


def test_a_shallow_clone_is_a_sentence_with_the_remedy(published, tmp_path):
    fresh = clone(published, tmp_path / "clone", "--branch", "better", "--depth", "1")
    ended = make(fresh, "ci-compare", "BASE=main")
    assert ended.returncode != 0
    assert "main is not in this clone, which is shallow" in ended.stderr
    assert "fetch-depth: 0" in ended.stderr
    assert not (fresh.path / ".cache").exists()
    remedy = re.search(r"`(git fetch --unshallow [^`]*)`", ended.stderr)[1]
    fresh.run("sh", "-c", remedy)
    assert make(fresh, "ci-compare", "BASE=main").returncode == 0


def test_an_unknown_base_is_a_sentence(published):
    ended = make(published, "ci-compare", "BASE=nowhere")
    assert ended.returncode != 0
    assert "nowhere is neither a revision of this clone nor a branch of origin" in ended.stderr


def test_the_table_goes_into_the_summary_of_the_job(published, tmp_path, monkeypatch):
    fresh = clone(published, tmp_path / "clone", "--branch", "better")
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert make(fresh, "ci-compare", "BASE=main").returncode == 0
    assert summary.read_text() == table(fresh)


def test_a_job_of_the_matrix_pushes_its_experiment_and_another_clone_ranks_them(published, tmp_path):
    job = clone(published, tmp_path / "job")
    ended = make(job, "ci-experiment", "SET=margin.base=0.1 rank.learning_rate=0.001")
    assert ended.returncode == 0, ended.stderr
    other = clone(published, tmp_path / "other")
    assert other.experiments() == []
    ended = make(other, "ci-leaderboard")
    assert ended.returncode == 0, ended.stderr
    assert "sweep-margin.base=0.1-rank.learning_rate=0.001" in ended.stdout
    assert (Path(other.path) / ".cache/ci/leaderboard.html").is_file()
    # What was pushed is whole: its outputs come with it.
    other.run("dvc", "exp", "pull", "origin", "sweep-margin.base=0.1-rank.learning_rate=0.001")

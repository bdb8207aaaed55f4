"""What `python -m pipeline new` writes, where it refuses, and what it says where git cannot commit."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from pipeline import params
from pipeline.scaffold.sources import (
    files_of_study,
    parameters_of_study,
    with_corpus,
    without_dead_links,
)
from tests.comparison.repositories import GIT

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\(([^)\s]+)\)")
NOBODY = {name: value for name, value in GIT.items() if "_AUTHOR_" not in name and "_COMMITTER_" not in name} | {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "user.useConfigOnly",
    "GIT_CONFIG_VALUE_0": "true",
}  # fmt: skip


def new(*arguments: str, root: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline", "new", *arguments],
        cwd=root,
        env=(environment if "PATH" in environment else GIT | environment),
        capture_output=True,
        text=True,
        check=False,
    )


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=GIT, capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A study, made once; tests look at it only."""
    folder = tmp_path_factory.mktemp("studies") / "My study 2"
    done = new(str(folder))
    assert done.returncode == 0, done.stderr
    assert "data/raw/my_study_2: an empty corpus" in done.stdout
    assert "committed as" in done.stdout
    return folder


def test_it_is_a_repository_with_everything_committed_and_nothing_of_the_demo(study):
    assert git(study, "status", "--porcelain") == ""
    assert len(git(study, "log", "--oneline").splitlines()) == 1
    assert git(study, "branch", "--show-current") == "main\n"
    tracked = set(git(study, "ls-files").splitlines())
    for name in ("dvc.yaml", "Makefile", "README.md", ".dvc/config", ".ci/experiment", "LICENSE", "plugins/__init__.py",
                 ".github/workflows/experiment.yml", "requirements.lock", "pipeline/scaffold/README.md.j2"):  # fmt: skip
        assert name in tracked, name
    assert not [name for name in tracked if name.startswith(("reports/", "demo/", "tests/", "benchmarks/"))]
    assert not [name for name in tracked if name.startswith("data/") and name != "data/raw/.gitignore"]
    assert "dvc.lock" not in tracked
    assert os.access(study / ".ci/experiment", os.X_OK)


def test_its_code_is_that_of_here(study):
    assert (study / "pipeline/__main__.py").read_bytes() == (ROOT / "pipeline/__main__.py").read_bytes()
    ours = set(git(ROOT, "ls-files", "pipeline", "stages").splitlines())
    theirs = set(git(study, "ls-files", "pipeline", "stages").splitlines())
    assert theirs == {name for name in ours if (ROOT / name).is_file()}


def test_every_link_of_its_pages_leads_somewhere(study):
    for page in [study / "README.md", *(study / "docs").rglob("*.md")]:
        text = re.sub(r"^(`{3,}).*?^\1[ \t]*$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for link in LINK.findall(text):
            target = link.partition("#")[0]
            if target and not re.match(r"\w+:", target):
                file = (page.parent / target).resolve()
                assert file.exists(), f"{page}: {link}"
                assert file.is_relative_to(study.resolve())


def test_its_environment_and_targets_of_ci_are_those_of_here(study):
    def rules(makefile: Path) -> dict[str, str]:
        return {
            block.splitlines()[0].partition(":")[0]: block
            for block in re.findall(r"^[^\s#.][^\n=]*:[^=\n]*\n(?:\t[^\n]*\n)+", makefile.read_text(), re.MULTILINE)
        }  # fmt: skip

    ours, theirs = rules(ROOT / "Makefile"), rules(study / "Makefile")
    shared = {"$(VENV)/.run", "experiments", "ci-compare", "ci-experiment", "ci-leaderboard", "clean-env"}
    assert shared <= set(theirs)
    for name in shared:
        assert theirs[name] == ours[name]


def test_its_plots_need_no_network_either(study):
    """DVC finds the template below its own folder, and says nothing where it finds none."""
    config = configparser.ConfigParser()
    config.read_string((study / ".dvc/config").read_text())
    template = study / ".dvc" / config["plots"]["html_template"]
    assert template.read_text() == (ROOT / ".dvc/plots/offline.html").read_text()


@pytest.mark.parametrize("name", ["2024", "true", "No", "été_2", "1e5", "a.b-c"])
def test_a_corpus_of_any_name_is_the_only_change_of_the_parameters(name, tmp_path, monkeypatch):
    done = new(str(tmp_path / "study"), "--corpus", name)
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(tmp_path / "study")
    corpus = params.load(params.Corpus)
    assert (corpus.name, corpus.language, corpus.label) == (name, None, None)
    ours, theirs = (parameters_of_study(ROOT).splitlines(), Path("params.yaml").read_text().splitlines())
    assert [one for one, other in zip(ours, theirs, strict=True) if one != other] == [
        next(line for line in ours if line.startswith("  name:"))
    ]
    assert Path("data/raw", name, "segments.csv").read_text() == "id,speaker,label,text\n"


def test_choices_of_another_corpus_are_left_behind():
    text = "corpus:\n  name: mosi   # a\n  language: zh  # b\n  label: arousal\n\nmanifest:\n  label: 1\n"
    assert with_corpus(text, "own") == (
        "corpus:\n  name: own    # a\n  language:     # b\n  label:\n\nmanifest:\n  label: 1\n"
    )


def test_what_an_experiment_left_in_the_workspace_does_not_go_along(tmp_path):
    git(tmp_path, "init", "-q")
    file = tmp_path / "params.yaml"
    file.write_text("margin:\n  base: 0.2\n")
    git(tmp_path, "add", "params.yaml")
    git(tmp_path, "commit", "-q", "-m", "one")
    file.write_text("margin:\n  base: 0.5\n")
    assert parameters_of_study(tmp_path) == "margin:\n  base: 0.2\n"
    file.write_text("margin:\n  base: 0.5\n  further: 1\n")
    assert parameters_of_study(tmp_path) == file.read_text()


def test_without_git_the_same_files_are_found(tmp_path):
    names = files_of_study(ROOT)
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "pipeline/__pycache__").mkdir()
    (tmp_path / "pipeline/__pycache__/errors.cpython-311.pyc").write_bytes(b"")
    assert files_of_study(tmp_path) == names


def test_a_study_makes_studies(study, tmp_path):
    done = new(str(tmp_path / "next"), root=study)
    assert done.returncode == 0, done.stderr
    assert set(git(tmp_path / "next", "ls-files").splitlines()) == set(git(study, "ls-files").splitlines())


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    done = new(str(tmp_path))
    assert done.returncode == 1
    assert "is not empty, it holds notes.txt" in done.stderr


def test_a_folder_below_a_file_is_one_sentence(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    done = new(str(tmp_path / "notes.txt/study"))
    assert done.returncode == 1
    assert (
        done.stderr
        == f"{tmp_path}/notes.txt/study: {tmp_path}/notes.txt is a file and no folder; name another place\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_empty_folder_is_filled(tmp_path):
    done = new(str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert git(tmp_path, "status", "--porcelain") == ""


@pytest.mark.parametrize("place", ["pipeline/study", "data/raw/study", ".git/study", "docs/study"])
def test_the_pipelines_own_folders_are_no_place_for_one(place):
    done = new(place)
    assert done.returncode == 1
    assert "lies inside of the pipeline's own files" in done.stderr
    assert not (ROOT / place).exists()


@pytest.mark.parametrize("name", ["a/b", "..", "-x", ""])
def test_a_name_that_no_corpus_can_have_is_refused(name, tmp_path):
    done = new(str(tmp_path / "study"), f"--corpus={name}")
    assert done.returncode == 1
    assert "is no name of a corpus" in done.stderr
    assert not (tmp_path / "study").exists()


def test_without_an_identity_everything_is_staged_and_the_commands_are_said(tmp_path):
    folder = tmp_path / "study"
    done = new(str(folder), **NOBODY)
    assert done.returncode == 0, done.stderr
    assert "nothing is committed yet: git does not know who you are" in done.stdout
    assert "git config user.email you@example.org" in done.stdout
    (commit,) = re.findall(r"^  (git commit .*)$", done.stdout, re.MULTILINE)
    for command in ("git config user.name N && git config user.email n@example.org", commit):
        subprocess.run(command, shell=True, cwd=folder, env=NOBODY, check=True, capture_output=True)
    assert git(folder, "status", "--porcelain") == ""


def test_a_commit_that_git_refuses_is_said_with_its_reason(tmp_path):
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\necho no commits on Saturdays >&2\nexit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    done = new(str(tmp_path / "study"), GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="core.hooksPath", GIT_CONFIG_VALUE_0=str(hooks))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "no commits on Saturdays" in done.stdout
    assert "user.email" not in done.stdout


def test_settings_of_the_person_leave_no_file_out(tmp_path):
    ignored = tmp_path / "ignored"
    ignored.write_text("*.lock\n.dvc/\n/docs/\nMakefile\n")
    done = new(str(tmp_path / "study"), GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="core.excludesFile", GIT_CONFIG_VALUE_0=str(ignored))  # fmt: skip
    assert done.returncode == 0, done.stderr
    tracked = git(tmp_path / "study", "ls-files").splitlines()
    assert {"requirements.lock", ".dvc/config", "Makefile", "docs/howto/plugins.md"} <= set(tracked)


def test_the_repository_that_a_hook_runs_in_is_not_written_to(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    done = new(str(tmp_path / "study"), GIT_DIR=str(other / ".git"), GIT_INDEX_FILE=str(other / ".git/index"))
    assert done.returncode == 0, done.stderr
    assert git(other, "ls-files") == ""
    assert git(tmp_path / "study", "status", "--porcelain") == ""


def test_inside_of_another_repository_it_says_so(tmp_path):
    git(tmp_path, "init", "-q")
    done = new(str(tmp_path / "study"))
    assert done.returncode == 0, done.stderr
    assert f"it lies inside of {tmp_path.resolve()}" in done.stdout
    assert git(tmp_path / "study", "rev-parse", "--show-toplevel").strip() == str((tmp_path / "study").resolve())  # fmt: skip


def test_a_link_to_what_is_not_there_is_its_text():
    page = PurePosixPath("docs/howto/a.md")
    text = "[b](b.md#x) [c](../c.md) ![d](d.svg) [e](https://e.org) [f](#f)\n```\n[c](../c.md)\n```\n[g](../..)\n"
    assert without_dead_links(text, page=page, known={"docs/howto/b.md"}) == (
        "[b](b.md#x) c  [e](https://e.org) [f](#f)\n```\n[c](../c.md)\n```\ng\n"
    )
